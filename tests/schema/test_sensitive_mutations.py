"""What is worth repeating to an attacker: charged before it tries, and once in an operation."""

import gc
import time as wall

import factories
import pytest
from factories import PASSWORD
from graphql import GraphQLInputObjectType, get_nullable_type
from tortoise.connection import get_connection

from models.errors import OverloadedError
from models.sessions import Session
from schema import schema
from schema.sensitive_mutations import SENSITIVE

LOGIN = '(input: {identifier: "alice@example.org", password: "wrong"}) { __typename }'
WRONG = "Another-Teapot-17-red"
# What an input with wrong secrets is charged to; SESSION stands for the id of the caller's session.
CHARGES = {
    "signup": [("spend", "signup", "bob@example.org")],
    "confirmSignup": [("spend", "code")],
    "login": [("spend", "login", "alice@example.org")],
    "requestEmailChange": [("spend", "password", "SESSION")],
    "confirmEmailChange": [("spend", "code")],
    "proveEmail": [("spend", "code")],
    "setSpareEmail": [("spend", "password", "SESSION")],
    "proveSpareEmail": [("spend", "code")],
    "removeSpareEmail": [("spend", "password", "SESSION")],
    "requestPasswordReset": [("spend", "reset")],
    "resetPassword": [("spend", "code")],
    "changePassword": [("spend", "password", "SESSION")],
}
INPUTS = {
    "signup": {
        "email": " BOB@example.org",
        "password": PASSWORD,
        "firstName": "Bob",
        "lastName": "Martin",
        "country": "FR",
    },
    "confirmSignup": {"challengeId": "", "code": ""},
    "login": {"identifier": " ALICE@Example.org ", "password": WRONG},
    "requestEmailChange": {"newEmail": "new@example.org", "password": WRONG},
    "confirmEmailChange": {"code": ""},
    "proveEmail": {"code": ""},
    "setSpareEmail": {"spareEmail": "spare@example.org", "password": WRONG},
    "proveSpareEmail": {"code": ""},
    "removeSpareEmail": {"password": WRONG},
    "requestPasswordReset": {"identifier": "alice@example.org"},
    "resetPassword": {"challengeId": "", "code": "", "newPassword": PASSWORD},
    "changePassword": {"currentPassword": WRONG, "newPassword": PASSWORD},
}


class Exhausted:
    """Budgets with nothing left."""

    async def spend(self, *_name):
        raise OverloadedError(retry_after=42)


def test_knows_every_mutation_that_takes_a_password_or_a_code():
    """What is added to the schema is charged, and may not be repeated."""
    fields = schema._schema.mutation_type.fields  # noqa: SLF001
    taking = set()
    for name, field in fields.items():
        kind = get_nullable_type(field.args["input"].type) if "input" in field.args else None
        if isinstance(kind, GraphQLInputObjectType) and any(
            word in part.lower() for part in kind.fields for word in ("password", "code")
        ):
            taking.add(name)

    assert taking | {"requestPasswordReset"} == SENSITIVE == set(CHARGES) == set(INPUTS)


@pytest.mark.parametrize("mutation", CHARGES)
async def test_charges_the_attempt(ask, alice, mutation):
    """However an identifier is written, it is one; a wrong secret is not given back."""
    answer = await ask.mutate(mutation, INPUTS[mutation], caller=alice)

    session = str(alice.session.id)
    expected = [
        tuple(session if part == "SESSION" else part for part in charge)
        for charge in CHARGES[mutation]
    ]
    assert answer.errors == []
    assert answer.context.budgets.charged == expected


@pytest.mark.parametrize("mutation", CHARGES)
async def test_tries_nothing_without_a_budget(ask, alice, monkeypatch, mutation):
    """RATE_LIMITED with the seconds to wait; nothing is written, not even an attempt."""
    before = await factories.everything()

    answer = await ask.mutate(mutation, INPUTS[mutation], caller=alice, budgets=Exhausted())

    (error,) = answer.errors
    assert answer.data == {mutation: None}
    assert error["extensions"] == {"code": "RATE_LIMITED", "retryAfter": 42}
    assert await factories.everything() == before


async def test_clears_the_counter_with_the_right_password(ask, alice):
    """A success ends the row of failures of this pair."""
    login = await ask.mutate("login", {"identifier": "AM1-x", "password": PASSWORD})
    right = await ask.mutate(
        "login", {"identifier": alice.account.nic_handle.upper(), "password": PASSWORD}
    )

    handle = alice.account.nic_handle
    assert login.context.budgets.charged == [("spend", "login", "am1-x")]
    assert right.context.budgets.charged == [("spend", "login", handle), ("clear", "login", handle)]


async def test_gives_back_what_tried_no_password(ask, alice):
    """A typing error in the address is no guess."""
    answer = await ask.mutate(
        "requestEmailChange", {"newEmail": "nonsense", "password": WRONG}, caller=alice
    )

    session = str(alice.session.id)
    assert answer.result["__typename"] == "InvalidInputError"
    assert answer.context.budgets.charged == [
        ("spend", "password", session),
        ("refund", "password", session),
    ]


@pytest.mark.parametrize("mutation", ["signup", "login"])
async def test_gives_back_what_was_not_answered(ask, tables, mutation):
    """Whoever tries again and again while the database is away is not locked out after it."""
    connection = get_connection("default")
    await connection.execute_script("ALTER TABLE accounts RENAME TO away")
    try:
        answer = await ask.mutate(mutation, INPUTS[mutation])
    finally:
        await connection.execute_script("ALTER TABLE away RENAME TO accounts")

    assert answer.codes == ["INTERNAL"]
    assert [verb for verb, *_ in answer.context.budgets.charged] == ["spend", "refund"]


@pytest.mark.parametrize(
    "document",
    [
        f"mutation {{ login{LOGIN} again: login{LOGIN} }}",
        f"mutation {{ ...A b: login{LOGIN} }} fragment A on Mutation {{ a: login{LOGIN} }}",
        f"mutation {{ ... on Mutation {{ a: login{LOGIN} }} ... {{ b: login{LOGIN} }} }}",
        f'mutation {{ login{LOGIN} proveEmail(input: {{code: ""}}) {{ __typename }} }}',
        f"mutation {{ a: login{LOGIN} b: login{LOGIN} @skip(if: true) }}",
        f"mutation A {{ logout }} mutation B {{ a: login{LOGIN} b: login{LOGIN} }}",
    ],
    ids=["alias", "fragments", "inline", "two kinds", "skipped", "other operation"],
)
async def test_refuses_two_in_one_operation(ask, alice, document):
    """BAD_REQUEST before anything is executed or charged."""
    answer = await ask(document, caller=alice)

    assert answer.data is None
    assert set(answer.codes) == {"BAD_REQUEST"}
    assert answer.context.budgets.charged == []
    assert await Session.all().count() == 1


async def test_refuses_a_thousand_aliases_at_once(ask, alice):
    """One request is one attempt, however it is written."""
    aliases = " ".join(f"a{number}: login{LOGIN}" for number in range(1000))
    gc.collect()  # not in the middle, where it would take longer than all else
    started = wall.thread_time()

    answer = await ask(f"mutation {{ {aliases} }}", caller=alice)

    assert answer.data is None
    assert set(answer.codes) == {"BAD_REQUEST"}
    assert answer.context.budgets.charged == []
    assert wall.thread_time() - started < 0.1


async def test_takes_no_time_for_fragments_that_double(ask):
    """Each fragment spreads the next one twice: 2^100 selections that nobody may walk."""
    chain = " ".join(
        f"fragment F{number} on Mutation {{ ...F{number + 1} ...F{number + 1} }}"
        for number in range(100)
    )
    document = f"mutation {{ ...F0 }} {chain} fragment F100 on Mutation {{ login{LOGIN} }}"
    started = wall.thread_time()

    answer = await ask(document)

    assert set(answer.codes) == {"BAD_REQUEST"}
    assert answer.context.budgets.charged == []
    assert wall.thread_time() - started < 1


async def test_survives_fragments_in_a_circle(ask):
    """Another rule refuses them; this one comes to an end."""
    answer = await ask("mutation { ...F } fragment F on Mutation { logout ...F }")

    assert set(answer.codes) == {"BAD_REQUEST"}


async def test_lets_one_stand_beside_others(ask, alice):
    """One login, and whatever holds no secret."""
    answer = await ask(
        f"mutation {{ logout ...F }} fragment F on Mutation {{ login{LOGIN} }}", caller=alice
    )

    assert answer.data == {"logout": True, "login": {"__typename": "InvalidCredentialsError"}}


async def test_counts_what_is_executed(ask):
    """Operations of one document may have one each: only one of them is executed."""
    document = f"mutation One {{ login{LOGIN} }} mutation Two {{ a: login{LOGIN} }}"

    answer = await ask(document, operation="Two")

    assert answer.data == {"a": {"__typename": "InvalidCredentialsError"}}
