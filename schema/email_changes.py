"""The change of the primary address: ask, and accept with the code."""

from datetime import datetime
from typing import Annotated

import strawberry

from models import email_changes
from models.email_changes import (
    EmailChangeAbortReason,
    EmailChangeAcceptance,
    EmailChangeState,
)
from schema.context import Info
from schema.errors import (
    InvalidCodeError,
    InvalidCredentialsError,
    InvalidInputError,
    NothingPendingError,
    TooManyRequestsError,
    done,
)
from schema.pages import PageInfo
from schema.scalars import EmailAddress, row_id

strawberry.enum(EmailChangeState, description="Where a change stands.")
strawberry.enum(EmailChangeAcceptance, description="How a change was accepted.")
strawberry.enum(EmailChangeAbortReason, description="Why a change came to nothing.")


@strawberry.type(description="A change of the primary address; look at its state.")
class EmailChange:
    id: strawberry.ID
    new_email: EmailAddress
    former_email: EmailAddress
    state: EmailChangeState
    accepted_by: EmailChangeAcceptance | None = strawberry.field(
        description="How a change that is DONE or REVERTED was accepted; null for the others."
    )
    abort_reason: EmailChangeAbortReason | None = strawberry.field(
        description="Why a change was ABORTED; null for the others."
    )
    requested_at: datetime
    auto_accept_at: datetime | None = strawberry.field(
        description="When silence becomes consent, unlike in a Consent; null until the mail to the"
        " current address has left or bounced."
    )
    settled_at: datetime | None = strawberry.field(description="When it left PENDING; null before.")
    attempts_left: int

    @strawberry.field(
        description="Until when the former address can take the account back; null unless DONE."
    )
    def revertible_until(root: strawberry.Parent[email_changes.EmailChange]) -> datetime | None:
        is_done = root.state is EmailChangeState.DONE
        return root.revertible_until if is_done else None

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        return isinstance(row, (cls, email_changes.EmailChange))


@strawberry.type(description="A change in its list.")
class EmailChangeEdge:
    cursor: str
    node: EmailChange


@strawberry.type(description="A page of changes, newest first.")
class EmailChangeConnection:
    edges: list[EmailChangeEdge]
    page_info: PageInfo


@strawberry.input
class RequestEmailChangeInput:
    new_email: EmailAddress
    password: str


@strawberry.input
class ConfirmEmailChangeInput:
    code: str = strawberry.field(
        description="The validation code of the mail; letter case, spaces and dashes do not matter."
    )


@strawberry.input(description="The id and token of the link in the mail.")
class AnswerEmailChangeInput:
    email_change_id: strawberry.ID
    token: str


RequestEmailChangeResult = Annotated[
    EmailChange | InvalidCredentialsError | InvalidInputError | TooManyRequestsError,
    strawberry.union("RequestEmailChangeResult"),
]
ConfirmEmailChangeResult = Annotated[
    EmailChange | InvalidCodeError | NothingPendingError,
    strawberry.union("ConfirmEmailChangeResult"),
]
AnswerEmailChangeResult = Annotated[
    EmailChange | InvalidCodeError | NothingPendingError,
    strawberry.union("AnswerEmailChangeResult"),
]
CancelEmailChangeResult = Annotated[
    EmailChange | NothingPendingError, strawberry.union("CancelEmailChangeResult")
]
ResendEmailChangeCodeResult = Annotated[
    EmailChange | NothingPendingError | TooManyRequestsError,
    strawberry.union("ResendEmailChangeCodeResult"),
]


@strawberry.type
class EmailChangeMutation:
    @strawberry.mutation(
        description="Ask for a new primary address. The current address gets the validation code"
        " (the last proven one, if they differ)."
    )
    async def request_email_change(
        self,
        info: Info,
        input: RequestEmailChangeInput,  # noqa: A002
    ) -> RequestEmailChangeResult | None:
        session = info.context.signed_in()
        async with info.context.guessing("password", str(session.id)):
            return await email_changes.request(  # type: ignore[return-value]
                session,
                input.new_email,
                input.password,
                client=info.context.client,
                policy=info.context.policy,
            )

    @strawberry.mutation(
        description="Accept the pending change with the code that the current address received."
        " Look at its state: ABORTED when the new address is taken."
    )
    async def confirm_email_change(
        self,
        info: Info,
        input: ConfirmEmailChangeInput,  # noqa: A002
    ) -> ConfirmEmailChangeResult | None:
        session, policy = info.context.signed_in(), info.context.policy
        await info.context.budgets.spend("code")
        return done(await email_changes.confirm(session, input.code, policy=policy))  # type: ignore[return-value]

    @strawberry.mutation(
        description="Refuse a pending change from the current mailbox. Needs no session: the token"
        " is the credential."
    )
    async def refuse_email_change(
        self,
        input: AnswerEmailChangeInput,  # noqa: A002
    ) -> AnswerEmailChangeResult | None:
        return await email_changes.refuse(row_id(input.email_change_id), input.token)  # type: ignore[return-value]

    @strawberry.mutation(description="Drop the pending change of the signed-in account.")
    async def cancel_email_change(self, info: Info) -> CancelEmailChangeResult | None:
        return await email_changes.cancel(info.context.signed_in())  # type: ignore[return-value]

    @strawberry.mutation(
        description="Mail a new validation code to the current address. The old code stops"
        " working; the deadline stays."
    )
    async def resend_email_change_code(self, info: Info) -> ResendEmailChangeCodeResult | None:
        session, policy = info.context.signed_in(), info.context.policy
        return await email_changes.resend(session, policy=policy)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Give the account back to its former address after a change. Needs no session."
    )
    async def revert_email_change(
        self,
        input: AnswerEmailChangeInput,  # noqa: A002
    ) -> AnswerEmailChangeResult | None:
        return await email_changes.revert(row_id(input.email_change_id), input.token)  # type: ignore[return-value]
