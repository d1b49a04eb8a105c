"""Mails that ended without having left, for the operator: seen, queued again, struck off.

BOUNCED, ABANDONED ── requeue, if no secret was wiped ──▶ QUEUED        ── drop ──▶ off the list
"""

from uuid import UUID

from tortoise.expressions import Q

from models import deliveries
from models.mails import SETTLEMENT, VOID, Mail, MailState
from models.policy import NOTICE_LIFETIME

_DEAD = (MailState.BOUNCED, MailState.ABANDONED)


class UnknownMailError(Exception):
    """There is no mail with this id."""


class NotDeadError(Exception):
    """The mail is on its way or was sent."""


async def latest(limit: int) -> list[Mail]:
    """List the dead letters, newest first; what an operation withdrew is none."""
    ended = Q(reason__isnull=True) | ~Q(reason=VOID)
    dead = Mail.filter(ended, state__in=_DEAD, dropped_at__isnull=True)
    return await dead.order_by("-settled_at", "id").limit(limit)


async def waiting(limit: int) -> list[Mail]:
    """List the mails whose last attempt failed, and which wait for the next, oldest first."""
    failed = Mail.filter(state=MailState.QUEUED, reason__isnull=False, claimed_at__isnull=True)
    return await failed.order_by("queued_at", "id").limit(limit)


async def find(mail_id: UUID) -> Mail:
    """Return a mail in any state. Raises UnknownMailError."""
    mail = await Mail.get_or_none(id=mail_id)
    if mail is None:
        raise UnknownMailError
    return mail


async def requeue(mail_id: UUID) -> Mail:
    """Let a dead mail, or one that waits for its next attempt, be due now.

    Raises UnknownMailError, NotRequeueableError (sent, or under way), SecretsWipedError.
    """
    async with deliveries.locked(mail_id) as (mail, _, at):
        if mail is None:
            raise UnknownMailError
        mail.requeue(NOTICE_LIFETIME, at=at)
        await mail.save(update_fields=[*SETTLEMENT, "expires_at", "dropped_at"])
    return mail


async def drop(mail_id: UUID) -> Mail:
    """Strike a dead mail off the list; it stays in the history of its account.

    Raises UnknownMailError, NotDeadError.
    """
    async with deliveries.locked(mail_id) as (mail, _, at):
        if mail is None:
            raise UnknownMailError
        if mail.state not in _DEAD:
            raise NotDeadError
        mail.dropped_at = mail.dropped_at or at
        await mail.save(update_fields=["dropped_at"])
    return mail
