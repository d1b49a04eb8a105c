"""Proof of the primary address."""

from typing import Annotated

import strawberry

from models import proofs
from schema.accounts import Account
from schema.context import Info
from schema.errors import InvalidCodeError, NothingPendingError, TooManyRequestsError, done


@strawberry.input
class ProveEmailInput:
    code: str


ProveEmailResult = Annotated[
    Account | InvalidCodeError | NothingPendingError, strawberry.union("ProveEmailResult")
]


ResendProofCodeResult = Annotated[
    Account | NothingPendingError | TooManyRequestsError,
    strawberry.union("ResendProofCodeResult"),
]


@strawberry.type
class ProofMutation:
    @strawberry.mutation(
        description="Prove the primary address with the code mailed to it. Needs a session of the"
        " account."
    )
    async def prove_email(
        self,
        info: Info,
        input: ProveEmailInput,  # noqa: A002
    ) -> ProveEmailResult | None:
        session, policy = info.context.signed_in(), info.context.policy
        await info.context.budgets.spend("code")
        return done(await proofs.prove(session, input.code, policy=policy))  # type: ignore[return-value]

    @strawberry.mutation(
        description="Mail a new proof code to the primary address. Needs a session of the account."
    )
    async def resend_proof_code(self, info: Info) -> ResendProofCodeResult | None:
        session, policy = info.context.signed_in(), info.context.policy
        return await proofs.resend(session, policy=policy)  # type: ignore[return-value]
