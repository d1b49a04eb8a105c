"""Events: what partners are told, thin: that something happened to an account, and no more.

Written in the transaction of what they tell; who is told, and in which order, is found out when
they are published.

committed ── publish ──▶ in the list of each partner that is told, with its next number there
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from asyncpg import LockNotAvailableError
from tortoise import fields
from tortoise.models import Model

from models import pages, statements
from models.policy import Policy
from models.scopes import Scope
from models.transactions import transaction

_AT_ONCE, _YOUNGEST = 1000, 100
# Any number will do, as long as nobody else locks it.
PUBLICATION_LOCK = 429851
_PATIENCE = "500ms"
_ALONE = "SELECT set_config('lock_timeout', $1, true), pg_advisory_xact_lock($2)"


class EventType(StrEnum):
    """What happened."""

    ACCOUNT_CREATED = "account.created"
    ACCOUNT_PROFILE_UPDATED = "account.profile_updated"
    ACCOUNT_EMAIL_CHANGE_REQUESTED = "account.email_change_requested"
    ACCOUNT_EMAIL_CHANGE_SETTLED = "account.email_change_settled"
    ACCOUNT_FROZEN = "account.frozen"
    ACCOUNT_UNFROZEN = "account.unfrozen"
    CONSENT_GRANTED = "consent.granted"
    CONSENT_REFUSED = "consent.refused"
    CONSENT_REVOKED = "consent.revoked"
    CONSENT_EXPIRED = "consent.expired"


class Event(Model):
    """One event; `number` orders the events of one account, which is locked while it is written.

    `partner_id` is the only partner to be told; None: all that may read the account.
    """

    number = fields.BigIntField(primary_key=True)
    id = fields.UUIDField(default=uuid4, unique=True)
    type = fields.CharEnumField(EventType, max_length=40)
    at = fields.DatetimeField()
    account_id = fields.UUIDField(null=True)
    nic_handle = fields.CharField(max_length=20)
    partner_id = fields.UUIDField(null=True)
    published_at = fields.DatetimeField(null=True)

    class Meta:
        table = "events"


class PartnerEvent(Model):
    """One event in the list of one partner; `number` counts from 1 there.

    It is given out after the event was committed, in one transaction after the other: whoever has
    read up to a number has missed none below it.
    """

    id = fields.BigIntField(primary_key=True)
    partner_id = fields.UUIDField()
    number = fields.BigIntField()
    event_id = fields.UUIDField()

    class Meta:
        table = "partner_events"


# With the oldest go the first ones of the accounts that something has happened to last, so that
# nobody waits behind what happens to many at once. Told are, of a consent, its partner; of an
# account, whoever might read it when it happened. Webhooks that somebody disables or removes just
# now are waited for; deliveries are due in the order of their events.
_PUBLISH = f"""
WITH oldest AS (
  SELECT number FROM events WHERE published_at IS NULL ORDER BY number LIMIT $1
), youngest AS (
  SELECT min(number) AS number FROM events WHERE published_at IS NULL
  GROUP BY nic_handle ORDER BY 1 DESC LIMIT $3
), batch AS (
  UPDATE events SET published_at = statement_timestamp()
  WHERE number IN (SELECT number FROM oldest UNION SELECT number FROM youngest)
  RETURNING number, id, type, at, account_id, partner_id
), reader AS (
  SELECT id, first_party FROM partners
  WHERE revoked_at IS NULL AND scopes ? '{Scope.ACCOUNT_READ}'
), told AS (
  SELECT b.number, b.id, b.type, p.id AS partner_id FROM batch b
    JOIN partners p ON p.id = b.partner_id WHERE p.revoked_at IS NULL
  UNION ALL
  SELECT b.number, b.id, b.type, r.id FROM batch b CROSS JOIN reader r
    WHERE b.partner_id IS NULL AND r.first_party
  UNION ALL
  SELECT b.number, b.id, b.type, r.id FROM batch b
    JOIN consents c ON c.account_id = b.account_id AND c.answered_at <= b.at
      AND (c.state = 'GRANTED' OR c.ended_at > b.at)
      AND c.scopes ? '{Scope.ACCOUNT_READ}'
    JOIN reader r ON r.id = c.partner_id AND NOT r.first_party
    WHERE b.partner_id IS NULL
), last AS MATERIALIZED (
  SELECT partner_id, coalesce((
    SELECT max(number) FROM partner_events WHERE partner_id = partner.partner_id), 0) AS number
  FROM (SELECT DISTINCT partner_id FROM told) partner
), listed AS (
  INSERT INTO partner_events (partner_id, number, event_id)
  SELECT partner_id, last.number
    + row_number() OVER (PARTITION BY partner_id ORDER BY told.number), told.id
  FROM told JOIN last USING (partner_id)
), addressed AS (
  SELECT w.id AS webhook_id, told.id AS event_id, told.number FROM told
    JOIN webhooks w ON w.partner_id = told.partner_id
  WHERE w.state = 'ENABLED' AND (w.types = '[]' OR w.types ? told.type)
  FOR SHARE OF w
), queued AS (
  INSERT INTO webhook_deliveries (id, webhook_id, event_id, state, attempts, queued_at, due_at)
  SELECT gen_random_uuid(), webhook_id, event_id, 'QUEUED', 0, statement_timestamp(),
    statement_timestamp() + $2 + row_number() OVER (ORDER BY number) * interval '1 microsecond'
  FROM addressed
)
SELECT count(*) AS published FROM batch
"""  # noqa: S608 -- words of the scopes


async def record(account_id: UUID, kind: EventType, *, at: datetime) -> None:
    """Write an event of a locked account, within the transaction of what it tells."""
    await statements.rows(
        "INSERT INTO events (id, type, at, account_id, nic_handle)"
        " SELECT $1, $2, $3, id, nic_handle FROM accounts WHERE id = $4",
        uuid4(),
        kind,
        at,
        account_id,
    )


async def tell(
    partner_id: UUID,
    kind: EventType,
    *,
    nic_handle: str,
    account_id: UUID | None,
    at: datetime,
) -> None:
    """Write an event for one partner alone, be there such an account or not."""
    await Event.create(
        type=kind, at=at, account_id=account_id, nic_handle=nic_handle, partner_id=partner_id
    )


async def publish(*, policy: Policy) -> bool:
    """Give committed events to the partners that are told, and to their webhooks.

    Some at once, those of an account in their order; says whether there may be more. Events of
    transactions that are not committed yet may have lower numbers: they come in a later
    publication, behind what is listed then. Where another process is at it and stands still, it is
    left to a later call.
    """
    if not await statements.rows("SELECT FROM events WHERE published_at IS NULL LIMIT 1"):
        return False
    try:
        async with transaction():
            # A statement of its own: the next one has to see what the former holder committed.
            await statements.rows(_ALONE, _PATIENCE, PUBLICATION_LOCK)
            (found,) = await statements.rows(_PUBLISH, _AT_ONCE, policy.webhook_waits[0], _YOUNGEST)
    except LockNotAvailableError:
        return False
    return bool(found["published"] >= _AT_ONCE)


async def page(
    partner_id: UUID, *, first: int, after: str | None, policy: Policy
) -> pages.Page[Event]:
    """Return what a partner was told, oldest first. Raises BadPageError."""
    last, number = pages.start(first, after), 0
    await publish(policy=policy)
    if last is not None:
        found = await statements.rows(
            "SELECT number FROM partner_events WHERE partner_id = $1 AND event_id = $2",
            partner_id,
            last,
        )
        if not found:
            raise pages.BadPageError("after")
        number = found[0]["number"]
    rows = await statements.rows(
        "SELECT e.* FROM partner_events p JOIN events e ON e.id = p.event_id"
        " WHERE p.partner_id = $1 AND p.number > $2 ORDER BY p.number LIMIT $3",
        partner_id,
        number,
        first + 1,
    )
    told = [Event(**row) for row in rows]
    return pages.Page(told[:first], has_next=len(told) > first, has_previous=last is not None)
