"""The spare address."""

from typing import Annotated

import strawberry

from models import spare_emails
from schema.accounts import Account
from schema.context import Info
from schema.errors import (
    InvalidCredentialsError,
    InvalidInputError,
    TooManyRequestsError,
    done,
)
from schema.proofs import ProveEmailInput, ProveEmailResult
from schema.scalars import EmailAddress


@strawberry.input
class SetSpareEmailInput:
    spare_email: EmailAddress
    password: str


@strawberry.input
class RemoveSpareEmailInput:
    password: str


SetSpareEmailResult = Annotated[
    Account | InvalidCredentialsError | InvalidInputError | TooManyRequestsError,
    strawberry.union("SetSpareEmailResult"),
]
RemoveSpareEmailResult = Annotated[
    Account | InvalidCredentialsError, strawberry.union("RemoveSpareEmailResult")
]


@strawberry.type
class SpareEmailMutation:
    @strawberry.mutation(
        description="Record a second address for the day the first is lost. It counts once proven."
    )
    async def set_spare_email(
        self,
        info: Info,
        input: SetSpareEmailInput,  # noqa: A002
    ) -> SetSpareEmailResult | None:
        session, policy = info.context.signed_in(), info.context.policy
        async with info.context.guessing("password", str(session.id)):
            return await spare_emails.set_to(  # type: ignore[return-value]
                session, input.spare_email, input.password, policy=policy
            )

    @strawberry.mutation(description="Prove the spare address with the code mailed to it.")
    async def prove_spare_email(
        self,
        info: Info,
        input: ProveEmailInput,  # noqa: A002
    ) -> ProveEmailResult | None:
        session, policy = info.context.signed_in(), info.context.policy
        await info.context.budgets.spend("code")
        return done(await spare_emails.prove(session, input.code, policy=policy))  # type: ignore[return-value]

    @strawberry.mutation(description="Forget the spare address. A proven one is told.")
    async def remove_spare_email(
        self,
        info: Info,
        input: RemoveSpareEmailInput,  # noqa: A002
    ) -> RemoveSpareEmailResult | None:
        session, policy = info.context.signed_in(), info.context.policy
        async with info.context.guessing("password", str(session.id)):
            return await spare_emails.remove(session, input.password, policy=policy)  # type: ignore[return-value]
