"""This was not me: an account goes back to how it was, and waits for a password reset.

ACTIVE ── report · reversal ──▶ FROZEN ── reset through a proven address ──▶ ACTIVE
"""

from datetime import datetime

from models import (
    accounts,
    challenges,
    devices,
    email_changes,
    links,
    notices,
    primary_addresses,
    sessions,
)
from models.accounts import Account, AccountState, Addresses, AddressTakenError
from models.email_changes.table import EmailChange, EmailChangeAbortReason, EmailChangeState
from models.links import Link, LinkPurpose
from models.mails import Template
from models.primary_addresses import last_proven_of, primary_of
from models.transactions import transaction


async def report(token: str) -> tuple[Account, int]:
    """Undo what the link's mail tells of and all that is younger; freeze the account.

    Returns the account and how many sessions were closed. Raises InvalidCodeError.
    """
    link = await links.find(LinkPurpose.REPORT, token)
    former_key = link.addresses.email_key
    async with accounts.locked(link.account_id, holder_of=former_key) as (account, at):
        await links.spend(link, at=at)
        before = account.addresses
        await give_back(account, link.addresses, link=link, at=at)
        if account.addresses != before:  # else what froze it before keeps its say
            account.unfreezes_through_key = account.last_proven_email_key
        closed = await freeze(account, at=at)
    return account, closed


async def give_back(account: Account, addresses: Addresses, *, link: Link, at: datetime) -> None:
    """Give a locked account its earlier addresses; younger changes and links are undone."""
    if change := await email_changes.pending(account.id):
        await email_changes.abort(change, EmailChangeAbortReason.REPORTED, at=at)
    younger = EmailChange.filter(
        account_id=account.id, state=EmailChangeState.DONE, settled_at__gte=link.issued_at
    )
    for change in await younger:
        change.revert(at)
        await change.save(update_fields=["state", "reverted_at"])
    await links.void_younger(link)
    await _restore(account, addresses, at=at)


async def freeze(account: Account, *, at: datetime) -> int:
    """Close a locked account's sessions, void its codes, and tell all known addresses.

    Every device is forgotten: one of them may be the thief's.
    """
    account.state = AccountState.FROZEN
    await account.save(update_fields=["state", "unfreezes_through_key"])
    await challenges.void_all(account.id, at=at)
    await devices.forget(account.id)
    await notices.tell_everywhere(Template.FROZEN, account, before=account.addresses, at=at)
    return await sessions.close_all(account.id)


async def _restore(account: Account, addresses: Addresses, *, at: datetime) -> None:
    """Restore what no other account has proven since: all of it, or all but an unproven primary."""
    present = account.addresses
    if present == addresses:
        return
    for primary in (primary_of(addresses), last_proven_of(addresses)):
        account.restore(addresses)
        try:
            async with transaction():  # a savepoint: who made way in vain stays where they were
                await primary_addresses.take(account, primary, at=at)
        except AddressTakenError:
            account.restore(present)
        else:
            return
