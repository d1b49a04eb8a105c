"""Links in mails: a token in the mailbox of a proven address, its digest here; single use.

live ── used ──▶ spent        live ── age · a reset through its mailbox · an older link ──▶ gone

Each remembers the addresses that the account had before what its mail tells of. No call of a
signed-in client ends a link: whoever has a session may be the one it is there against.
"""

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from tortoise import fields
from tortoise.expressions import Q
from tortoise.models import Model

from models import clock, durations, email_addresses, statements, tokens, withdrawals
from models.accounts import Account, AccountState, Addresses
from models.challenges import InvalidCodeError
from models.policy import REPORT_LIFETIME

_STEP = timedelta(milliseconds=5)  # several times what it takes to look for a token


class LinkPurpose(StrEnum):
    """What a link does once its page is confirmed."""

    REFUSE = "REFUSE"
    REVERT = "REVERT"
    REPORT = "REPORT"


class Link(Model):
    """One link; `mailed_to_key` is the address whose reader holds it."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    account_id = fields.UUIDField()
    email_change_id = fields.UUIDField(null=True)
    purpose = fields.CharEnumField(LinkPurpose, max_length=10)
    token_digest = fields.BinaryField()  # unique in the database
    mailed_to_key = fields.CharField(max_length=254)
    restores: dict[str, Any] = fields.JSONField()
    issued_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    spent_at = fields.DatetimeField(null=True)

    class Meta:
        table = "links"

    @property
    def addresses(self) -> Addresses:
        """The account's addresses before what the mail tells of."""
        return Addresses(**self.restores)


async def issue(
    purpose: LinkPurpose,
    account: Account,
    *,
    mailed_to: str,
    before: Addresses,
    at: datetime,
    lifetime: timedelta = REPORT_LIFETIME,
    change_id: UUID | None = None,
) -> str:
    """Store a link and return what stands behind its `#`: id and token, in clear this once.

    The id is the change's where there is one to answer, else the link's own.
    """
    token, digest = tokens.issue()
    link = await Link.create(
        account_id=account.id,
        email_change_id=change_id,
        purpose=purpose,
        token_digest=digest,
        mailed_to_key=email_addresses.parse(mailed_to).key,
        restores=asdict(before),
        issued_at=at,
        expires_at=at + lifetime,
    )
    return f"{change_id or link.id}.{token}"


async def find(purpose: LinkPurpose, token: str, **also: UUID | None) -> Link:
    """Return the live link of a token. Raises InvalidCodeError.

    One query whatever is wrong with it, in steps of time that hide how many rows it looked at; it
    counts only once `spend` has looked again under the account's lock.
    """
    async with durations.in_steps_of(_STEP):
        at = await clock.now()
        live = Link.filter(purpose=purpose, spent_at__isnull=True, expires_at__gt=at, **also)
        link = await live.get_or_none(token_digest=tokens.digest(token))
    if link is None:
        raise InvalidCodeError
    return link


async def spend(link: Link, account: Account, *, at: datetime) -> None:
    """Use up a link of a locked account. Raises InvalidCodeError when one of them is no more."""
    live = Link.filter(id=link.id, spent_at__isnull=True, expires_at__gt=at)
    if account.state is AccountState.CLOSED or not await live.update(spent_at=at):
        raise InvalidCodeError


async def void_younger(than: Link) -> None:
    """End every link of the account that was issued after this one."""
    await _end(than.account_id, Q(issued_at__gt=than.issued_at))


async def void_reverts(change_ids: Collection[UUID], *, pressed: Link) -> None:
    """End what would revert these changes, which are reverted now; what was pressed is spent.

    The links of one mail are of one instant: its report link does not find the other younger.
    """
    again = Q(purpose=LinkPurpose.REVERT, email_change_id__in=list(change_ids))
    await _end(pressed.account_id, again & ~Q(id=pressed.id))


async def void_mailed_to(account: Account, address_key: str, *, keep: Collection[str]) -> None:
    """End what a reset through an address ends: its links; through the primary, the spares' too.

    `keep` are the former primary addresses that can still take the account back.
    """
    ended = Q(mailed_to_key=address_key)
    if address_key == account.last_proven_email_key:
        ended |= ~Q(mailed_to_key__in=[*keep, ""])
    await _end(account.id, ended)


async def cap(account_id: UUID, mailed_to_key: str, *, until: datetime) -> None:
    """Let no link in the mailbox of a former address outlive the time in which it may act.

    Else whoever gets an abandoned mailbox later could undo an honest move.
    """
    await statements.rows(
        "UPDATE links SET expires_at = $3"
        " WHERE account_id = $1 AND mailed_to_key = $2 AND expires_at > $3",
        account_id,
        mailed_to_key,
        until,
    )


async def cap_revert(change_id: UUID, *, until: datetime) -> None:
    """Let the revert link of a change not outlive its own time, which may be the shorter one."""
    await statements.rows(
        "UPDATE links SET expires_at = $3"
        " WHERE email_change_id = $1 AND purpose = $2 AND expires_at > $3",
        change_id,
        LinkPurpose.REVERT,
        until,
    )


async def _end(account_id: UUID, ended: Q) -> None:
    """Delete links; their tokens leave the mails that still wait, too."""
    gone = Link.filter(ended, account_id=account_id)
    digests = {bytes(link.token_digest) for link in await gone}
    await gone.delete()
    await withdrawals.wipe_links(account_id, digests)
