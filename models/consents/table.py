"""The row of a consent: what a holder lets a partner do, and the moves that it can make.

             ┌── refuse ───────────▶ REFUSED
PENDING ─────┼── silence, 7 days ──▶ EXPIRED
             ├── newer request ────▶ REPLACED ◀── newer consent ──┐
             └── grant ────────────▶ GRANTED ─────────────────────┴── revoke ──▶ REVOKED
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from tortoise import fields
from tortoise.models import Model

from models import activities, events
from models.activities import ActivityKind
from models.errors import NothingPendingError
from models.events import EventType
from models.partners import Partner

MAX_REASON = 200
MAX_URL = 500


class ConsentState(StrEnum):
    """How far a consent has come. Silence is no consent here, unlike an e-mail change."""

    PENDING = "PENDING"
    GRANTED = "GRANTED"
    REFUSED = "REFUSED"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"
    REPLACED = "REPLACED"


class Consent(Model):
    """One request of a partner, and what became of it.

    `account_id` is None when nobody has the NIC-handle, which the partner does not learn.
    `answered_at` is when it left PENDING, `ended_at` when it was in force no longer. `partner` is
    put there by what hands the row out.
    """

    partner: Partner
    id = fields.UUIDField(primary_key=True, default=uuid4)
    partner_id = fields.UUIDField()
    account_id = fields.UUIDField(null=True)
    nic_handle = fields.CharField(max_length=20)
    state = fields.CharEnumField(ConsentState, max_length=10, default=ConsentState.PENDING)
    scopes: list[str] = fields.JSONField()
    reason = fields.CharField(max_length=MAX_REASON)
    redirect_url = fields.CharField(max_length=MAX_URL, null=True)
    requested_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    answered_at = fields.DatetimeField(null=True)
    ended_at = fields.DatetimeField(null=True)
    last_used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "consents"

    def grant(self, at: datetime) -> None:
        """PENDING -> GRANTED, in time."""
        self._answer(ConsentState.GRANTED, at)

    def refuse(self, at: datetime) -> None:
        """PENDING -> REFUSED, in time."""
        self._answer(ConsentState.REFUSED, at)

    def expire(self, at: datetime) -> None:
        """PENDING -> EXPIRED, once its time is over."""
        if at < self.expires_at:
            raise ValueError(f"{self.id} has until {self.expires_at}.")
        self._leave_pending(ConsentState.EXPIRED, at)

    def revoke(self, at: datetime) -> None:
        """GRANTED -> REVOKED."""
        if self.state is not ConsentState.GRANTED:
            raise NothingPendingError
        self.state, self.ended_at = ConsentState.REVOKED, at

    def replace(self, at: datetime) -> None:
        """PENDING or GRANTED -> REPLACED, by what the same partner asked for later."""
        if self.state is ConsentState.GRANTED:
            self.state, self.ended_at = ConsentState.REPLACED, at
        else:
            self._leave_pending(ConsentState.REPLACED, at)

    async def record(self, kind: ActivityKind, *, at: datetime) -> None:
        """Write a move into the log of the locked account, if there is one."""
        if self.account_id is not None:
            about = {"partner": self.partner.name}
            await activities.record(self.account_id, kind, at=at, about=about)

    async def tell(self, kind: EventType, *, at: datetime) -> None:
        """Tell the partner, and no other, within the transaction of the move."""
        await events.tell(
            self.partner_id,
            kind,
            nic_handle=self.nic_handle,
            account_id=self.account_id,
            at=at,
        )

    def _answer(self, state: ConsentState, at: datetime) -> None:
        if at >= self.expires_at:  # be it that no worker has seen it yet
            raise NothingPendingError
        self._leave_pending(state, at)

    def _leave_pending(self, state: ConsentState, at: datetime) -> None:
        if self.state is not ConsentState.PENDING:
            raise NothingPendingError
        self.state, self.answered_at = state, at


async def granted(account_id: UUID, partner_id: UUID) -> Consent | None:
    """Return what a partner may do with a locked account by its holder's consent."""
    return await Consent.get_or_none(
        account_id=account_id, partner_id=partner_id, state=ConsentState.GRANTED
    )
