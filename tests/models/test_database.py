"""The connection: URLs, migrations that may run twice at once, models that fit the tables."""

import asyncio
import json
import os
import sys

import asyncpg
import pytest
from tortoise import Tortoise
from tortoise.connection import get_connection
from tortoise.exceptions import (
    DBConnectionError,
    IntegrityError,
    OperationalError,
    TransactionManagementError,
)

from models import database
from models.settings import DatabaseSettings

MIGRATE = """
import asyncio
import sys
from models import database
from models.settings import DatabaseSettings

print("ready", flush=True)
sys.stdin.readline()
asyncio.run(database.migrate(DatabaseSettings.load()))
"""
MIGRATIONS = [
    "0001_initial",
    "0002_links",
    "0003_operators",
    "0004_devices",
    "0005_sessions_end_alone",
    "0006_activities",
    "0007_sessions_cheap_to_touch",
    "0008_failed_logins_request_id",
    "0009_partners",
    "0010_webhooks",
    "0011_idempotency",
]
TYPES = {
    "BOOL": "boolean",
    "BYTEA": "bytea",
    "INT": "integer",
    "JSONB": "jsonb",
    "TEXT": "text",
    "TIMESTAMPTZ": "timestamp with time zone",
    "UUID": "uuid",
}
LOCAL = {
    "host": "localhost",
    "port": 5432,
    "user": "postgres",
    "password": None,
    "database": None,
}


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("postgresql://", {}),
        ("postgres://localhost/nicgate", {"database": "nicgate"}),
        (
            "postgresql://nic:s3cret@db.example.org:6432/gate",
            {
                "host": "db.example.org",
                "port": 6432,
                "user": "nic",
                "password": "s3cret",
                "database": "gate",
            },
        ),
        (
            "postgresql://n%40c:p%2Fs%3As%40%C3%A9@localhost/my%20gate",
            {"user": "n@c", "password": "p/s:s@é", "database": "my gate"},
        ),
        (
            "postgresql://[2001:db8::1]:5433/gate",
            {"host": "2001:db8::1", "port": 5433} | {"database": "gate"},
        ),
        (
            "postgresql:///gate?host=/run/my%20sockets&user=nic",
            {"host": "/run/my sockets", "user": "nic", "database": "gate"},
        ),
        ("postgresql://localhost/gate?sslmode=require", {"database": "gate", "ssl": "require"}),
        ("postgresql://localhost/gate?application_name=x", {"database": "gate"}),
    ],
)
def test_reads_urls(url, wanted):
    """What a URL leaves out is PostgreSQL's habit; what it escapes is read."""
    found = database.credentials(url)

    assert found == LOCAL | wanted


def test_limits_its_connections():
    """A process opens connections when it needs them, and never more than it may."""
    settings = DatabaseSettings(database_url="postgresql://localhost/gate", pool_size=7)

    wanted = database.config(settings)["connections"]["default"]["credentials"]

    assert (wanted["minsize"], wanted["maxsize"]) == (1, 7)


@pytest.mark.parametrize(
    ("fault", "is_outage"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (DBConnectionError("away"), True),
        (asyncpg.ConnectionDoesNotExistError(), True),
        (asyncpg.CannotConnectNowError(), True),
        (asyncpg.AdminShutdownError(), True),
        (asyncpg.TooManyConnectionsError(), True),
        (asyncpg.InterfaceError("connection is closed"), True),
        (asyncpg.IdleInTransactionSessionTimeoutError(), True),
        (TransactionManagementError("no transaction"), False),
        (asyncpg.UniqueViolationError(), False),
        (asyncpg.DeadlockDetectedError(), False),
        (asyncpg.UndefinedTableError(), False),
        (IntegrityError("taken"), False),
        (OperationalError("no such column"), False),
        (ValueError(), False),
        (None, False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_tells_outages_from_faults(fault, is_outage):
    """PostgreSQL being away is not our fault; anything that it says of us is."""
    found = database.is_outage(fault)

    assert found is is_outage


def test_offers_its_configuration_to_the_command_line(monkeypatch):
    """The ORM's own command finds what it needs to write migrations, and nothing else."""
    monkeypatch.setenv("NICGATE_DATABASE_URL", "postgresql://localhost/gate")

    config = database.TORTOISE_ORM

    assert config["connections"]["default"]["credentials"]["database"] == "gate"
    with pytest.raises(AttributeError):
        _ = database.SOMETHING_ELSE


@pytest.fixture
async def empty(databases):
    """A database without tables."""
    return await databases.make()


async def applied(settings):
    connection = await asyncpg.connect(
        **database.credentials(settings.database_url.get_secret_value())
    )
    try:
        return [row["name"] for row in await connection.fetch("TABLE tortoise_migrations")]
    finally:
        await connection.close()


async def test_migrates_from_several_places_at_once(empty):
    """Of processes that start together one lays the tables, the others wait for it."""
    environment = os.environ | {"NICGATE_DATABASE_URL": empty.database_url.get_secret_value()}
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), asyncio.subprocess.PIPE)
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", MIGRATE), env=environment, **pipes
        )
        for _ in range(3)
    ]
    for process in processes:
        await process.stdout.readline()

    ended = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))

    assert [process.returncode for process in processes] == [0, 0, 0], ended
    assert await applied(empty) == MIGRATIONS


async def test_names_the_migrations_that_are_missing(empty):
    """Whoever serves can tell that the tables are not there yet."""
    async with database.opened(empty):
        before = await database.missing_migrations()
    await database.migrate(empty)

    async with database.opened(empty):
        after = await database.missing_migrations()

    assert (before, after) == (MIGRATIONS, [])


async def test_migrates_again_in_vain(tables):
    """A database that has everything is left alone."""
    await database.migrate(tables)

    async with database.opened(tables):
        assert await database.missing_migrations() == []
    assert await applied(tables) == MIGRATIONS


async def test_has_the_columns_that_the_models_know(tables):
    """Tables and models agree on names, types, lengths and what may be absent."""
    rows = await get_connection("default").execute_query_dict(
        "SELECT relname AS table, attname AS column, format_type(atttypid, atttypmod) AS type,"
        " NOT attnotnull AS nullable FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
        " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0"
        " AND NOT attisdropped AND relname <> 'tortoise_migrations'"
    )

    in_tables = {(row["table"], row["column"]): (row["type"], row["nullable"]) for row in rows}
    assert in_tables == known_to_models()


def known_to_models():
    described = Tortoise.describe_models(serializable=False)
    return {
        (model["table"], field["db_column"]): (type_of(field), field["nullable"])
        for model in described.values()
        for field in [model["pk_field"], *model["data_fields"]]
    }


def type_of(field):
    found = field["db_field_types"]
    name = found.get("postgres", found[""])
    return TYPES.get(name) or name.lower().replace("varchar", "character varying")


async def test_stores_text_as_it_is(tables):
    """JSON columns take whatever text the rules let through."""
    text = "Zoë 王 🐙 \\ \" ' % $1 \u2028"

    rows = await get_connection("default").execute_query_dict(
        "SELECT $1::jsonb AS value", [json.dumps({"text": text})]
    )

    assert json.loads(rows[0]["value"]) == {"text": text}
