"""Every mutation of the schema as a client sends it twice, in a world in which it succeeds."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import factories
from factories import PASSWORD
from graphql import (
    get_named_type,
    is_enum_type,
    is_input_object_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
    is_union_type,
)

from models import passwords, spare_emails
from models.challenges import Challenge, Purpose
from models.email_changes import EmailChange
from models.mails import Template
from models.sessions import Opened
from schema import schema

HOME, AWAY, SPARE = "alice@example.org", "away@example.org", "spare@example.org"
KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"
NEXT = "Lantern-Orchard-77-grey"
MUTATIONS = schema._schema.mutation_type.fields  # noqa: SLF001
_LEVELS = 3


@dataclass
class Wish:
    """What somebody sends: the input of a mutation, as which holder, or by which partner's key."""

    given: dict[str, Any] | None
    caller: Opened | str | None = None
    expected: Any = "Account"


async def send(client, document, variables=None, *, key=KEY, caller=None, **headers):
    """Send an operation under a key, in nobody's name or by somebody's token; keep no cookie."""
    if caller is not None:
        token = caller if isinstance(caller, str) else caller.token
        headers["authorization"] = f"Bearer {token}"
    answer = await client.graphql(document, variables, idempotency_key=key, **headers)
    client.cookies.clear()
    return answer


def document(name: str) -> str:
    """The document of a mutation that selects all that it can without arguments."""
    field = MUTATIONS[name]
    selected = "" if is_leaf_type(get_named_type(field.type)) else _selection(field.type, _LEVELS)
    if "input" not in field.args:
        return f"mutation {{ {name} {selected} }}"
    kind = field.args["input"].type
    return f"mutation ($input: {kind}) {{ {name}(input: $input) {selected} }}"


def _selection(kind: Any, levels: int) -> str:
    named = get_named_type(kind)
    if is_union_type(named):
        parts = [f"... on {it.name} {_selection(it, levels)}" for it in named.types]
        return "{ __typename " + " ".join(parts) + " }"
    parts = ["__typename"]
    for name, field in named.fields.items():
        if field.args:
            continue
        if is_leaf_type(get_named_type(field.type)):
            # Of a refusal under another name: there attemptsLeft, say, may be null.
            parts.append(f"its_{name}: {name}" if "message" in named.fields else name)
        elif levels > 1:
            parts.append(f"{name} {_selection(field.type, levels - 1)}")
    return "{ " + " ".join(parts) + " }"


def anything(kind: Any) -> Any:
    """A value that a type takes: the least of it."""
    if is_non_null_type(kind):
        return anything(kind.of_type)
    if is_list_type(kind):
        return [anything(kind.of_type)]
    if is_input_object_type(kind):
        wanted = {name: it for name, it in kind.fields.items() if is_required_input_field(it)}
        return {name: anything(it.type) for name, it in wanted.items()}
    if is_enum_type(kind):
        return next(iter(kind.values))
    return {"Int": 1, "Float": 1.0, "Boolean": True}.get(kind.name, "something")


async def _pending(alice: Opened) -> EmailChange:
    return await factories.requested_change(alice, AWAY)


async def _link(kind: str, template: Template, to: str = HOME) -> dict[str, str]:
    row_id, token = await factories.mailed_link(template, kind, to=to)
    return {"emailChangeId": str(row_id), "token": token}


async def signup(_alice: Opened) -> Wish:
    names = {"firstName": "Bob", "lastName": "Bonnet", "country": "FR", "language": "EN"}
    return Wish({"email": "bob@example.org", "password": PASSWORD} | names, None, "Challenge")


async def confirm_signup(_alice: Opened) -> Wish:
    challenge = await factories.requested_signup("bob@example.org")
    code = await factories.mailed_code(Template.CREATION, to="bob@example.org")
    return Wish({"challengeId": str(challenge.id), "code": code}, None, "OpenedSession")


async def login(_alice: Opened) -> Wish:
    return Wish({"identifier": HOME, "password": PASSWORD}, None, "OpenedSession")


async def logout(alice: Opened) -> Wish:
    return Wish(None, alice, True)


async def revoke_session(alice: Opened) -> Wish:
    other = await factories.logged_in(HOME)
    return Wish({"sessionId": str(other.session.id)}, alice, "SessionsClosed")


async def revoke_other_sessions(alice: Opened) -> Wish:
    await factories.logged_in(HOME)
    return Wish(None, alice, "SessionsClosed")


async def update_profile(alice: Opened) -> Wish:
    return Wish({"firstName": "Alicia"}, alice)


async def request_email_change(alice: Opened) -> Wish:
    return Wish({"newEmail": AWAY, "password": PASSWORD}, alice, "EmailChange")


async def confirm_email_change(alice: Opened) -> Wish:
    await _pending(alice)
    code = await factories.mailed_code(Template.EMAIL_CHANGE_VALIDATION, to=HOME)
    return Wish({"code": code}, alice, "EmailChange")


async def refuse_email_change(alice: Opened) -> Wish:
    await _pending(alice)
    return Wish(await _link("refuse", Template.EMAIL_CHANGE_VALIDATION), None, "EmailChange")


async def cancel_email_change(alice: Opened) -> Wish:
    await _pending(alice)
    return Wish(None, alice, "EmailChange")


async def resend_email_change_code(alice: Opened) -> Wish:
    change = await _pending(alice)
    earlier = change.code_sent_at - timedelta(minutes=2)
    await EmailChange.filter(id=change.id).update(code_sent_at=earlier, requested_at=earlier)
    return Wish(None, alice, "EmailChange")


async def revert_email_change(alice: Opened) -> Wish:
    await factories.accepted_by_code(alice, AWAY)
    link = await _link("revert", Template.EMAIL_CHANGE_ACCEPTED_FORMER)
    return Wish(link, None, "EmailChange")


async def prove_email(alice: Opened) -> Wish:
    await factories.accepted_by_code(alice, AWAY)
    code = await factories.mailed_code(Template.EMAIL_CHANGE_ACCEPTED_NEW, to=AWAY)
    return Wish({"code": code}, alice)


async def resend_proof_code(alice: Opened) -> Wish:
    await factories.accepted_by_code(alice, AWAY)
    proof = await Challenge.get(purpose=Purpose.EMAIL_PROOF)
    proof.created_at -= timedelta(minutes=2)
    await proof.save(update_fields=["created_at"])
    return Wish(None, alice)


async def set_spare_email(alice: Opened) -> Wish:
    return Wish({"spareEmail": SPARE, "password": PASSWORD}, alice)


async def prove_spare_email(alice: Opened) -> Wish:
    await set_spare(alice)
    code = await factories.mailed_code(Template.SPARE_EMAIL_PROOF, to=SPARE)
    return Wish({"code": code}, alice)


async def set_spare(alice: Opened) -> None:
    session = await factories.session_of(alice)
    await spare_emails.set_to(session, SPARE, PASSWORD, policy=factories.POLICY)


async def remove_spare_email(alice: Opened) -> Wish:
    await factories.with_spare(alice, SPARE)
    return Wish({"password": PASSWORD}, alice)


async def request_password_reset(_alice: Opened) -> Wish:
    return Wish({"identifier": HOME}, None, "Challenge")


async def reset_password(_alice: Opened) -> Wish:
    challenge = await passwords.request_reset(
        HOME,
        deliver_to=passwords.MailDestination.PRIMARY,
        client=factories.CLIENT,
        policy=factories.POLICY,
    )
    code = await factories.mailed_code(Template.PASSWORD_RESET, to=HOME)
    given = {"challengeId": str(challenge.id), "code": code, "newPassword": NEXT}
    return Wish(given, None, "PasswordChanged")


async def change_password(alice: Opened) -> Wish:
    given = {"currentPassword": PASSWORD, "newPassword": NEXT}
    return Wish(given, alice, "PasswordChanged")


async def report_compromise(alice: Opened) -> Wish:
    await factories.accepted_by_code(alice, AWAY)
    link = await _link("report", Template.EMAIL_CHANGE_ACCEPTED_FORMER)
    return Wish({"token": link["token"]}, None, "CompromiseReported")


async def request_consent(alice: Opened) -> Wish:
    asked = {"scopes": ["account:read"], "reason": "To show your services."}
    key = await factories.partner()
    return Wish(asked | {"nicHandle": alice.account.nic_handle}, key, "ConsentRequest")


async def answer_consent(alice: Opened) -> Wish:
    panel = await factories.admitted(await factories.partner())
    consent = await factories.asked_consent(panel, alice.account.nic_handle)
    return Wish({"consentId": str(consent.id)}, alice, "Consent")


async def revoke_consent(alice: Opened) -> Wish:
    panel = await factories.admitted(await factories.partner())
    consent = await factories.consented(alice, panel)
    return Wish({"consentId": str(consent.id)}, alice, "Consent")


async def send_mail(alice: Opened) -> Wish:
    key = await factories.partner()
    await factories.consented(alice, await factories.admitted(key))
    given = {"template": "ORDER_CONFIRMATION", "reference": "BC-4711", "services": ["example.org"]}
    return Wish(given | {"nicHandle": alice.account.nic_handle}, key, "MailQueued")


# In the order of the schema; what has no story here is sent with anything, and refused.
STORIES = {
    "signup": signup,
    "confirmSignup": confirm_signup,
    "login": login,
    "logout": logout,
    "revokeSession": revoke_session,
    "revokeOtherSessions": revoke_other_sessions,
    "updateProfile": update_profile,
    "requestEmailChange": request_email_change,
    "confirmEmailChange": confirm_email_change,
    "refuseEmailChange": refuse_email_change,
    "cancelEmailChange": cancel_email_change,
    "resendEmailChangeCode": resend_email_change_code,
    "revertEmailChange": revert_email_change,
    "proveEmail": prove_email,
    "resendProofCode": resend_proof_code,
    "setSpareEmail": set_spare_email,
    "proveSpareEmail": prove_spare_email,
    "removeSpareEmail": remove_spare_email,
    "requestPasswordReset": request_password_reset,
    "resetPassword": reset_password,
    "changePassword": change_password,
    "reportCompromise": report_compromise,
    "requestConsent": request_consent,
    "grantConsent": answer_consent,
    "refuseConsent": answer_consent,
    "revokeConsent": revoke_consent,
    "sendMail": send_mail,
}
