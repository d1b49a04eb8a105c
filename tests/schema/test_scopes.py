"""Who may read and do what: every field of the printed schema, for every kind of caller.

What is added to the schema has no row here, and fails until somebody has decided about it. Keys
that have expired, or come from elsewhere, are refused before any field is looked at: see
tests/gateway/test_partner_keys.py.
"""

from collections.abc import Iterator
from pathlib import Path

import factories
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    build_schema,
    get_named_type,
    get_nullable_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
)

import schema
from models import consents, partners
from models.scopes import Scope
from schema import execution
from schema.scopes import READABLE

PRINTED = build_schema(Path(schema.__file__).with_name("schema.graphql").read_text("utf-8"))
READ, CONTACT, ACTIVITY = Scope.ACCOUNT_READ, Scope.ACCOUNT_CONTACT, Scope.ACCOUNT_ACTIVITY
HOLDERS_ALONE = None

# The scope that shows a field of an account to a partner.
ACCOUNT = {
    name: scope
    for scope, names in {
        READ: "id nicHandle state firstName lastName organisation legalForm language vatNumber"
        " nationalIdentificationNumber revision createdAt",
        CONTACT: "email emailProven address phone pendingEmailChange emailChanges",
        ACTIVITY: "activity",
        HOLDERS_ALONE: "spareEmail spareEmailProven advice sessions mails consents",
    }.items()
    for name in names.split()
}
# What a partner that may only write is told of what it has written.
WRITERS = {"id", "nicHandle", "revision"}
# What is reached through a field of an account is shown with it.
BELOW = {
    "Address": "line zip city area country",
    "PageInfo": "hasNextPage hasPreviousPage startCursor endCursor",
    "EmailChange": "id newEmail formerEmail state acceptedBy abortReason requestedAt autoAcceptAt"
    " settledAt attemptsLeft revertibleUntil",
    "EmailChangeConnection": "edges pageInfo",
    "EmailChangeEdge": "cursor node",
    "Session": "id ipAddress userAgent createdAt lastUsedAt expiresAt current",
    "Mail": "id template subject text state attempts queuedAt sentAt to",
    "MailConnection": "edges pageInfo",
    "MailEdge": "cursor node",
    # The partner of a line is told to its holder, and to that partner: see test_consents.py.
    "Activity": "id kind at count ipAddress userAgent requestId fields reason partner sessionId"
    " emailChangeId",
    "ActivityConnection": "edges pageInfo",
    "ActivityEdge": "cursor node",
    "Consent": "id partner scopes reason redirectUrl state requestedAt expiresAt answeredAt endedAt"
    " lastUsedAt",
    "ConsentPartner": "name",
    "ConsentConnection": "edges pageInfo",
    "ConsentEdge": "cursor node",
}
EVERYBODY, HOLDER, PARTNER = {"anonymous", "holder", "partner"}, {"holder"}, {"partner"}
# Who gets more than null.
QUERIES = {
    "me": HOLDER,
    "account": HOLDER | PARTNER,  # their own, and by consent
    "profileRules": EVERYBODY,
    "partner": PARTNER,
    "events": PARTNER,
}
# Who is not asked to sign in, or to come with a key.
MUTATIONS = {
    name: who
    for who, names in {
        frozenset(EVERYBODY): "signup confirmSignup login logout refuseEmailChange"
        " revertEmailChange requestPasswordReset resetPassword reportCompromise",
        frozenset(HOLDER): "revokeSession revokeOtherSessions requestEmailChange"
        " confirmEmailChange cancelEmailChange resendEmailChangeCode proveEmail resendProofCode"
        " setSpareEmail proveSpareEmail removeSpareEmail changePassword grantConsent refuseConsent"
        " revokeConsent",
        frozenset(PARTNER): "requestConsent sendMail createWebhook rotateWebhookSecret"
        " enableWebhook removeWebhook retryWebhookDelivery",
        frozenset(HOLDER | PARTNER): "updateProfile",
    }.items()
    for name in names.split()
}
# What only a mutation, or another query, hands out: to whoever may call that.
RESULTS = {
    "Query": QUERIES,
    "Mutation": MUTATIONS,
    "Account": ACCOUNT,
    "Partner": "id name firstParty scopes key budget webhooks",
    "PartnerBudget": "limit remaining resetAt",
    "PartnerKey": "id networks createdAt expiresAt lastUsedAt",
    "ProfileRule": "field mandatory pattern minLength maxLength example",
    "Challenge": "id deliveredTo expiresAt",
    "OpenedSession": "session account token",
    "SessionsClosed": "account closedSessions",
    "PasswordChanged": "account closedSessions",
    "CompromiseReported": "nicHandle closedSessions",
    "ConsentRequest": "id scopes expiresAt",
    "Event": "id type at nicHandle",
    "EventConnection": "edges pageInfo",
    "EventEdge": "cursor node",
    "Webhook": "id url types state disabledReason disabledAt failingSince pausedUntil"
    " formerSecretUntil createdAt deliveries",
    "IssuedWebhook": "webhook secret",
    "WebhookDelivery": "id event attempts state queuedAt nextAttemptAt",
    "WebhookDeliveryConnection": "edges pageInfo",
    "WebhookDeliveryEdge": "cursor node",
    "WebhookAttempt": "number at status error duration",
    "MailQueued": "id",
    "FieldError": "field code message",
    "InvalidInputError": "message fields",
    "InvalidCredentialsError": "message",
    "InvalidCodeError": "message attemptsLeft",
    "AddressTakenError": "message",
    "NothingPendingError": "message",
    "NotFoundError": "message",
    "StaleRevisionError": "message revision",
    "TooManyRequestsError": "message retryAt",
    "TooManyWebhooksError": "message",
    "WebhookDisabledError": "message",
}


def objects() -> dict[str, GraphQLObjectType]:
    return {
        name: kind
        for name, kind in PRINTED.type_map.items()
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__")
    }


def paths(kind: GraphQLObjectType, *above: str) -> Iterator[list[str]]:
    """Every way from a type to a field, through types that are not on the way already."""
    for name, field in kind.fields.items():
        yield [name]
        below = get_named_type(field.type)
        if isinstance(below, GraphQLObjectType) and below.name not in above:
            yield from ([name, *rest] for rest in paths(below, *above, kind.name))


def selection(path: list[str]) -> str:
    """The selection of one path; an object at its end is asked for its kind."""
    kind, text, closing = objects()["Account"], "", ""
    for name in path:
        text, closing = f"{text} {{ {name}", f" }}{closing}"
        kind = get_named_type(kind.fields[name].type)
    end = " { __typename }" if isinstance(kind, GraphQLObjectType) else ""
    return text + end + closing


WAYS = list(paths(objects()["Account"]))


def test_every_field_has_its_row():
    """A type, a field, a query or a mutation that is new is decided about here."""
    rows = {
        name: set(fields.split() if isinstance(fields, str) else fields)
        for name, fields in (BELOW | RESULTS).items()
    }

    assert rows == {name: set(kind.fields) for name, kind in objects().items()}


def test_walks_all_that_an_account_leads_to():
    """No type below an account is left out, and none that is not is taken for one."""
    reached = {get_named_type(ending(way)).name for way in WAYS}

    assert {name for name in reached if name in objects()} == set(BELOW)
    assert {way[0] for way in WAYS} == set(ACCOUNT)


def ending(way):
    kind = objects()["Account"]
    for name in way:
        found = get_named_type(kind).fields[name].type
        kind = found
    return found


def test_row_and_table_agree():
    """What a partner reads of a row itself is what the schema's own table says."""
    plain = {
        schema.schema.config.name_converter.apply_naming_config(name): scope
        for name, scope in READABLE.items()
    }

    assert plain == {name: ACCOUNT[name] for name in plain}


async def granted(alice, name, *scopes):
    access = await factories.admitted(await factories.partner(name))
    await factories.consented(alice, access, *scopes)
    return access


async def asking(alice):
    access = await factories.admitted(await factories.partner("Asking"))
    return access, await factories.asked_consent(access, alice.account.nic_handle)


async def with_scope(alice, scope):
    return {"partner": await granted(alice, "With", scope)}, {scope}


async def with_all_but(alice, scope):
    others = [it for it in Scope if it is not scope]
    return {"partner": await granted(alice, "Without", *others)}, set(others)


async def with_all(alice):
    return {"partner": await granted(alice, "All")}, set(Scope)


async def with_less_than_granted(alice):
    """The operator has taken from the partner what the holder gave."""
    await granted(alice, "Less")
    await partners.set_scopes("Less", [READ])
    key = await partners.rotate("Less", partners.KeyTerms())
    return {"partner": await factories.admitted(key)}, {READ}


async def without_consent(_alice):
    return {"partner": await factories.admitted(await factories.partner("Stranger"))}, None


async def let_in_by_another(_alice):
    carol = await factories.signed_up("carol@example.org")
    return {"partner": await granted(carol, "Others")}, None


async def still_asking(alice):
    return {"partner": (await asking(alice))[0]}, None


async def refused(alice):
    access, asked = await asking(alice)
    await consents.refuse(await factories.session_of(alice), asked.id)
    return {"partner": access}, None


async def revoked(alice):
    access, asked = await asking(alice)
    session = await factories.session_of(alice)
    await consents.grant(session, asked.id)
    await consents.revoke(session, asked.id)
    return {"partner": access}, None


async def expired(alice):
    access, asked = await asking(alice)
    await factories.unanswered(asked)
    await consents.expire(asked.id)
    return {"partner": access}, None


async def house(_alice):
    key = await factories.partner("House", first_party=True)
    return {"partner": await factories.admitted(key)}, set(Scope)


async def house_with_one(_alice):
    key = await factories.partner("House", CONTACT, first_party=True)
    return {"partner": await factories.admitted(key)}, {CONTACT}


async def anonymous(_alice):
    return {}, None


async def other_holder(_alice):
    return {"caller": await factories.signed_up("bob@example.org")}, None


async def holder(alice):
    await asking(alice)
    return {"caller": alice}, {*Scope, HOLDERS_ALONE}


CALLERS = [
    anonymous,
    holder,
    other_holder,
    with_all,
    with_less_than_granted,
    without_consent,
    let_in_by_another,
    still_asking,
    refused,
    revoked,
    expired,
    house,
    house_with_one,
]
CASES = [pytest.param(caller, (), id=caller.__name__) for caller in CALLERS] + [
    pytest.param(caller, (scope,), id=f"{caller.__name__}-{scope}")
    for caller in (with_scope, with_all_but)
    for scope in Scope
]


def expected(way, handle, scopes):
    """Data and errors of a document that asks for one path; None for data that are not null."""
    if scopes is None:
        return {"account": None}, []
    scope = ACCOUNT[way[0]]
    if scope in scopes or (way[0] in WRITERS and Scope.PROFILE_WRITE in scopes):
        return None, []
    refusal = [(["account", way[0]], {"code": "FORBIDDEN", "scope": scope})]
    # Where null must not stand, it takes the place of what is around it.
    if is_non_null_type(objects()["Account"].fields[way[0]].type):
        return {"account": None}, refusal
    return {"account": {way[0]: None}}, refusal


@pytest.mark.parametrize(("caller", "how"), CASES)
async def test_shows_each_field_to_whom_it_may(ask, alice, caller, how):
    """Field by field: shown, or refused with the scope that is missing, or no account at all."""
    await factories.requested_change(alice, "new@example.org")
    who, scopes = await caller(alice, *how)
    variables, different = {"h": alice.account.nic_handle}, []

    for way in WAYS:
        document = f"query ($h: NicHandle!) {{ account(nicHandle: $h) {selection(way)} }}"
        answer = await ask(document, variables=variables, **who)
        errors = [(it["path"], it["extensions"]) for it in answer.errors]
        shown = None if answer.data["account"] and not errors else answer.data
        if (shown, errors) != expected(way, alice.account.nic_handle, scopes):
            different.append((way, answer.data, errors))

    assert different == []


@pytest.mark.parametrize(("caller", "how"), CASES)
async def test_refuses_fields_beside_those_that_it_shows(ask, alice, caller, how):
    """In one document each is shown or refused in its own place."""
    who, scopes = await caller(alice, *how)
    nullable = [
        name
        for name, field in objects()["Account"].fields.items()
        if not is_non_null_type(field.type)
    ]
    fields = " ".join(selection([name]).strip(" {}") for name in nullable)
    fields = fields.replace("__typename", "__typename }")

    answer = await ask(
        f"query ($h: NicHandle!) {{ account(nicHandle: $h) {{ __typename {fields} }} }}",
        variables={"h": alice.account.nic_handle},
        **who,
    )

    refusals = {it["path"][-1]: it["extensions"]["scope"] for it in answer.errors}
    if scopes is None:
        assert (answer.data, refusals) == ({"account": None}, {})
    else:
        missing = {name: ACCOUNT[name] for name in nullable if ACCOUNT[name] not in scopes}
        assert refusals == missing
        assert set(answer.data["account"]) == {"__typename", *nullable}


async def test_unknown_account_is_as_one_without_consent(ask, alice):
    """To a partner both are null, without an error, whatever is asked for."""
    stranger = await factories.admitted(await factories.partner("Stranger"))
    document = (
        "query ($h: NicHandle!) { account(nicHandle: $h) { id email mails { edges { cursor } } } }"
    )

    for handle in (alice.account.nic_handle, "zz000000-OVH", "", "nobody", "x" * 9999, "\0"):
        answer = await ask(document, partner=stranger, variables={"h": handle})
        assert (answer.data, answer.errors) == ({"account": None}, [])


KINDS = {
    "anonymous": ("anonymous", anonymous),
    "holder": ("holder", holder),
    "partner with consent": ("partner", with_all),
    "partner without consent": ("partner", without_consent),
    "first-party": ("partner", house),
}


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("kind", KINDS)
async def test_answers_each_query_to_whom_it_may(ask, alice, kind, name):
    """Others get null; without an error, unless they cannot have meant themselves."""
    who, caller = KINDS[kind]
    given, _ = await caller(alice)
    values = {"nicHandle": f'"{alice.account.nic_handle}"', "country": '"FR"'}
    arguments = PRINTED.query_type.fields[name].args
    given_all = [it for it, argument in arguments.items() if is_required_argument(argument)]
    wanted = ", ".join(f"{it}: {values[it]}" for it in given_all)

    answer = await ask(f"{{ {name}{f'({wanted})' if wanted else ''} {{ __typename }} }}", **given)

    may = who in QUERIES[name] and (name != "account" or kind != "partner without consent")
    assert answer.codes == (["UNAUTHENTICATED"] if name == "events" and not may else [])
    assert (answer.data[name] is not None) is may


def least(kind):
    """The least that an input may be."""
    kind = get_nullable_type(kind)
    if is_list_type(kind):
        return []
    if isinstance(kind, GraphQLInputObjectType):
        return {
            name: least(field.type)
            for name, field in kind.fields.items()
            if is_required_input_field(field)
        }
    return next(iter(kind.values)) if isinstance(kind, GraphQLEnumType) else ""


@pytest.mark.parametrize("name", MUTATIONS)
@pytest.mark.parametrize("kind", KINDS)
async def test_lets_in_to_each_mutation_whom_it_may(ask, alice, kind, name):
    """Others are UNAUTHENTICATED, whatever they send; a key opens no holder's mutation."""
    who, caller = KINDS[kind]
    given, _ = await caller(alice)
    arguments = PRINTED.mutation_type.fields[name].args
    variables = {"input": least(arguments["input"].type)} if "input" in arguments else {}
    head = f"($input: {arguments['input'].type})" if variables else ""
    fields = "" if name == "logout" else "{ __typename }"
    call = f"{name}(input: $input)" if variables else name

    answer = await ask(f"mutation {head} {{ {call} {fields} }}", variables=variables, **given)

    codes = [] if who in MUTATIONS[name] else ["UNAUTHENTICATED"]
    if (name, kind) == ("requestConsent", "first-party"):
        codes = ["FORBIDDEN"]
    assert answer.codes == codes


PLAIN = "id nicHandle state email emailProven spareEmail firstName language advice createdAt"


@pytest.mark.parametrize(
    "document",
    [
        f"{{ me {{ {PLAIN} }} }}",
        f"query ($h: NicHandle!) {{ account(nicHandle: $h) {{ {PLAIN} }} }}",
    ],
    ids=["me", "account"],
)
async def test_holders_keep_the_fast_road(ask, alice, document, monkeypatch):
    """Their plain fields are read by a plan, without an executor, whoever has asked before."""
    variables = {"h": alice.account.nic_handle} if "$h" in document else None
    house_key = await factories.partner("House", READ, CONTACT, first_party=True)
    partner = await factories.admitted(house_key)
    first = await ask(document, caller=alice, variables=variables)
    beside = await ask(document, partner=partner, variables=variables)

    def of(*_arguments, **_options):
        raise AssertionError("An executor was made.")

    monkeypatch.setattr(execution.Executor, "of", of)
    again = await ask(document, caller=alice, variables=variables)

    assert again.errors == []
    assert again.data == first.data
    assert again.result["email"] == "alice@example.org"
    # `advice` is the holder's, and must not be null: it takes the account with it.
    assert set(beside.data.values()) == {None}
    assert beside.codes == (["FORBIDDEN"] * len(beside.errors))
