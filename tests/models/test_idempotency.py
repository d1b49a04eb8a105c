"""Idempotency keys: claimed by one, answered from for a day, of no use without the key itself."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tortoise.connection import get_connection

from models import clock, housekeeping, idempotency
from models.idempotency import Claim, IdempotencyKey, OtherBodyError, UnreadableError
from models.transactions import transaction

SECRETS = [b"a key for tests only"]
BODY, OTHER = b"b" * 32, b"o" * 32
ASKED = Claim("anonymous", "a-key", BODY)
ANSWER = b"the answer, with a token in it"
MANY = 8


async def once(asked, answer=ANSWER, *, secrets=SECRETS):
    """Claim a key, and keep an answer if it was free; return what is answered."""
    async with transaction():
        kept = await idempotency.claim(asked, secrets)
        if kept is not None:
            return kept
        await asyncio.sleep(0.01)
        await idempotency.keep(asked, answer, secrets)
        return answer


async def aged(age):
    await IdempotencyKey.all().update(created_at=await clock.now() - age)


async def test_answers_as_the_first_time(tables):
    """Whatever the second would have answered."""
    first = await once(ASKED)

    assert (first, await once(ASKED, b"another")) == (ANSWER, ANSWER)


async def test_lets_one_of_many_do_it(open_pool):
    """The others wait for its commit, and have its answer."""
    answers = await asyncio.gather(*(once(ASKED, b"%d" % number) for number in range(MANY)))

    assert len(set(answers)) == 1
    assert await IdempotencyKey.all().count() == 1


async def test_leaves_a_key_free_that_came_to_nothing(open_pool):
    """Who waits for one that fails does it themselves."""

    async def fail():
        async with transaction():
            await idempotency.claim(ASKED, SECRETS)
            await asyncio.sleep(0.05)
            raise ValueError

    failed, answer = await asyncio.gather(
        fail(), asyncio.create_task(once(ASKED)), return_exceptions=True
    )

    assert (type(failed), answer) == (ValueError, ANSWER)
    assert await once(ASKED, b"another") == ANSWER


async def test_refuses_another_body(tables):
    """The answer stays that of the first."""
    await once(ASKED)

    with pytest.raises(OtherBodyError):
        await once(Claim(ASKED.caller, ASKED.key, OTHER), b"another")

    assert await once(ASKED) == ANSWER


@pytest.mark.parametrize(
    "other", [Claim("token:x", "a-key", BODY), Claim("anonymous", "b-key", BODY)]
)
async def test_keeps_callers_and_keys_apart(tables, other):
    """Another caller's same key is another, as another key of the same caller is."""
    await once(ASKED)

    assert await once(other, b"another") == b"another"


@pytest.mark.parametrize(
    ("age", "answer"),
    [
        (idempotency.LIFETIME - timedelta(minutes=1), ANSWER),
        (idempotency.LIFETIME + timedelta(minutes=1), b"another"),
    ],
)
async def test_answers_for_a_day(tables, age, answer):
    """A row that is too old and still there is taken over, body and all."""
    await once(ASKED)
    await aged(age)

    asked = Claim(ASKED.caller, ASKED.key, BODY if answer == ANSWER else OTHER)
    assert await once(asked, b"another") == answer
    assert await once(asked, b"a third") == answer


async def test_removes_what_is_too_old(tables):
    """Housekeeping leaves the others."""
    await once(ASKED)
    await aged(idempotency.LIFETIME + timedelta(minutes=1))
    await once(Claim("anonymous", "young", BODY))

    await housekeeping.remove_expired()

    assert [row.digest for row in await IdempotencyKey.all()] == [
        Claim("anonymous", "young", BODY).digest
    ]


async def test_takes_over_an_old_row_once(open_pool):
    """Of many who find the same old row one does it anew."""
    await once(ASKED, b"old")
    await aged(idempotency.LIFETIME + timedelta(minutes=1))

    answers = await asyncio.gather(*(once(ASKED, b"%d" % number) for number in range(MANY)))

    assert len(set(answers)) == 1
    assert b"old" not in answers


async def test_stores_neither_key_nor_answer(tables):
    """The row has digests and what nobody can read."""
    await once(Claim("token:a-token", "a-key-of-theirs", BODY), ANSWER)

    rows = await get_connection("default").execute_query_dict("TABLE idempotency_keys")

    stored = b"".join(
        value if isinstance(value, bytes) else str(value).encode() for value in rows[0].values()
    )
    assert not any(text in stored for text in (b"a-token", b"a-key", ANSWER[:12]))


@pytest.mark.parametrize(
    ("asked", "secrets"),
    [
        (Claim("anonymous", "guess", BODY), SECRETS),
        (Claim("token:x", "a-key", BODY), SECRETS),
        (Claim("anonymous", "a-key", OTHER), SECRETS),
        (ASKED, [b"another secret of ours"]),
    ],
    ids=["key", "caller", "body", "secret"],
)
def test_reads_an_answer_with_all_of_it_only(asked, secrets):
    """Who has the table and lacks the key, or the server's secret, has nothing."""
    sealed = ASKED.seal(ANSWER, SECRETS[0])

    with pytest.raises(UnreadableError):
        asked.unseal(sealed, secrets)

    assert ASKED.unseal(sealed, [b"a newer secret", *SECRETS]) == ANSWER


async def test_tells_that_an_answer_is_lost(tables):
    """Done under a secret that is no longer ours: not done again."""
    await once(ASKED)

    with pytest.raises(UnreadableError):
        await once(ASKED, secrets=[b"another secret of ours"])

    assert await IdempotencyKey.all().count() == 1


@settings(deadline=None)
@given(st.binary(), st.text(), st.text(alphabet=[chr(code) for code in range(33, 127)], min_size=1))
def test_seals_whatever_it_is(answer, caller, key):
    """Any bytes, of any caller, and never twice alike."""
    asked = Claim(caller, key, BODY)

    sealed = [asked.seal(answer, SECRETS[0]) for _ in range(2)]

    assert [asked.unseal(it, SECRETS) for it in sealed] == [answer] * 2
    assert sealed[0] != sealed[1]
