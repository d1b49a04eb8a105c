"""Failed logins: tallied in the process, saved every second, one row an account and minute.

failed ── saved ──▶ a row of the minute ── the minute is over ──▶ a row of the account's chain

Nobody who guesses waits for the lock of an account, nor holds it.
"""

import asyncio
from contextlib import suppress
from uuid import UUID, uuid4

from tortoise import fields
from tortoise.models import Model

from models import accounts, activities, statements
from models.activities import ActivityKind, Origin
from models.clients import Client

_EVERY = 1.0  # seconds
_AT_ONCE = 1000
_MAX_AGENT = 300


class FailedLogin(Model):
    """The failed logins of one account within one minute, with the newest one's origin."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    account_id = fields.UUIDField()
    minute = fields.DatetimeField()
    at = fields.DatetimeField()
    count = fields.IntField()
    ip_address = fields.CharField(max_length=45, null=True)
    user_agent = fields.CharField(max_length=_MAX_AGENT, null=True)
    request_id = fields.CharField(max_length=64, null=True)

    class Meta:
        table = "failed_logins"


_unsaved: dict[UUID, tuple[int, Origin | None]] = {}


def note(account_id: UUID) -> None:
    """Count one more wrong password of an account."""
    count, _ = _unsaved.get(account_id, (0, None))
    _unsaved[account_id] = count + 1, activities.origin()


async def keep_saving() -> None:
    """Save what was counted every second, and once more when it is cancelled."""
    try:
        while True:
            await asyncio.sleep(_EVERY)
            with suppress(Exception):  # kept for the next time
                await save()
    finally:
        with suppress(Exception):
            await save()


async def save() -> None:
    """Add what this process has counted to the rows of this minute; what cannot be is kept."""
    for account_id in sorted(_unsaved):  # one order of rows for all processes
        count, source = _unsaved.pop(account_id)
        try:
            await _add(account_id, count, source)
        except BaseException:
            later, newest = _unsaved.get(account_id, (0, source))
            _unsaved[account_id] = count + later, newest
            raise


async def fold() -> None:
    """Put the minutes that are over into the chains of their accounts."""
    over = await statements.rows(
        "SELECT id, account_id FROM failed_logins"
        " WHERE minute < date_trunc('minute', clock_timestamp() - interval '5 seconds')"
        " ORDER BY minute LIMIT $1",
        _AT_ONCE,
    )
    for row in over:
        async with accounts.locked(row["account_id"]):
            await _fold_one(row["id"])


async def _add(account_id: UUID, count: int, source: Origin | None) -> None:
    await statements.rows(
        "INSERT INTO failed_logins"
        " (id, account_id, minute, at, count, ip_address, user_agent, request_id)"
        " SELECT $1, $2, date_trunc('minute', now), now, $3, $4, $5, $6"
        " FROM clock_timestamp() AS now"
        " ON CONFLICT (account_id, minute) DO UPDATE SET count = failed_logins.count + $3,"
        " ip_address = excluded.ip_address, user_agent = excluded.user_agent,"
        " request_id = excluded.request_id RETURNING id",
        uuid4(),
        account_id,
        count,
        source.client.ip_address if source else None,
        source.client.user_agent[:_MAX_AGENT] if source else None,
        source.request_id if source else None,
    )


async def _fold_one(row_id: UUID) -> None:
    row = await FailedLogin.select_for_update().get_or_none(id=row_id)
    if row is None:  # another worker was first
        return
    await row.delete()
    client = Client(row.ip_address, row.user_agent or "") if row.ip_address else None
    await activities.record(
        row.account_id,
        ActivityKind.LOGIN_FAILED,
        at=row.at,
        count=row.count,
        row_id=row.id,
        source=Origin(client, row.request_id) if client else None,
    )
