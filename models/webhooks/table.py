"""The rows of webhooks: where a partner wants to be told, what is on its way there, each attempt.

webhook   ENABLED ── nothing but failures for 3 days · 410 ──▶ DISABLED ── enable ──▶ ENABLED

delivery            ┌── 2xx ───────────────────────────────────────▶ DELIVERED ──┐
          QUEUED ───┴── the last attempt failed, or the webhook is disabled ─▶ ABANDONED ──┤
            ▲                                                                    │
            └──────────────────────────────── retry ─────────────────────────────┘
"""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import uuid4

from tortoise import fields
from tortoise.models import Model

from models.outbox import Dispatch

MAX_URL = 500
PLACES = range(1, 6)  # of the webhooks of a partner
BOTH_SECRETS = timedelta(hours=24)  # sign after a rotation
PATIENCE = timedelta(days=3)  # with nothing but failures


class WebhookState(StrEnum):
    """Whether a webhook is told."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class DisabledReason(StrEnum):
    """Why a webhook is told nothing any more."""

    FAILING = "FAILING"
    GONE = "GONE"


class DeliveryState(StrEnum):
    """How far a delivery has come."""

    QUEUED = "QUEUED"
    DELIVERED = "DELIVERED"
    ABANDONED = "ABANDONED"


class AttemptError(StrEnum):
    """Why an attempt had no answer."""

    NAME_NOT_FOUND = "NAME_NOT_FOUND"
    ADDRESS_REFUSED = "ADDRESS_REFUSED"
    CONNECTION_FAILED = "CONNECTION_FAILED"
    TLS_FAILED = "TLS_FAILED"
    TIMED_OUT = "TIMED_OUT"
    PROTOCOL_VIOLATED = "PROTOCOL_VIOLATED"
    INTERNAL = "INTERNAL"


class Webhook(Model):
    """One endpoint of a partner; no `types` are all. Secrets are sealed.

    `failing_since` is when the first attempt failed after the last that did not; `paused_until` is
    what the endpoint asked for.
    """

    id = fields.UUIDField(primary_key=True, default=uuid4)
    partner_id = fields.UUIDField()
    place = fields.IntField()
    url = fields.CharField(max_length=MAX_URL)
    types: list[str] = fields.JSONField()
    state = fields.CharEnumField(WebhookState, max_length=10, default=WebhookState.ENABLED)
    disabled_reason = fields.CharEnumField(DisabledReason, max_length=10, null=True)
    disabled_at = fields.DatetimeField(null=True)
    secret = fields.TextField()
    former_secret = fields.TextField(null=True)
    former_secret_until = fields.DatetimeField(null=True)
    failing_since = fields.DatetimeField(null=True)
    paused_until = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "webhooks"

    def rotate(self, secret: str, *, at: datetime) -> None:
        """Sign with another secret, and for a day with the present one beside it."""
        self.former_secret, self.former_secret_until = self.secret, at + BOTH_SECRETS
        self.secret = secret

    def succeed(self) -> None:
        self.failing_since = self.paused_until = None

    def fail(self, *, at: datetime, pause: timedelta | None = None) -> None:
        """Note a failure, and that the endpoint asks to be left alone; too many disable."""
        self.failing_since = self.failing_since or at
        if pause:
            self.paused_until = max(at + pause, self.paused_until or at)
        if at - self.failing_since >= PATIENCE:
            self.disable(DisabledReason.FAILING, at=at)

    def disable(self, reason: DisabledReason, *, at: datetime) -> None:
        self.state = WebhookState.DISABLED
        self.disabled_reason, self.disabled_at = reason, at

    def enable(self) -> None:
        """Be told from now on; what failed before does not count."""
        self.state = WebhookState.ENABLED
        for name in ("disabled_reason", "disabled_at", "failing_since", "paused_until"):
            setattr(self, name, None)


class WebhookDelivery(Dispatch):
    """One event on its way to one webhook."""

    webhook_id = fields.UUIDField()
    event_id = fields.UUIDField()
    state = fields.CharEnumField(DeliveryState, max_length=10, default=DeliveryState.QUEUED)
    queued_at = fields.DatetimeField()

    class Meta:
        table = "webhook_deliveries"

    def settle(self, state: DeliveryState, *, at: datetime) -> None:
        """Leave QUEUED. Raises ValueError when it has left."""
        if self.state is not DeliveryState.QUEUED or state is DeliveryState.QUEUED:
            raise ValueError(f"{self.state} cannot become {state}.")
        self.state = state
        self.end(at=at)

    def requeue(self, *, at: datetime) -> None:
        """Come due now, settled or waiting; what is under way goes on."""
        if self.claimed_at is None:
            self.state, self.settled_at = DeliveryState.QUEUED, None
            self.put_off(at)


class WebhookAttempt(Model):
    """One attempt: the status of the answer, or why there was none; `duration` in milliseconds."""

    id = fields.BigIntField(primary_key=True)
    delivery_id = fields.UUIDField()
    number = fields.IntField()
    at = fields.DatetimeField()
    status = fields.IntField(null=True)
    error = fields.CharEnumField(AttemptError, max_length=20, null=True)
    duration = fields.IntField()

    class Meta:
        table = "webhook_attempts"
