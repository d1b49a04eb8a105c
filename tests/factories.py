"""Rows made by the operations themselves, with codes read from the mail, as a person would."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tortoise.connection import get_connection
from tortoise.transactions import in_transaction

from models import (
    clock,
    consents,
    deliveries,
    email_changes,
    events,
    mails,
    partners,
    proofs,
    sessions,
    signups,
    spare_emails,
    webhooks,
)
from models.accounts import Account
from models.activities import Activity
from models.challenges import Challenge, InvalidCodeError
from models.clients import Client
from models.consents import Consent
from models.deliveries import Attempt, Outcome
from models.devices import Device
from models.email_changes import EmailChange, EmailChangeState
from models.events import Event, EventType
from models.links import Link
from models.mails import Mail, Template
from models.nic_handles import NicHandle
from models.partners import Access, KeyTerms, Partner, PartnerKey
from models.policy import Policy
from models.scopes import Scope
from models.sessions import Opened, Session
from models.signups import Signup
from models.webhooks import Issued

PASSWORD = "Garden-Kettle-42-blue"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
CLIENT = Client("192.0.2.7", FIREFOX)
POLICY = Policy(secret_keys=(b"a key for tests only",), bcrypt_cost=4)
DELAY = timedelta(hours=24)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
WRONG_CODE = "BBBB-BBBB"
PANEL = "https://panel.example.org"
_TABLES = (
    Account,
    Activity,
    Challenge,
    Consent,
    Device,
    EmailChange,
    Event,
    Link,
    Mail,
    NicHandle,
    Partner,
    PartnerKey,
    Session,
    Signup,
)


def profile(**changes: str | None) -> dict[str, str | None]:
    return {
        "firstName": "Alice",
        "lastName": "Martin",
        "country": "FR",
        "legalForm": "INDIVIDUAL",
        "language": "EN",
    } | changes


async def requested_signup(email: str, **changes: Any) -> Challenge:
    """A sign-up that awaits its code; `changes` are of the profile."""
    spare_email = changes.pop("spare_email", None)
    wanted = signups.Request(email, PASSWORD, profile(**changes), spare_email)
    return await signups.request(wanted, policy=POLICY)


async def signed_up(email: str, **changes: Any) -> Opened:
    """A confirmed account and the session that its confirmation opened."""
    challenge = await requested_signup(email, **changes)
    code = await mailed_code(Template.CREATION, to=email)
    opened = await signups.confirm(challenge.id, code, client=CLIENT, policy=POLICY)
    assert isinstance(opened, Opened)
    return opened


async def logged_in(identifier: str) -> Opened:
    return await sessions.login(identifier, PASSWORD, client=CLIENT, policy=POLICY)


async def session_of(opened: Opened) -> Session:
    """The session as a request finds it, with the account as it is now."""
    session = await sessions.find(opened.token)
    assert session is not None
    return session


async def requested_change(opened: Opened, new_email: str, policy: Policy = POLICY) -> EmailChange:
    """A pending change that awaits its answer; its mail has not left yet."""
    session = await session_of(opened)
    return await email_changes.request(session, new_email, PASSWORD, client=CLIENT, policy=policy)


async def mailed_code(template: Template, *, to: str) -> str:
    """The code of the newest mail of this kind that waits to be sent."""
    return await mailed_secret(template, "code", to=to)


async def mails_to(address: str) -> list[str]:
    """The templates of all mails to an address, oldest first."""
    found = await Mail.filter(recipient=address).order_by("queued_at", "template")
    return [mail.template for mail in found]


async def delivered(template: Template, *, to: str, outcome: Outcome = Outcome.LEFT) -> Mail:
    """The newest mail of this kind after one attempt of a worker, which ended like this."""
    mail = await newest(template, to=to)
    # Due, whatever a stopped clock wrote into the row.
    await Mail.filter(id=mail.id).update(due_at=LONG_AGO)
    claimed = await mails.claim(mail.id)
    assert claimed is not None
    await deliveries.settle(Attempt(claimed.id, claimed.attempts, outcome, "as the test wants it"))
    return await Mail.get(id=mail.id)


async def accepted_by_code(opened: Opened, new_email: str) -> EmailChange:
    """A change accepted with the code of its mail; the new address is not proven by that."""
    change = await requested_change(opened, new_email)
    accepted = await confirmed(opened, change)
    assert isinstance(accepted, EmailChange)
    return accepted


async def confirmed(opened: Opened, change: EmailChange) -> EmailChange | InvalidCodeError:
    """The holder types the code that the last proven address received."""
    code = await mailed_code(Template.EMAIL_CHANGE_VALIDATION, to=change.former_last_proven_email)
    return await email_changes.confirm(await session_of(opened), code, policy=POLICY)


async def accepted_by_silence(
    opened: Opened, new_email: str, time: Any = None, *, outcome: Outcome = Outcome.LEFT
) -> EmailChange:
    """A change that nobody answered; `time` is the stopped clock, if it is, a day later now."""
    change = await requested_change(opened, new_email)
    if time is None:
        await overdue(change, outcome)
    else:
        asked = change.former_last_proven_email
        await delivered(Template.EMAIL_CHANGE_VALIDATION, to=asked, outcome=outcome)
        time.advance(DELAY)
    assert await email_changes.auto_accept(change.id, policy=POLICY) is None
    await change.refresh_from_db()
    assert change.state is EmailChangeState.DONE
    return change


async def overdue(change: EmailChange, outcome: Outcome = Outcome.LEFT) -> None:
    """The mail of a change has left, and the deadline has passed a moment ago."""
    asked = change.former_last_proven_email
    await delivered(Template.EMAIL_CHANGE_VALIDATION, to=asked, outcome=outcome)
    moment = await clock.now() - timedelta(milliseconds=1)
    await EmailChange.filter(id=change.id).update(auto_accept_at=moment)


async def proven(opened: Opened) -> Account:
    """The account after its holder typed the code that its new primary address received."""
    session = await session_of(opened)
    code = await mailed_code(Template.EMAIL_CHANGE_ACCEPTED_NEW, to=session.account.email)
    account = await proofs.prove(session, code, policy=POLICY)
    assert isinstance(account, Account)
    return account


async def mailed_secret(template: Template, kind: str, *, to: str) -> str:
    """The code or the link (refuse, revert, report) of the newest mail of this kind."""
    mail = await newest(template, to=to)
    assert mail.secrets is not None
    return mail.secrets[kind]


async def mailed_link(template: Template, kind: str, *, to: str) -> tuple[UUID, str]:
    """The id and the token of a link in the newest mail of this kind."""
    secret = await mailed_secret(template, kind, to=to)
    row_id, _, token = secret.partition(".")
    return UUID(row_id), token


async def newest(template: Template, *, to: str) -> Mail:
    mail = await Mail.filter(template=template, recipient=to).order_by("-queued_at").first()
    assert mail is not None
    return mail


async def with_spare(opened: Opened, spare_email: str) -> Account:
    """An account with a proven spare address."""
    await spare_emails.set_to(await session_of(opened), spare_email, PASSWORD, policy=POLICY)
    code = await mailed_code(Template.SPARE_EMAIL_PROOF, to=spare_email)
    account = await spare_emails.prove(await session_of(opened), code, policy=POLICY)
    assert isinstance(account, Account)
    return account


async def partner(name: str = "Panel", *scopes: Scope, **more: Any) -> str:
    """The key of a new partner, which may hold these scopes, or all; `more` is for its terms."""
    made = {"first_party": False, "origins": [PANEL], "terms": KeyTerms()} | more
    _, key = await partners.create(name, scopes=scopes or tuple(Scope), **made)
    return key


async def admitted(key: str) -> Access:
    """Who calls by a key."""
    return await partners.admit(key, CLIENT.ip_address)


async def asked_consent(
    access: Access, nic_handle: str, *scopes: Scope, policy: Policy = POLICY
) -> Consent:
    """What a partner asks of a NIC-handle, which waits for its answer; for all scopes, or these."""
    wanted = [str(scope) for scope in scopes or Scope]
    return await consents.request(
        access, nic_handle, wanted, "To show your services.", None, policy=policy
    )


async def consented(opened: Opened, access: Access, *scopes: Scope) -> Consent:
    """What a holder has granted to a partner: all scopes, or these."""
    asked = await asked_consent(access, opened.account.nic_handle, *scopes)
    return await consents.grant(await session_of(opened), asked.id)


async def unanswered(consent: Consent) -> None:
    """The time of a request is over since a moment."""
    moment = await clock.now() - timedelta(milliseconds=1)
    await Consent.filter(id=consent.id).update(expires_at=moment)


async def access(
    name: str = "Panel",
    *,
    first_party: bool = False,
    scopes: tuple[Scope, ...] = (Scope.ACCOUNT_READ,),
    contact: str | None = None,
) -> Access:
    """A new partner, as a call by its key finds it."""
    more = {"first_party": first_party, "contact": contact}
    return await admitted(await partner(name, *scopes, **more))


async def webhook(
    access: Access,
    url: str = "https://hooks.example.org/in",
    *types: str,
    policy: Policy = POLICY,
) -> Issued:
    """A webhook of a partner, with its secret in clear."""
    return await webhooks.create(access.partner.id, url, types, policy=policy)


async def told(
    account: Account,
    kind: EventType = EventType.ACCOUNT_PROFILE_UPDATED,
    *,
    policy: Policy = POLICY,
) -> Event:
    """Something that happened to an account, and was published."""
    async with in_transaction():
        await events.record(account.id, kind, at=await clock.now())
    event = await Event.all().order_by("-number").first()
    assert event is not None
    await events.publish(policy=policy)
    return event


async def rows_of(table: str) -> list[str]:
    """The rows of a table as PostgreSQL writes them, in one order."""
    rows = await get_connection("default").execute_query_dict(
        f"SELECT t::text AS row FROM {table} t ORDER BY 1"
    )
    return [row["row"] for row in rows]


async def everything() -> dict[str, list[str]]:
    """All rows of all tables: a refusal leaves them as they were."""
    return {table.__name__: sorted(map(str, await table.all().values())) for table in _TABLES}
