"""The databases of a run: made on a server, used by nobody else, dropped at the end."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
from redis import Redis
from redis.exceptions import ResponseError
from tortoise import Tortoise
from tortoise.connection import get_connection
from tortoise.exceptions import ConfigurationError

from models import database, statements
from models.settings import DatabaseSettings

PROCESSES = 6  # of pytest, at most: see the Makefile
# Faster than TRUNCATE where there is little to delete; the role leaves the triggers out.
_EMPTY = """
DO $$
DECLARE name text;
BEGIN
  SET LOCAL session_replication_role = replica;
  FOR name IN SELECT tablename FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> 'tortoise_migrations' LOOP
    EXECUTE 'DELETE FROM ' || name;
  END LOOP;
END $$
"""


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


class Kept:
    """The shared database, open to this process's models from one test to the next.

    To open it anew for each would take longer than most tests do.
    """

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._closing = AsyncExitStack()
        self._connection: object = None
        self._really_opened = database.opened

    async def open(self) -> None:
        """Open it, unless it is; whoever opens another in between has closed it."""
        if self._is_open():
            return
        await self.close()
        # Not for other threads and loops, as `database.opened` does: those open their own.
        await Tortoise.init(config=database.config(self._settings))
        self._closing.push_async_callback(Tortoise.close_connections)
        self._connection = get_connection("default")
        self._closing.enter_context(statements.read_by(self._connection))

    def _is_open(self) -> bool:
        try:
            return get_connection("default") is self._connection
        except (ConfigurationError, RuntimeError):
            return False

    async def close(self) -> None:
        await self._closing.aclose()

    @asynccontextmanager
    async def lent(self, settings: DatabaseSettings) -> AsyncIterator[None]:
        """Stand for `database.opened`, for a process that is to use this database as it is kept."""
        wanted = settings.database_url, settings.pool_size
        if wanted != (self._settings.database_url, self._settings.pool_size):
            async with self._really_opened(settings):
                yield
        else:
            await self.open()
            yield


async def empty_tables() -> None:
    """Delete every row of the open database."""
    await get_connection("default").execute_script(_EMPTY)


async def execute(url: str, statement: str, *arguments: object) -> None:
    """Execute one statement in a database, on a connection of its own."""
    connection = await asyncpg.connect(**database.credentials(url))
    try:
        await connection.execute(statement, *arguments)
    finally:
        await connection.close()


@contextmanager
def redis_database(url: str, *, turn: int = 0) -> Iterator[str]:
    """Yield the URL of an empty database of a Redis, one for each process of the run and each turn.

    Raises RuntimeError when it holds keys, which are somebody's, and when there is none left.
    """
    ours = f"{url.partition('?')[0]}?db={number(turn)}"
    with Redis.from_url(ours) as connection:
        try:
            held = connection.dbsize()
        except ResponseError as fault:
            raise RuntimeError(f"{ours}: {fault}. Start it with --databases 32.") from None
        if held:
            raise RuntimeError(f"{ours} holds keys that are not of these tests.")
        try:
            yield ours
        finally:
            connection.flushdb()


def number(turn: int) -> int:
    """Number the database of this process at a turn.

    Never 0: that is where a new connection is until it has chosen.
    """
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return 1 + process + turn * PROCESSES


def name_of(settings: DatabaseSettings) -> str:
    """Return the name of the database that these settings are for."""
    return urlsplit(settings.database_url.get_secret_value()).path.removeprefix("/")
