"""This was not me: the link of every security mail."""

from typing import Annotated, cast

import strawberry

from models import compromises
from schema.errors import InvalidCodeError
from schema.scalars import NicHandle


@strawberry.input
class ReportCompromiseInput:
    token: str = strawberry.field(description="The token of the link in the mail.")


@strawberry.type(
    description="The account is FROZEN: every session is closed and none can be opened until the"
    " password is reset through a proven address."
)
class CompromiseReported:
    nic_handle: NicHandle
    closed_sessions: int


ReportCompromiseResult = Annotated[
    CompromiseReported | InvalidCodeError, strawberry.union("ReportCompromiseResult")
]


@strawberry.type
class CompromiseMutation:
    @strawberry.mutation(
        description="This was not me: the link of every security mail. Closes sessions, drops what"
        " is pending, freezes the account."
    )
    async def report_compromise(
        self,
        input: ReportCompromiseInput,  # noqa: A002
    ) -> ReportCompromiseResult | None:
        account, closed = await compromises.report(input.token)
        return CompromiseReported(
            nic_handle=cast("NicHandle", account.nic_handle), closed_sessions=closed
        )
