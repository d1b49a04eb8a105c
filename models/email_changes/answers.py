"""The answers to a change other than yes: no, never mind, say again, and take it back."""

from datetime import datetime
from uuid import UUID

from models import accounts, challenges, compromises, links, mails, sessions, withdrawals
from models.activities import ActivityKind
from models.challenges import InvalidCodeError, Purpose
from models.email_changes import notices
from models.email_changes.operations import abort
from models.email_changes.table import (
    EmailChange,
    EmailChangeAbortReason,
    EmailChangeState,
    accepted_since,
    pending,
)
from models.errors import NothingPendingError, TooManyRequestsError
from models.links import LinkPurpose
from models.policy import CODE_EVERY, CODES_A_CHANGE, DAY, Policy
from models.sessions import Session


async def refuse(change_id: UUID | None, token: str) -> EmailChange:
    """Refuse a pending change from the mailbox that was asked.

    Raises InvalidCodeError, and NothingPendingError for a change that is settled already.
    """
    link = await links.find(LinkPurpose.REFUSE, token, email_change_id=change_id)
    async with accounts.locked(link.account_id) as (account, at):
        await links.spend(link, account, at=at)
        change = await EmailChange.get(id=change_id)
        change.refuse(at=at)
        await change.save()
        await change.record(ActivityKind.EMAIL_CHANGE_REFUSED, at=at)
        await withdrawals.withdraw_question(change.id, at=at)
        await notices.refused(account, change, at=at)
    return change


async def revert(change_id: UUID | None, token: str) -> EmailChange:
    """Give the account back to its former address, and freeze it until a reset through that.

    Younger accepted changes go with it. Raises InvalidCodeError, also when its time is over.
    """
    link = await links.find(LinkPurpose.REVERT, token, email_change_id=change_id)
    former_key = link.addresses.email_key
    async with accounts.locked(link.account_id, holder_of=former_key) as (account, at):
        await links.spend(link, account, at=at)
        change = await EmailChange.get(id=change_id)
        if change.state is not EmailChangeState.DONE or change.is_final(at):
            raise InvalidCodeError
        undone = await accepted_since(account.id, link.issued_at)
        await compromises.give_back(account, change.former_addresses, undone, link=link, at=at)
        account.unfreezes_through_key = account.last_proven_email_key
        await notices.reverted(account, change, at=at)
        await compromises.freeze(account, at=at)
        await change.refresh_from_db()
    return change


async def cancel(session: Session) -> EmailChange:
    """Drop the pending change. Raises NothingPendingError."""
    async with sessions.acting(session) as (account, at):
        change = await pending(account.id)
        if change is None:
            raise NothingPendingError
        await abort(change, EmailChangeAbortReason.CANCELLED, at=at, tell=account)
    return change


async def resend(session: Session, *, policy: Policy) -> EmailChange:
    """Mail a new validation code; the old one stops working, tries and deadline stay.

    Raises NothingPendingError, TooManyRequestsError (one a minute, three a change, 50
    mails a day).
    """
    async with sessions.acting(session) as (account, at):
        change = await pending(account.id)
        if change is None:
            raise NothingPendingError
        _within_budget(change, at)
        await mails.within_budget(account.id, at)
        code, key = challenges.new_code(), policy.secret_keys[0]
        change.code_digest = challenges.digest(code, Purpose.EMAIL_CHANGE, change.id, key)
        change.code_sent_at, change.codes_sent = at, change.codes_sent + 1
        await change.save(update_fields=["code_digest", "code_sent_at", "codes_sent"])
        await withdrawals.withdraw_question(change.id, at=at)
        await notices.asked_again(account, change, code=challenges.shown(code), at=at)
    return change


def _within_budget(change: EmailChange, at: datetime) -> None:
    if change.codes_sent > CODES_A_CHANGE:
        raise TooManyRequestsError(change.requested_at + DAY)
    if at < change.code_sent_at + CODE_EVERY:
        raise TooManyRequestsError(change.code_sent_at + CODE_EVERY)
