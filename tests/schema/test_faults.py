"""Top-level errors: which code an error gets, and what of it may leave."""

import logging

import factories
import pytest
from factories import PASSWORD

from models import email_changes, sessions

SECRET = "Secret-4298-of-the-caller"


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        ("{", None),
        ("{ nothing }", None),
        ("{ me }", None),
        ("{ me { email { x } } }", None),
        ("mutation { login { __typename } }", None),
        ("{ account(nicHandle: 5) { id } }", None),
        ("{ account(nicHandle: null) { id } }", None),
        ("query ($h: NicHandle!) { account(nicHandle: $h) { id } }", {"h": 5}),
        ("query ($h: NicHandle!) { account(nicHandle: $h) { id } }", {"h": ["x"]}),
        ("query ($h: NicHandle!) { account(nicHandle: $h) { id } }", {}),
        ("query ($h: NicHandle!) { account(nicHandle: $h) { id } }", None),
        ("query ($n: Int!) { me { mails(first: $n) { edges { cursor } } } }", {"n": 2**31}),
        ("query ($n: Int!) { me { mails(first: $n) { edges { cursor } } } }", {"n": "5"}),
        ("query ($n: Int!) { me { mails(first: $n) { edges { cursor } } } }", {"n": 1.5}),
        ("{ me { mails(first: " + "9" * 5000 + ") { edges { cursor } } } }", None),
        ("{ me { mails(first: 1.0) { edges { cursor } } } }", None),
        ("{ me { mails(first: 1e400) { edges { cursor } } } }", None),
        ('{ me { mails(after: "\\uD800") { edges { cursor } } } }', None),
        ("{ a" * 600 + " }" * 600, None),
        ("query ($x: " + "[" * 900 + "Int" + "]" * 900 + ") { me { id } }", None),
        ("{ account(nicHandle: " + "[" * 900 + "]" * 900 + ") { id } }", None),
        ("{ me { ...A } } fragment A on Account { ...A }", None),
        ("subscription { me { id } }", None),
        ("{ me { id } }" + " " + "{ me { id } }" * 2, None),
        ("query { " + "me { id } " * 700 + "}", None),
    ],
)
async def test_calls_a_malformed_operation_a_bad_request(ask, alice, document, variables):
    """Syntax, names, types: BAD_REQUEST with a sentence, nothing executed, nothing internal."""
    answer = await ask(document, caller=alice, variables=variables)

    assert not answer.data
    assert answer.errors != []
    assert set(answer.codes) == {"BAD_REQUEST"}
    assert all(error["message"] for error in answer.errors)
    assert not [error for error in answer.errors if "sys.set_int" in error["message"]]


async def test_calls_null_for_a_default_a_bad_request(ask, alice):
    """`Int! = 20` takes no null; found only when its field is executed, the rest stands."""
    answer = await ask(
        "query ($n: Int) { me { email mails(first: $n) { edges { cursor } } } }",
        caller=alice,
        variables={"n": None},
    )

    assert answer.data == {"me": {"email": "alice@example.org", "mails": None}}
    assert answer.codes == ["BAD_REQUEST"]


LOGIN = "mutation ($i: LoginInput!) { login(input: $i) { __typename } }"


@pytest.mark.parametrize(
    "variables",
    [
        {"i": SECRET},
        {"i": {"identifier": "a", "password": [SECRET]}},
        {"i": {"identifier": "a", "password": 4298501234567}},
        {"i": {"password": SECRET}},
        {"i": {"identifier": {"password": SECRET}, "password": SECRET}},
        {"i": {"identifier": "a", "password": SECRET, "transport": SECRET}},
        {"i": {"identifier": "a", "password": "b", SECRET: 1}},
    ],
)
async def test_quotes_no_variable(ask, variables, caplog):
    """What was sent in the wrong place may be a password: no answer and no log repeats it."""
    answer = await ask(LOGIN, variables=variables)

    assert answer.codes == ["BAD_REQUEST"]
    assert not [value for value in (SECRET, "4298501234567") if value in str(answer.errors)]
    assert not [value for value in (SECRET, "4298501234567") if value in caplog.text]


@pytest.mark.parametrize(
    "arguments",
    [
        f'"{SECRET}"',
        f'{{identifier: "a", password: ["{SECRET}"]}}',
        f'{{identifier: "a", password: {{is: "{SECRET}"}}}}',
        '{identifier: "a", password: 4298501234567}',
        f'{{password: "{SECRET}"}}',
        f'{{identifier: "a", password: "b", transport: "{SECRET}"}}',
    ],
)
async def test_quotes_no_literal(ask, arguments, caplog):
    """As with variables: graphql-core would quote the whole input."""
    answer = await ask(f"mutation {{ login(input: {arguments}) {{ __typename }} }}")

    assert set(answer.codes) == {"BAD_REQUEST"}
    assert not [value for value in (SECRET, "4298501234567") if value in str(answer.errors)]
    assert not [value for value in (SECRET, "4298501234567") if value in caplog.text]


@pytest.mark.parametrize("literal", [True, False])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"identifier": "a", "pasword": "x"}, "not to include unknown field 'pasword'."),
        ({"identifier": "a"}, "to include required field 'password'."),
    ],
)
async def test_names_the_field_that_is_wrong(ask, given, said, literal):
    """Who writes a client looks for it; the name of a field is no value."""
    inside = ", ".join(f'{name}: "{value}"' for name, value in given.items())
    document = f"mutation {{ login(input: {{{inside}}}) {{ __typename }} }}" if literal else LOGIN

    answer = await ask(document, variables=None if literal else {"i": given})

    assert any(error["message"].endswith(said) for error in answer.errors)


async def test_quotes_no_default_of_a_variable(ask):
    """A default is a literal, too."""
    answer = await ask(
        f'mutation ($i: LoginInput! = {{password: "{SECRET}"}}) {{ login(input: $i) {{ x }} }}'
    )

    assert set(answer.codes) == {"BAD_REQUEST"}
    assert SECRET not in str(answer.errors)


async def test_quotes_no_object_where_an_address_belongs(ask):
    """The scalars of the house refuse what is no string, without showing it."""
    answer = await ask.mutate("requestEmailChange", {"newEmail": {"is": SECRET}, "password": "x"})

    assert answer.codes == ["BAD_REQUEST"]
    assert SECRET not in str(answer.errors)


async def test_masks_a_fault_of_ours(ask, alice, monkeypatch, caplog):
    """A client learns the request's id and nothing else; the log has the fault."""

    async def fail(*_arguments, **_options):
        raise KeyError(SECRET)

    monkeypatch.setattr(sessions, "of", fail)

    answer = await ask("{ me { email sessions { id } } }", caller=alice)

    assert answer.data == {"me": None}
    (error,) = answer.errors
    assert error["message"] == "Internal error."
    assert error["path"] == ["me", "sessions"]
    assert error["extensions"] == {"code": "INTERNAL", "requestId": "request-1"}
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info[0] is KeyError


@pytest.mark.parametrize("column", ["language", "created_at"])
async def test_masks_a_value_that_cannot_be_returned(ask, alice, monkeypatch, column):
    """An enum or a scalar that cannot be written is our fault, and its value stays here."""
    session = await factories.session_of(alice)
    setattr(session.account, column, "DE-secret")

    async def found(_token):
        return session

    monkeypatch.setattr(sessions, "find", found)

    answer = await ask("{ me { language createdAt } }", caller=alice)

    assert answer.codes == ["INTERNAL"]
    assert "secret" not in str(answer.errors)


async def test_keeps_the_log_free_of_documents_and_variables(ask, alice, monkeypatch, caplog):
    """A fault is logged in full, without what the caller sent."""

    async def fail(*_arguments, **_options):
        raise RuntimeError("the fault")

    monkeypatch.setattr(email_changes, "request", fail)

    answer = await ask.mutate(
        "requestEmailChange", {"newEmail": "new@example.org", "password": PASSWORD}, caller=alice
    )

    assert answer.codes == ["INTERNAL"]
    assert "the fault" in caplog.text
    assert PASSWORD not in caplog.text
    assert "newEmail" not in caplog.text


async def test_wakes_the_workers_after_mutations_only(ask, alice):
    """Once a document, however many mutations it has; a query has nothing to send."""
    query = await ask("{ me { id } }", caller=alice)
    mutation = await ask("mutation { a: logout b: logout }", caller=alice)
    refused = await ask("mutation { nothing }", caller=alice)

    assert [query.wake_ups, mutation.wake_ups, refused.wake_ups] == [0, 1, 0]
