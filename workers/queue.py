"""The queues in Redis: deadlines do not stand behind mails, as mail servers may be slow."""

from typing import Any
from urllib.parse import unquote

import orjson
from arq import create_pool
from arq.connections import ArqRedis, RedisSettings

CHANGES = "nicgate:changes"
MAILS = "nicgate:mails"


def settings(redis_url: str) -> RedisSettings:
    """Read a Redis URL; a lost connection is not retried here but by who needs it."""
    found = RedisSettings.from_dsn(redis_url)
    found.password = unquote(found.password) if found.password else None
    found.conn_retries = 0
    found.conn_timeout = 2
    return found


async def connect(redis_url: str) -> ArqRedis:
    return await create_pool(settings(redis_url), job_serializer=dumps, job_deserializer=loads)


def dumps(job: dict[str, Any]) -> bytes:
    # Failed jobs carry their exception, which stays in the log.
    return orjson.dumps(job, default=lambda value: type(value).__name__)


def loads(job: bytes) -> dict[str, Any]:
    read: dict[str, Any] = orjson.loads(job)
    return read
