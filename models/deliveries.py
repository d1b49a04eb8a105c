"""What follows from the fate of a mail: settled or postponed, and the clock of a change started."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from uuid import UUID

from models import accounts, clock, email_changes, metrics, outbox
from models.accounts import Account
from models.mails import SETTLEMENT, Mail, MailState, Template
from models.transactions import transaction

_WAITS = [timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 3600, 7200, 14400)]


class Outcome(Enum):
    """What became of one attempt."""

    LEFT = auto()
    BOUNCED = auto()
    FAILED = auto()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a claimed mail: its number, and how it ended; `reason` holds no secret.

    `account_id` is the mail's, if it is known. `subject` and `text` are what the holder may read of
    the mail later: secrets are masked.
    """

    mail_id: UUID
    number: int
    outcome: Outcome
    reason: str = ""
    account_id: UUID | None = None
    subject: str = ""
    text: str = ""


async def settle(attempt: Attempt) -> MailState | None:
    """Record an attempt in one transaction with what follows from it; return the mail's state.

    An attempt that ends after its lease counts if the mail left; its failure counts for nothing,
    as another attempt is under way. None: the mail is gone, with the sign-up that it was for.
    """
    async with locked(attempt.mail_id, attempt.account_id) as (mail, account, at):
        if mail is None:
            return None
        late = mail.is_overtaken(attempt.number) and attempt.outcome is Outcome.FAILED
        if mail.state is not MailState.QUEUED or late:
            return mail.state
        _record(mail, attempt, at)
        await mail.save(update_fields=[*SETTLEMENT, "subject", "text"])
        is_question = mail.template == Template.EMAIL_CHANGE_VALIDATION
        if account and is_question and mail.state is not MailState.QUEUED:
            await email_changes.notice_settled(account, mail, at=at)
    _count(mail.state)
    return mail.state


@asynccontextmanager
async def locked(
    mail_id: UUID, account_id: UUID | None = None
) -> AsyncIterator[tuple[Mail | None, Account | None, datetime]]:
    """Open a transaction with a mail locked, after its account if it has one.

    A mail that has an account keeps it; one of a sign-up may get one at any time.
    """
    if account_id is None:
        found = await Mail.get_or_none(id=mail_id)
        account_id = found.account_id if found else None
    async with _locked(account_id) as (account, at):
        yield await Mail.select_for_update().get_or_none(id=mail_id), account, at


def _count(state: MailState) -> None:
    if state is MailState.QUEUED:
        metrics.count(metrics.RETRIES)
    else:
        metrics.count(metrics.DELIVERIES, state.lower())


def _record(mail: Mail, attempt: Attempt, at: datetime) -> None:
    mail.subject, mail.text = mail.subject or attempt.subject, mail.text or attempt.text
    if attempt.outcome is Outcome.LEFT:
        mail.settle(MailState.SENT, at=at)
    elif attempt.outcome is Outcome.BOUNCED:
        mail.settle(MailState.BOUNCED, at=at, reason=attempt.reason)
    else:
        wait = outbox.wait_after(mail.attempts, _WAITS)
        mail.postpone(outbox.jittered(wait), at=at, reason=attempt.reason)


@asynccontextmanager
async def _locked(account_id: UUID | None) -> AsyncIterator[tuple[Account | None, datetime]]:
    if account_id is None:
        async with transaction():
            yield None, await clock.now()
    else:
        async with accounts.locked(account_id) as (account, at):
            yield account, at
