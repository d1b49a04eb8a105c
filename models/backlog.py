"""What is due and not done, mails, acceptances and webhooks, for the operator."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tortoise.connection import get_connection


@dataclass(frozen=True, slots=True)
class Due:
    """One row that waits for a worker: a mail's template, an acceptance, or a webhook."""

    id: UUID
    what: str
    nic_handle: str
    attempts: int
    due_at: datetime
    late: float  # seconds


@dataclass(frozen=True, slots=True)
class Depth:
    """How many wait; for how many seconds the oldest has been due, and has been there at all."""

    waiting: int
    oldest_due: float
    oldest: float


async def due(limit: int) -> list[Due]:
    """List what is due, oldest first; what waits for its next attempt is not."""
    rows = await get_connection("default").execute_query_dict(
        "SELECT *, extract(epoch FROM clock_timestamp() - due_at)::float8 AS late FROM ("
        " SELECT id, template AS what, nic_handle, attempts, due_at"
        " FROM mails WHERE state = 'QUEUED' AND due_at <= clock_timestamp()"
        " UNION ALL"
        " SELECT c.id, 'acceptance', a.nic_handle, 0, c.auto_accept_at"
        " FROM email_changes c JOIN accounts a ON a.id = c.account_id"
        " WHERE c.state = 'PENDING' AND c.auto_accept_at <= clock_timestamp()"
        " UNION ALL"
        " SELECT d.id, 'webhook', e.nic_handle, d.attempts, d.due_at"
        " FROM webhook_deliveries d JOIN events e ON e.id = d.event_id"
        " WHERE d.state = 'QUEUED' AND d.due_at <= clock_timestamp()"
        ") AS due ORDER BY due_at, id LIMIT $1",
        [limit],
    )
    return [Due(**row) for row in rows]


async def mails() -> Depth:
    """Measure the outbox; a mail under its lease is in it, and is not due."""
    return await _measured(
        "SELECT count(*) AS waiting, min(due_at) AS due, min(queued_at) AS oldest,"
        " clock_timestamp() AS now FROM mails WHERE state = 'QUEUED'"
    )


async def acceptances() -> Depth:
    """Measure the changes whose deadline has passed."""
    return await _measured(
        "SELECT count(*) AS waiting, min(auto_accept_at) AS due, min(requested_at) AS oldest,"
        " clock_timestamp() AS now FROM email_changes"
        " WHERE state = 'PENDING' AND auto_accept_at <= clock_timestamp()"
    )


async def webhooks() -> Depth:
    """Measure what waits for webhooks; what fails there, or has to wait, is due to nobody here."""
    return await _measured(
        "SELECT count(*) AS waiting, min(d.queued_at) AS oldest, clock_timestamp() AS now,"
        " min(d.due_at) FILTER (WHERE w.failing_since IS NULL"
        " AND coalesce(w.paused_until <= clock_timestamp(), true)) AS due"
        " FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id"
        " WHERE d.state = 'QUEUED'"
    )


async def unpublished() -> Depth:
    """Measure what has happened and was told to nobody yet."""
    return await _measured(
        "SELECT count(*) AS waiting, min(at) AS due, min(at) AS oldest, clock_timestamp() AS now"
        " FROM events WHERE published_at IS NULL"
    )


async def _measured(statement: str) -> Depth:
    (row,) = await get_connection("default").execute_query_dict(statement)
    due, oldest = (
        max((row["now"] - (row[name] or row["now"])).total_seconds(), 0.0)
        for name in ("due", "oldest")
    )
    return Depth(row["waiting"], due, oldest)
