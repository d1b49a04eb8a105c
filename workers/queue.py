"""The queues in Redis: nothing stands behind what waits for the servers of others."""

from typing import Any

import orjson
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool

CHANGES = "nicgate:changes"
MAILS = "nicgate:mails"
WEBHOOKS = "nicgate:webhooks"
ALL = (CHANGES, MAILS, WEBHOOKS)

_PATIENCE = 2  # seconds


def connected(redis_url: str) -> ArqRedis:
    """Return a client that connects when it is first used; whoever uses it bears the outages."""
    pool = ConnectionPool.from_url(redis_url, socket_connect_timeout=_PATIENCE)
    return ArqRedis(pool, job_serializer=dumps, job_deserializer=loads)


async def disconnect(redis: ArqRedis) -> None:
    await redis.aclose(close_connection_pool=True)


def dumps(job: dict[str, Any]) -> bytes:
    # Failed jobs carry their exception, which stays in the log.
    return orjson.dumps(job, default=lambda value: type(value).__name__)


def loads(job: bytes) -> dict[str, Any]:
    read: dict[str, Any] = orjson.loads(job)
    return read
