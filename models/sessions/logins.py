"""How a session is opened: with the password, or by an operation that has just made the account."""

from dataclasses import dataclass
from datetime import datetime

from models import accounts, activities, clock, credentials, devices, failed_logins, notices, tokens
from models.accounts import Account, AccountState
from models.activities import ActivityKind
from models.clients import Client
from models.credentials import InvalidCredentialsError
from models.devices import Recognised
from models.mails import Template
from models.policy import Policy
from models.sessions.table import MAX_AGENT, Session
from models.transactions import transaction


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that was just opened, with its token, in clear this once."""

    session: Session
    account: Account
    token: str
    origin: Recognised


async def login(
    identifier: str, password: str, *, client: Client, policy: Policy, by_cookie: bool = False
) -> Opened:
    """Open a session with a NIC-handle or a primary address and the password.

    The holder is told when it comes from a device that the account does not know. Raises
    InvalidCredentialsError, after the same time whether the identifier is known or not.
    """
    account = await _who_knows(password, identifier, policy=policy)
    known_hash, renewed = account.password_hash, None
    if credentials.is_outdated(known_hash, cost=policy.bcrypt_cost):
        renewed = await credentials.hashed(password, cost=policy.bcrypt_cost)
    async with transaction():
        account = await Account.select_for_update().get(id=account.id)
        if account.state is not AccountState.ACTIVE:
            failed_logins.note(account.id)
            raise InvalidCredentialsError
        if account.password_hash == known_hash:
            if renewed is not None:
                account.password_hash = renewed
                await account.save(update_fields=["password_hash"])
            at = await clock.now()
            opened = await open_for(account, client=client, by_cookie=by_cookie, at=at)
            about = {"session": str(opened.session.id)}
            await activities.record(account.id, ActivityKind.LOGIN, at=at, about=about)
            if opened.origin.is_new:
                await _announce(account, client, at=at)
            return opened
    # Set anew, or only rehashed, since it was compared: compare again.
    return await login(identifier, password, client=client, policy=policy, by_cookie=by_cookie)


async def open_for(account: Account, *, client: Client, by_cookie: bool, at: datetime) -> Opened:
    """Open a session of a locked account, on a device that the account knows from now on."""
    origin = await devices.recognise(account.id, client, by_cookie=by_cookie, at=at)
    token, digest = tokens.issue()
    session = await Session.create(
        account_id=account.id,
        device_id=origin.device.id,
        token_digest=digest,
        ip_address=client.ip_address,
        user_agent=client.user_agent[:MAX_AGENT],
        created_at=at,
        last_used_at=at,
    )
    return Opened(session, account, token, origin)


async def _who_knows(password: str, identifier: str, *, policy: Policy) -> Account:
    """Return the account of this identifier and this password. Raises InvalidCredentialsError."""
    account = await accounts.identified(identifier)
    known_hash = account.password_hash if account else None
    right = await credentials.matches(password, known_hash, cost=policy.bcrypt_cost)
    if account is not None and right:
        return account
    if account is not None:
        failed_logins.note(account.id)
    raise InvalidCredentialsError


async def _announce(account: Account, client: Client, *, at: datetime) -> None:
    """Tell every known address that somebody signed in from a new device."""
    await notices.tell(
        Template.LOGIN_NOTIFICATION,
        account,
        before=account.addresses,
        at=at,
        params={
            "opened_at": at.isoformat(),
            "ip_address": client.ip_address,
            "browser": client.browser,
        },
    )
