"""Bad input over HTTP: every field of every mutation, what people type and what nobody would."""

import json
import time

import factories
import pytest
from bad_texts import (
    ADDRESSES,
    CODES,
    NAMES,
    NIC_HANDLES,
    PASSWORDS,
    PHONES,
    TOKENS,
)
from factories import CLIENT, PASSWORD
from graphql import GraphQLInputObjectType, get_named_type, get_nullable_type
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inputs import INPUTS, KEYED
from redis.asyncio import Redis
from tortoise.connection import get_connection

from models import passwords, spare_emails
from models.signups import Signup
from schema import schema

TABLES = (
    "accounts",
    "challenges",
    "consents",
    "devices",
    "email_changes",
    "links",
    "mails",
    "nic_handles",
    "sessions",
    "signups",
)
BASES = {mutation: given for mutation, given in INPUTS.items() if given is not None}
AS_IF_A_DAY_HAD_PASSED = """
UPDATE challenges SET attempts_left = 5 WHERE attempts_left < 5;
UPDATE email_changes SET attempts_left = 5 WHERE state = 'PENDING' AND attempts_left < 5;
UPDATE consents SET requested_at = requested_at - interval '1 day'
  WHERE requested_at > now() - interval '1 day';
UPDATE mails SET queued_at = queued_at - interval '1 day'
  WHERE queued_at > now() - interval '1 day';
"""
FEW = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
PASS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def leaves(kind, path=()):
    """Every field of an input, with dots for nesting, and what it is."""
    for name, field in kind.fields.items():
        inner = get_named_type(field.type)
        if isinstance(inner, GraphQLInputObjectType):
            yield from leaves(inner, (*path, name))
        else:
            yield ".".join((*path, name)), inner.name


KINDS = {
    name: str(field.args["input"].type)
    for name, field in schema._schema.mutation_type.fields.items()  # noqa: SLF001
    if "input" in field.args
}
MUTATIONS = {
    name: dict(leaves(get_nullable_type(field.args["input"].type)))
    for name, field in schema._schema.mutation_type.fields.items()  # noqa: SLF001
    if "input" in field.args
}


def named(path, kind):
    """What people and attackers are known to put into such a field."""
    last = path.rpartition(".")[2].lower()
    if kind == "EmailAddress":
        return ADDRESSES
    if last == "identifier":
        return NIC_HANDLES + ADDRESSES
    for word, texts in {
        "password": PASSWORDS,
        "code": CODES,
        "phone": PHONES,
        "token": TOKENS,
    }.items():
        if word in last:
            return texts
    return NAMES + PHONES[:3] + NIC_HANDLES[:2]


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
LONG_TEXT = st.builds(lambda text, times: text * times, ANY_TEXT, st.integers(1, 400))
NO_TEXT = (
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.lists(ANY_TEXT, max_size=2)
    | st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=2)
    | st.just("\ud800")
)


def anything(path, kind):
    return st.sampled_from(named(path, kind)) | ANY_TEXT | LONG_TEXT | NO_TEXT


@st.composite
def inputs(draw, mutation):
    """A mutation, and anything for up to three of its fields."""
    fields = MUTATIONS[mutation]
    paths = draw(st.lists(st.sampled_from(sorted(fields)), min_size=1, max_size=3, unique=True))
    return mutation, {path: draw(anything(path, fields[path])) for path in paths}


class Attack:
    """Somebody with a session who sends inputs, and looks at what became of them."""

    def __init__(self, client, journal, tokens, bases, valkey):
        self.client, self.journal, self.bases, self.valkey = client, journal, bases, valkey
        self.token, self.key = tokens

    async def __call__(self, mutation, changes):
        """Send one input and check what must hold of every answer; return the answer."""
        # Attempts do not run out: the fifth wrong code would end what the next input needs.
        await self.valkey.flushdb()
        await get_connection("default").execute_script(AS_IF_A_DAY_HAD_PASSED)
        before = await _counts()
        self.journal()
        response = await self._send(mutation, changes)
        answer, log = response.json(), json.dumps(self.journal(), ensure_ascii=False)
        refused = "errors" in answer or answer["data"][mutation]["__typename"].endswith("Error")
        assert response.status_code in {200, 400, 413}
        assert {error["extensions"]["code"] for error in answer.get("errors", [])} <= {
            "BAD_REQUEST"
        }
        assert not refused or await _counts() == before
        assert '"level": "error"' not in log
        for secret in _secrets(changes):
            assert secret not in log
            assert secret not in response.text
        return answer

    async def _send(self, mutation, changes):
        values = dict(self.bases[mutation])
        for path, value in changes.items():
            outer, _, inner = path.rpartition(".")
            if outer:
                values[outer] = (values.get(outer) or {}) | {inner: value}
            else:
                values[inner] = value
        kind, token = KINDS[mutation], self.key if mutation in KEYED else self.token
        query = (
            f"mutation ($input: {kind}) {{ {mutation}(input: $input) {{ __typename"
            " ... on InvalidInputError { fields { field code message } } } }"
        )
        return await self.client.post(
            "/graphql",
            content=_json({"query": query, "variables": {"input": values}}),
            headers={"content-type": "application/json", "authorization": f"Bearer {token}"},
        )


@pytest.fixture
async def attack(client, journal, redis_url):
    """Alice has something open for every mutation; a sign-up awaits its code."""
    alice = await factories.signed_up("alice@example.org")
    waiting = await factories.requested_signup("waiting@example.org")
    lost = await passwords.request_reset(
        "alice@example.org",
        deliver_to=passwords.MailDestination.PRIMARY,
        client=CLIENT,
        policy=factories.POLICY,
    )
    session = await factories.session_of(alice)
    await spare_emails.set_to(session, "alice@spare.example.org", PASSWORD, policy=factories.POLICY)
    done = await factories.accepted_by_code(alice, "alice@new.example.org")
    pending = await factories.requested_change(alice, "alice@newer.example.org")
    key = await factories.partner()
    await factories.consented(alice, await factories.admitted(key))
    ids = {
        "sendMail": {"nicHandle": alice.account.nic_handle},
        "confirmSignup": {"challengeId": str(waiting.id)},
        "resetPassword": {"challengeId": str(lost.id)},
        "refuseEmailChange": {"emailChangeId": str(pending.id)},
        "revertEmailChange": {"emailChangeId": str(done.id)},
    }
    bases = {mutation: base | ids.get(mutation, {}) for mutation, base in BASES.items()}
    async with Redis.from_url(redis_url) as valkey:
        yield Attack(client, journal, (alice.token, key), bases, valkey)


def _json(body):
    # A lone surrogate makes it invalid UTF-8.
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")


async def _counts():
    columns = ", ".join(f"(SELECT count(*) FROM {table}) AS {table}" for table in TABLES)
    return (await get_connection("default").execute_query_dict(f"SELECT {columns}"))[0]


def _secrets(changes):
    """The texts among the changes that nobody may repeat; short ones are in any text."""
    for path, value in changes.items():
        if ("password" in path or "code" in path) and isinstance(value, str):
            yield from [value] if len(value.strip()) >= 6 else []


def test_has_a_base_for_every_mutation():
    """A mutation that is added to the schema is attacked, too."""
    assert MUTATIONS.keys() == BASES.keys()
    assert "address.zip" in MUTATIONS["signup"]


@pytest.mark.parametrize("mutation", BASES)
async def test_survives_what_is_known_to_be_typed(attack, mutation):
    """Every named value in every field: a member of the union or BAD_REQUEST, and no more."""
    for path, kind in MUTATIONS[mutation].items():
        for value in [*named(path, kind), None, 5, True, 10**40, [], {}, "\ud800"]:
            await attack(mutation, {path: value})


@FEW
@given(sent=st.fixed_dictionaries({mutation: inputs(mutation) for mutation in BASES}))
async def test_survives_anything(attack, sent):
    """Any text and any JSON in up to three fields at once, of each mutation in turn."""
    for mutation, (_, changes) in sent.items():
        await attack(mutation, changes)


ARGUMENTS = ANY_TEXT | LONG_TEXT | NO_TEXT
PAGES = """query ($first: Int!, $after: String, $country: CountryCode!, $form: LegalForm) {
  profileRules(country: $country, legalForm: $form) { field }
  me { mails(first: $first, after: $after) { pageInfo { endCursor } } }
}"""


@PASS
@given(
    first=st.integers() | ARGUMENTS,
    after=ARGUMENTS,
    country=ARGUMENTS,
    form=st.sampled_from(["INDIVIDUAL", "individual", None]) | ARGUMENTS,
)
async def test_survives_anything_in_a_query(attack, first, after, country, form):
    """Arguments of queries: an answer, or BAD_REQUEST."""
    values = {"first": first, "after": after, "country": country, "form": form}

    response = await attack.client.post(
        "/graphql",
        content=_json({"query": PAGES, "variables": values}),
        headers={"content-type": "application/json", "authorization": f"Bearer {attack.token}"},
    )

    codes = {error["extensions"]["code"] for error in response.json().get("errors", [])}
    assert response.status_code in {200, 400, 413}
    assert codes <= {"BAD_REQUEST"}


@PASS
@given(handle=st.sampled_from(NIC_HANDLES) | ANY_TEXT | LONG_TEXT | NO_TEXT)
async def test_finds_no_account_by_anything(client, handle):
    """A handle that is none reads like an unknown one."""
    query = "query ($handle: NicHandle!) { account(nicHandle: $handle) { id } }"

    response = await client.post(
        "/graphql",
        content=_json({"query": query, "variables": {"handle": handle}}),
        headers={"content-type": "application/json"},
    )

    is_text = isinstance(handle, str) and handle != "\ud800"
    assert response.status_code in ({200, 413} if is_text else {400})
    assert response.json().get("data") == ({"account": None} if response.is_success else None)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("firstName", "   ", "REQUIRED"),
        ("firstName", "x" * 10_000, "TOO_LONG"),
        ("lastName", "<b>Moreau</b>", "INVALID"),
        ("lastName", "a\r\nb", "INVALID"),
        ("country", "FRA", "TOO_LONG"),
        ("country", "XX", "INVALID"),
        ("email", "d" * 300 + "@example.org", "TOO_LONG"),
        ("email", "dana@example.org\r\nBcc: eve@example.org", "INVALID"),
        ("email", "dana\0@example.org", "INVALID"),
        ("email", "  ", "REQUIRED"),
        ("password", "é" * 30 + "abcdefghijklm", "TOO_LONG"),
        ("password", "𝄞" * 13 + "é" * 10 + "a", "TOO_LONG"),
        ("phone", "12", "TOO_SHORT"),
        ("phone", "0" * 300, "TOO_LONG"),
    ],
)
async def test_says_what_is_wrong_with_a_field(attack, field, value, code):
    """The fault names the field and its kind; nothing was written."""
    answer = await attack("signup", {field: value})

    (fault,) = answer["data"]["signup"]["fields"]
    allowed = {code} | ({"INVALID"} if code == "TOO_SHORT" else set())
    assert fault["field"] == field
    assert fault["code"] in allowed
    assert fault["message"].endswith(".")


@pytest.mark.parametrize(
    ("first", "last", "initials"),
    [
        ("Наталья", "Иванова", "xx"),
        ("小明", "王", "xx"),
        ("Éloïse", "Œuvrard", "eo"),
        ("d'Arcy", "O’Brien", "do"),
        ("Ægir", "Łukasz", "al"),
        ("{{ 7 * 7 }}", "${x}", "xx"),
    ],
)
async def test_takes_the_names_of_the_world(client, first, last, initials):
    """Letters of any script; those without a Latin form are x in the NIC-handle."""
    values = BASES["signup"] | {"firstName": first, "lastName": last}

    response = await client.graphql(
        "mutation ($input: SignupInput!) { signup(input: $input) { __typename } }",
        {"input": values},
    )

    signup = await Signup.get()
    assert response.json() == {"data": {"signup": {"__typename": "Challenge"}}}
    assert signup.nic_handle.startswith(initials)
    assert (signup.profile["firstName"], signup.profile["lastName"]) == (first, last)


@pytest.mark.parametrize("phone", [*PHONES[:5], "03\u00a020\u00a012\u00a034\u00a056"])
async def test_takes_phones_as_people_write_them(client, phone):
    """Stored in E.164, whatever stands between the digits."""
    alice = await factories.signed_up("alice@example.org")

    response = await client.graphql(
        "mutation ($input: UpdateProfileInput!) { updateProfile(input: $input)"
        " { ... on Account { phone } } }",
        {"input": {"phone": phone}},
        authorization=f"Bearer {alice.token}",
    )

    assert response.json() == {"data": {"updateProfile": {"phone": "+33320123456"}}}


@pytest.mark.parametrize(
    ("mutation", "field"),
    [
        ("signup", "firstName"),
        ("signup", "password"),
        ("signup", "email"),
        ("login", "password"),
        ("login", "identifier"),
        ("updateProfile", "organisation"),
        ("requestEmailChange", "password"),
        ("proveEmail", "code"),
    ],
)
async def test_answers_long_inputs_at_once(attack, mutation, field):
    """One request of 120 kB must not hold up all others: it is not normalised before measured."""
    marks = "a" + "\u0315\u0316" * 30_000
    started = time.perf_counter()

    await attack(mutation, {field: marks})

    assert time.perf_counter() - started < 1
