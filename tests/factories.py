"""Rows made by the operations themselves, with codes read from the mail, as a person would."""

from datetime import timedelta
from typing import Any

from models import email_changes, sessions, signups
from models.challenges import Challenge
from models.clients import Client
from models.email_changes import EmailChange
from models.mails import Mail, Template
from models.policy import Policy
from models.sessions import Opened, Session

PASSWORD = "Garden-Kettle-42-blue"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
CLIENT = Client("192.0.2.7", FIREFOX)
POLICY = Policy(secret_keys=(b"a key for tests only",), bcrypt_cost=4)
DELAY = timedelta(hours=24)


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
    mail = await Mail.filter(template=template, recipient=to).order_by("-queued_at").first()
    assert mail is not None
    assert mail.secrets is not None
    return mail.secrets["code"]


async def mails_to(address: str) -> list[str]:
    """The templates of all mails to an address, oldest first."""
    found = await Mail.filter(recipient=address).order_by("queued_at", "template")
    return [mail.template for mail in found]
