"""Idempotency-Key when something fails: what did nothing can be tried again, the rest is told."""

import asyncio
import time as wall
from contextlib import asynccontextmanager

import asyncpg
import factories
import pytest
import retries
from databases import execute
from factories import PASSWORD
from redis.asyncio import Redis
from retries import HOME, send
from tortoise.connection import get_connection

from gateway import idempotency
from models import accounts, database, policy
from models.accounts import Account
from models.consents import Consent
from models.idempotency import IdempotencyKey
from models.mails import Mail, Template
from models.sessions import Session

RENAME = """mutation ($name: String!) {
  updateProfile(input: {firstName: $name}) { ... on Account { firstName revision } }
}"""
LOGIN = retries.document("login")
RESET = retries.document("requestPasswordReset")
SIGNED_IN = {"input": {"identifier": HOME, "password": PASSWORD, "transport": "TOKEN"}}
NEEDY = "mutation { cancelEmailChange { __typename } }"


def code(answer):
    (error,) = answer.json()["errors"]
    return error["extensions"]["code"]


def is_replayed(answer):
    return answer.headers.get("idempotent-replayed") == "true"


async def rename(client, caller, name="Alicia", **more):
    return await send(client, RENAME, {"name": name}, caller=caller, **more)


async def name_of_alice():
    return (await Account.get(email_key=HOME)).first_name


async def test_tries_again_what_was_too_much(client, redis_url):
    """A login that the budget refused is made once there is room."""
    await factories.signed_up(HOME)
    wrong = {"input": SIGNED_IN["input"] | {"password": "wrong"}}
    for number in range(6):
        await send(client, LOGIN, wrong, key=f"guess-{number}")
    limited = await send(client, LOGIN, SIGNED_IN)
    async with Redis.from_url(redis_url) as valkey:
        await valkey.flushdb()

    answer = await send(client, LOGIN, SIGNED_IN)

    assert code(limited) == "RATE_LIMITED"
    assert answer.json()["data"]["login"]["__typename"] == "OpenedSession"
    assert not is_replayed(answer)


async def test_tries_again_what_needed_a_session(client):
    """Nothing was done, nothing is kept."""
    answers = [await send(client, NEEDY) for _ in range(2)]

    assert [code(answer) for answer in answers] == ["UNAUTHENTICATED"] * 2
    assert not any(map(is_replayed, answers))
    assert await IdempotencyKey.all().count() == 0


async def test_tries_again_what_could_not_be_read(client):
    """A variable of the wrong type is no use of the key."""
    alice = await factories.signed_up(HOME)
    refused = await rename(client, alice, name=7)

    answer = await rename(client, alice)

    assert code(refused) == "BAD_REQUEST"
    assert answer.json()["data"]["updateProfile"]["firstName"] == "Alicia"


async def test_tries_again_after_a_fault(client, monkeypatch):
    """A fault of ours undoes the operation; a retry does it, once there is none."""
    alice = await factories.signed_up(HOME)
    with monkeypatch.context() as broken:
        broken.setattr(accounts.activities, "record", None)
        failed = await rename(client, alice)
    between = await name_of_alice()

    answer = await rename(client, alice)

    assert (code(failed), between) == ("INTERNAL", "Alice")
    assert answer.json()["data"]["updateProfile"] == {"firstName": "Alicia", "revision": 2}


async def test_tells_again_what_was_done_and_failed_to_be_told(client, monkeypatch):
    """The operation stands, its answer is a fault: so it is the next time, and nothing is done."""
    alice = await factories.signed_up(HOME)
    with monkeypatch.context() as broken:
        broken.setattr(Account, "advice", property(lambda _: 1 / 0))
        document = RENAME.replace("revision", "revision advice")
        first = await send(client, document, {"name": "Alicia"}, caller=alice)

    second = await send(client, document, {"name": "Alicia"}, caller=alice)

    assert code(first) == "INTERNAL"
    assert second.content == first.content
    assert is_replayed(second)
    assert (await Account.get(email_key=HOME)).revision == 2


async def test_tries_again_after_an_outage(serve, postgres, shared_database):
    """503 while PostgreSQL is away, and the same request does it when it is back."""
    async with serve(database_url=postgres.url) as client:
        alice = await factories.signed_up(HOME)
        postgres.cut()
        await _cut_connections(shared_database)
        away = await rename(client, alice)
        postgres.mend()

        answer = await _until_answered(client, alice)

        assert (away.status_code, code(away)) == (503, "INTERNAL")
        assert answer.json()["data"]["updateProfile"]["revision"] == 2


async def _cut_connections(settings):
    statement = (
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    await execute(settings.database_url.get_secret_value(), statement)


async def _until_answered(client, caller):
    async with asyncio.timeout(10):
        while (answer := await rename(client, caller)).status_code == 503:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return answer


@pytest.fixture
async def cut_at_the_end(monkeypatch, shared_database):
    """The connection of a mutation is cut when all is done and nothing is committed."""
    keep = idempotency.idempotency.keep

    async def keep_and_be_cut(*given):
        await keep(*given)
        (pid,) = await get_connection("default").execute_query_dict("SELECT pg_backend_pid() p")
        url = shared_database.database_url.get_secret_value()
        await execute(url, "SELECT pg_terminate_backend($1, 5000)", pid["p"])

    with monkeypatch.context() as broken:
        broken.setattr(idempotency.idempotency, "keep", keep_and_be_cut)
        yield broken


async def test_does_nothing_when_the_commit_fails(client, cut_at_the_end):
    """Neither what was done nor its answer is there; the retry does it."""
    alice = await factories.signed_up(HOME)
    lost = await rename(client, alice)
    between, keys = await name_of_alice(), await IdempotencyKey.all().count()
    cut_at_the_end.undo()

    answer = await rename(client, alice)

    assert (lost.status_code, between, keys) == (503, "Alice", 0)
    assert answer.json()["data"]["updateProfile"]["revision"] == 2


TWO = """mutation ($id: ID!, $token: String!) {
  rename: updateProfile(input: {firstName: "Alicia"}) { ... on Account { revision } }
  refuse: refuseEmailChange(input: {emailChangeId: $id, token: $token}) { __typename }
}"""


async def test_does_two_mutations_once(client):
    """All that stands in an operation is done once, with one answer."""
    alice = await factories.signed_up(HOME)
    await factories.requested_change(alice, "new@example.org")
    link = await factories.mailed_link(Template.EMAIL_CHANGE_VALIDATION, "refuse", to=HOME)
    variables = {"id": str(link[0]), "token": link[1]}

    first, second = [await send(client, TWO, variables, caller=alice) for _ in range(2)]

    assert first.json() == {
        "data": {"rename": {"revision": 2}, "refuse": {"__typename": "EmailChange"}}
    }
    assert (second.content, is_replayed(second)) == (first.content, True)


async def test_tells_again_what_was_done_in_part(client):
    """One of two was done, the other not: that is the answer, and stays it."""
    alice = await factories.signed_up(HOME)
    document = 'mutation { logout rename: updateProfile(input: {firstName: "A"}) { __typename } }'

    first, second = [await send(client, document, caller=alice) for _ in range(2)]

    assert first.json()["data"] == {"logout": True, "rename": None}
    assert code(first) == "UNAUTHENTICATED"
    assert (second.content, is_replayed(second)) == (first.content, True)
    assert await Session.all().count() == 0


IN_COMPANY = """mutation ($to: String!) {
  requestPasswordReset(input: {identifier: $to}) { __typename } logout
}"""
IN_FRAGMENTS = """mutation ($to: String!) { ...Both }
fragment Both on Mutation {
  logout ... on Mutation { requestPasswordReset(input: {identifier: $to}) { __typename } }
}"""


@pytest.mark.parametrize("document", [IN_COMPANY, IN_FRAGMENTS])
async def test_lets_a_mutation_with_a_password_or_a_code_stand_alone(client, document):
    """Others would hold the account that it locked, and how long is heard from outside."""
    await factories.signed_up(HOME)

    answer = await send(client, document, {"to": HOME})

    assert (answer.status_code, code(answer)) == (400, "BAD_REQUEST")
    assert await Mail.filter(template=Template.PASSWORD_RESET).count() == 0
    without = await client.graphql(document, {"to": HOME})
    assert without.json()["data"]["logout"] is True


async def test_lets_a_request_for_consent_stand_alone(client):
    """It locks an account that its caller may not know of."""
    alice = await factories.signed_up(HOME)
    document = """mutation ($input: RequestConsentInput!) {
      requestConsent(input: $input) { __typename } logout
    }"""
    wish = await retries.request_consent(alice)

    answer = await send(client, document, {"input": wish.given}, caller=wish.caller)

    assert (answer.status_code, code(answer)) == (400, "BAD_REQUEST")
    assert await Consent.all().count() == 0


async def test_holds_no_consent_that_its_holder_revokes(client, shared_database):
    """What a partner does under a key waits for the account, and keeps nobody from it."""
    alice = await factories.signed_up(HOME)
    key = await factories.partner()
    consent = await factories.consented(alice, await factories.admitted(key))
    document = """mutation ($nic: NicHandle!) {
      updateProfile(nicHandle: $nic, input: {firstName: "Alicia"}) { __typename }
    }"""
    async with holding(shared_database, HOME) as other:
        variables = {"nic": alice.account.nic_handle}
        waiting = asyncio.create_task(send(client, document, variables, caller=key))
        await asyncio.sleep(0.3)  # has found the consent, waits for the account
        await asyncio.wait_for(
            other.execute("UPDATE consents SET ended_at = NULL WHERE id = $1", consent.id), 5
        )
        assert not waiting.done()

    answer = await waiting

    assert answer.json()["data"] == {"updateProfile": {"__typename": "Account"}}


async def test_gives_an_answer_that_is_too_long_once(client, monkeypatch):
    """It was done and is not undone, else a password could be tried without a trace."""
    alice = await factories.signed_up(HOME)
    monkeypatch.setattr(idempotency, "MAX_ANSWER", 50)

    first, second = [await rename(client, alice) for _ in range(2)]

    assert first.json()["data"]["updateProfile"] == {"firstName": "Alicia", "revision": 2}
    assert (second.status_code, code(second)) == (409, "BAD_REQUEST")
    assert (await Account.get(email_key=HOME)).revision == 2


async def test_outlives_a_new_secret(serve):
    """After a rotation the older secret still reads; without it the answer is lost, not redone."""
    old, new = "a key for tests only", "another key for tests"
    async with serve(secret_key=old) as client:
        alice = await factories.signed_up(HOME)
        first = await rename(client, alice)
    async with serve(secret_key=f"{new},{old}", is_ready=False) as client:
        await _until_answered(client, alice)
        rotated = await rename(client, alice)
    async with serve(secret_key=new, is_ready=False) as client:
        lost = await _until_answered(client, alice)

        assert (rotated.content, is_replayed(rotated)) == (first.content, True)
        assert (lost.status_code, code(lost)) == (409, "BAD_REQUEST")
        assert (await Account.get(email_key=HOME)).revision == 2


@asynccontextmanager
async def holding(settings, email):
    """Another transaction has locked an account."""
    connection = await asyncpg.connect(
        **database.credentials(settings.database_url.get_secret_value())
    )
    async with connection.transaction():
        await connection.execute("SELECT FROM accounts WHERE email_key = $1 FOR UPDATE", email)
        yield connection
    await connection.close()


async def test_ends_a_deadlock_with_nothing_done(client, shared_database):
    """503 for a document that waits for who waits for it; tried again, it is done."""
    alice = await factories.signed_up(HOME)
    bob = await factories.signed_up("bob@example.org")
    await factories.requested_change(bob, "new@example.org")
    link = await factories.mailed_link(
        Template.EMAIL_CHANGE_VALIDATION, "refuse", to="bob@example.org"
    )
    variables = {"id": str(link[0]), "token": link[1]}
    async with holding(shared_database, "bob@example.org") as other:
        waiting = asyncio.create_task(send(client, TWO, variables, caller=alice))
        await asyncio.sleep(0.3)  # has Alice, waits for Bob
        await other.execute("SELECT FROM accounts WHERE email_key = $1 FOR UPDATE", HOME)
        locked = await waiting
        between = await name_of_alice()

    answer = await send(client, TWO, variables, caller=alice)

    assert (locked.status_code, between) == (503, "Alice")
    assert locked.headers["retry-after"]
    assert answer.json()["data"]["rename"] == {"revision": 2}


async def open_transactions(settings):
    """Count who is in a transaction and does nothing, from outside."""
    connection = await asyncpg.connect(
        **database.credentials(settings.database_url.get_secret_value())
    )
    try:
        return await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
        )
    finally:
        await connection.close()


async def test_leaves_connections_for_others(serve, shared_database):
    """Logins under keys hold one each while they are hashed, but never the last."""
    async with serve(pool_size=4, bcrypt_cost=13) as client:
        alice = await factories.signed_up(HOME)
        logins = [
            asyncio.create_task(send(client, LOGIN, SIGNED_IN, key=f"{number}"))
            for number in range(6)
        ]
        async with asyncio.timeout(10):
            while not await open_transactions(shared_database):  # noqa: ASYNC110 -- it tells nobody
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)  # for the others that may

        answer = await client.graphql("{ me { email } }", authorization=f"Bearer {alice.token}")

        assert answer.json()["data"] == {"me": {"email": HOME}}
        assert not any(login.done() for login in logins)
        for login in logins:
            login.cancel()
        await asyncio.gather(*logins, return_exceptions=True)


async def test_takes_no_second_connection_for_a_second_write(serve, shared_database):
    """Whoever waits for the account has the others: it would wait for them with the account."""
    write = '%s: updateProfile(nicHandle: $nic, input: {firstName: "%s"}) { __typename }'
    one, many = (
        f"mutation ($nic: NicHandle!) {{ {' '.join(write % (name, name) for name in names)} }}"
        for names in ("A", "ABCDEFGH")
    )
    async with serve(pool_size=4) as client:
        alice = await factories.signed_up(HOME)
        key = await factories.partner()
        await factories.consented(alice, await factories.admitted(key))
        nic, plain = {"nic": alice.account.nic_handle}, {"authorization": f"Bearer {key}"}
        async with holding(shared_database, HOME):
            calls = [asyncio.create_task(send(client, many, nic, caller=key))]
            await asyncio.sleep(0.3)  # is the first to wait for the account
            calls += [asyncio.create_task(client.graphql(one, nic, **plain)) for _ in range(24)]
            await asyncio.sleep(0.3)
        async with asyncio.timeout(10):
            answers = await asyncio.gather(*calls)

        assert {answer.status_code for answer in answers} == {200}
        assert (await Consent.get()).last_used_at is not None


async def test_bounds_the_keys_of_one_client(client):
    """Each leaves a row for a day; those of a stranger are counted."""
    answers = [await send(client, "mutation { logout }", key=f"{n}") for n in range(301)]

    assert [answer.status_code for answer in answers] == [200] * 300 + [429]
    assert code(answers[-1]) == "RATE_LIMITED"
    assert answers[-1].headers["retry-after"] == str(
        answers[-1].json()["errors"][0]["extensions"]["retryAfter"]
    )
    assert await IdempotencyKey.all().count() == 300


@pytest.mark.parametrize("known", [True, False])
async def test_holds_nothing_until_the_step(serve, shared_database, monkeypatch, known):
    """What a second request would wait for tells who has an account: it is let go at once."""
    monkeypatch.setattr(policy, "STEPS", policy.timedelta(seconds=1.5))
    async with serve() as client:
        await factories.signed_up(HOME)
        to = HOME if known else "nobody@example.org"
        started = wall.monotonic()
        asked = asyncio.create_task(send(client, RESET, {"input": {"identifier": to}}))
        await asyncio.sleep(0.75)

        held = await open_transactions(shared_database)

        assert not asked.done()
        assert held == 0
        assert await IdempotencyKey.all().count() == 1
        await asked
        assert wall.monotonic() - started > 1.49
