"""Transactions: what could not begin leaves neither its connection nor its task behind."""

import asyncio
import threading

import asyncpg
import pytest

from models import database, statements
from models.settings import DatabaseSettings
from models.transactions import transaction


def cut_every_connection(settings: DatabaseSettings) -> None:
    """Let the server end them all, and return before this process's loop can have noticed."""

    async def cut() -> None:
        url = settings.database_url.get_secret_value()
        connection = await asyncpg.connect(**database.credentials(url))
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
        await connection.close()

    thread = threading.Thread(target=lambda: asyncio.run(cut()))
    thread.start()
    thread.join()


async def answer() -> None:
    async with asyncio.timeout(5), transaction():
        await statements.rows("SELECT 1 AS one")


async def answer_after_outage() -> None:
    """Try again at once, in the same task, until a connection that was cut is found to be so."""
    for _ in range(3):
        try:
            return await answer()
        except Exception as lost:
            if not database.is_outage(lost):
                raise
            await asyncio.sleep(0.01)
    return await answer()


async def answer_and_be_cut(settings: DatabaseSettings) -> None:
    async with transaction():
        await statements.rows("SELECT 1 AS one")
        cut_every_connection(settings)
        await statements.rows("SELECT 1 AS one")


async def mark_and_be_cancelled() -> None:
    async with asyncio.timeout(0.1), transaction():
        await statements.rows("INSERT INTO marks VALUES (1) RETURNING mark")
        await asyncio.sleep(5)


@pytest.fixture
async def small_pool(make_database):
    settings = await asyncio.to_thread(make_database)
    settings = settings.model_copy(update={"pool_size": 2})
    async with database.opened(settings):
        yield settings


async def test_one_that_cannot_begin_leaves_nothing_behind(small_pool):
    """As often as the pool has connections, and once more."""
    for _ in range(small_pool.pool_size + 1):
        await answer_after_outage()
        cut_every_connection(small_pool)

        with pytest.raises(Exception) as lost:  # noqa: PT011 -- judged below
            await answer()

        assert database.is_outage(lost.value)

    await answer_after_outage()


async def test_one_whose_connection_is_cut_leaves_nothing_behind(small_pool):
    """It cannot be undone either, which the server has done."""
    for _ in range(small_pool.pool_size + 1):
        await answer_after_outage()

        with pytest.raises(Exception) as lost:  # noqa: PT011 -- judged below
            await answer_and_be_cut(small_pool)

        assert database.is_outage(lost.value)

    await answer_after_outage()


async def test_a_cancelled_one_is_undone(small_pool):
    """Whoever was told nothing finds nothing done."""
    await statements.rows("CREATE TABLE marks (mark int)")

    with pytest.raises(TimeoutError):
        await mark_and_be_cancelled()

    assert await statements.rows("SELECT mark FROM marks") == []
