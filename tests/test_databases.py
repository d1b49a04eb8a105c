"""What the tests leave behind on a server that is not theirs alone: nothing."""

import pytest
from databases import PROCESSES, Databases, name_of, number, redis_database
from redis import Redis


async def test_a_run_drops_what_it_made_and_nothing_else(servers):
    """A server given by its URL may hold more than these tests."""
    ours, others = Databases(servers[0]), Databases(servers[0])
    kept = await others.make()
    made = {name_of(await ours.make()), name_of(await ours.make(kept))}
    during = await ours.names()

    await ours.drop()

    after = await ours.names()
    await others.drop()
    assert made <= during
    assert made & after == set()
    assert name_of(kept) in after


def test_a_redis_that_holds_keys_is_refused_and_left_alone(servers, redis_url):
    """Keys that are there before us are somebody's."""
    with Redis.from_url(redis_url) as connection:
        connection.flushdb()
        connection.set("somebody", "kept")

        with pytest.raises(RuntimeError, match="holds keys"), redis_database(servers[1]):
            pass

        assert connection.get("somebody") == b"kept"
        connection.flushdb()


def test_a_redis_holds_nothing_of_ours_afterwards(servers, redis_url):
    """What the tests wrote goes with them."""
    with Redis.from_url(redis_url) as connection:
        connection.flushdb()

        with redis_database(servers[1]) as url, Redis.from_url(url) as ours:
            ours.set("ours", "gone")
            during = connection.dbsize()

        assert (url, during, connection.dbsize()) == (redis_url, 1, 0)


def test_a_redis_has_a_database_for_each_process(monkeypatch):
    """No two processes share one, and two turns of all fit into the 16 that there are."""
    numbers = []
    for process in range(PROCESSES):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", f"gw{process}")
        numbers += [number(0), number(1)]

    assert sorted(numbers) == list(range(1, 1 + 2 * PROCESSES))
    assert max(numbers) < 16


def test_a_redis_with_too_few_databases_is_refused_with_one_line(servers):
    """It says what to start it with."""
    with (
        pytest.raises(RuntimeError, match="Start it with --databases 32"),
        redis_database(servers[1], turn=1000),
    ):
        pass
