"""Who may hold an address as the primary one: whoever proves it; until then, whoever took it last.

The last proven address of another account is taken, and so is one that is reserved for its former
holder while a change can still be reverted. One that another account holds unproven yields: that
account falls back to its last proven address.
"""

from datetime import datetime

from models import accounts, activities, challenges, notices, statements
from models.accounts import Account, Addresses, AddressTakenError
from models.activities import ActivityKind
from models.challenges import Purpose
from models.email_addresses import EmailAddress
from models.mails import Template


async def owner(key: str, *, at: datetime) -> Account | None:
    """Return the account whose last proven address it is, or which has it reserved."""
    found = await statements.rows(
        "SELECT id FROM accounts WHERE last_proven_email_key = $1"
        " UNION ALL SELECT account_id FROM email_changes WHERE former_last_proven_email_key = $1"
        " AND state = 'DONE' AND revertible_until > $2 LIMIT 1",
        key,
        at,
    )
    return await Account.get(id=found[0]["id"]) if found else None


def primary_of(addresses: Addresses) -> EmailAddress:
    return EmailAddress(addresses.email, addresses.email_key)


def last_proven_of(addresses: Addresses) -> EmailAddress:
    return EmailAddress(addresses.last_proven_email, addresses.last_proven_email_key)


async def take(account: Account, address: EmailAddress, *, at: datetime) -> None:
    """Make the address the primary one of a locked account. Raises AddressTakenError."""
    await make_way(address, account, at=at)
    account.address(address)
    await accounts.move(account)


async def make_way(address: EmailAddress, newcomer: Account, *, at: datetime) -> bool:
    """Let an account that holds the address unproven fall back; say whether one did.

    Raises AddressTakenError when it belongs to another account for good.
    """
    belongs_to = await owner(address.key, at=at)
    if belongs_to is not None and belongs_to.id != newcomer.id:
        raise AddressTakenError
    # Locked already by an operation that could foresee it; see accounts.locked.
    found = await statements.rows(
        "SELECT id FROM accounts WHERE email_key = $1 FOR UPDATE", address.key
    )
    if not found or found[0]["id"] == newcomer.id:
        return False
    await _fall_back(await Account.get(id=found[0]["id"]), at=at)
    return True


async def _fall_back(holder: Account, *, at: datetime) -> None:
    lost = holder.email
    holder.address(EmailAddress(holder.last_proven_email, holder.last_proven_email_key))
    await accounts.move(holder)
    await activities.record(holder.id, ActivityKind.EMAIL_YIELDED, at=at)
    await challenges.void(holder.id, Purpose.EMAIL_PROOF, at=at)
    await notices.tell(
        Template.ADDRESS_YIELDED,
        holder,
        at=at,
        before=holder.addresses,
        to=[holder.last_proven_email],
        params={"lost_email": lost},
    )
