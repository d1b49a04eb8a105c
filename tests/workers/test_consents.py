"""Silence as an answer: from the row that is due to the job, by the queue of deadlines."""

from datetime import UTC, datetime, timedelta

import factories
import pytest
from arq import Retry

from models.consents import Consent
from workers import main, queue
from workers.relay import Relay


@pytest.fixture
async def redis(redis_url):
    connection = queue.connected(redis_url)
    await connection.flushdb()
    yield connection
    await queue.disconnect(connection)


@pytest.fixture
async def relay(redis_url, redis, tables):
    relay = Relay(redis_url, policy=factories.POLICY)
    yield relay
    await relay.close()


@pytest.fixture
async def asked(tables):
    """What a partner asks of a NIC-handle that nobody has."""
    access = await factories.admitted(await factories.partner())
    return await factories.asked_consent(access, "zz000000-OVH")


async def test_hands_over_what_expires_soon(relay, redis, asked):
    """A few seconds ahead, for its time; once, however often the relay looks."""
    soon = datetime.now(UTC) + timedelta(seconds=4)
    await Consent.all().update(expires_at=soon)

    await relay.hand_over()
    await relay.hand_over()

    ((job, at),) = await redis.zrange(queue.CHANGES, 0, -1, withscores=True)
    assert job.decode() == f"expire_consent:{asked.id}"
    assert abs(at / 1000 - soon.timestamp()) < 0.5


@pytest.mark.parametrize("state", ["far", "settled"])
async def test_leaves_what_does_not_expire(relay, redis, asked, state):
    """No job for a week ahead, nor for what has its answer."""
    if state == "settled":
        await factories.unanswered(asked)
        await main.expire_consent({}, str(asked.id))

    await relay.hand_over()

    assert await redis.zrange(queue.CHANGES, 0, -1) == []


async def test_job_that_is_early_comes_again(asked):
    """After the rest, by PostgreSQL's clock; nothing has happened."""
    soon = datetime.now(UTC) + timedelta(seconds=9)
    await Consent.all().update(expires_at=soon)

    with pytest.raises(Retry) as again:
        await main.expire_consent({}, str(asked.id))

    assert 8000 < again.value.defer_score <= 9000
    assert (await Consent.get()).state == "PENDING"


async def test_job_ends_what_is_due_once(asked):
    """The second one finds nothing to do."""
    await factories.unanswered(asked)

    await main.expire_consent({}, str(asked.id))
    await main.expire_consent({}, str(asked.id))

    assert (await Consent.get()).state == "EXPIRED"
    assert await factories.Event.filter(type="consent.expired").count() == 1
