"""The outbox, and its history: a mail is a row, written in the transaction of what it announces.

           ┌── the next server took it ──▶ SENT
QUEUED ────┼── 5xx for recipient or text ▶ BOUNCED
(claimed   └── its use has passed, void ─▶ ABANDONED
 under a lease, again and again)
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self
from uuid import UUID, uuid4

from tortoise import fields
from tortoise.connection import get_connection
from tortoise.models import Model

from models.accounts import Account
from models.profiles import Language

LEASE = timedelta(seconds=60)


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
    ADDRESS_YIELDED = "address_yielded"
    ADDRESS_CLAIMED = "address_claimed"


class MailState(StrEnum):
    """How far a mail has come."""

    QUEUED = "QUEUED"
    SENT = "SENT"
    BOUNCED = "BOUNCED"
    ABANDONED = "ABANDONED"


class Mail(Model):
    """One mail; `secrets` holds its codes in clear until it is settled, `text` masks them."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    account_id = fields.UUIDField(null=True)
    signup_id = fields.UUIDField(null=True)
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
    attempts = fields.IntField(default=0)
    queued_at = fields.DatetimeField()
    due_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    sent_at = fields.DatetimeField(null=True)
    settled_at = fields.DatetimeField(null=True)
    reason = fields.CharField(max_length=200, null=True)

    class Meta:
        table = "mails"

    @property
    def claimed_at(self) -> datetime:
        """When the lease of a claimed mail began; until it ends the mail is not due."""
        return self.due_at - LEASE

    def settle(self, state: MailState, *, at: datetime, reason: str | None = None) -> None:
        """Leave QUEUED for good: the secrets are wiped. Raises ValueError when it has left."""
        if self.state is not MailState.QUEUED or state is MailState.QUEUED:
            raise ValueError(f"{self.state} cannot become {state}.")
        self.state, self.settled_at, self.reason = state, at, reason and reason[:200]
        self.secrets = None
        self.sent_at = at if state is MailState.SENT else None

    def postpone(self, wait: timedelta, *, at: datetime, reason: str) -> None:
        """Come due again after `wait`, at its end of use at the latest; then be ABANDONED."""
        if at >= self.expires_at:
            self.settle(MailState.ABANDONED, at=at, reason=reason)
        else:
            self.due_at, self.reason = min(at + wait, self.expires_at), reason[:200]


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a mail is for: how to write to them, under which NIC-handle, for which account."""

    address: str
    language: Language
    nic_handle: str
    account_id: UUID | None = None
    signup_id: UUID | None = None

    @classmethod
    def of(cls, account: Account) -> Self:
        """Return the holder of an account, at the address that has power: the last proven one."""
        return cls(
            account.last_proven_email, account.language, account.nic_handle, account_id=account.id
        )

    def at(self, address: str) -> Self:
        """Return the same holder, at another of their addresses."""
        return type(self)(address, self.language, self.nic_handle, self.account_id, self.signup_id)


async def queue(
    template: Template,
    to: Recipient,
    *,
    at: datetime,
    lifetime: timedelta,
    params: dict[str, str] | None = None,
    secrets: dict[str, str] | None = None,
    email_change_id: UUID | None = None,
) -> Mail:
    """Write a mail to the outbox; it goes out only if the transaction of its cause commits."""
    return await Mail.create(
        template=template,
        account_id=to.account_id,
        signup_id=to.signup_id,
        email_change_id=email_change_id,
        language=to.language,
        nic_handle=to.nic_handle,
        recipient=to.address,
        params=params or {},
        secrets=secrets or {},
        queued_at=at,
        due_at=at,
        expires_at=at + lifetime,
    )


async def void(*, email_change_id: UUID, template: Template, at: datetime) -> None:
    """Withdraw what is still queued of a change whose code or question is no longer good."""
    queued = Mail.filter(
        email_change_id=email_change_id, template=template, state=MailState.QUEUED
    ).select_for_update()
    for mail in await queued:
        mail.settle(MailState.ABANDONED, at=at, reason="void")
        await mail.save(update_fields=["state", "settled_at", "reason", "secrets", "sent_at"])


async def claim(mail_id: UUID) -> Mail | None:
    """Take a due mail under a lease of 60 s; None when it is not due, or settled, or taken.

    The attempt is counted before it is made.
    """
    rows = await get_connection("default").execute_query_dict(
        "UPDATE mails SET attempts = attempts + 1, due_at = clock_timestamp() + $2"
        " WHERE id = (SELECT id FROM mails WHERE id = $1 AND state = 'QUEUED'"
        " AND due_at <= clock_timestamp() FOR UPDATE SKIP LOCKED) RETURNING id",
        [mail_id, LEASE],
    )
    return await Mail.get(id=mail_id) if rows else None


async def keep_rendered(mail: Mail, *, subject: str, text: str) -> None:
    """Keep what the holder may read of the mail later: the text with its secrets masked."""
    await Mail.filter(id=mail.id).update(subject=subject, text=text)


async def latest(account_id: UUID, template: Template) -> datetime | None:
    """Say when the newest mail of a kind was queued for an account."""
    mail = (
        await Mail.filter(account_id=account_id, template=template).order_by("-queued_at").first()
    )
    return mail.queued_at if mail else None


async def due(*, within: timedelta, limit: int) -> list[tuple[UUID, float]]:
    """List what is due soon, oldest first, with the seconds that are left until then."""
    rows = await get_connection("default").execute_query_dict(
        "SELECT id, extract(epoch FROM due_at - clock_timestamp())::float8 AS rest FROM mails"
        " WHERE state = 'QUEUED' AND due_at <= clock_timestamp() + $1 ORDER BY due_at LIMIT $2",
        [within, limit],
    )
    return [(row["id"], max(row["rest"], 0.0)) for row in rows]
