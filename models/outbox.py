"""The one outbox machinery: rows that are to be sent, each by one worker at a time.

QUEUED, due ── claim: counted, nobody else's for a lease ──▶ settled, or postponed: QUEUED again
                 └── the lease runs out: due again
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

from tortoise import fields
from tortoise.models import Model

from models import metrics, statements

LEASE = timedelta(seconds=60)
# The columns that the methods of Dispatch change.
MOVES = ("due_at", "settled_at", "claimed_at")

Due = tuple[UUID, float]  # a row, and the seconds until it is due


class Dispatch(Model):
    """What every row of an outbox has, beside a state that is QUEUED until it is settled.

    `claimed_at` is when the lease of an attempt under way began; until the lease ends the row is
    not due.
    """

    id = fields.UUIDField(primary_key=True, default=uuid4)
    attempts = fields.IntField(default=0)
    due_at = fields.DatetimeField()
    settled_at = fields.DatetimeField(null=True)
    claimed_at = fields.DatetimeField(null=True)

    class Meta:
        abstract = True

    def is_overtaken(self, number: int) -> bool:
        """Whether the attempt of this number has outlived its lease, and another was begun."""
        return number != self.attempts

    def end(self, *, at: datetime) -> None:
        """Be settled."""
        self.settled_at, self.claimed_at = at, None

    def put_off(self, until: datetime) -> None:
        """Come due again."""
        self.due_at, self.claimed_at = until, None


Row = TypeVar("Row", bound=Dispatch)


async def claim(model: type[Row], row_id: UUID) -> Row | None:
    """Take a due row under a lease; None when it is not due, or settled, or taken.

    The attempt is counted before it is made. The row is to be read, not to be saved.
    """
    table = model._meta.db_table  # noqa: SLF001
    # `settled_at IS NULL` is QUEUED said so that no plan goes through all that waits to find a
    # certain row: made while few wait, it would be kept when an outage has left thousands.
    found = await statements.rows(
        f"WITH due AS (SELECT id, due_at, claimed_at FROM {table}"  # noqa: S608 -- a model's table
        " WHERE id = $1 AND settled_at IS NULL FOR UPDATE SKIP LOCKED)"
        f" UPDATE {table} SET attempts = attempts + 1,"
        " claimed_at = clock_timestamp(), due_at = clock_timestamp() + $2"
        f" FROM due WHERE {table}.id = due.id AND due.due_at <= clock_timestamp()"
        f" RETURNING {table}.*, due.claimed_at AS former",
        row_id,
        LEASE,
    )
    if not found:
        return None
    if found[0].pop("former") is not None:
        metrics.count(metrics.LEASE_EXPIRIES)
    return model(**found[0])


async def due(model: type[Dispatch], *, within: timedelta, limit: int) -> list[Due]:
    """List what is due soon, oldest first, with the seconds that are left until then."""
    return await listed(
        f"SELECT id, due_at, statement_timestamp() AS now FROM {model._meta.db_table}"  # noqa: S608, SLF001 -- as above
        " WHERE state = 'QUEUED' AND due_at <= statement_timestamp() + $1"
        " ORDER BY due_at LIMIT $2",
        within,
        limit,
    )


async def listed(statement: str, *values: Any) -> list[Due]:
    """List what a statement finds, in its order: `id`, `due_at` and `now`.

    It compares with the clock of the statement: an index cannot be asked for an instant that
    changes meanwhile.
    """
    rows = await statements.rows(statement, *values)
    return [(row["id"], max((row["due_at"] - row["now"]).total_seconds(), 0.0)) for row in rows]


def jittered(wait: timedelta) -> timedelta:
    """Return a wait, give or take a tenth: what failed together must not come back as one."""
    return wait * random.uniform(0.9, 1.1)  # noqa: S311


def wait_after(attempts: int, waits: Sequence[timedelta]) -> timedelta:
    """Return how long to wait after so many attempts; the last wait is for all that follow."""
    return waits[min(attempts, len(waits)) - 1]
