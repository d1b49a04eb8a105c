"""The outbox, and its history: a mail is a row, written in the transaction of what it announces.

           ┌── the next server took it ──▶ SENT
QUEUED ────┼── 5xx for recipient or text ▶ BOUNCED ────┬── requeued by an operator,
(claimed   └── its use has passed, void ─▶ ABANDONED ──┘   if no secret was wiped ──▶ QUEUED
 under a lease, again and again)
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from tortoise import fields

from models import outbox
from models.accounts import Account
from models.errors import TooManyRequestsError
from models.outbox import Dispatch, Due
from models.partners import Partner
from models.policy import DAY, MAILS_A_DAY
from models.profiles import Language

VOID = "void"  # the reason of a mail that an operation withdrew
# The columns that an attempt, or its withdrawal, changes.
SETTLEMENT = (*outbox.MOVES, "state", "sent_at", "reason", "secrets")


class NotRequeueableError(Exception):
    """The mail was sent, or is being sent now."""


class SecretsWipedError(Exception):
    """The mail's codes and links are gone: only a new one can be asked for."""


class Template(StrEnum):
    """The mails there are; the worker has a source of the same name for each language."""

    CREATION = "creation"
    ACCOUNT_EXISTS = "account_exists"
    EMAIL_CHANGE_VALIDATION = "email_change_validation"
    EMAIL_CHANGE_TOLD_NEW = "email_change_told_new"
    EMAIL_CHANGE_TOLD_SPARE = "email_change_told_spare"
    EMAIL_CHANGE_ACCEPTED_FORMER = "email_change_accepted_former"
    EMAIL_CHANGE_ACCEPTED_UNPROVEN = "email_change_accepted_unproven"
    EMAIL_CHANGE_ACCEPTED_NEW = "email_change_accepted_new"
    EMAIL_CHANGE_ACCEPTED_SPARE = "email_change_accepted_spare"
    EMAIL_CHANGE_ABORTED = "email_change_aborted"
    EMAIL_CHANGE_REFUSED = "email_change_refused"
    EMAIL_CHANGE_REVERTED = "email_change_reverted"
    PROOF_CODE = "proof_code"
    PASSWORD_RESET = "password_reset"  # noqa: S105
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    SPARE_EMAIL_PROOF = "spare_email_proof"
    SPARE_EMAIL_TOLD = "spare_email_told"
    SPARE_EMAIL_REMOVED = "spare_email_removed"
    FROZEN = "frozen"
    UNFROZEN = "unfrozen"
    LOGIN_NOTIFICATION = "login_notification"
    ADDRESS_YIELDED = "address_yielded"
    ADDRESS_CLAIMED = "address_claimed"
    CONSENT_REQUESTED = "consent_requested"
    PROFILE_UPDATED_BY_PARTNER = "profile_updated_by_partner"
    ORDER_CONFIRMATION = "order_confirmation"
    RENEWAL_CONFIRMATION = "renewal_confirmation"
    WEBHOOK_DISABLED = "webhook_disabled"


class MailState(StrEnum):
    """How far a mail has come."""

    QUEUED = "QUEUED"
    SENT = "SENT"
    BOUNCED = "BOUNCED"
    ABANDONED = "ABANDONED"


class Mail(Dispatch):
    """One mail; `secrets` holds its codes in clear until it is settled, `text` masks them.

    It is for an account, a sign-up or a partner, which has no NIC-handle and stands in `params`.
    `dropped_at` is when an operator struck a dead mail off the list.
    """

    account_id = fields.UUIDField(null=True)
    signup_id = fields.UUIDField(null=True)
    partner_id = fields.UUIDField(null=True)
    email_change_id = fields.UUIDField(null=True)
    template = fields.CharField(max_length=40)  # a Template, or one of an earlier version
    language = fields.CharEnumField(Language, max_length=2)
    nic_handle = fields.CharField(max_length=20)
    recipient = fields.CharField(max_length=254)
    params: dict[str, Any] = fields.JSONField()
    secrets: dict[str, str] | None = fields.JSONField(null=True)
    subject = fields.CharField(max_length=200, default="")
    text = fields.TextField(default="")
    state = fields.CharEnumField(MailState, max_length=10, default=MailState.QUEUED)
    queued_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    sent_at = fields.DatetimeField(null=True)
    reason = fields.CharField(max_length=200, null=True)
    dropped_at = fields.DatetimeField(null=True)

    class Meta:
        table = "mails"

    @property
    def heading(self) -> str:
        """What the subject begins with: the NIC-handle, or the name of the partner."""
        return self.nic_handle or str(self.params["partner"])

    def settle(self, state: MailState, *, at: datetime, reason: str | None = None) -> None:
        """Leave QUEUED for good: the secrets are wiped. Raises ValueError when it has left."""
        if self.state is not MailState.QUEUED or state is MailState.QUEUED:
            raise ValueError(f"{self.state} cannot become {state}.")
        self.state, self.reason = state, reason and reason[:200]
        self.end(at=at)
        if self.secrets:  # one that never had any may be queued again
            self.secrets = None
        self.sent_at = at if state is MailState.SENT else None

    def postpone(self, wait: timedelta, *, at: datetime, reason: str) -> None:
        """Come due again after `wait`, at its end of use at the latest; then be ABANDONED."""
        if at >= self.expires_at:
            self.settle(MailState.ABANDONED, at=at, reason=reason)
        else:
            self.put_off(min(at + wait, self.expires_at))
            self.reason = reason[:200]

    def requeue(self, lifetime: timedelta, *, at: datetime) -> None:
        """Come due now, dead or waiting. Raises SecretsWipedError, NotRequeueableError."""
        if self.state is MailState.SENT or self.claimed_at is not None:
            raise NotRequeueableError
        if self.secrets is None:
            raise SecretsWipedError
        if self.state is not MailState.QUEUED:
            self.expires_at = at + lifetime
        self.state, self.due_at = MailState.QUEUED, at
        self.settled_at = self.dropped_at = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a mail is for: how to write to them, under which NIC-handle, for which account.

    A partner has no NIC-handle.
    """

    address: str
    language: Language
    nic_handle: str
    account_id: UUID | None = None
    signup_id: UUID | None = None
    partner_id: UUID | None = None

    @classmethod
    def of(cls, account: Account) -> Self:
        """Return the holder of an account, at the address that has power: the last proven one."""
        return cls(
            account.last_proven_email, account.language, account.nic_handle, account_id=account.id
        )

    @classmethod
    def contact(cls, partner: Partner) -> Self:
        """Return whoever looks after a partner; nobody has said in which language."""
        return cls(partner.contact or "", Language.EN, nic_handle="", partner_id=partner.id)

    def at(self, address: str) -> Self:
        """Return the same holder, at another of their addresses."""
        return replace(self, address=address)


async def queue(
    template: Template,
    to: Recipient,
    *,
    at: datetime,
    lifetime: timedelta,
    params: Mapping[str, str | list[str]] | None = None,
    secrets: dict[str, str] | None = None,
    email_change_id: UUID | None = None,
) -> Mail:
    """Write a mail to the outbox; it goes out only if the transaction of its cause commits."""
    return await Mail.create(
        template=template,
        account_id=to.account_id,
        signup_id=to.signup_id,
        partner_id=to.partner_id,
        email_change_id=email_change_id,
        language=to.language,
        nic_handle=to.nic_handle,
        recipient=to.address,
        params=dict(params or {}),
        secrets=secrets or {},
        queued_at=at,
        due_at=at,
        expires_at=at + lifetime,
    )


async def claim(mail_id: UUID) -> Mail | None:
    """Take a due mail under a lease; None when it is not due, or settled, or taken."""
    return await outbox.claim(Mail, mail_id)


async def latest(account_id: UUID, template: Template) -> datetime | None:
    """Say when the newest mail of a kind was queued for an account."""
    mail = (
        await Mail.filter(account_id=account_id, template=template).order_by("-queued_at").first()
    )
    return mail.queued_at if mail else None


async def is_full_until(account_id: UUID, at: datetime) -> datetime | None:
    """Say until when an account has had its mails of a day; None when it has not.

    Every mail counts, but what the holder must know, and a password reset, is sent all the same:
    else a thief could fill the day, and the way back would be closed.
    """
    today = Mail.filter(account_id=account_id, queued_at__gt=at - DAY).order_by("-queued_at")
    oldest = await today.offset(MAILS_A_DAY - 1).first()
    return oldest.queued_at + DAY if oldest else None


async def within_budget(account_id: UUID, at: datetime) -> None:
    """Raise TooManyRequestsError when an account has had its mails of a day."""
    if retry_at := await is_full_until(account_id, at):
        raise TooManyRequestsError(retry_at)


async def due(*, within: timedelta, limit: int) -> list[Due]:
    """List the mails that are due soon, oldest first, with the seconds until then."""
    return await outbox.due(Mail, within=within, limit=limit)
