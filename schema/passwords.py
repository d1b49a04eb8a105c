"""Passwords: lost, reset with a mailed code, or changed with the current one."""

from typing import Annotated

import strawberry

from models import email_addresses, passwords
from models.passwords import MailDestination
from schema.accounts import Account
from schema.challenges import Challenge
from schema.context import Info
from schema.errors import InvalidCodeError, InvalidCredentialsError, InvalidInputError, done
from schema.scalars import row_id

strawberry.enum(
    MailDestination,
    description="PRIMARY writes to the last proven primary address, SPARE to the proven spare"
    " address.",
)


@strawberry.input
class RequestPasswordResetInput:
    identifier: str
    deliver_to: MailDestination = MailDestination.PRIMARY


@strawberry.input
class ResetPasswordInput:
    challenge_id: strawberry.ID
    code: str
    new_password: str
    remove_spare_email: bool = strawberry.field(
        default=False,
        description="Drop the spare address with it; only for a code that went to the primary one.",
    )


@strawberry.input
class ChangePasswordInput:
    current_password: str
    new_password: str


@strawberry.type(description="A password was set.")
class PasswordChanged:
    account: Account
    closed_sessions: int = strawberry.field(description="How many sessions the change closed.")

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        return isinstance(row, (cls, passwords.PasswordChanged))


RequestPasswordResetResult = Annotated[
    Challenge | InvalidInputError, strawberry.union("RequestPasswordResetResult")
]
ResetPasswordResult = Annotated[
    PasswordChanged | InvalidCodeError | InvalidInputError,
    strawberry.union("ResetPasswordResult"),
]
ChangePasswordResult = Annotated[
    PasswordChanged | InvalidCredentialsError | InvalidInputError,
    strawberry.union("ChangePasswordResult"),
]


@strawberry.type
class PasswordMutation:
    @strawberry.mutation(
        description="Mail a reset code, and the identifier, to the account's holder. Always the"
        " same answer."
    )
    async def request_password_reset(
        self,
        info: Info,
        input: RequestPasswordResetInput,  # noqa: A002
    ) -> RequestPasswordResetResult | None:
        await info.context.budgets.spend("reset")
        row = await passwords.request_reset(
            input.identifier,
            deliver_to=input.deliver_to,
            client=info.context.client,
            policy=info.context.policy,
        )
        return Challenge.of(row, delivered_to=email_addresses.mask(input.identifier))

    @strawberry.mutation(
        description="Set a new password with the mailed code. Closes every session."
    )
    async def reset_password(
        self,
        info: Info,
        input: ResetPasswordInput,  # noqa: A002
    ) -> ResetPasswordResult | None:
        await info.context.budgets.spend("code")
        changed = await passwords.reset(
            row_id(input.challenge_id),
            input.code,
            input.new_password,
            remove_spare_email=input.remove_spare_email,
            policy=info.context.policy,
        )
        return done(changed)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Set a new password with the current one. Closes every other session."
    )
    async def change_password(
        self,
        info: Info,
        input: ChangePasswordInput,  # noqa: A002
    ) -> ChangePasswordResult | None:
        session = info.context.signed_in()
        async with info.context.guessing("password", str(session.id)):
            return await passwords.change(  # type: ignore[return-value]
                session, input.current_password, input.new_password, policy=info.context.policy
            )
