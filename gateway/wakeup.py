"""The one thing the gateway puts in the queue: a wake-up for the relay, by name."""

import asyncio
import logging
from typing import Any

import orjson
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool

log = logging.getLogger(__name__)

QUEUE = "nicgate:changes"
RELAY = "relay"
_PATIENCE = 2  # seconds


class WakeUps:
    """Wake-ups in the background: a mutation neither waits for the queue nor fails with it.

    Those that come while one is on its way are one. A lost one costs a second: the relay looks
    by itself.
    """

    def __init__(self, redis_url: str) -> None:
        pool = ConnectionPool.from_url(redis_url, socket_connect_timeout=_PATIENCE)
        self._redis = ArqRedis(pool, job_serializer=_dumps, job_deserializer=orjson.loads)
        self._wanted = asyncio.Event()

    def wake(self) -> None:
        self._wanted.set()

    async def ping(self) -> object:
        return await self._redis.ping()

    async def run(self) -> None:
        """Send wake-ups for as long as the process lives."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._redis.enqueue_job(RELAY, _queue_name=QUEUE)
            except Exception as fault:  # noqa: BLE001 -- the relay finds the work without it
                log.warning("no wake-up", extra={"reason": type(fault).__name__})
                await asyncio.sleep(1)

    async def close(self) -> None:
        await self._redis.aclose(close_connection_pool=True)


def _dumps(job: dict[str, Any]) -> bytes:
    return orjson.dumps(job)
