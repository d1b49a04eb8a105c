"""How sessions end: signed out, revoked, closed by what happened to the account, or of age."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from models import accounts, activities, devices, statements
from models.accounts import Account
from models.activities import ActivityKind
from models.errors import NotFoundError
from models.sessions.table import Session, acting, aged


class SessionEnd(StrEnum):
    """Why sessions ended."""

    SIGNED_OUT = "SIGNED_OUT"
    REVOKED = "REVOKED"
    PASSWORD_SET = "PASSWORD_SET"  # noqa: S105
    EMAIL_CHANGED = "EMAIL_CHANGED"
    FROZEN = "FROZEN"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class SessionsClosed:
    """This many open sessions of an account were closed."""

    account: Account
    closed_sessions: int


async def sign_out(session: Session) -> None:
    """End the session that asks; nothing happens if it has ended."""
    async with accounts.locked(session.account_id) as (account, at):
        if await Session.filter(id=session.id).delete():
            await _note_end(account.id, SessionEnd.SIGNED_OUT, at=at, session_id=session.id)


async def revoke(session: Session, session_id: UUID | None) -> SessionsClosed:
    """Close an open session of the caller's account; its device is forgotten, but not one's own.

    Raises NotFoundError.
    """
    async with acting(session) as (account, at):
        open_ones = aged(young=True).filter(account_id=account.id)
        revoked = await open_ones.get_or_none(id=session_id) if session_id else None
        if revoked is None:
            raise NotFoundError
        await revoked.delete()
        await _note_end(account.id, SessionEnd.REVOKED, at=at, session_id=revoked.id)
        if revoked.device_id not in (None, session.device_id):
            await devices.forget_one(revoked.device_id)
    return SessionsClosed(account, 1)


async def revoke_others(session: Session) -> SessionsClosed:
    """Close every session of the account but the caller's; every other device is forgotten."""
    async with acting(session) as (account, at):
        others = aged(young=True).filter(account_id=account.id).exclude(id=session.id)
        closed = await others.count()
        await close_all(account.id, SessionEnd.REVOKED, at=at, but=session.id)
        await devices.forget(account.id, but=session.device_id)
    return SessionsClosed(account, closed)


async def close_all(
    account_id: UUID, why: SessionEnd, *, at: datetime, but: UUID | None = None
) -> int:
    """End the sessions of a locked account, but one; return how many."""
    closed = await statements.rows(
        "DELETE FROM sessions WHERE account_id = $1 AND id IS DISTINCT FROM $2 RETURNING id",
        account_id,
        but,
    )
    if closed:
        await _note_end(account_id, why, at=at, count=len(closed))
    return len(closed)


async def remove_expired() -> None:
    """Delete the sessions that do not count any more, account by account."""
    for session in await aged(young=False):
        async with accounts.locked(session.account_id) as (account, at):
            if await aged(young=False).filter(id=session.id).delete():
                await _note_end(account.id, SessionEnd.EXPIRED, at=at, session_id=session.id)


async def _note_end(
    account_id: UUID,
    why: SessionEnd,
    *,
    at: datetime,
    count: int = 1,
    session_id: UUID | None = None,
) -> None:
    about = {"reason": str(why)} | ({"session": str(session_id)} if session_id else {})
    kind = ActivityKind.SESSION_ENDED
    await activities.record(account_id, kind, at=at, count=count, about=about)
