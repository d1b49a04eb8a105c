"""`nicgate activity`: is the activity log whole, and forget where requests came from."""

import sys
from collections.abc import AsyncIterator, Sequence

from gateway.listening import StartError
from gateway.operators import ask
from models import activity_chain, nic_handles
from models.accounts import Account


def activity(*, action: str, handles: Sequence[str]) -> None:
    """Verify the logs of all accounts or of these, or erase the origins in these."""
    if action == "erase" and not handles:
        raise StartError("nicgate activity erase needs a NIC-HANDLE.")
    ask(lambda: _verify(handles) if action == "verify" else _erase(handles))


async def _verify(handles: Sequence[str]) -> bool:
    rows = accounts = 0
    is_whole = True
    async for handle, account in _named(handles):
        if account is None:
            is_whole = False
            sys.stderr.write(f"{handle}: there is no such account\n")
            continue
        verdict = await activity_chain.verify(account.id)
        rows, accounts = rows + verdict.rows, accounts + 1
        if verdict.broken is not None:
            is_whole = False
            sys.stdout.write(f"{handle}: row {verdict.broken} {verdict.why}\n")
    sys.stdout.write(f"rows read: {rows}, of accounts: {accounts}\n")
    return is_whole


async def _erase(handles: Sequence[str]) -> bool:
    is_whole = True
    async for handle, account in _named(handles):
        if account is None:
            is_whole = False
            sys.stderr.write(f"{handle}: there is no such account\n")
            continue
        erased = await activity_chain.erase_origins(account.id)
        sys.stdout.write(f"{handle}: rows whose origin is erased: {erased}\n")
    return is_whole


async def _named(handles: Sequence[str]) -> AsyncIterator[tuple[str, Account | None]]:
    if not handles:
        async for account in activity_chain.accounts():
            yield account.nic_handle, account
    for handle in handles:
        yield handle, await Account.get_or_none(nic_handle=nic_handles.parse(handle))
