"""The one thing the gateway puts in the queue: a wake-up for the relay, by name."""

import asyncio
import logging
from typing import Any

import orjson
from arq import create_pool
from arq.connections import ArqRedis, RedisSettings

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
        self._settings = RedisSettings.from_dsn(redis_url)
        self._settings.conn_retries = 0
        self._settings.conn_timeout = _PATIENCE
        self._pool: ArqRedis | None = None
        self._wanted = asyncio.Event()

    def wake(self) -> None:
        self._wanted.set()

    async def ping(self) -> object:
        return await (await self._connected()).ping()

    async def run(self) -> None:
        """Send wake-ups for as long as the process lives."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                async with asyncio.timeout(_PATIENCE):
                    await (await self._connected()).enqueue_job(RELAY, _queue_name=QUEUE)
            except Exception as fault:  # noqa: BLE001 -- the relay finds the work without it
                log.warning("no wake-up", extra={"reason": type(fault).__name__})
                await asyncio.sleep(1)

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.aclose()

    async def _connected(self) -> ArqRedis:
        if self._pool is None:
            self._pool = await create_pool(
                self._settings, job_serializer=_dumps, job_deserializer=orjson.loads
            )
        return self._pool


def _dumps(job: dict[str, Any]) -> bytes:
    return orjson.dumps(job)
