"""What the tests leave behind on a server that is not theirs alone: nothing."""

import pytest
from databases import Databases, name_of, redis_database
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


def test_a_redis_that_holds_keys_is_refused_and_left_alone(servers):
    """Keys that are there before us are somebody's."""
    with redis_database(servers[1], shift=12) as url, Redis.from_url(url) as connection:
        connection.set("somebody", "kept")

        with pytest.raises(RuntimeError, match="holds keys"), redis_database(url, shift=12):
            pass

        assert connection.get("somebody") == b"kept"
    with Redis.from_url(url) as connection:
        assert connection.dbsize() == 0
