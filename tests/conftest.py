"""One PostgreSQL and one Valkey a run, a migrated database, a clock that can be stopped."""

import asyncio
import gc
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import factories
import hypothesis
import pytest
from databases import Databases, Kept, empty_tables, redis_database
from tortoise.connection import get_connection

from gateway.embedded import servers as embedded
from models import clock, database, failed_logins
from models.accounts import Account
from models.sessions import Opened, uses
from models.settings import PREFIX, DatabaseSettings

# `pytest --hypothesis-profile=long` looks longer.
hypothesis.settings.register_profile("short", max_examples=16)
hypothesis.settings.register_profile("long", max_examples=500)
hypothesis.settings.load_profile("short")

_SHARES_STACKS = {"journeys", "faults"}
DATABASE_URL, REDIS_URL = f"{PREFIX}DATABASE_URL", f"{PREFIX}REDIS_URL"


def pytest_configure() -> None:
    """Refuse servers that cannot be given: some tests take the socket of a server away."""
    if "host=/" not in os.environ.get(DATABASE_URL, "host=/"):
        raise pytest.UsageError(f"{DATABASE_URL} must name a unix socket here: ?host=/folder")
    if not os.environ.get(REDIS_URL, "unix:").startswith("unix:"):
        raise pytest.UsageError(f"{REDIS_URL} must name a unix socket here: unix:///path")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what shares stacks: one process has it, while others take from its end."""
    items.sort(key=lambda item: not _SHARES_STACKS & set(item.path.parts))


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays to the end: the tests and all that they import."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def given_servers() -> Iterator[dict[str, str]]:
    """The settings that the run was started with, of which only URLs of servers are used."""
    found = {name: text for name, text in os.environ.items() if name.startswith(PREFIX)}
    with pytest.MonkeyPatch.context() as environment:
        for name in found:
            environment.delenv(name)
        yield found


@pytest.fixture(scope="session")
def servers(given_servers: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The URLs of a PostgreSQL and a Redis: those given, else started as `nicgate up` does."""
    given = given_servers
    if given.keys() >= {DATABASE_URL, REDIS_URL}:
        yield given[DATABASE_URL], given[REDIS_URL]
        return
    with tempfile.TemporaryDirectory(prefix="nicgate-tests-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL may have to run as nobody
        with embedded.running(Path(folder), durable=False) as (postgres, valkey):
            yield given.get(DATABASE_URL, postgres), given.get(REDIS_URL, valkey)


@pytest.fixture(scope="session")
def redis_url(servers: tuple[str, str]) -> Iterator[str]:
    """An empty Redis of this process alone."""
    with redis_database(servers[1]) as url:
        yield url


@pytest.fixture(scope="session")
def databases(servers: tuple[str, str]) -> Iterator[Databases]:
    """Databases of this process alone, dropped at its end."""
    made = Databases(servers[0])
    yield made
    asyncio.run(made.drop())


@pytest.fixture(scope="session")
def migrated(databases: Databases) -> DatabaseSettings:
    """A database with every migration; nobody writes to it, others are copies of it."""
    settings = asyncio.run(databases.make())
    asyncio.run(database.migrate(settings))
    return settings


@pytest.fixture(scope="session")
def make_database(
    databases: Databases, migrated: DatabaseSettings
) -> Callable[[], DatabaseSettings]:
    """Make a database of one's own."""
    return lambda: asyncio.run(databases.make(migrated))


@pytest.fixture(scope="session")
def shared_database(make_database: Callable[[], DatabaseSettings]) -> DatabaseSettings:
    """The database that most tests share, one after the other."""
    return make_database()


@pytest.fixture(scope="session")
async def kept(shared_database: DatabaseSettings) -> AsyncIterator[Kept]:
    """The shared database, which `tables` opens."""
    kept = Kept(shared_database)
    yield kept
    await kept.close()


@pytest.fixture
async def tables(shared_database: DatabaseSettings, kept: Kept) -> DatabaseSettings:
    """Empty tables, open to this process's models."""
    await kept.open()
    await empty_tables()
    # What a process notes for a moment, of accounts that are no more.
    failed_logins._unsaved.clear()  # noqa: SLF001
    uses._used.clear()  # noqa: SLF001
    return shared_database


@pytest.fixture
async def open_pool(tables: DatabaseSettings) -> None:
    """Every connection of the pool is there already: racers start at once, or they do not race."""
    connection = get_connection("default")
    if connection._pool and connection._pool.get_size() == tables.pool_size:  # noqa: SLF001
        return
    await asyncio.gather(
        *(connection.execute_query("SELECT pg_sleep(0.05)") for _ in range(tables.pool_size))
    )


class StoppedClock:
    """The clock of the operations; SQL that compares by itself still sees the real one."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def advance(self, step: timedelta) -> None:
        self.at += step


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    stopped = StoppedClock()

    async def now() -> datetime:
        return stopped.at

    monkeypatch.setattr(clock, "now", now)
    return stopped


@pytest.fixture
async def alice(tables: DatabaseSettings) -> Opened:
    """A customer who has just confirmed her sign-up, with the session that this opened."""
    return await factories.signed_up("alice@example.org")


@pytest.fixture
async def alices_account(alice: Opened) -> Account:
    return alice.account
