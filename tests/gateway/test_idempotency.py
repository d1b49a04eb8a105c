"""Idempotency-Key over HTTP: done once, answered alike each time, by the bytes."""

import asyncio
import threading
from datetime import timedelta

import asyncpg
import factories
import pytest
import retries
import secrecy
from factories import PASSWORD, WRONG_CODE
from retries import HOME, KEY, MUTATIONS, STORIES, send
from tortoise.connection import get_connection

from gateway.wakeup import WakeUps
from models import clock, database, idempotency, partners
from models.accounts import Account
from models.challenges import Challenge
from models.consents import Consent
from models.email_changes import EmailChange
from models.idempotency import IdempotencyKey
from models.mails import Mail, Template
from models.partners import KeyTerms
from models.sessions import Session

LOGIN = retries.document("login")
RENAME = """mutation ($name: String!) {
  updateProfile(input: {firstName: $name}) { ... on Account { firstName revision } }
}"""
LOGOUT = "mutation { logout }"
MANY = 5


async def send_wish(client, name, wish, **more):
    variables = {"input": wish.given} if wish.given is not None else None
    return await send(client, retries.document(name), variables, caller=wish.caller, **more)


def told(answer):
    """All of an answer that has to be the same again."""
    kind, cookies = answer.headers["content-type"], answer.headers.get_list("set-cookie")
    return answer.status_code, answer.content, kind, cookies


def is_replayed(answer):
    return answer.headers.get("idempotent-replayed") == "true"


def done(answer):
    """What an answer without errors tells of: its type, or a scalar."""
    assert "errors" not in answer.json(), answer.json()
    (result,) = answer.json()["data"].values()
    return result["__typename"] if isinstance(result, dict) else result


async def revision():
    return (await Account.get(email_key=HOME)).revision


@pytest.mark.parametrize("name", STORIES)
async def test_does_a_mutation_once(client, name):
    """The second answer is the first, to the byte, and nothing is done for it."""
    wish = await STORIES[name](await factories.signed_up(HOME))
    first = await send_wish(client, name, wish)
    after = await factories.everything()

    second = await send_wish(client, name, wish)

    assert done(first) == wish.expected
    assert told(second) == told(first)
    assert (is_replayed(first), is_replayed(second)) == (False, True)
    assert await factories.everything() == after
    assert await IdempotencyKey.all().count() == 1


@pytest.mark.parametrize("name", MUTATIONS)
async def test_answers_a_refusal_again(client, name):
    """Whatever mutation there will be: with anything as input it is refused once and for all."""
    alice = await factories.signed_up(HOME)
    kind = MUTATIONS[name].args["input"].type if "input" in MUTATIONS[name].args else None
    wish = retries.Wish(retries.anything(kind) if kind else None, alice)
    first = await send_wish(client, name, wish)
    after = await factories.everything()

    second = await send_wish(client, name, wish)

    is_data = any(first.json().get("data", {}).values())
    assert told(second) == told(first)
    assert is_replayed(second) is is_data
    assert await factories.everything() == after


@pytest.mark.parametrize("name", ["login", "confirmSignup"])
async def test_hands_over_one_session(client, name):
    """By token or by cookie: the second answer gives what the first gave, and it is good."""
    wish = await STORIES[name](await factories.signed_up(HOME))
    before = await Session.all().count()
    token = retries.Wish(wish.given | {"transport": "TOKEN"})
    answers = [await send_wish(client, name, wish), await send_wish(client, name, wish)]
    answers += [await send_wish(client, name, token, key="other") for _ in range(2)]

    cookies = [answer.headers.get_list("set-cookie") for answer in answers]
    opened = [answer.json()["data"][name] for answer in answers]
    assert [len(cookie) for cookie in cookies] == [2, 2, 0, 0]
    assert cookies[0] == cookies[1]
    if name == "login":
        assert opened[2]["token"] == opened[3]["token"]
        asked = await client.graphql(
            "{ me { email } }", authorization=f"Bearer {opened[3]['token']}"
        )
        assert asked.json()["data"]["me"] == {"email": HOME}
    assert await Session.all().count() == before + (2 if name == "login" else 1)


async def test_counts_a_wrong_code_once(client):
    """The attempt stands, and the retry is none."""
    alice = await factories.signed_up(HOME)
    change = await factories.requested_change(alice, "new@example.org")
    wish = retries.Wish({"code": WRONG_CODE}, alice)

    answers = [await send_wish(client, "confirmEmailChange", wish) for _ in range(2)]

    assert done(answers[0]) == "InvalidCodeError"
    assert told(answers[1]) == told(answers[0])
    assert (await EmailChange.get(id=change.id)).attempts_left == 4


async def test_counts_a_wrong_code_whose_answer_fails(client):
    """Nobody guesses for ever by asking for an answer that cannot be given."""
    alice = await factories.signed_up(HOME)
    change = await factories.requested_change(alice, "new@example.org")
    broken = """mutation ($code: String!, $no: Boolean = true) {
      confirmEmailChange(input: {code: $code}) { __typename @include(if: $no) }
    }"""

    for attempt in range(2):
        variables = {"code": WRONG_CODE, "no": None}
        answer = await send(client, broken, variables, key=f"{attempt}", caller=alice)

        assert answer.json()["data"] == {"confirmEmailChange": None}
    assert (await EmailChange.get(id=change.id)).attempts_left == 3


@pytest.mark.parametrize("name", ["updateProfile", "signup", "login", "requestPasswordReset"])
async def test_does_it_once_when_asked_at_once(client, open_pool, name):
    """Who comes while the first is at it waits, and gets its answer."""
    wish = await STORIES[name](await factories.signed_up(HOME))
    before = await factories.everything()

    answers = await asyncio.gather(*(send_wish(client, name, wish) for _ in range(MANY)))

    after = await factories.everything()
    assert len({str(told(answer)) for answer in answers}) == 1
    assert done(answers[0]) == wish.expected
    assert sum(map(is_replayed, answers)) == MANY - 1
    new = {table: len(after[table]) - len(before[table]) for table in after}
    assert max(new.values()) == 1
    if name == "updateProfile":
        assert await revision() == 2


async def test_refuses_another_body(client):
    """422, and neither the one nor the other is done; the first answer is still there."""
    alice = await factories.signed_up(HOME)
    first = await send(client, RENAME, {"name": "Alicia"}, caller=alice)

    other = await send(client, RENAME, {"name": "Alina"}, caller=alice)
    again = await send(client, RENAME, {"name": "Alicia"}, caller=alice)

    (error,) = other.json()["errors"]
    assert (other.status_code, error["extensions"]) == (422, {"code": "BAD_REQUEST"})
    assert "Idempotency-Key" in error["message"]
    assert told(again) == told(first)
    assert await revision() == 2


async def test_refuses_the_same_body_for_another_media_type(client):
    """An answer in the one form is none to who wants the other."""
    await send(client, LOGOUT)

    other = await send(client, LOGOUT, accept="application/json")

    assert other.status_code == 422


async def test_keeps_callers_apart(client):
    """The same key of two sessions and of nobody are three; whatever else they have in common."""
    alice = await factories.signed_up(HOME)
    phone = await factories.logged_in(HOME)
    bob = await factories.signed_up("bob@example.org")
    callers = [alice, phone, bob, None]

    answers = [await send(client, RENAME, {"name": "Zoe"}, caller=caller) for caller in callers]

    assert [is_replayed(answer) for answer in answers] == [False] * 4
    assert await IdempotencyKey.all().count() == 3  # nobody was told to sign in
    assert await Account.filter(first_name="Zoe").count() == 2


async def test_knows_a_partner_by_any_of_its_keys(client):
    """A rotated key answers for the older one; a revoked one gets nothing any more."""
    key = await factories.partner("Bills")
    other = await partners.rotate("Bills", KeyTerms())
    first = await send(client, LOGOUT, authorization=f"Bearer {key}")

    second = await send(client, LOGOUT, authorization=f"Bearer {other}")
    await partners.revoke("Bills")
    third = await send(client, LOGOUT, authorization=f"Bearer {other}")

    assert told(second) == told(first)
    assert is_replayed(second)
    assert (third.status_code, is_replayed(third)) == (401, False)


async def test_does_once_what_a_partner_does_for_a_holder(client):
    """The holder is told once, and what is done is recorded once."""
    alice = await factories.signed_up(HOME)
    key = await factories.partner()
    await factories.consented(alice, await factories.admitted(key))
    document = """mutation ($nic: NicHandle!) {
      updateProfile(nicHandle: $nic, input: {firstName: "Alicia"}) { ... on Account { revision } }
    }"""
    variables = {"nic": alice.account.nic_handle}
    first = await send(client, document, variables, caller=key)
    after = await factories.everything()

    second = await send(client, document, variables, caller=key)

    assert first.json()["data"] == {"updateProfile": {"revision": 2}}
    assert (told(second), is_replayed(second)) == (told(first), True)
    assert await factories.everything() == after
    assert (await Consent.get()).last_used_at is not None


async def test_answers_who_has_signed_out(client):
    """The session that made the call may be gone: whoever shows its token made the call."""
    alice = await factories.signed_up(HOME)

    answers = [await send(client, LOGOUT, caller=alice) for _ in range(2)]

    assert told(answers[0]) == told(answers[1])
    assert is_replayed(answers[1])
    assert await Session.all().count() == 0


@pytest.mark.parametrize("key", ["", "a" * 256, "two words", "caf\u00e9".encode(), "a\x7f"])
async def test_refuses_what_is_no_key(client, key):
    """The sentence names the header; nothing is done."""
    alice = await factories.signed_up(HOME)

    answer = await send(client, RENAME, {"name": "Alicia"}, key=key, caller=alice)

    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["errors"][0]["message"]
    assert await revision() == 1


async def test_refuses_two_keys(client):
    """Which of them counts would be a guess."""
    headers = [("idempotency-key", "one"), ("idempotency-key", "two")]

    answer = await client.post("/graphql", json={"query": LOGOUT}, headers=headers)

    assert answer.status_code == 400
    assert await IdempotencyKey.all().count() == 0


@pytest.mark.parametrize("key", ["a" * 255, "!~", '"quoted"'])
async def test_takes_visible_characters(client, key):
    """As many as 255 of them."""
    answers = [await send(client, LOGOUT, key=key) for _ in range(2)]

    assert [is_replayed(answer) for answer in answers] == [False, True]


@pytest.mark.parametrize("key", [KEY, "", "two words"])
async def test_looks_at_no_key_of_a_query(client, key):
    """A query is the same each time by itself, and answered anew."""
    posted = [await send(client, "{ me { email } }", key=key) for _ in range(2)]
    got = await client.get("/graphql?query={__typename}", headers={"idempotency-key": key})

    assert [answer.status_code for answer in [*posted, got]] == [200] * 3
    assert not any(map(is_replayed, [*posted, got]))
    assert await IdempotencyKey.all().count() == 0


async def test_keeps_nothing_in_clear(client):
    """Neither the key nor an answer, whose token opens an account, is found in any table."""
    await factories.signed_up(HOME)
    given = {"identifier": HOME, "password": PASSWORD, "transport": "TOKEN"}
    answer = await send(client, LOGIN, {"input": given})
    opened = answer.json()["data"]["login"]
    rows = await get_connection("default").execute_query_dict(
        "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
    )
    dump = {row["name"]: "\n".join(await factories.rows_of(row["name"])) for row in rows}

    found = secrecy.found({opened["token"], KEY, PASSWORD}, dump)

    assert len(dump["idempotency_keys"]) > 200
    assert found == []


async def test_forgets_after_a_day(client):
    """What is older is not answered from, be it removed already or not."""
    alice = await factories.signed_up(HOME)
    await send(client, RENAME, {"name": "Alicia"}, caller=alice)
    yesterday = await clock.now() - idempotency.LIFETIME
    await IdempotencyKey.all().update(created_at=yesterday + timedelta(minutes=1))
    young = await send(client, RENAME, {"name": "Alicia"}, caller=alice)
    await IdempotencyKey.all().update(created_at=yesterday)

    other = await send(client, RENAME, {"name": "Alina"}, caller=alice)
    again = await send(client, RENAME, {"name": "Alina"}, caller=alice)

    assert [is_replayed(it) for it in (young, other, again)] == [True, False, True]
    assert await revision() == 3


@pytest.fixture
def seen_when_woken(monkeypatch, shared_database):
    """How many mails another connection sees each time that the workers are woken."""
    seen = []

    async def look():
        url = shared_database.database_url.get_secret_value()
        connection = await asyncpg.connect(**database.credentials(url))
        seen.append(await connection.fetchval("SELECT count(*) FROM mails"))
        await connection.close()

    def wake(_self):
        thread = threading.Thread(target=lambda: asyncio.run(look()))
        thread.start()
        thread.join()

    monkeypatch.setattr(WakeUps, "wake", wake)
    return seen


async def test_wakes_the_workers_when_there_is_something_to_see(serve, seen_when_woken):
    """A worker that looks before the commit finds nothing, and the mail is late."""
    async with serve() as client:
        wish = await STORIES["requestPasswordReset"](await factories.signed_up(HOME))
        before = await Mail.all().count()

        await send_wish(client, "requestPasswordReset", wish)
        await send_wish(client, "requestPasswordReset", wish)

        assert seen_when_woken == [before + 1]
        assert await Challenge.all().count() == 1
        assert (await factories.newest(Template.PASSWORD_RESET, to=HOME)).recipient == HOME
