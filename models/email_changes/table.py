"""The row of a change of the primary address, and the moves it can make."""

import dataclasses
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid4

from tortoise import fields
from tortoise.models import Model

from models import activities
from models.accounts import Account, Addresses
from models.activities import ActivityKind
from models.email_addresses import EmailAddress
from models.errors import NothingPendingError
from models.policy import ATTEMPTS, REVERTIBLE_AFTER_CODE, REVERTIBLE_AFTER_SILENCE


class EmailChangeState(StrEnum):
    """Where a change stands."""

    PENDING = "PENDING"
    DONE = "DONE"
    REFUSED = "REFUSED"
    ABORTED = "ABORTED"
    REVERTED = "REVERTED"


class EmailChangeAcceptance(StrEnum):
    """How a change was accepted."""

    CODE = "CODE"
    SILENCE = "SILENCE"


class EmailChangeAbortReason(StrEnum):
    """Why a change came to nothing."""

    CANCELLED = "CANCELLED"
    SUPERSEDED = "SUPERSEDED"
    TOO_MANY_ATTEMPTS = "TOO_MANY_ATTEMPTS"
    CREDENTIALS_CHANGED = "CREDENTIALS_CHANGED"
    ADDRESS_TAKEN = "ADDRESS_TAKEN"
    REPORTED = "REPORTED"
    NOTICE_NOT_DELIVERED = "NOTICE_NOT_DELIVERED"


class EmailChange(Model):
    """One change; the `former_*` columns are what a reversal restores.

    `auto_accept_after` is in seconds, fixed at the request; `auto_accept_at` is set when the mail
    to the current address has left or bounced. `session_id` is the session that asked.
    """

    id = fields.UUIDField(primary_key=True, default=uuid4)
    account_id = fields.UUIDField()
    session_id = fields.UUIDField(null=True)
    new_email = fields.CharField(max_length=254)
    new_email_key = fields.CharField(max_length=254)
    former_email = fields.CharField(max_length=254)
    former_email_key = fields.CharField(max_length=254)
    former_last_proven_email = fields.CharField(max_length=254)
    former_last_proven_email_key = fields.CharField(max_length=254)
    former_spare_email = fields.CharField(max_length=254, null=True)
    former_spare_email_key = fields.CharField(max_length=254, null=True)
    former_spare_email_proven = fields.BooleanField(default=False)
    state = fields.CharEnumField(EmailChangeState, max_length=10, default=EmailChangeState.PENDING)
    accepted_by = fields.CharEnumField(EmailChangeAcceptance, max_length=10, null=True)
    abort_reason = fields.CharEnumField(EmailChangeAbortReason, max_length=30, null=True)
    code_digest = fields.BinaryField(null=True)
    attempts_left = fields.IntField(default=ATTEMPTS)
    codes_sent = fields.IntField(default=1)
    code_sent_at = fields.DatetimeField()
    requested_at = fields.DatetimeField()
    auto_accept_after = fields.IntField()
    auto_accept_at = fields.DatetimeField(null=True)
    settled_at = fields.DatetimeField(null=True)
    revertible_until = fields.DatetimeField(null=True)
    reverted_at = fields.DatetimeField(null=True)

    class Meta:
        table = "email_changes"

    @property
    def new_address(self) -> EmailAddress:
        return EmailAddress(self.new_email, self.new_email_key)

    @property
    def former_addresses(self) -> Addresses:
        """What a reversal gives back."""
        return Addresses(
            *(getattr(self, f"former_{field.name}") for field in dataclasses.fields(Addresses))
        )

    def remember(self, account: Account) -> None:
        """Note the addresses that the account has now."""
        for field in dataclasses.fields(Addresses):
            setattr(self, f"former_{field.name}", getattr(account, field.name))

    def start_clock(self, at: datetime) -> None:
        """Fix the deadline: the notice has left or bounced. A later notice does not move it."""
        if self.auto_accept_at is None:
            self.auto_accept_at = at + timedelta(seconds=self.auto_accept_after)

    def accept(self, by: EmailChangeAcceptance, *, proven: bool, at: datetime) -> None:
        """PENDING -> DONE; `proven` says whether the new address was proven before."""
        self._settle(EmailChangeState.DONE, at)
        self.accepted_by = by
        kept = by is EmailChangeAcceptance.CODE and proven
        self.revertible_until = at + (REVERTIBLE_AFTER_CODE if kept else REVERTIBLE_AFTER_SILENCE)

    def abort(self, reason: EmailChangeAbortReason, *, at: datetime) -> None:
        """PENDING -> ABORTED."""
        self._settle(EmailChangeState.ABORTED, at)
        self.abort_reason = reason

    def refuse(self, *, at: datetime) -> None:
        """PENDING -> REFUSED."""
        self._settle(EmailChangeState.REFUSED, at)

    def revert(self, at: datetime) -> None:
        """DONE -> REVERTED."""
        if self.state is not EmailChangeState.DONE:
            raise NothingPendingError
        self.state, self.reverted_at = EmailChangeState.REVERTED, at

    def is_final(self, at: datetime) -> bool:
        """Whether nobody can take the account back from this change any more."""
        return self.revertible_until is None or at >= self.revertible_until

    def shorten(self, at: datetime) -> None:
        """Note that the new address was proven: after a code, 72 hours to revert are enough."""
        if self.accepted_by is EmailChangeAcceptance.CODE and self.settled_at is not None:
            enough = max(self.settled_at + REVERTIBLE_AFTER_CODE, at)
            self.revertible_until = min(self.revertible_until or enough, enough)

    async def record(self, kind: ActivityKind, *, at: datetime, reason: str | None = None) -> None:
        """Write a move into the log of the locked account."""
        about = {"email_change": str(self.id)} | ({"reason": reason} if reason else {})
        await activities.record(self.account_id, kind, at=at, about=about)

    def _settle(self, state: EmailChangeState, at: datetime) -> None:
        if self.state is not EmailChangeState.PENDING:
            raise NothingPendingError
        self.state, self.settled_at = state, at
        self.code_digest, self.attempts_left = None, 0


async def accepted_since(account_id: UUID, since: datetime) -> list[EmailChange]:
    """List the changes that were accepted from an instant on and not reverted, oldest first."""
    accepted = EmailChange.filter(
        account_id=account_id, state=EmailChangeState.DONE, settled_at__gte=since
    )
    return await accepted.order_by("settled_at")


async def pending(account_id: UUID) -> EmailChange | None:
    """Return the change of a locked account that awaits its answer."""
    return await EmailChange.get_or_none(account_id=account_id, state=EmailChangeState.PENDING)
