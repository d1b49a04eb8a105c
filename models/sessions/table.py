"""The row of a session, and what may be done in one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID, uuid4

from tortoise import fields
from tortoise.expressions import RawSQL
from tortoise.models import Model
from tortoise.queryset import QuerySet

from models import accounts, credentials, statements, tokens
from models.accounts import Account, AccountState
from models.credentials import InvalidCredentialsError
from models.errors import UnauthenticatedError
from models.policy import SESSION_IDLE, SESSION_LIFETIME, Policy

MAX_AGENT = 300
# Compared by PostgreSQL, with PostgreSQL's clock.
_YOUNG = (
    f"(sessions.last_used_at > clock_timestamp() - interval '{SESSION_IDLE.days} days'"
    f" AND sessions.created_at > clock_timestamp() - interval '{SESSION_LIFETIME.days} days')"
)
IDLE = "sessions.last_used_at < clock_timestamp() - interval '1 minute'"


class Session(Model):
    """One open login; a row that is too old to count is as good as gone.

    `is_idle`: it was found, and was not used within the last minute.
    """

    is_idle = False
    id = fields.UUIDField(primary_key=True, default=uuid4)
    account: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField(
        "models.Account", related_name="sessions"
    )
    account_id: UUID
    device_id = fields.UUIDField(null=True)
    token_digest = fields.BinaryField()  # unique in the database
    ip_address = fields.CharField(max_length=45)
    user_agent = fields.CharField(max_length=MAX_AGENT)
    created_at = fields.DatetimeField()
    last_used_at = fields.DatetimeField()

    class Meta:
        table = "sessions"

    @property
    def expires_at(self) -> datetime:
        """When it ends if it is not used again before."""
        return min(self.last_used_at + SESSION_IDLE, self.created_at + SESSION_LIFETIME)


# The ORM knows the column of the relation only once it has a connection.
_COLUMNS = (*dict.fromkeys([*Session._meta.fields_db_projection, "account_id"]),)  # noqa: SLF001
FIND = (
    "SELECT "  # noqa: S608 -- the columns of the models
    + ", ".join(f"sessions.{name} AS session_{name}" for name in _COLUMNS)
    + "".join(f", accounts.{name}" for name in Account._meta.fields_db_projection)  # noqa: SLF001
    + f", {IDLE} AS is_idle FROM sessions JOIN accounts ON accounts.id = sessions.account_id"
    f" WHERE sessions.token_digest = $1 AND {_YOUNG} AND accounts.state = '{AccountState.ACTIVE}'"
)


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
    row = await statements.row(FIND, tokens.digest(token))
    if row is None:
        return None
    values = iter(row)
    session, account = statements.made(Session, values), statements.made(Account, values)
    (is_idle,) = values
    session.__dict__.update(_account=account, is_idle=is_idle)
    return session


async def of(account_id: UUID) -> list[Session]:
    """List the open sessions of an account, latest use first."""
    return await aged(young=True).filter(account_id=account_id).order_by("-last_used_at", "id")


def aged(*, young: bool) -> QuerySet[Session]:
    """Select the sessions that count, or those that are too old to."""
    return Session.annotate(young=RawSQL(_YOUNG)).filter(young=young)
