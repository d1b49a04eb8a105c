"""The chains of the activity log, for the operator: are they whole; and what may be erased."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from models import statements
from models.accounts import Account
from models.activities import Activity, ActivityOrigin

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found in one account's chain: its rows, and the first broken one if any."""

    account_id: UUID
    rows: int
    broken: int | None = None
    why: str = ""


async def verify(account_id: UUID) -> Verdict:
    """Recompute a chain from its first row; the first that does not fit is named by its number.

    Rows that were cut off at the end leave no trace, but for the first: each account that is
    younger than the log itself has been opened.
    """
    former, number = b"", 0
    async for activity, beside in _rows(account_id):
        number += 1
        if activity.number != number:
            return Verdict(account_id, number, number, "is missing")
        if bytes(activity.digest) != activity.chained(former):
            return Verdict(account_id, number, number, "was changed")
        if beside and beside.digest() != bytes(activity.origin_digest or b""):
            return Verdict(account_id, number, number, "came from elsewhere")
        former = bytes(activity.digest)
    if number == 0 and await _is_younger_than_the_log(account_id):
        return Verdict(account_id, 0, 1, "is missing")
    return Verdict(account_id, number)


async def accounts() -> AsyncIterator[Account]:
    """Go through all accounts, oldest id first."""
    after = UUID(int=0)
    while found := await Account.filter(id__gt=after).order_by("id").limit(_AT_ONCE):
        for account in found:
            yield account
        after = found[-1].id


async def erase_origins(account_id: UUID) -> int:
    """Forget from where and with what an account was used; return in how many rows.

    Failed logins of a minute that is not over are told without, too.
    """
    await statements.rows(
        "UPDATE failed_logins SET ip_address = NULL, user_agent = NULL"
        " WHERE account_id = $1 RETURNING id",
        account_id,
    )
    gone = await statements.rows(
        "DELETE FROM activity_origins o USING activities a"
        " WHERE a.id = o.activity_id AND a.account_id = $1 RETURNING o.activity_id",
        account_id,
    )
    return len(gone)


async def _is_younger_than_the_log(account_id: UUID) -> bool:
    (found,) = await statements.rows(
        "SELECT created_at > (SELECT min(at) FROM activities) AS younger"
        " FROM accounts WHERE id = $1",
        account_id,
    )
    return bool(found["younger"])


async def _rows(account_id: UUID) -> AsyncIterator[tuple[Activity, ActivityOrigin | None]]:
    number = 0
    chain = Activity.filter(account_id=account_id).order_by("number")
    while found := await chain.filter(number__gt=number).limit(_AT_ONCE):
        origins = ActivityOrigin.filter(activity_id__in=[activity.id for activity in found])
        beside = {origin.activity_id: origin for origin in await origins}
        for activity in found:
            yield activity, beside.get(activity.id)
        number = found[-1].number
