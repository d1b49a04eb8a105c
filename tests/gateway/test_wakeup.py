"""Wake-ups: one job, by name, in the background; Redis may come and go."""

import asyncio
from contextlib import asynccontextmanager, suppress

import orjson
import pytest
from redis.asyncio import Redis

from gateway.wakeup import QUEUE, WakeUps


@pytest.fixture
async def valkey(redis_url):
    """A connection to the empty Valkey of this run."""
    connection = Redis.from_url(redis_url)
    await connection.flushdb()
    yield connection
    await connection.aclose()


@asynccontextmanager
async def running(url):
    wake_ups = WakeUps(url)
    task = asyncio.create_task(wake_ups.run())
    try:
        yield wake_ups
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await wake_ups.close()


async def jobs(valkey, *, at_least, within=3.0):
    """What is in the queue, once there are as many jobs."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            while await valkey.zcard(QUEUE) < at_least:  # noqa: ASYNC110 -- Redis tells nobody
                await asyncio.sleep(0.01)
    ids = await valkey.zrange(QUEUE, 0, -1)
    return [orjson.loads(await valkey.get(b"arq:job:" + name)) for name in ids]


async def connections(valkey):
    """Count who is connected to our database; a server may have others."""
    ours = str(valkey.connection_pool.connection_kwargs["db"])
    return sum(client["db"] == ours for client in await valkey.client_list())


async def test_asks_for_the_relay_by_name(valkey, redis_url):
    """The job carries nothing but its name, as JSON."""
    async with running(redis_url) as wake_ups:
        wake_ups.wake()

        (job,) = await jobs(valkey, at_least=1)

    assert (job["f"], job["a"], job["k"]) == ("relay", [], {})


async def test_wakes_once_for_many_at_a_time(valkey, redis_url):
    """Those that come while one is on its way are one."""
    async with running(redis_url) as wake_ups:
        for _ in range(100):
            wake_ups.wake()

        queued = await jobs(valkey, at_least=1)
        wake_ups.wake()
        queued_again = await jobs(valkey, at_least=2)

    assert (len(queued), len(queued_again)) == (1, 2)


async def test_goes_on_when_redis_is_back(valkey, redis, caplog):
    """A wake-up that could not be sent is a warning, and the next one is sent."""
    redis.cut()
    async with running(redis.url) as wake_ups:
        wake_ups.wake()
        await asyncio.sleep(0.1)
        redis.mend()
        wake_ups.wake()

        queued = await jobs(valkey, at_least=1)

    assert len(queued) == 1
    assert [record.message for record in caplog.records if record.levelname != "INFO"] == [
        "no wake-up"
    ]


async def test_shares_one_connection_and_closes_it(valkey, redis_url):
    """However many begin at once: none of their connections is left behind."""
    before = await connections(valkey)
    wake_ups = WakeUps(redis_url)
    await asyncio.gather(*(wake_ups.ping() for _ in range(5)))

    await wake_ups.close()

    async with asyncio.timeout(3):
        while await connections(valkey) != before:  # noqa: ASYNC110 -- Redis tells nobody
            await asyncio.sleep(0.01)


async def test_reads_an_escaped_password(valkey, redis_url):
    """What a URL cannot hold as it is stands percent-encoded in it."""
    await valkey.acl_setuser(
        "visitor", enabled=True, passwords=["+p@ss/word"], keys=["*"], categories=["+@all"]
    )
    wake_ups = WakeUps(redis_url.replace("unix://", "unix://visitor:p%40ss%2Fword@"))
    try:
        assert await wake_ups.ping()
    finally:
        await wake_ups.close()
        await valkey.acl_deluser("visitor")


@pytest.mark.parametrize("url", ["redis://127.0.0.1:6379/", "redis://127.0.0.1", "redis://h/0"])
def test_reads_every_form_of_a_url(url):
    """A URL that the settings let pass must not end the start with a stack trace."""
    WakeUps(url)
