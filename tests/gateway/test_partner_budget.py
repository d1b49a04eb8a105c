"""The budget of a partner: charged before anything is executed, told with every answer."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import factories
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from gateway.buckets import Bucket, LocalBuckets
from gateway.limits import Limits
from models import partners
from models.partners import KeyTerms
from models.scopes import Scope
from models.signups import Signup

NOWHERE = "unix:///nowhere/valkey.sock"
ME = "{ partner { name } }"  # 2 points
LEFT = "{ partner { budget { limit remaining resetAt } } }"  # 3 points
SIGNUP = """mutation { signup(input: {
  email: "bob@example.org", password: "Garden-Kettle-42-blue", firstName: "Bob"
  lastName: "Martin", country: "FR"
}) { __typename } }"""


@pytest.fixture(params=["valkey", "local"])
async def taken(request, redis_url):
    """Take points from buckets in Valkey or, as it is not there, in the process."""
    url = redis_url if request.param == "valkey" else NOWHERE
    limits = Limits(url, secret=b"a key for tests only")
    yield limits.take
    await limits.close()


def bucket(points, seconds=60.0):
    return Bucket(f"nicgate:budget:partner:{uuid4()}", points, seconds)


async def key_of(name="Bills"):
    return await factories.partner(name, Scope.ACCOUNT_READ, first_party=True)


async def ask(client, key, document=ME, variables=None, **headers):
    return await client.graphql(document, variables, authorization=f"Bearer {key}", **headers)


def cost(answer):
    return answer.json()["extensions"]["cost"]


def told(answer):
    """What was asked for, and what is left."""
    return cost(answer)["requested"], cost(answer)["remaining"]


async def test_gives_until_there_is_nothing_left(taken):
    """All of a wish or nothing of it; what is too much leaves the rest to smaller ones."""
    purse = bucket(10)

    levels = [await taken(purse, wish) for wish in (4, 5, 3, 1, 1)]

    assert [purse.remaining(level) for level in levels] == [6, 1, 1, 0, 0]
    assert [level.waiting > 0 for level in levels] == [False, False, True, False, True]
    assert 11 < levels[2].waiting <= 12  # two points more, at six seconds each
    assert 5 < levels[4].waiting <= 6
    assert 59 < levels[4].full_in <= 60


async def test_gives_back_steadily(taken):
    """After a part of the time there is that part again, and never more than all."""
    purse = bucket(10, seconds=1.0)
    assert (await taken(purse, 10)).waiting == 0

    await asyncio.sleep(0.55)
    half = await taken(purse, 5)
    at_once = await taken(purse, 5)
    await asyncio.sleep(1.1)

    assert (half.waiting, at_once.waiting > 0) == (0, True)
    assert purse.remaining(await taken(purse, 1)) == 9


async def test_gives_each_point_once(taken):
    """Whoever asks at once, and however many they are."""
    purse = bucket(50, seconds=3600.0)

    levels = await asyncio.gather(*(taken(purse, 3) for _ in range(40)))

    assert sum(level.waiting == 0 for level in levels) == 16
    assert purse.remaining(await taken(purse, 0)) == 2


async def test_looks_without_taking(taken):
    """A wish for nothing is granted, and leaves nothing behind."""
    purse = bucket(10)

    levels = [await taken(purse, 0), await taken(purse, 10), await taken(purse, 0)]

    assert [purse.remaining(level) for level in levels] == [10, 0, 0]
    assert [level.waiting for level in levels] == [0, 0, 0]


async def test_leaves_nothing_in_valkey_for_good(redis_url):
    """A bucket that is full again is no key."""
    limits, purse = Limits(redis_url, secret=b""), bucket(10, seconds=0.2)
    await limits.take(purse, 10)

    async with Redis.from_url(redis_url) as valkey:
        there = await valkey.pttl(purse.key)
        await asyncio.sleep(0.25)
        gone = await valkey.exists(purse.key)

    await limits.close()
    assert 0 < there <= 201
    assert gone == 0


def test_keeps_no_more_buckets_than_it_may():
    """The one that was used least lately goes."""
    time = [0.0]
    buckets = LocalBuckets(kept=2, clock=lambda: time[0])
    first, second, third = bucket(10), bucket(10), bucket(10)

    for purse in (first, second, first, third):
        buckets.take(purse, 4)

    assert first.remaining(buckets.take(first, 0)) == 2
    assert second.remaining(buckets.take(second, 0)) == 10


@settings(deadline=None)
@given(st.integers(1, 10**6), st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 30))))
def test_never_gives_more_than_has_come_back(points, wishes):
    """In whatever rhythm somebody asks: what is left is between nothing and all."""
    time, given_out = [0.0], 0
    buckets, purse = LocalBuckets(clock=lambda: time[0]), bucket(points)

    for wish, pause in wishes:
        time[0] += pause
        level = buckets.take(purse, wish)
        given_out += 0 if level.waiting else wish

        assert 0 <= purse.remaining(level) <= points
        assert given_out <= points * (1 + time[0] / purse.seconds) * (1 + 1e-6) + 1


async def test_tells_a_partner_what_a_call_costs(client):
    """Asked for, limit, left, and when all is back; the same in `Partner.budget`."""
    key = await key_of()
    await ask(client, key)

    answer = await ask(client, key, LEFT)

    extension = cost(answer)
    reset_at = datetime.fromisoformat(extension["resetAt"])
    assert extension.keys() == {"requested", "limit", "remaining", "resetAt"}
    assert (extension["requested"], extension["limit"]) == (3, 10_000)
    assert 9_995 <= extension["remaining"] <= 9_997
    assert timedelta(0) < reset_at - datetime.now(UTC) + timedelta(seconds=1) < timedelta(seconds=2)
    del extension["requested"]
    assert answer.json()["data"]["partner"]["budget"] == extension


async def test_costs_nobody_else(client):
    """Holders and strangers are told of no cost."""
    alice = await factories.signed_up("alice@example.org")

    answers = [
        await client.graphql("{ me { email } }", authorization=f"Bearer {alice.token}"),
        await client.graphql("{ me { email } }"),
        await client.graphql("{ nothing }"),
        await ask(client, "nck_" + "a" * 12 + "_wrong"),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 400, 401]
    assert not any("extensions" in answer.json() for answer in answers)


async def test_executes_nothing_beyond_the_budget(serve):
    """RATE_LIMITED, when to come back, and what is left; a smaller call still goes through."""
    async with serve(partner_budget=60) as client:
        key = await key_of()
        first = await ask(client, key, "mutation { logout }")

        refused = await ask(client, key, SIGNUP)
        smaller = await ask(client, key)

        (error,) = refused.json()["errors"]
        assert (refused.status_code, error["extensions"]["code"]) == (429, "RATE_LIMITED")
        assert refused.json().keys() == {"errors", "extensions"}
        assert refused.headers["retry-after"] == str(error["extensions"]["retryAfter"])
        assert 1 <= error["extensions"]["retryAfter"] <= 3
        assert told(first) == (11, 49)
        assert [cost(answer)["requested"] for answer in (refused, smaller)] == [51, 2]
        assert 49 <= cost(refused)["remaining"] <= 50
        assert smaller.json()["data"] == {"partner": {"name": "Bills"}}
        assert await Signup.all().count() == 0


async def test_comes_back_when_it_was_told_to(serve):
    """After `retryAfter` seconds the same call is executed."""
    async with serve(partner_budget=60) as client:
        key = await key_of()
        await ask(client, key, "mutation { logout }")
        refused = await ask(client, key, SIGNUP)

        await asyncio.sleep(refused.json()["errors"][0]["extensions"]["retryAfter"])
        answer = await ask(client, key, SIGNUP)

        assert answer.json()["data"] == {"signup": {"__typename": "Challenge"}}


async def test_tells_what_can_never_be_had(serve):
    """No waiting helps who wants more than all; it is charged as what could not be read."""
    async with serve(partner_budget=50) as client:
        key = await key_of()

        answer = await ask(client, key, SIGNUP)

        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["extensions"]) == (400, {"code": "BAD_REQUEST"})
        assert "51" in error["message"]
        assert told(answer) == (51, 49)
        assert await Signup.all().count() == 0


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ("{ nothing }", 400),
        ("{ me { id }", 400),
        ("subscription { me { id } }", 400),
        ("query A { me { id } } query B { me { id } }", 400),
        ("query One { me { id } }", 400),
        ("query ($id: NicHandle!) { account(nicHandle: $id) { id } }", 400),
        ('{ account(nicHandle: "xx000000-OVH") { id } }', 200),
        ("mutation { cancelEmailChange { __typename } }", 200),
    ],
)
async def test_tells_with_every_answer(client, document, status):
    """Also when the call is refused, of whatever kind: reading it costs as well."""
    key = await key_of()
    body = {"query": document, "operationName": "Other" if " One " in document else None}

    answer = await client.post("/graphql", json=body, headers={"authorization": f"Bearer {key}"})

    requested, remaining = told(answer)
    assert answer.status_code == status
    assert 1 <= requested <= 11
    assert remaining < 10_000


async def test_is_one_for_all_keys_of_a_partner(serve):
    """Another key is no other budget; another partner is."""
    async with serve(partner_budget=60) as client:
        key = await key_of()
        other = await partners.rotate("Bills", KeyTerms())
        others = await key_of("Panel")

        answers = [await ask(client, it, "mutation { logout }") for it in (key, other, others)]

        assert [cost(answer)["remaining"] // 5 for answer in answers] == [9, 7, 9]


async def test_multiplies_pages_by_their_variables(client):
    """The same document, charged by what it asks for."""
    key = await key_of()
    document = """query ($rows: Int!) {
      account(nicHandle: "xx000000-OVH") { emailChanges(first: $rows) { edges { cursor } } }
    }"""

    asked = [cost(await ask(client, key, document, {"rows": rows}))["requested"] for rows in (1, 9)]

    assert asked == [4, 12]


async def test_holds_without_redis(serve, redis):
    """No Redis: each process counts for itself, by the same rule, and nothing fails."""
    redis.cut()
    async with serve(redis_url=redis.url, partner_budget=60) as client:
        key = await key_of()

        answers = [await ask(client, key, "mutation { logout }") for _ in range(6)]

        assert [answer.status_code for answer in answers] == [200] * 5 + [429]


async def test_is_not_outrun_by_many_at_once(serve):
    """A hundred calls in one moment are not cheaper than one after the other."""
    async with serve(partner_budget=60) as client:
        key = await key_of()

        answers = await asyncio.gather(
            *(ask(client, key, "mutation { logout }") for _ in range(40))
        )

        assert 5 <= sum(answer.status_code == 200 for answer in answers) <= 6


async def test_replays_what_a_call_cost_the_first_time(serve):
    """By the bytes, under an Idempotency-Key; the retry is charged all the same."""
    async with serve(partner_budget=60) as client:
        key = await key_of()

        first, second = [
            await ask(client, key, "mutation { logout }", idempotency_key="a-key") for _ in range(2)
        ]
        after = await ask(client, key)

        assert second.content == first.content
        assert 60 - 11 - 11 - 2 <= cost(after)["remaining"] <= 60 - 11 - 11 - 2 + 5
