"""Refusals as data: each union lists exactly what its operation may refuse, and nothing hides."""

import re
from datetime import UTC, datetime
from typing import get_args, get_type_hints

import factories
import pytest
from graphql import GraphQLObjectType, GraphQLUnionType
from inputs import INPUTS, KEYED

from models import (
    accounts,
    compromises,
    consents,
    email_changes,
    passwords,
    proofs,
    sessions,
    signups,
    spare_emails,
    webhooks,
)
from models.accounts import AddressTakenError, StaleRevisionError
from models.challenges import InvalidCodeError
from models.credentials import InvalidCredentialsError
from models.email_changes import NothingPendingError, TooManyRequestsError
from models.errors import DomainError, Fault, FaultCode, InvalidInputError, OverloadedError
from models.profiles import Language
from models.sessions import NotFoundError
from models.webhooks import TooManyWebhooksError, WebhookDisabledError
from schema import messages, schema
from schema.errors import REFUSALS

OPERATIONS = {
    "signup": (signups, "request"),
    "confirmSignup": (signups, "confirm"),
    "login": (sessions, "login"),
    "revokeSession": (sessions, "revoke"),
    "revokeOtherSessions": (sessions, "revoke_others"),
    "updateProfile": (accounts, "update_profile"),
    "requestEmailChange": (email_changes, "request"),
    "confirmEmailChange": (email_changes, "confirm"),
    "refuseEmailChange": (email_changes, "refuse"),
    "cancelEmailChange": (email_changes, "cancel"),
    "resendEmailChangeCode": (email_changes, "resend"),
    "revertEmailChange": (email_changes, "revert"),
    "proveEmail": (proofs, "prove"),
    "resendProofCode": (proofs, "resend"),
    "setSpareEmail": (spare_emails, "set_to"),
    "proveSpareEmail": (spare_emails, "prove"),
    "removeSpareEmail": (spare_emails, "remove"),
    "requestPasswordReset": (passwords, "request_reset"),
    "resetPassword": (passwords, "reset"),
    "changePassword": (passwords, "change"),
    "reportCompromise": (compromises, "report"),
    "requestConsent": (consents, "request"),
    "grantConsent": (consents, "grant"),
    "refuseConsent": (consents, "refuse"),
    "revokeConsent": (consents, "revoke"),
    "sendMail": (consents, "send_mail"),
    "createWebhook": (webhooks, "create"),
    "rotateWebhookSecret": (webhooks, "rotate_secret"),
    "enableWebhook": (webhooks, "enable"),
    "removeWebhook": (webhooks, "remove"),
    "retryWebhookDelivery": (webhooks, "retry"),
}
# The result of refusing and reverting is one; a change that can be reverted is never pending. Only
# whoever names an account may name one that is not there.
SHARED = {
    "revertEmailChange": {"NothingPendingError"},
    "updateProfile": {"NotFoundError"},
}
# Beside the unions: an error of its own.
TOP_LEVEL = {"ForbiddenError", "NoConsentNeededError"}
# What needs no session: the rest asks for one first.
OPEN = {
    "signup",
    "confirmSignup",
    "login",
    "refuseEmailChange",
    "revertEmailChange",
    "requestPasswordReset",
    "resetPassword",
    "reportCompromise",
}
HASHING = [
    "signup",
    "login",
    "requestEmailChange",
    "setSpareEmail",
    "removeSpareEmail",
    "resetPassword",
    "changePassword",
]
AT = datetime(2026, 11, 23, 3, 46, 0, 123456, tzinfo=UTC)
# One of each, with what a client reads of it besides the message.
SAMPLES = [
    (
        InvalidInputError([Fault("address.zip", FaultCode.TOO_LONG, 12)]),
        {
            "fields": [
                {
                    "field": "address.zip",
                    "code": "TOO_LONG",
                    "message": "At most 12 characters are possible.",
                }
            ]
        },
    ),
    (InvalidCredentialsError(), {}),
    (InvalidCodeError(3), {"attemptsLeft": 3}),
    (AddressTakenError(), {}),
    (NotFoundError(), {}),
    (NothingPendingError(), {}),
    (StaleRevisionError(7), {"revision": 7}),
    (TooManyRequestsError(AT), {"retryAt": "2026-11-23T03:46:00.123Z"}),
    (TooManyWebhooksError(), {}),
    (WebhookDisabledError(), {}),
]
NAMES = [type(refusal).__name__ for refusal, _ in SAMPLES]


def members(mutation):
    """The names of the refusals in a mutation's union."""
    printed = schema._schema  # noqa: SLF001 -- strawberry has no public way to it
    union = printed.mutation_type.fields[mutation].type
    assert isinstance(union, GraphQLUnionType)
    refusal = printed.get_type("UserError")
    return {
        member.name
        for member in union.types
        if isinstance(member, GraphQLObjectType) and refusal in member.interfaces
    }


def test_knows_every_mutation_and_every_refusal():
    """What is added to the schema is added here."""
    fields = schema._schema.mutation_type.fields  # noqa: SLF001

    assert set(fields) - {"logout"} == set(OPERATIONS) == set(INPUTS)
    assert set(NAMES) == {refusal.error_type.__name__ for refusal in REFUSALS}


@pytest.mark.parametrize("mutation", OPERATIONS)
def test_lists_what_the_operation_says_it_refuses(mutation):
    """The members of a union are what the operation raises, by its docstring, or returns."""
    module, name = OPERATIONS[mutation]
    operation = getattr(module, name)
    raised = set(re.findall(r"\w+Error\b", operation.__doc__.partition("Raises")[2]))
    returned = {
        kind.__name__
        for kind in get_args(get_type_hints(operation)["return"])
        if issubclass(kind, DomainError)
    }

    assert members(mutation) == (raised | returned | SHARED.get(mutation, set())) - TOP_LEVEL


@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
@pytest.mark.parametrize("mutation", OPERATIONS)
async def test_answers_a_refusal_as_data_where_the_union_lists_it(
    ask, alice, monkeypatch, mutation, sample
):
    """Elsewhere it is a bug of ours, and shows as one: INTERNAL, without a word of it."""
    refusal, payload = sample

    async def refuse(*_arguments, **_options):
        raise refusal

    monkeypatch.setattr(*OPERATIONS[mutation], refuse)
    name = type(refusal).__name__

    callers = {"caller": alice}
    if mutation in KEYED:
        callers = {"partner": await factories.admitted(await factories.partner())}

    answer = await ask.mutate(mutation, INPUTS[mutation], **callers)

    if name in members(mutation):
        only_password = name == "InvalidCredentialsError" and mutation != "login"
        message = (messages.WRONG_PASSWORD if only_password else messages.REFUSALS[name])[
            Language.EN
        ]
        assert answer.result == {"__typename": name, "message": message} | payload
    else:
        assert answer.data == {mutation: None}
        assert answer.codes == ["INTERNAL"]
        assert answer.errors[0]["message"] == "Internal error."


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("code", FaultCode)
async def test_says_every_fault_in_both_languages(ask, alice, monkeypatch, code, language):
    """No sentence leaves its placeholder open; a password's length is told in bytes."""

    async def refuse(*_arguments, **_options):
        raise InvalidInputError([Fault("firstName", code, 12), Fault("newPassword", code, 72)])

    monkeypatch.setattr(accounts, "update_profile", refuse)
    alice.account.language = language
    await alice.account.save()

    answer = await ask.mutate("updateProfile", {}, caller=alice)

    sentences = [fault["message"] for fault in answer.result["fields"]]
    assert not [sentence for sentence in sentences if "{" in sentence or "None" in sentence]
    assert ("72" in sentences[1]) is (code in {FaultCode.TOO_SHORT, FaultCode.TOO_LONG})


@pytest.mark.parametrize(
    ("accepted", "message"),
    [(Language.FR, "Vous n’êtes pas connecté."), (None, "You are not signed in.")],
)
@pytest.mark.parametrize("mutation", [name for name in OPERATIONS if name not in OPEN])
async def test_asks_for_a_session_first(ask, mutation, accepted, message):
    """Not signed in is a top-level error beside a null result."""
    answer = await ask.mutate(mutation, INPUTS[mutation], accepted=accepted)

    assert answer.data == {mutation: None}
    (error,) = answer.errors
    assert error["message"] == message
    assert error["path"] == [mutation]
    assert error["extensions"] == {"code": "UNAUTHENTICATED"}


@pytest.mark.parametrize("mutation", HASHING)
async def test_says_when_there_is_no_room(ask, alice, monkeypatch, mutation):
    """A full queue of hashes is RATE_LIMITED, with the seconds to wait."""

    async def refuse(*_arguments, **_options):
        raise OverloadedError(retry_after=5)

    monkeypatch.setattr(*OPERATIONS[mutation], refuse)

    answer = await ask.mutate(mutation, INPUTS[mutation], caller=alice)

    (error,) = answer.errors
    assert error["message"] == "Too many requests. Try again in a moment."
    assert error["extensions"] == {"code": "RATE_LIMITED", "retryAfter": 5}


async def test_speaks_the_accounts_language_before_the_browsers(ask, alice):
    """Signed in, the account's language counts; Accept-Language is for strangers."""
    answer = await ask.mutate(
        "confirmEmailChange", {"code": ""}, caller=alice, accepted=Language.FR
    )

    assert answer.result["message"] == "There is nothing to confirm at the moment."


async def test_keeps_the_answers_beside_a_refused_field(ask, alice):
    """Results are nullable: one refusal does not take the answers of other mutations with it."""
    document = """mutation {
      logout
      proveEmail(input: {code: ""}) { __typename }
      updateProfile(input: {firstName: "Eve"}) { __typename }
      again: logout
    }"""

    answer = await ask(document, caller=alice)

    assert answer.data == {
        "logout": True,
        "proveEmail": None,
        "updateProfile": None,
        "again": True,
    }
    assert answer.codes == ["UNAUTHENTICATED"] * 2
