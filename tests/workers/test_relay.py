"""The relay against the real queue: what is due is there once, whatever Redis forgot."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import factories
import pytest

from models import database, events
from models.email_changes import EmailChange
from models.events import Event, PartnerEvent
from models.mails import Mail
from workers import queue
from workers import relay as relays
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


async def ids(redis, name: str) -> list[str]:
    return [job.decode() for job in await redis.zrange(name, 0, -1)]


async def test_hands_over_each_mail_once(relay, redis):
    """The job id is made of the row, so handing over again changes nothing."""
    await factories.requested_signup("alice@example.org")
    mail = await Mail.get()

    await relay.hand_over()
    await relay.hand_over()

    assert await ids(redis, queue.MAILS) == [f"deliver_mail:{mail.id}"]


async def test_hands_over_again_what_redis_forgot(relay, redis):
    """Rows are the truth: after a flush everything is queued anew."""
    await factories.requested_signup("alice@example.org")
    await relay.hand_over()
    await redis.flushdb()

    await relay.hand_over()

    assert len(await ids(redis, queue.MAILS)) == 1


async def test_brings_forward_what_a_clock_that_is_ahead_put_off(relay, redis):
    """A worker whose clock is wrong may be gone before its own time comes."""
    await factories.requested_signup("alice@example.org")
    mail = await Mail.get()
    later = (datetime.now(UTC) + timedelta(minutes=10)).timestamp()
    await relay.hand_over()
    await redis.zadd(queue.MAILS, {f"deliver_mail:{mail.id}": later * 1000})

    await relay.hand_over()

    ((_, due),) = await redis.zrange(queue.MAILS, 0, -1, withscores=True)
    assert due / 1000 <= datetime.now(UTC).timestamp() + 0.001  # rounded to a millisecond


async def test_puts_nothing_off(relay, redis):
    """A job that is there for an earlier time keeps it, and one that is gone stays gone."""
    await factories.requested_signup("alice@example.org")
    mail = await Mail.get()
    await relay.hand_over()
    await redis.zadd(queue.MAILS, {f"deliver_mail:{mail.id}": 1})

    await relay.hand_over()

    assert await redis.zrange(queue.MAILS, 0, -1, withscores=True) == [
        (f"deliver_mail:{mail.id}".encode(), 1)
    ]


async def test_deadlines_wait_in_their_own_queue(relay, redis):
    """A deadline within five seconds is handed over ahead of time, for that time."""
    alice = await factories.signed_up("alice@example.org")
    change = await factories.requested_change(alice, "new@example.org")
    soon = datetime.now(UTC) + timedelta(seconds=4)
    await EmailChange.filter(id=change.id).update(auto_accept_at=soon)

    await relay.hand_over()

    jobs = await redis.zrange(queue.CHANGES, 0, -1, withscores=True)
    assert [job.decode() for job, _ in jobs] == [f"auto_accept_email_change:{change.id}"]
    assert abs(jobs[0][1] / 1000 - soon.timestamp()) < 0.5


@pytest.mark.parametrize("state", ["far", "unset"])
async def test_leaves_what_is_not_due(relay, redis, state):
    """No job for a deadline that is hours away, nor for one that does not run yet."""
    alice = await factories.signed_up("alice@example.org")
    await factories.requested_change(alice, "new@example.org")
    if state == "far":
        await EmailChange.all().update(auto_accept_at=datetime.now(UTC) + timedelta(hours=1))
    await Mail.all().update(due_at=datetime.now(UTC) + timedelta(hours=1))

    await relay.hand_over()

    assert await ids(redis, queue.CHANGES) == []
    assert await ids(redis, queue.MAILS) == []


async def test_jobs_are_json_and_name_rows_only(relay, redis):
    """No pickle, no address, no code: a job is the id of its row."""
    await factories.requested_signup("alice@example.org")
    mail = await Mail.get()

    await relay.hand_over()

    raw = await redis.get(f"arq:job:deliver_mail:{mail.id}")
    job = queue.loads(raw)
    assert job["a"] == [str(mail.id)]
    assert job["k"] == {}
    assert "alice" not in raw.decode()


async def test_lets_mails_trickle_while_acceptances_wait(relay, redis, monkeypatch):
    """Acceptances have a deadline; the mails that they make may follow."""
    monkeypatch.setattr(relays, "_AT_ONCE", 1)  # full
    monkeypatch.setattr(relays, "_TRICKLE", 1)
    alice = await factories.signed_up("alice@example.org")
    await factories.requested_change(alice, "new@example.org")
    await EmailChange.all().update(auto_accept_at=datetime.now(UTC) - timedelta(hours=1))

    await relay.hand_over()

    assert len(await ids(redis, queue.CHANGES)) == 1
    assert (await Mail.all().count(), len(await ids(redis, queue.MAILS))) == (3, 1)


async def test_publishes_what_happened(relay):
    """Partners are told within a second, whether somebody reads or not."""
    billing = await factories.access("Billing", first_party=True)
    await factories.signed_up("alice@example.org")

    await relay.hand_over()

    assert await PartnerEvent.filter(partner_id=billing.partner.id).count() == 1


async def test_catches_up_without_a_pause(relay, monkeypatch):
    """What happened while no worker ran is published portion by portion, one after the other."""
    monkeypatch.setattr(events, "_AT_ONCE", 1)
    monkeypatch.setattr(relays, "_AT_LEAST", 60)
    for number in range(5):
        await factories.signed_up(f"customer{number}@example.org")
    running = asyncio.create_task(relay.run())

    async with asyncio.timeout(30):
        while True:
            if not await Event.filter(published_at=None).exists():
                break
            await asyncio.sleep(0.02)

    running.cancel()


async def test_another_worker_that_stands_still_while_it_publishes_keeps_nobody(
    relay, redis, tables
):
    """What has a deadline, and mail, are handed over all the same; the events follow."""
    opened = await factories.signed_up("alice@example.org")
    await factories.requested_change(opened, "alice@example.com")
    asleep = await asyncpg.connect(**database.credentials(tables.database_url.get_secret_value()))
    async with asleep.transaction():
        await asleep.execute("SELECT pg_advisory_xact_lock($1)", events.PUBLICATION_LOCK)
        async with asyncio.timeout(5):
            await relay.hand_over()
            await relay.hand_over()
        assert await ids(redis, queue.MAILS)
        assert await Event.filter(published_at=None).exists()

    await relay.hand_over()

    await asleep.close()
    assert not await Event.filter(published_at=None).exists()


async def test_leaves_a_job_alone_that_is_there(relay, redis):
    """A job that another relay has handed over, or that runs, keeps its place and its call."""
    await factories.requested_signup("alice@example.org")
    mail = await Mail.get()
    await relay.hand_over()
    job = f"deliver_mail:{mail.id}"
    before = await redis.zscore(queue.MAILS, job), await redis.get(f"arq:job:{job}")
    await redis.zrem(queue.MAILS, job)
    await redis.zadd(queue.MAILS, {job: before[0] - 5000})

    await relay.hand_over()

    assert await redis.zscore(queue.MAILS, job) == before[0] - 5000
    assert await redis.get(f"arq:job:{job}") == before[1]
