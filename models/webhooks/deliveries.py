"""Deliveries: what is due where, one attempt of it, and what follows from that.

The webhook is locked first, then the delivery. A webhook that fails gets one delivery at a time, so
that what gathers for it takes nobody else's turn.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson

from models import clock, metrics, outbox, statements
from models.outbox import Due
from models.policy import Policy
from models.transactions import transaction
from models.webhooks import notices, secrets
from models.webhooks.secrets import UnreadableSecretError
from models.webhooks.table import (
    AttemptError,
    DeliveryState,
    DisabledReason,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
    WebhookState,
)

AT_ONCE = 10  # deliveries of a webhook under way
AT_ONCE_FAILING = 1
_GONE = 410
_LONGEST_PAUSE = timedelta(days=1)
_MOVES = [
    *("state", "disabled_reason", "disabled_at"),
    *("failing_since", "paused_until"),
]
_DUE = """
SELECT d.id, d.due_at, statement_timestamp() AS now
FROM webhooks w JOIN partners p ON p.id = w.partner_id AND p.revoked_at IS NULL
CROSS JOIN LATERAL (
  SELECT count(*) AS number FROM webhook_deliveries
  WHERE webhook_id = w.id AND claimed_at IS NOT NULL AND due_at > statement_timestamp()
) under_way
CROSS JOIN LATERAL (
  SELECT id, due_at, row_number() OVER (ORDER BY due_at) AS place FROM webhook_deliveries
  WHERE webhook_id = w.id AND state = 'QUEUED' AND due_at <= statement_timestamp() + $1
  ORDER BY due_at LIMIT $3
) d
WHERE w.state = 'ENABLED'
  AND (w.paused_until IS NULL OR w.paused_until <= statement_timestamp())
  AND d.place + under_way.number <= CASE WHEN w.failing_since IS NULL THEN $3 ELSE $4 END
ORDER BY w.failing_since IS NOT NULL, d.due_at LIMIT $2
"""
_CLAIMED = """
SELECT w.id, w.url, w.secret, w.former_secret, w.former_secret_until > clock_timestamp() AS both,
  e.id AS event_id, e.type, e.at, e.nic_handle
FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id JOIN events e ON e.id = d.event_id
  JOIN partners p ON p.id = w.partner_id AND p.revoked_at IS NULL
WHERE d.id = $1
"""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One claimed delivery, whole: what is sent where, by which attempt, begun when."""

    delivery_id: UUID
    webhook_id: UUID
    number: int
    at: datetime
    url: str
    message_id: str
    body: bytes
    sealed: Sequence[str]  # secrets, the present one first

    def headers(self, keys: Sequence[bytes]) -> dict[str, str]:
        """Sign, as every attempt does anew. Raises UnreadableSecretError."""
        timestamp = int(self.at.timestamp())
        present, *former = self.sealed
        known = [secrets.opened(present, keys)]
        with suppress(UnreadableSecretError):  # a day later it would not sign anyway
            known += [secrets.opened(text, keys) for text in former]
        signatures = [
            secrets.signature(
                secret, message_id=self.message_id, timestamp=timestamp, body=self.body
            )
            for secret in known
        ]
        return {
            "webhook-id": self.message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(signatures),
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """How an attempt ended: a status, or an error; `pause` is what Retry-After asks for."""

    status: int | None = None
    error: AttemptError | None = None
    pause: timedelta | None = None
    duration: int = 0  # milliseconds

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_our_fault(self) -> bool:
        return self.error is AttemptError.INTERNAL


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a delivery, and of its webhook if that was disabled by it."""

    state: DeliveryState
    disabled: DisabledReason | None = None


async def due(*, within: timedelta, limit: int) -> list[Due]:
    """List what is due soon, a few of each webhook, those that fail after those that do not."""
    return await outbox.listed(_DUE, within, limit, AT_ONCE, AT_ONCE_FAILING)


async def claim(delivery_id: UUID) -> Parcel | None:
    """Take a due delivery under a lease; None when it is not due, or settled, taken or gone."""
    delivery = await outbox.claim(WebhookDelivery, delivery_id)
    found = await statements.rows(_CLAIMED, delivery_id) if delivery else []
    if delivery is None or not found:
        return None
    (row,) = found
    return Parcel(
        delivery_id=delivery_id,
        webhook_id=row["id"],
        number=delivery.attempts,
        at=delivery.claimed_at or delivery.due_at,
        url=row["url"],
        message_id=str(row["event_id"]),
        body=_body(row["event_id"], row["type"], row["at"], row["nic_handle"]),
        sealed=[row["secret"], *([row["former_secret"]] if row["both"] else [])],
    )


async def settle(parcel: Parcel, answer: Answer, *, policy: Policy) -> Settled | None:
    """Record an attempt in one transaction with what follows from it. Safe to call twice.

    An attempt that ends after its lease counts if it was delivered; its failure counts for nothing,
    as another attempt is under way. None: the delivery is gone, with its webhook.
    """
    async with transaction():
        webhook = await _lock(parcel.webhook_id)
        delivery = await WebhookDelivery.select_for_update().get_or_none(id=parcel.delivery_id)
        if webhook is None or delivery is None:
            return None
        late = delivery.is_overtaken(parcel.number) and not answer.is_delivered
        is_new = await _note(parcel, answer)
        if not is_new or late or delivery.state is not DeliveryState.QUEUED:
            return Settled(delivery.state)
        at = await clock.now()
        disabled = await _judge(webhook, answer, at)
        _move(delivery, webhook, answer, at, policy.webhook_waits)
        await delivery.save(update_fields=[*outbox.MOVES, "state"])
        await _forget_failures(webhook)
    _count(delivery.state)
    return Settled(delivery.state, disabled)


async def _lock(webhook_id: UUID) -> Webhook | None:
    return await Webhook.select_for_update(no_key=True).get_or_none(id=webhook_id)


async def _note(parcel: Parcel, answer: Answer) -> bool:
    """Keep an attempt for its partner to read; False when it was kept before."""
    former = WebhookAttempt.filter(delivery_id=parcel.delivery_id, number=parcel.number)
    if await former.exists():
        return False
    await WebhookAttempt.create(
        delivery_id=parcel.delivery_id,
        number=parcel.number,
        at=parcel.at,
        status=answer.status,
        error=answer.error,
        duration=answer.duration,
    )
    return True


async def _judge(webhook: Webhook, answer: Answer, at: datetime) -> DisabledReason | None:
    """Note what an answer says of its webhook; return why that is disabled by it, if it is."""
    before = [getattr(webhook, name) for name in _MOVES]
    was_enabled = webhook.state is WebhookState.ENABLED
    if answer.is_delivered:
        webhook.succeed()
    elif was_enabled and answer.status == _GONE:
        webhook.disable(DisabledReason.GONE, at=at)
    elif was_enabled and not answer.is_our_fault:
        pause = min(answer.pause, _LONGEST_PAUSE) if answer.pause else None
        webhook.fail(at=at, pause=pause)
    if before != [getattr(webhook, name) for name in _MOVES]:
        await webhook.save(update_fields=_MOVES)
    if was_enabled and webhook.state is WebhookState.DISABLED:
        await _abandon(webhook, at)
        await notices.tell(webhook, at=at)
        return webhook.disabled_reason
    return None


def _move(
    delivery: WebhookDelivery,
    webhook: Webhook,
    answer: Answer,
    at: datetime,
    waits: Sequence[timedelta],
) -> None:
    if answer.is_delivered:
        delivery.settle(DeliveryState.DELIVERED, at=at)
    elif webhook.state is WebhookState.DISABLED or (
        delivery.attempts >= len(waits) and not answer.is_our_fault
    ):
        delivery.settle(DeliveryState.ABANDONED, at=at)
    else:
        wait = outbox.jittered(waits[min(delivery.attempts, len(waits) - 1)])
        delivery.put_off(max(at + wait, webhook.paused_until or at))


async def _forget_failures(webhook: Webhook) -> None:
    """Once nothing is tried any more, the next failure is the first one: it may be months away."""
    if webhook.failing_since is None or webhook.state is WebhookState.DISABLED:
        return
    if not await WebhookDelivery.exists(webhook_id=webhook.id, state=DeliveryState.QUEUED):
        webhook.failing_since = None
        await webhook.save(update_fields=["failing_since"])


async def _abandon(webhook: Webhook, at: datetime) -> None:
    """Give up what else waits for a webhook: its partner catches up by the list of events."""
    await statements.rows(
        "UPDATE webhook_deliveries SET state = 'ABANDONED', settled_at = $2, claimed_at = NULL"
        " WHERE webhook_id = $1 AND state = 'QUEUED'",
        webhook.id,
        at,
    )


def _count(state: DeliveryState) -> None:
    if state is DeliveryState.QUEUED:
        metrics.count(metrics.WEBHOOK_RETRIES)
    else:
        metrics.count(metrics.WEBHOOK_DELIVERIES, state.lower())


def _body(event_id: UUID, kind: str, at: datetime, nic_handle: str) -> bytes:
    """Write what is sent: the same bytes at every attempt, and no personal data."""
    instant = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    data = {"id": str(event_id), "nicHandle": nic_handle}
    return orjson.dumps({"type": kind, "timestamp": instant, "data": data})
