"""This was not me: an account goes back to how it was, and waits for a password reset.

ACTIVE ── report · reversal ──▶ FROZEN ── reset through a proven address ──▶ ACTIVE
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import dropwhile

from models import (
    accounts,
    activities,
    challenges,
    clock,
    devices,
    email_changes,
    links,
    notices,
    primary_addresses,
    sessions,
)
from models.accounts import Account, AccountState, Addresses, AddressTakenError
from models.activities import ActivityKind
from models.email_changes.table import EmailChange, EmailChangeAbortReason, accepted_since
from models.links import Link, LinkPurpose
from models.mails import Template
from models.primary_addresses import last_proven_of, primary_of
from models.sessions import SessionEnd
from models.transactions import transaction


async def report(token: str) -> tuple[Account, int]:
    """Undo what the link's mail tells of and all that is younger; freeze the account.

    Returns the account and how many sessions were closed. Raises InvalidCodeError.
    """
    link = await links.find(LinkPurpose.REPORT, token)
    _, foreseen = await _undone_by(link, at=await clock.now())
    former_key = foreseen.email_key if foreseen else None
    async with accounts.locked(link.account_id, holder_of=former_key) as (account, at):
        await links.spend(link, account, at=at)
        await activities.record(account.id, ActivityKind.COMPROMISE_REPORTED, at=at)
        before = account.addresses
        undone, addresses = await _undone_by(link, at=at)
        await give_back(account, addresses or before, undone, link=link, at=at)
        if account.addresses != before:  # else what froze it before keeps its say
            account.unfreezes_through_key = account.last_proven_email_key
        closed = await freeze(account, at=at)
    return account, closed


async def give_back(
    account: Account,
    addresses: Addresses,
    undone: Sequence[EmailChange],
    *,
    link: Link,
    at: datetime,
) -> None:
    """Give a locked account its earlier addresses; changes since and younger links are undone.

    So is every link that would revert what is reverted: its token is as spent as that of `link`.
    """
    if change := await email_changes.pending(account.id):
        await email_changes.abort(change, EmailChangeAbortReason.REPORTED, at=at)
    for change in undone:
        change.revert(at)
        await change.save(update_fields=["state", "reverted_at"])
        await change.record(ActivityKind.EMAIL_CHANGE_REVERTED, at=at)
    await links.void_younger(link)
    await links.void_reverts([change.id for change in undone], pressed=link)
    await _restore(account, addresses, at=at)


async def freeze(account: Account, *, at: datetime) -> int:
    """Close a locked account's sessions, void its codes, and tell all known addresses.

    Every device is forgotten: one of them may be the thief's.
    """
    account.state = AccountState.FROZEN
    await account.save(update_fields=["state", "unfreezes_through_key"])
    await activities.record(account.id, ActivityKind.FROZEN, at=at)
    await challenges.void_all(account.id, at=at)
    await devices.forget(account.id)
    await notices.tell_everywhere(Template.FROZEN, account, at=at)
    return await sessions.close_all(account.id, SessionEnd.FROZEN, at=at)


async def _undone_by(link: Link, *, at: datetime) -> tuple[Sequence[EmailChange], Addresses | None]:
    """List the accepted changes that a report undoes, and say which addresses were before them.

    One that nobody may revert any more stands, with all that is older: its new address decides.
    """
    younger = await accepted_since(link.account_id, link.issued_at)
    undone = list(dropwhile(lambda change: change.is_final(at), younger))
    if len(undone) == len(younger):
        return undone, link.addresses
    return undone, undone[0].former_addresses if undone else None


async def _restore(account: Account, addresses: Addresses, *, at: datetime) -> None:
    """Restore what no other account has proven since: all of it, or all but an unproven primary."""
    present = account.addresses
    if present == addresses:
        return
    addresses = await _without_spare_of_others(account, addresses, at=at)
    for primary in (primary_of(addresses), last_proven_of(addresses)):
        account.restore(addresses)
        try:
            async with transaction():  # a savepoint: who made way in vain stays where they were
                await primary_addresses.take(account, primary, at=at)
        except AddressTakenError:
            account.restore(present)
        else:
            return


async def _without_spare_of_others(
    account: Account, addresses: Addresses, *, at: datetime
) -> Addresses:
    """Whoever has made a former spare address theirs must not get this account's codes."""
    spare = addresses.spare_email_key
    now_of = await primary_addresses.owner(spare, at=at) if spare else None
    if now_of is None or now_of.id == account.id:
        return addresses
    return replace(addresses, spare_email=None, spare_email_key=None, spare_email_proven=False)
