"""Sessions: open logins. A token in the client's hands, its digest here.

open ── logout · close · account moved · 30 days idle · 90 days ──▶ gone
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
from tortoise.transactions import in_transaction

from models import accounts, clock, credentials, tokens
from models.accounts import Account, AccountState
from models.clients import Client
from models.credentials import InvalidCredentialsError
from models.errors import UnauthenticatedError
from models.policy import SESSION_IDLE, SESSION_LIFETIME, Policy

_MAX_AGENT = 300
# Compared by PostgreSQL, with PostgreSQL's clock.
_YOUNG = RawSQL(
    f"(sessions.last_used_at > clock_timestamp() - interval '{SESSION_IDLE.days} days'"
    f" AND sessions.created_at > clock_timestamp() - interval '{SESSION_LIFETIME.days} days')"
)
_UNTOUCHED = RawSQL("(sessions.last_used_at < clock_timestamp() - interval '1 minute')")


class Session(Model):
    """One open login; a row that is too old to count is as good as gone."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    account: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField(
        "models.Account", related_name="sessions"
    )
    account_id: UUID
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


async def login(identifier: str, password: str, *, client: Client, policy: Policy) -> Opened:
    """Open a session with a NIC-handle or a primary address and the password.

    Raises InvalidCredentialsError, after the same time whether the identifier is known or not.
    """
    account = await accounts.identified(identifier)
    known_hash = account.password_hash if account else None
    right = await credentials.matches(password, known_hash, cost=policy.bcrypt_cost)
    if account is None or not right:
        raise InvalidCredentialsError
    renewed = None
    if credentials.is_outdated(account.password_hash, cost=policy.bcrypt_cost):
        renewed = await credentials.hashed(password, cost=policy.bcrypt_cost)
    async with in_transaction():
        account = await Account.select_for_update().get(id=account.id)
        if account.state is not AccountState.ACTIVE:
            raise InvalidCredentialsError
        if account.password_hash == known_hash:
            account.password_hash = renewed or known_hash
            await account.save(update_fields=["password_hash"])
            return await open_for(account, client=client, at=await clock.now())
    # Set anew, or only rehashed, since it was compared: compare again.
    return await login(identifier, password, client=client, policy=policy)


async def open_for(account: Account, *, client: Client, at: datetime) -> Opened:
    """Open a session of a locked account."""
    token, digest = tokens.issue()
    session = await Session.create(
        account_id=account.id,
        token_digest=digest,
        ip_address=client.ip_address,
        user_agent=client.user_agent[:_MAX_AGENT],
        created_at=at,
        last_used_at=at,
    )
    return Opened(session, account, token)


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


async def close_all(account_id: UUID, *, but: UUID | None = None) -> int:
    """End the sessions of a locked account, but one; return how many."""
    closing = Session.filter(account_id=account_id)
    return await (closing.exclude(id=but) if but else closing).delete()


async def remove_expired() -> int:
    """Delete the sessions that do not count any more."""
    return await _aged(young=False).delete()


def _aged(*, young: bool) -> QuerySet[Session]:
    return Session.annotate(young=_YOUNG).filter(young=young)
