"""Sessions: open logins. A token in the client's hands, its digest here.

open ── logout · revoked · account moved · 30 days idle · 90 days ──▶ gone
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from tortoise import fields
from tortoise.expressions import RawSQL
from tortoise.models import Model
from tortoise.queryset import QuerySet

from models import accounts, clock, credentials, devices, notices, statements, tokens
from models.accounts import Account, AccountState
from models.clients import Client
from models.credentials import InvalidCredentialsError
from models.devices import Recognised
from models.errors import DomainError, UnauthenticatedError
from models.mails import Template
from models.policy import SESSION_IDLE, SESSION_LIFETIME, Policy
from models.transactions import transaction

_MAX_AGENT = 300
# Compared by PostgreSQL, with PostgreSQL's clock.
_YOUNG = RawSQL(
    f"(sessions.last_used_at > clock_timestamp() - interval '{SESSION_IDLE.days} days'"
    f" AND sessions.created_at > clock_timestamp() - interval '{SESSION_LIFETIME.days} days')"
)
_UNTOUCHED = RawSQL("(sessions.last_used_at < clock_timestamp() - interval '1 minute')")


class NotFoundError(DomainError):
    """There is no such thing, or it is somebody else's; which is not said."""


class Session(Model):
    """One open login; a row that is too old to count is as good as gone."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    account: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField(
        "models.Account", related_name="sessions"
    )
    account_id: UUID
    device_id = fields.UUIDField(null=True)
    token_digest = fields.BinaryField()  # unique in the database
    ip_address = fields.CharField(max_length=45)
    user_agent = fields.CharField(max_length=_MAX_AGENT)
    created_at = fields.DatetimeField()
    last_used_at = fields.DatetimeField()

    class Meta:
        table = "sessions"

    @property
    def expires_at(self) -> datetime:
        """When it ends if it is not used again before."""
        return min(self.last_used_at + SESSION_IDLE, self.created_at + SESSION_LIFETIME)


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that was just opened, with its token, in clear this once."""

    session: Session
    account: Account
    token: str
    origin: Recognised


@dataclass(frozen=True, slots=True)
class SessionsClosed:
    """This many open sessions of an account were closed."""

    account: Account
    closed_sessions: int


async def login(
    identifier: str, password: str, *, client: Client, policy: Policy, by_cookie: bool = False
) -> Opened:
    """Open a session with a NIC-handle or a primary address and the password.

    The holder is told when it comes from a device that the account does not know. Raises
    InvalidCredentialsError, after the same time whether the identifier is known or not.
    """
    account = await accounts.identified(identifier)
    known_hash = account.password_hash if account else None
    right = await credentials.matches(password, known_hash, cost=policy.bcrypt_cost)
    if account is None or not right:
        raise InvalidCredentialsError
    renewed = None
    if credentials.is_outdated(account.password_hash, cost=policy.bcrypt_cost):
        renewed = await credentials.hashed(password, cost=policy.bcrypt_cost)
    async with transaction():
        account = await Account.select_for_update().get(id=account.id)
        if account.state is not AccountState.ACTIVE:
            raise InvalidCredentialsError
        if account.password_hash == known_hash:
            account.password_hash = renewed or known_hash
            await account.save(update_fields=["password_hash"])
            at = await clock.now()
            opened = await open_for(account, client=client, by_cookie=by_cookie, at=at)
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
        user_agent=client.user_agent[:_MAX_AGENT],
        created_at=at,
        last_used_at=at,
    )
    return Opened(session, account, token, origin)


@asynccontextmanager
async def acting(
    session: Session, *, holder_of: str | None = None
) -> AsyncIterator[tuple[Account, datetime]]:
    """As `accounts.locked`, for what only a session of an open account may do.

    Raises UnauthenticatedError when either has been closed since the request came in.
    """
    async with accounts.in_use(session.account_id, holder_of=holder_of) as (account, at):
        if not await Session.exists(id=session.id):
            raise UnauthenticatedError
        yield account, at


@asynccontextmanager
async def with_password(
    session: Session, password: str, *, policy: Policy
) -> AsyncIterator[tuple[Account, datetime]]:
    """As `acting`, for what the password is asked again for. Raises InvalidCredentialsError.

    It is compared before the lock, which must not be held that long, and again if it was set anew
    or rehashed meanwhile.
    """
    account, compared = session.account, ""
    while account.password_hash != compared:
        compared = account.password_hash
        if not await credentials.matches(password, compared, cost=policy.bcrypt_cost):
            raise InvalidCredentialsError
        await account.refresh_from_db(fields=["password_hash"])
    async with acting(session) as (account, at):
        if account.password_hash != compared:
            raise InvalidCredentialsError
        yield account, at


async def find(token: str) -> Session | None:
    """Return the session of a token with its account, if it is open and the account ACTIVE."""
    return (
        await _aged(young=True)
        .filter(token_digest=tokens.digest(token), account__state=AccountState.ACTIVE)
        .select_related("account")
        .get_or_none()
    )


async def of(account_id: UUID) -> list[Session]:
    """List the open sessions of an account, latest use first."""
    return await _aged(young=True).filter(account_id=account_id).order_by("-last_used_at", "id")


async def touch(session: Session) -> None:
    """Note the use of a session, at most once a minute."""
    untouched = Session.annotate(untouched=_UNTOUCHED).filter(id=session.id, untouched=True)
    await untouched.update(last_used_at=RawSQL("clock_timestamp()"))


async def close(session_id: UUID) -> None:
    """End one session; nothing happens if it has ended."""
    await Session.filter(id=session_id).delete()


async def revoke(session: Session, session_id: UUID | None) -> SessionsClosed:
    """Close an open session of the caller's account; its device is forgotten, but not one's own.

    Raises NotFoundError.
    """
    async with acting(session) as (account, _):
        open_ones = _aged(young=True).filter(account_id=account.id)
        revoked = await open_ones.get_or_none(id=session_id) if session_id else None
        if revoked is None:
            raise NotFoundError
        await close(revoked.id)
        if revoked.device_id not in (None, session.device_id):
            await devices.forget_one(revoked.device_id)
    return SessionsClosed(account, 1)


async def revoke_others(session: Session) -> SessionsClosed:
    """Close every session of the account but the caller's; every other device is forgotten."""
    async with acting(session) as (account, _):
        others = _aged(young=True).filter(account_id=account.id).exclude(id=session.id)
        closed = await others.count()
        await close_all(account.id, but=session.id)
        await devices.forget(account.id, but=session.device_id)
    return SessionsClosed(account, closed)


async def close_all(account_id: UUID, *, but: UUID | None = None) -> int:
    """End the sessions of a locked account, but one; return how many."""
    closed = await statements.rows(
        "DELETE FROM sessions WHERE account_id = $1 AND id IS DISTINCT FROM $2 RETURNING id",
        account_id,
        but,
    )
    return len(closed)


async def remove_expired() -> int:
    """Delete the sessions that do not count any more."""
    return await _aged(young=False).delete()


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


def _aged(*, young: bool) -> QuerySet[Session]:
    return Session.annotate(young=_YOUNG).filter(young=young)
