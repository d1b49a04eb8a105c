"""Sign-up: a request that answers always the same, and its confirmation by the mailed code."""

from typing import Annotated

import strawberry
from strawberry import UNSET

from models import accounts, email_addresses, profiles, signups
from models.profile_rules import LegalForm
from models.profiles import Language
from schema.accounts import AddressInput, address_parts
from schema.challenges import Challenge
from schema.context import Info
from schema.errors import AddressTakenError, InvalidCodeError, InvalidInputError, done
from schema.scalars import CountryCode, EmailAddress, PhoneNumber, given, row_id
from schema.sessions import OpenedSession, SessionTransport, handed_over


@strawberry.input
class SignupInput:
    email: EmailAddress
    password: str
    first_name: str
    last_name: str
    country: CountryCode
    legal_form: LegalForm = LegalForm.INDIVIDUAL
    language: Language = Language.FR
    organisation: str | None = UNSET
    address: AddressInput | None = UNSET
    phone: PhoneNumber | None = UNSET
    vat_number: str | None = UNSET
    national_identification_number: str | None = UNSET
    spare_email: EmailAddress | None = UNSET


@strawberry.input
class ConfirmSignupInput:
    challenge_id: strawberry.ID
    code: str
    transport: SessionTransport = SessionTransport.COOKIE


SignupResult = Annotated[Challenge | InvalidInputError, strawberry.union("SignupResult")]
ConfirmSignupResult = Annotated[
    OpenedSession | InvalidCodeError | AddressTakenError, strawberry.union("ConfirmSignupResult")
]


def _profile(wanted: SignupInput) -> dict[str, str | None]:
    values = {
        path: given(getattr(wanted, column))
        for path, column in profiles.COLUMNS.items()
        if not path.startswith("address.")
    }
    return values | (address_parts(wanted.address) if wanted.address else {})


@strawberry.type
class SignupMutation:
    @strawberry.mutation(
        description="Create an account. The answer is the same whether the address is new or"
        " known; the mail differs."
    )
    async def signup(self, info: Info, input: SignupInput) -> SignupResult | None:  # noqa: A002
        info.context.input_language = input.language
        wanted = signups.Request(
            input.email, input.password, _profile(input), given(input.spare_email)
        )
        async with info.context.charging("signup", accounts.identifier_key(input.email)):
            row = await signups.request(wanted, policy=info.context.policy)
        return Challenge.of(row, delivered_to=email_addresses.mask(input.email))

    @strawberry.mutation(
        description="Prove the address with the code of the creation mail. Opens the account and"
        " a session."
    )
    async def confirm_signup(
        self,
        info: Info,
        input: ConfirmSignupInput,  # noqa: A002
    ) -> ConfirmSignupResult | None:
        await info.context.budgets.spend("code")
        opened = await signups.confirm(
            row_id(input.challenge_id),
            input.code,
            client=info.context.client,
            policy=info.context.policy,
            by_cookie=input.transport is SessionTransport.COOKIE,
        )
        return handed_over(done(opened), input.transport, info.context)
