"""The connection to PostgreSQL: opened by entry points, brought up to date by migrations."""

import asyncio
import logging
import os
import pkgutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import asyncpg
from tortoise import Tortoise
from tortoise.connection import get_connection
from tortoise.exceptions import DBConnectionError, TransactionManagementError
from tortoise.migrations.executor import MigrationExecutor

from models import migrations, statements
from models.settings import DatabaseSettings

log = logging.getLogger(__name__)

_APPS = {
    "models": {
        "models": [
            "models.accounts",
            "models.activities",
            "models.challenges",
            "models.consents.table",
            "models.devices",
            "models.email_changes.table",
            "models.events",
            "models.failed_logins",
            "models.idempotency",
            "models.links",
            "models.mails",
            "models.metrics",
            "models.nic_handles",
            "models.partners",
            "models.sessions.table",
            "models.signups",
            "models.webhooks.table",
        ],
        "migrations": "models.migrations",
        "default_connection": "default",
    }
}
_OUTAGES = (
    OSError,
    DBConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that was cut in the middle
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,  # a full disk, too many connections
    asyncpg.IdleInTransactionSessionTimeoutError,
)
# A process that stands still within a transaction keeps its locks from all the others no longer.
_STANDSTILL = "15s"
# Any number will do, as long as nobody else locks it.
_MIGRATION_LOCK = 429850


def credentials(url: str) -> dict[str, Any]:
    """Read a PostgreSQL URL as asyncpg wants it; `?host=` names the folder of a unix socket."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    found: dict[str, Any] = {
        "host": query.get("host") or parts.hostname or "localhost",
        "port": parts.port or 5432,
        "user": unquote(parts.username or query.get("user") or "postgres"),
        "password": unquote(parts.password) if parts.password else None,
        "database": unquote(parts.path.lstrip("/")) or None,
    }
    if "sslmode" in query:
        found["ssl"] = query["sslmode"]
    return found


def config(settings: DatabaseSettings) -> dict[str, Any]:
    """Build the ORM's configuration."""
    wanted = credentials(settings.database_url.get_secret_value())
    wanted |= {"minsize": 1, "maxsize": settings.pool_size, "reset": _reset}
    wanted["server_settings"] = {"idle_in_transaction_session_timeout": _STANDSTILL}
    return {
        "connections": {
            "default": {"engine": "tortoise.backends.asyncpg", "credentials": wanted},
        },
        "apps": _APPS,
    }


async def _reset(_connection: object) -> None:
    """Do nothing more for a connection's next user: what was open is rolled back already.

    Nobody here leaves settings, cursors or session locks behind, and asking for them to be dropped
    is a round trip for each statement.
    """


@asynccontextmanager
async def opened(settings: DatabaseSettings) -> AsyncIterator[None]:
    """Let this process's tasks use the models; connections are made when first needed."""
    await Tortoise.init(config=config(settings), _enable_global_fallback=True)
    try:
        with statements.read_by(get_connection("default")):
            yield
    finally:
        await Tortoise.close_connections()


async def migrate(settings: DatabaseSettings, *, patience: float = 0) -> None:
    """Apply every migration that is missing; safe to run from several places at once.

    A database that does not answer is waited for, so many seconds.
    """
    guard = await _connected(settings, patience)
    try:
        await guard.execute("SELECT pg_advisory_lock($1)", _MIGRATION_LOCK)
        async with opened(settings):
            await MigrationExecutor(get_connection("default"), _APPS).migrate(
                progress=lambda event, _app, name: log.info("%s %s", event, name)
            )
    finally:
        await guard.close()


async def _connected(settings: DatabaseSettings, patience: float) -> asyncpg.Connection:
    wanted = credentials(settings.database_url.get_secret_value())
    give_up = time.monotonic() + patience
    while True:
        try:
            return await asyncpg.connect(**wanted)
        except Exception as fault:
            if not is_outage(fault) or time.monotonic() > give_up:
                raise
            await asyncio.sleep(0.03)


async def missing_migrations() -> list[str]:
    """Name the migrations that this code has and the database has not."""
    rows = await get_connection("default").execute_query_dict(
        "SELECT to_regclass('tortoise_migrations') IS NOT NULL AS there"
    )
    applied: set[str] = set()
    if rows[0]["there"]:
        done = await get_connection("default").execute_query_dict(
            "SELECT name FROM tortoise_migrations WHERE app = 'models'"
        )
        applied = {row["name"] for row in done}
    known = {module.name for module in pkgutil.iter_modules(migrations.__path__)}
    return sorted(known - applied)


def is_outage(fault: BaseException | None) -> bool:
    """Whether PostgreSQL is away, as opposed to a fault of ours."""
    if isinstance(fault, TransactionManagementError):  # what the ORM makes of a standstill's end
        fault = fault.__cause__
    return isinstance(fault, _OUTAGES)


def is_deadlock(fault: BaseException | None) -> bool:
    """Whether two transactions waited for each other, and this one was the one to end."""
    return isinstance(fault, asyncpg.DeadlockDetectedError)


def is_refusal(fault: BaseException) -> bool:
    """Whether PostgreSQL lets nobody in with this URL: no such role, database or password."""
    return isinstance(
        fault, (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)
    )


def __getattr__(name: str) -> dict[str, Any]:
    # What the ORM's command line asks for; only `make migrations` does, and needs no database.
    if name == "TORTOISE_ORM":
        os.environ.setdefault("NICGATE_DATABASE_URL", "postgresql://localhost/nicgate")
        return config(DatabaseSettings.load())
    raise AttributeError(name)
