"""The databases of a run: made on a server, used by nobody else, dropped at the end."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
from redis import Redis

from models import database
from models.settings import DatabaseSettings


class Databases:
    """What was made through one server's URL; no other database of it is written or dropped."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._made: list[str] = []

    async def make(self, template: DatabaseSettings | None = None) -> DatabaseSettings:
        """Make an empty database, or a copy of one that nobody is connected to."""
        name = f"copy_{uuid4().hex}"
        source = f" TEMPLATE {name_of(template)}" if template else ""
        await execute(self._url, f"CREATE DATABASE {name}{source}")
        self._made.append(name)
        parts = urlsplit(self._url)
        url = f"{parts.scheme}://{parts.netloc}/{name}?{parts.query}"
        return DatabaseSettings(database_url=url, pool_size=20)

    async def drop(self) -> None:
        """Drop all that was made, whoever is still connected."""
        while self._made:
            await execute(self._url, f"DROP DATABASE {self._made.pop()} WITH (FORCE)")

    async def names(self) -> set[str]:
        """Name every database of the server."""
        connection = await asyncpg.connect(**database.credentials(self._url))
        try:
            return {row["datname"] for row in await connection.fetch("TABLE pg_database")}
        finally:
            await connection.close()


async def execute(url: str, statement: str, *arguments: object) -> None:
    """Execute one statement in a database, on a connection of its own."""
    connection = await asyncpg.connect(**database.credentials(url))
    try:
        await connection.execute(statement, *arguments)
    finally:
        await connection.close()


@contextmanager
def redis_database(url: str, *, shift: int = 0) -> Iterator[str]:
    """Yield the URL of an empty database of a Redis, one for each process of the run.

    Raises RuntimeError when it holds keys: they are somebody's.
    """
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    # Not the first one: that is where a new connection is until it has chosen.
    ours = f"{url.partition('?')[0]}?db={1 + process + shift}"
    with Redis.from_url(ours) as connection:
        if connection.dbsize():
            raise RuntimeError(f"{ours} holds keys that are not of these tests.")
        try:
            yield ours
        finally:
            connection.flushdb()


def name_of(settings: DatabaseSettings) -> str:
    """Return the name of the database that these settings are for."""
    return urlsplit(settings.database_url.get_secret_value()).path.removeprefix("/")
