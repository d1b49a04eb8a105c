"""The account: what its holder reads of it, and how the profile is changed."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

import strawberry
from strawberry import UNSET, Maybe

from models import (
    accounts,
    activities,
    consents,
    email_changes,
    errors,
    mails,
    pages,
    profiles,
    sessions,
)
from models.accounts import AccountState, Advice
from models.errors import Fault, FaultCode
from models.partners import Access
from models.profile_rules import LegalForm
from models.profiles import Language
from models.scopes import Scope
from schema import scopes
from schema.activities import ActivityConnection
from schema.consents import ConsentConnection
from schema.context import Context, Info
from schema.email_changes import EmailChange, EmailChangeConnection
from schema.errors import InvalidInputError, NotFoundError, StaleRevisionError
from schema.mails import MailConnection
from schema.pages import Connection
from schema.plans import READER
from schema.scalars import CountryCode, EmailAddress, NicHandle, PhoneNumber, given
from schema.scopes import SeenAccount

if TYPE_CHECKING:
    from schema.sessions import Session

Row = accounts.Account

strawberry.enum(AccountState, description="Whether an account may be used.")
strawberry.enum(LegalForm, description="What kind of person or body holds the account.")
strawberry.enum(Language, description="The language of mails and refusals.")
strawberry.enum(Advice, description="What would make the account safer.")


@strawberry.type(description="A postal address.")
class Address:
    line: str | None
    zip: str | None
    city: str | None
    area: str | None
    country: CountryCode


@strawberry.type(description="The person or body behind a NIC-handle.")
class Account:
    id: strawberry.ID
    nic_handle: NicHandle
    state: AccountState
    email: EmailAddress
    email_proven: bool = strawberry.field(
        description="Whether somebody signed in to this account has shown that they read its"
        " primary address."
    )
    spare_email: EmailAddress | None
    spare_email_proven: bool
    first_name: str
    last_name: str
    organisation: str | None
    legal_form: LegalForm
    phone: PhoneNumber | None
    language: Language
    vat_number: str | None
    national_identification_number: str | None
    revision: int = strawberry.field(
        description="Rises by one with every change of the profile; see"
        " UpdateProfileInput.expectedRevision."
    )
    advice: list[Advice] = strawberry.field(
        description="What would make this account safer, most urgent first."
    )
    created_at: datetime

    @scopes.field(Scope.ACCOUNT_CONTACT)
    def address(root: strawberry.Parent[Row]) -> Address:
        return Address(
            line=root.address_line,
            zip=root.address_zip,
            city=root.address_city,
            area=root.address_area,
            country=cast("CountryCode", root.country),
        )

    @scopes.field(
        Scope.ACCOUNT_CONTACT,
        description="The change of primary address that awaits its answer; null when there is"
        " none.",
    )
    async def pending_email_change(root: strawberry.Parent[Row]) -> EmailChange | None:
        return cast("EmailChange | None", await email_changes.pending(root.id))

    @scopes.field(
        Scope.ACCOUNT_CONTACT,
        description="Newest first; null only beside an error with this path.",
    )
    async def email_changes(
        root: strawberry.Parent[Row], first: int = 20, after: str | None = UNSET
    ) -> EmailChangeConnection | None:
        rows = email_changes.EmailChange.filter(account_id=root.id)
        page = await pages.page(rows, by="requested_at", first=first, after=given(after))
        return cast("EmailChangeConnection", Connection(page))

    @scopes.field(None, description="Open sessions, latest use first.")
    async def sessions(
        root: strawberry.Parent[Row],
    ) -> list[Annotated["Session", strawberry.lazy("schema.sessions")]]:
        return cast("list[Session]", await sessions.of(root.id))

    @scopes.field(
        None,
        description="Every mail sent to this account, newest first; null only beside an error with"
        " this path. Codes and links are masked.",
    )
    async def mails(
        root: strawberry.Parent[Row], first: int = 20, after: str | None = UNSET
    ) -> MailConnection | None:
        rows = mails.Mail.filter(account_id=root.id)
        page = await pages.page(rows, by="queued_at", first=first, after=given(after))
        return cast("MailConnection", Connection(page))

    @scopes.field(
        Scope.ACCOUNT_ACTIVITY,
        description="What happened to this account, newest first; null only beside an error with"
        " this path.",
    )
    async def activity(
        root: strawberry.Parent[Row], first: int = 20, after: str | None = UNSET
    ) -> ActivityConnection | None:
        page = await activities.page(root.id, first=first, after=given(after))
        return cast("ActivityConnection", Connection(page))

    @scopes.field(
        None,
        description="What partners have asked for, and the answers, newest first; null only beside"
        " an error with this path.",
    )
    async def consents(
        root: strawberry.Parent[Row], first: int = 20, after: str | None = UNSET
    ) -> ConsentConnection | None:
        page = await consents.of(root.id, first=first, after=given(after))
        return cast("ConsentConnection", Connection(page))

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        return isinstance(row, (cls, Row, SeenAccount))


@strawberry.input
class AddressInput:
    line: Maybe[str | None]
    zip: Maybe[str | None]
    city: Maybe[str | None]
    area: Maybe[str | None]


@strawberry.input(
    description="Absent: kept. Null: cleared, or InvalidInputError/REQUIRED for firstName,"
    " lastName, legalForm, country, language. An address is changed part by part."
)
class UpdateProfileInput:
    first_name: Maybe[str | None]
    last_name: Maybe[str | None]
    organisation: Maybe[str | None]
    legal_form: Maybe[LegalForm | None]
    country: Maybe[CountryCode | None]
    address: Maybe[AddressInput | None] = strawberry.field(
        description="Null clears all four parts."
    )
    phone: Maybe[PhoneNumber | None]
    language: Maybe[Language | None]
    vat_number: Maybe[str | None]
    national_identification_number: Maybe[str | None]
    expected_revision: int | None = strawberry.field(
        default=UNSET,
        description="Refuse with StaleRevisionError when the account has moved on; null to write"
        " regardless.",
    )


UpdateProfileResult = Annotated[
    Account | InvalidInputError | StaleRevisionError | NotFoundError,
    strawberry.union("UpdateProfileResult"),
]

_PARTS = ("line", "zip", "city", "area")


def address_parts(address: AddressInput) -> dict[str, str | None]:
    """Return the parts of an address that were given, by input path."""
    given = {part: getattr(address, part) for part in _PARTS}
    return {f"address.{part}": some.value for part, some in given.items() if some is not None}


def _changes(wanted: UpdateProfileInput) -> dict[str, str | None]:
    changes: dict[str, str | None] = {}
    for path, column in profiles.COLUMNS.items():
        some: Any = None if path.startswith("address.") else getattr(wanted, column)
        if some is not None:
            changes[path] = some.value
    if wanted.address is not None:
        empty: dict[str, str | None] = {f"address.{part}": None for part in _PARTS}
        changes |= address_parts(wanted.address.value) if wanted.address.value else empty
    return changes


async def _update_for(
    access: Access, nic_handle: str | None, wanted: UpdateProfileInput
) -> SeenAccount:
    """Do for a partner what holders do for themselves; the partner has to say for whom."""
    if nic_handle is None:
        raise errors.InvalidInputError([Fault("nicHandle", FaultCode.REQUIRED)])
    view = await consents.update_profile(
        access, nic_handle, _changes(wanted), expected_revision=given(wanted.expected_revision)
    )
    return SeenAccount(view)


@strawberry.type
class AccountQuery:
    # Read from the root, which is the Context of the request.
    me: Account | None = strawberry.field(
        description="The signed-in account; null for an anonymous caller."
    )

    @strawberry.field(
        description="The account with this identifier; null when there is none or the caller may"
        " not read it.",
        metadata={READER: Context.own},
    )
    async def account(self, info: Info, nic_handle: NicHandle) -> Account | None:
        return cast("Account | None", await info.context.account(nic_handle))


@strawberry.type
class AccountMutation:
    @strawberry.mutation(
        description="Change the parts of the profile that are given; a part given as null is"
        " cleared. A partner names the account, and needs profile:write, else FORBIDDEN;"
        " NotFoundError when it has no consent there, or the account is FROZEN."
    )
    async def update_profile(
        self,
        info: Info,
        input: UpdateProfileInput,  # noqa: A002
        nic_handle: Annotated[
            NicHandle | None,
            strawberry.argument(description="The caller's own when it is absent."),
        ] = UNSET,
    ) -> UpdateProfileResult | None:
        context, handle = info.context, given(nic_handle)
        if context.partner is not None:
            return await _update_for(context.partner, handle, input)  # type: ignore[return-value]
        session = context.signed_in()
        if handle is not None and context.own(handle) is None:
            raise errors.NotFoundError
        return await accounts.update_profile(  # type: ignore[return-value]
            session.account_id, _changes(input), expected_revision=given(input.expected_revision)
        )
