"""How long a former address can take the account back, and what ends with that time.

open ── 14 days after silence · 72 h after a code, or the proof of the new address if later ──▶ over

Among several the oldest decides: its mailbox was proven before all others.
"""

from datetime import datetime
from uuid import UUID

from models import links, statements
from models.accounts import Account
from models.email_changes.table import EmailChange, EmailChangeState


async def open_former_keys(account_id: UUID, at: datetime, *, against: str) -> list[str]:
    """List the former addresses that can still take the account back from the present one.

    If that is a former address itself, the younger ones cannot: it could have reverted them, and
    may have been moved away from and back by a thief.
    """
    keys = [change.former_last_proven_email_key for change in await _open(account_id, at)]
    return keys[: keys.index(against)] if against in keys else keys


async def accepted(account: Account, change: EmailChange, *, at: datetime) -> None:
    """Bound what the mailbox that was just left may do, to the time of its longest window."""
    await _bound(change, at=at)
    if account.email_proven:
        await _outrank_younger(account, at=at)


async def proven(account: Account, *, at: datetime) -> None:
    """Now that the primary address is proven, the former one may act only while it has to."""
    accepted = EmailChange.filter(account_id=account.id, state=EmailChangeState.DONE)
    change = await accepted.order_by("-settled_at").first()
    if change is None:
        return
    change.shorten(at)
    await change.save(update_fields=["revertible_until"])
    await _bound(change, at=at)
    await _outrank_younger(account, at=at)


async def _bound(change: EmailChange, *, at: datetime) -> None:
    """End the links of a former address with its longest window; what reverts, with its own."""
    account_id, key = change.account_id, change.former_last_proven_email_key
    await links.cap(account_id, key, until=max(await _end_of(account_id, key) or at, at))
    await links.cap_revert(change.id, until=change.revertible_until or at)


async def _outrank_younger(account: Account, *, at: datetime) -> None:
    """Let no mailbox outlive an older one that the account has come back to.

    Else a thief who moved it away and back would keep a link when its holder has none left.
    """
    open_ones = await _open(account.id, at)
    keys = [change.former_last_proven_email_key for change in open_ones]
    if account.email_key not in keys:
        return
    rank = keys.index(account.email_key)
    older = set(keys[: rank + 1])
    until = await _end_of(account.id, account.email_key) or at
    for change in open_ones[rank:]:
        key = change.former_last_proven_email_key
        if key not in older and change.revertible_until and change.revertible_until > until:
            change.revertible_until = until
            await change.save(update_fields=["revertible_until"])
            await links.cap(account.id, key, until=until)


async def _open(account_id: UUID, at: datetime) -> list[EmailChange]:
    """List the changes that can still be reverted, oldest first."""
    found = EmailChange.filter(
        account_id=account_id, state=EmailChangeState.DONE, revertible_until__gt=at
    )
    return await found.order_by("settled_at")


async def _end_of(account_id: UUID, former_key: str) -> datetime | None:
    """Say until when a former address can take the account back: the longest of its windows."""
    (found,) = await statements.rows(
        "SELECT max(revertible_until) AS until FROM email_changes"
        " WHERE account_id = $1 AND former_last_proven_email_key = $2 AND state = 'DONE'",
        account_id,
        former_key,
    )
    until: datetime | None = found["until"]
    return until
