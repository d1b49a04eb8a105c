"""An account as a partner may see it: with the scopes that it has there, or not at all.

A FROZEN account is seen as before, its state included; a CLOSED one is none.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

import orjson

from models import accounts, nic_handles, statements, transactions
from models.accounts import Account, AccountState
from models.consents.table import ConsentState, granted
from models.errors import NotFoundError
from models.partners import Access, Partner
from models.scopes import ForbiddenError, Scope

_COLUMNS = tuple(Account._meta.fields_db_projection)  # noqa: SLF001
# Without consent there is no row, as for an unknown account: one way, whose time tells nothing.
FIND = (
    "SELECT "  # noqa: S608 -- the columns of the model
    + ", ".join(f"a.{name}" for name in _COLUMNS)
    + ", c.id AS consent_id, c.scopes,"
    " coalesce(c.last_used_at < clock_timestamp() - interval '1 minute', true) AS is_idle"
    " FROM accounts a LEFT JOIN consents c ON c.account_id = a.id AND c.partner_id = $2"
    f" AND c.state = '{ConsentState.GRANTED}'"
    f" WHERE a.nic_handle = $1 AND a.state <> '{AccountState.CLOSED}'"
    " AND ($3 OR c.id IS NOT NULL)"
)


@dataclass(frozen=True, slots=True)
class View:
    """An account, and the scopes that one partner has for it."""

    account: Account
    scopes: frozenset[Scope]

    def require(self, scope: Scope | None, *others: Scope) -> Account:
        """Return the account if the partner has the scope, or one of the others.

        Raises ForbiddenError.
        """
        if self.scopes.isdisjoint((scope, *others)):
            raise ForbiddenError(scope)
        return self.account


async def seen(access: Access, nic_handle: str) -> View | None:
    """Return an account as a partner may see it; None, if there is none or no consent."""
    known, partner = nic_handles.parse(nic_handle), access.partner
    row = await statements.row(FIND, known, partner.id, partner.first_party) if known else None
    if row is None:
        return None
    values = iter(row)
    account = statements.made(Account, values)
    consent_id, scopes, is_idle = values
    if partner.first_party:
        return View(account, access.scopes)
    if is_idle:
        # By itself: a transaction around would hold the row, and wait for the account that a holder
        # has who waits for the row.
        await transactions.afterwards(partial(_note_use, consent_id))
    return View(account, access.scopes & _read(orjson.loads(scopes)))


@asynccontextmanager
async def acting(
    access: Access, nic_handle: str, scope: Scope
) -> AsyncIterator[tuple[View, datetime]]:
    """As `accounts.locked`, for what a partner may do: looked up again under the lock.

    So what a holder has revoked, or the operator, happens no more. Raises NotFoundError as for an
    unknown account, ForbiddenError.
    """
    view = await seen(access, nic_handle)
    if view is None:
        raise NotFoundError
    async with accounts.locked(view.account.id) as (account, at):
        scopes = await _scopes(access.partner.id, account)
        if scopes is None:
            raise NotFoundError
        view = View(account, scopes)
        view.require(scope)
        yield view, at


async def _scopes(partner_id: UUID, account: Account) -> frozenset[Scope] | None:
    """Say what a partner may do with a locked account; None, if it may not even see it."""
    partner = await Partner.get_or_none(id=partner_id, revoked_at=None)
    if partner is None or account.state is AccountState.CLOSED:
        return None
    if partner.first_party:
        return _read(partner.scopes)
    consent = await granted(account.id, partner_id)
    return _read(partner.scopes) & _read(consent.scopes) if consent else None


def _read(words: Iterable[str]) -> frozenset[Scope]:
    return frozenset(Scope(word) for word in words)


async def _note_use(consent_id: UUID) -> None:
    await statements.row(
        "UPDATE consents SET last_used_at = clock_timestamp() WHERE id = $1", consent_id
    )
