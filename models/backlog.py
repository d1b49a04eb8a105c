"""What is due and not done, mails and acceptances, for the operator."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tortoise.connection import get_connection


@dataclass(frozen=True, slots=True)
class Due:
    """One row that waits for a worker: a mail's template, or the acceptance of a change."""

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


async def _measured(statement: str) -> Depth:
    (row,) = await get_connection("default").execute_query_dict(statement)
    due, oldest = (
        max((row["now"] - (row[name] or row["now"])).total_seconds(), 0.0)
        for name in ("due", "oldest")
    )
    return Depth(row["waiting"], due, oldest)
