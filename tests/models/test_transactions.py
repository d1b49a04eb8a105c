"""Transactions: what could not begin leaves neither its connection nor its task behind."""

import asyncio
import contextvars
import threading
import time

import asyncpg
import pytest

from models import database, statements
from models.settings import DatabaseSettings
from models.transactions import around, transaction


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


async def stand_still(seconds: float) -> None:
    async with transaction():
        await statements.rows("SELECT 1 AS one")
        time.sleep(seconds)  # noqa: ASYNC251 -- as a process does that is stopped
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


@pytest.fixture
async def marks(small_pool):
    """A table of numbers."""
    await statements.rows("CREATE TABLE marks (mark int)")

    async def found():
        return [row["mark"] for row in await statements.rows("SELECT mark FROM marks ORDER BY 1")]

    return found


async def mark(number: int, *, fails: bool = False) -> None:
    """An operation; one that fails has ended a savepoint of its own before."""
    async with transaction():
        async with transaction():
            await statements.rows("INSERT INTO marks VALUES ($1) RETURNING mark", number)
        if fails:
            raise ValueError(number)


async def test_one_around_others_commits_what_each_of_them_keeps(marks):
    """Raise undoes, return keeps, as without it; nothing is seen before all is over."""
    outside = contextvars.copy_context()
    async with around() as whole:
        await mark(1)
        with pytest.raises(ValueError, match="2"):
            await mark(2, fails=True)
        await mark(3)
        seen = await asyncio.create_task(marks(), context=outside)

    assert (seen, await marks(), whole.kept) == ([], [1, 3], 2)


async def test_one_around_others_undoes_them_all(marks):
    """What each of them kept is gone."""

    async def fail_in_the_end():
        async with around():
            await mark(1)
            await mark(2, fails=True)

    with pytest.raises(ValueError, match="2"):
        await fail_in_the_end()

    assert await marks() == []


async def test_one_around_others_knows_that_nothing_was_kept(marks):
    """The savepoint of an operation that failed afterwards is undone with it."""
    async with around() as whole:
        with pytest.raises(ValueError, match="1"):
            await mark(1, fails=True)

    await mark(2)
    assert (await marks(), whole.kept) == ([2], 0)


async def test_a_cancelled_one_is_undone(small_pool):
    """Whoever was told nothing finds nothing done."""
    await statements.rows("CREATE TABLE marks (mark int)")

    with pytest.raises(TimeoutError):
        await mark_and_be_cancelled()

    assert await statements.rows("SELECT mark FROM marks") == []


async def test_one_that_stands_still_loses_its_locks(make_database, monkeypatch):
    """A process that was stopped keeps no other waiting for long; for itself, it is an outage."""
    monkeypatch.setattr(database, "_STANDSTILL", "200ms")
    settings = await asyncio.to_thread(make_database)
    async with database.opened(settings):
        await answer()

        with pytest.raises(Exception) as lost:  # noqa: PT011 -- judged below
            await stand_still(0.6)

        assert database.is_outage(lost.value)
        await answer_after_outage()
