"""One PostgreSQL and one Valkey a run, a migrated database, a clock that can be stopped."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import factories
import pytest
from tortoise.connection import get_connection

from gateway.embedded import servers as embedded
from models import clock, database
from models.accounts import Account
from models.sessions import Opened
from models.settings import DatabaseSettings

TABLES = ["mails", "challenges", "email_changes", "sessions", "accounts", "signups", "nic_handles"]
# Faster than TRUNCATE where there is little to delete; the role leaves the triggers out.
EMPTY = "\n".join(
    [
        "BEGIN; SET LOCAL session_replication_role = replica;",
        *(f"DELETE FROM {table};" for table in TABLES),
        "COMMIT;",
    ]
)


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="session")
def servers() -> Iterator[tuple[str, str]]:
    """The URLs of a PostgreSQL and a Valkey of this run alone, started as `nicgate up` does."""
    with tempfile.TemporaryDirectory(prefix="nicgate-tests-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL may have to run as nobody
        with embedded.running(Path(folder), durable=False) as urls:
            yield urls


@pytest.fixture(scope="session")
def redis_url(servers: tuple[str, str]) -> str:
    return servers[1]


@pytest.fixture(scope="session")
def migrated(servers: tuple[str, str]) -> DatabaseSettings:
    """A database with every migration; nobody writes to it, others are copies of it."""
    settings = DatabaseSettings(database_url=servers[0])
    asyncio.run(database.migrate(settings))
    return settings


@pytest.fixture(scope="session")
def make_database(migrated: DatabaseSettings) -> Callable[[], DatabaseSettings]:
    """Make a database of one's own."""
    return lambda: asyncio.run(_copy(migrated))


@pytest.fixture(scope="session")
def shared_database(make_database: Callable[[], DatabaseSettings]) -> DatabaseSettings:
    """The database that most tests share, one after the other."""
    return make_database()


@pytest.fixture
async def tables(shared_database: DatabaseSettings) -> AsyncIterator[DatabaseSettings]:
    """Empty tables, open to this process's models."""
    async with database.opened(shared_database):
        await get_connection("default").execute_script(EMPTY)
        yield shared_database


@pytest.fixture
async def open_pool(tables: DatabaseSettings) -> None:
    """Every connection of the pool is there already: racers start at once, or they do not race."""
    connection = get_connection("default")
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


async def _copy(template: DatabaseSettings) -> DatabaseSettings:
    credentials = database.credentials(template.database_url.get_secret_value())
    name = f"copy_{uuid4().hex}"
    connection = await asyncpg.connect(**credentials | {"database": "postgres"})
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {credentials['database']}")
    finally:
        await connection.close()
    url = template.database_url.get_secret_value()
    return DatabaseSettings(
        database_url=url.replace(f"/{credentials['database']}?", f"/{name}?"), pool_size=20
    )
