"""Accounts: the person or body behind a NIC-handle, and the one lock that orders all it does.

ACTIVE ── report, reversal ──▶ FROZEN ── password reset ──▶ ACTIVE      CLOSED: for good
"""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from tortoise import fields
from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q
from tortoise.models import Model

from models import activities, clock, email_addresses, nic_handles, profiles
from models.activities import ActivityKind
from models.email_addresses import BadAddressError, EmailAddress
from models.errors import DomainError, InvalidInputError, UnauthenticatedError
from models.profile_rules import LegalForm
from models.profiles import Language
from models.transactions import transaction

_ADDRESS_KEYS = {"accounts_email_key_key", "accounts_last_proven_email_key_key"}


class AddressTakenError(DomainError):
    """The address belongs to another account."""


class StaleRevisionError(DomainError):
    """The profile has moved on since the caller read it; `revision` is the present one."""

    def __init__(self, revision: int) -> None:
        super().__init__(revision)
        self.revision = revision


class AccountState(StrEnum):
    """Whether an account may be used; FROZEN awaits a password reset."""

    ACTIVE = "ACTIVE"
    FROZEN = "FROZEN"
    CLOSED = "CLOSED"


class Advice(StrEnum):
    """What would make an account safer."""

    EMAIL_NOT_PROVEN = "EMAIL_NOT_PROVEN"
    SPARE_EMAIL_MISSING = "SPARE_EMAIL_MISSING"
    SPARE_EMAIL_NOT_PROVEN = "SPARE_EMAIL_NOT_PROVEN"


@dataclass(frozen=True, slots=True)
class Addresses:
    """All that a reversal gives back: the primary, the last proven and the spare address."""

    email: str
    email_key: str
    last_proven_email: str
    last_proven_email_key: str
    spare_email: str | None
    spare_email_key: str | None
    spare_email_proven: bool


_ADDRESSES = tuple(field.name for field in dataclasses.fields(Addresses))


class Account(Model):
    """One account; `email_key` is what its primary address is compared by, unique among all.

    `unfreezes_through_key` is the one address whose password reset unfreezes it; None means any
    proven one.
    """

    id = fields.UUIDField(primary_key=True, default=uuid4)
    nic_handle = fields.CharField(max_length=20, unique=True)
    state = fields.CharEnumField(AccountState, max_length=10, default=AccountState.ACTIVE)
    email = fields.CharField(max_length=254)
    email_key = fields.CharField(max_length=254, unique=True)
    last_proven_email = fields.CharField(max_length=254)
    last_proven_email_key = fields.CharField(max_length=254, unique=True)
    spare_email = fields.CharField(max_length=254, null=True)
    spare_email_key = fields.CharField(max_length=254, null=True)
    spare_email_proven = fields.BooleanField(default=False)
    unfreezes_through_key = fields.CharField(max_length=254, null=True)
    password_hash = fields.CharField(max_length=60)
    first_name = fields.CharField(max_length=100)
    last_name = fields.CharField(max_length=100)
    organisation = fields.CharField(max_length=200, null=True)
    legal_form = fields.CharEnumField(LegalForm, max_length=20)
    country = fields.CharField(max_length=2)
    address_line = fields.CharField(max_length=200, null=True)
    address_zip = fields.CharField(max_length=12, null=True)
    address_city = fields.CharField(max_length=100, null=True)
    address_area = fields.CharField(max_length=100, null=True)
    phone = fields.CharField(max_length=16, null=True)
    language = fields.CharEnumField(Language, max_length=2)
    vat_number = fields.CharField(max_length=50, null=True)
    national_identification_number = fields.CharField(max_length=50, null=True)
    revision = fields.IntField(default=1)
    created_at = fields.DatetimeField()

    class Meta:
        table = "accounts"

    @property
    def email_proven(self) -> bool:
        """Whether somebody in a session of the account has shown to read the primary address."""
        return self.email_key == self.last_proven_email_key

    @property
    def advice(self) -> list[Advice]:
        advice = [] if self.email_proven else [Advice.EMAIL_NOT_PROVEN]
        if self.spare_email is None:
            return [*advice, Advice.SPARE_EMAIL_MISSING]
        return advice if self.spare_email_proven else [*advice, Advice.SPARE_EMAIL_NOT_PROVEN]

    @property
    def addresses(self) -> Addresses:
        return Addresses(*(getattr(self, column) for column in _ADDRESSES))

    @property
    def known_addresses(self) -> list[str]:
        """The proven addresses, where notices go: the last proven one, and the spare one."""
        other = self.spare_email_proven and self.spare_email_key != self.last_proven_email_key
        spare = [self.spare_email] if self.spare_email and other else []
        return [self.last_proven_email, *spare]

    def is_recoverable_through(self, address_key: str) -> bool:
        """Whether a reset code mailed to this address may set a password now."""
        if self.unfreezes_through_key is not None:
            return address_key == self.unfreezes_through_key
        spare_key = self.spare_email_key if self.spare_email_proven else None
        return address_key in {self.last_proven_email_key, spare_key}

    def restore(self, addresses: Addresses) -> None:
        for column in _ADDRESSES:
            setattr(self, column, getattr(addresses, column))

    def profile(self) -> dict[str, str | None]:
        """Return the profile by input path."""
        return {path: getattr(self, column) for path, column in profiles.COLUMNS.items()}

    def address(self, email: EmailAddress) -> None:
        """Make `email` the primary address; one that was the spare address is so no longer."""
        self.email, self.email_key = email.text, email.key
        if self.spare_email_key == email.key:
            if self.spare_email_proven:
                self.prove()
            self.spare_email = self.spare_email_key = None
            self.spare_email_proven = False

    def prove(self) -> None:
        """Take the primary address for proven."""
        self.last_proven_email, self.last_proven_email_key = self.email, self.email_key


@asynccontextmanager
async def locked(
    account_id: UUID, *, holder_of: str | None = None
) -> AsyncIterator[tuple[Account, datetime]]:
    """Open an operation's transaction: the account locked first, then the clock read once.

    Who holds the address with the key `holder_of` is locked with it, in one order for all, so that
    two accounts may take each other's addresses at once.
    """
    async with transaction():
        wanted = Q(id=account_id) | Q(email_key=holder_of) if holder_of else Q(id=account_id)
        rows = await Account.filter(wanted).order_by("id").select_for_update()
        (account,) = [row for row in rows if row.id == account_id]
        yield account, await clock.now()


@asynccontextmanager
async def in_use(
    account_id: UUID, *, holder_of: str | None = None
) -> AsyncIterator[tuple[Account, datetime]]:
    """As `locked`, for what only an ACTIVE account may do. Raises UnauthenticatedError."""
    async with locked(account_id, holder_of=holder_of) as (account, at):
        if account.state is not AccountState.ACTIVE:
            raise UnauthenticatedError
        yield account, at


async def register(account: Account) -> None:
    """Store a new account. Raises AddressTakenError when another one holds its address."""
    await _write(account)


async def move(account: Account) -> None:
    """Store the addresses of an account. Raises AddressTakenError, as `register` does."""
    await _write(account, _ADDRESSES)


async def update_profile(
    account_id: UUID, changes: profiles.Values, *, expected_revision: int | None
) -> Account:
    """Change the fields that are given; the revision rises by one if anything is different.

    Raises StaleRevisionError, and InvalidInputError with every fault of what was given.
    """
    async with in_use(account_id) as (account, at):
        await write_profile(account, changes, expected_revision=expected_revision, at=at)
    return account


async def write_profile(
    account: Account,
    changes: profiles.Values,
    *,
    expected_revision: int | None,
    at: datetime,
    by: str | None = None,
) -> list[str]:
    """As `update_profile`, for a locked account, in the name of a partner if there is one.

    Returns the fields that are different now.
    """
    if expected_revision not in (None, account.revision):
        raise StaleRevisionError(account.revision)
    differing, faults = profiles.changed(account.profile(), changes)
    if faults:
        raise InvalidInputError(faults)
    fields = sorted(differing)
    if fields:
        account.revision += 1
        columns = {profiles.COLUMNS[path]: value for path, value in differing.items()}
        account.update_from_dict(columns)
        await account.save(update_fields=["revision", *columns])
        about: dict[str, str | list[str]] = {"fields": fields} | ({"partner": by} if by else {})
        await activities.record(account.id, ActivityKind.PROFILE_UPDATED, at=at, about=about)
    return fields


async def identified(identifier: str) -> Account | None:
    """Return the account with this NIC-handle or primary address, if there is one."""
    if nic_handle := nic_handles.parse(identifier):
        return await Account.get_or_none(nic_handle=nic_handle)
    try:
        return await Account.get_or_none(email_key=email_addresses.parse(identifier).key)
    except BadAddressError:
        return None


def identifier_key(identifier: str) -> str:
    """Return what an identifier is counted by: the same for every way to write it."""
    if nic_handle := nic_handles.parse(identifier):
        return nic_handle
    try:
        return email_addresses.parse(identifier).key
    except BadAddressError:
        return identifier.strip()[: email_addresses.MAX_LENGTH].casefold()


async def _write(account: Account, columns: tuple[str, ...] | None = None) -> None:
    try:
        # A savepoint: the refused write must not poison the operation's transaction.
        async with transaction():
            await account.save(update_fields=columns, force_create=columns is None)
    except IntegrityError as fault:
        if getattr(fault.__cause__, "constraint_name", None) in _ADDRESS_KEYS:
            raise AddressTakenError from None
        raise
