"""Consents: what partners ask of holders, and how these answer."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import UNSET

from models import consents, partners
from models.consents import ConsentState
from schema.context import Info
from schema.errors import (
    InvalidInputError,
    NotFoundError,
    NothingPendingError,
    TooManyRequestsError,
)
from schema.pages import PageInfo
from schema.scalars import NicHandle, Scope, given, row_id

strawberry.enum(
    ConsentState,
    description="How far a consent has come. EXPIRED: nobody answered in time; silence is a no"
    " here, unlike in an EmailChange. REPLACED: the same partner has asked anew, or was granted"
    " something newer.",
)


@strawberry.type(description="A partner as holders know it.")
class ConsentPartner:
    name: str

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        return isinstance(row, partners.Partner)


@strawberry.type(
    description="What a partner asks a holder to let it do, and the answer. Without one it ends in"
    " EXPIRED: silence is a no."
)
class Consent:
    id: strawberry.ID
    partner: ConsentPartner
    scopes: list[Scope]
    reason: str = strawberry.field(description="In the partner's own words.")
    redirect_url: str | None = strawberry.field(
        description="Where the partner waits for the holder after the answer."
    )
    state: ConsentState
    requested_at: datetime
    expires_at: datetime = strawberry.field(description="Until when it can be answered.")
    answered_at: datetime | None = strawberry.field(
        description="When it left PENDING, by whatever; null before."
    )
    ended_at: datetime | None = strawberry.field(
        description="When one that was granted was revoked or replaced; null for the others."
    )
    last_used_at: datetime | None = strawberry.field(
        description="When the partner last read or changed something by it, to the minute; null"
        " before."
    )

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        return isinstance(row, consents.Consent)


@strawberry.type(description="A consent in its list.")
class ConsentEdge:
    cursor: str
    node: Consent


@strawberry.type(description="A page of consents, newest first.")
class ConsentConnection:
    edges: list[ConsentEdge]
    page_info: PageInfo


@strawberry.type(
    description="A request was recorded, whether or not anybody has the NIC-handle. Its answer"
    " comes as an event: consent.granted, consent.refused or, after expiresAt, consent.expired."
)
class ConsentRequest:
    id: strawberry.ID
    scopes: list[Scope]
    expires_at: datetime = strawberry.field(description="Silence until then is a no.")

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        return isinstance(row, consents.Consent)


@strawberry.input
class RequestConsentInput:
    nic_handle: NicHandle
    scopes: list[Scope] = strawberry.field(
        description="At least one, of those that the partner may hold."
    )
    reason: str = strawberry.field(
        description="What the holder is told, in the partner's own words: one line of at most 200"
        " characters, in the holder's language."
    )
    redirect_url: str | None = strawberry.field(
        default=UNSET,
        description="Where to send the holder after the answer: https, at an origin that is"
        " registered for the partner (http on the loopback).",
    )


@strawberry.input
class AnswerConsentInput:
    consent_id: strawberry.ID


RequestConsentResult = Annotated[
    ConsentRequest | InvalidInputError | TooManyRequestsError,
    strawberry.union("RequestConsentResult"),
]
AnswerConsentResult = Annotated[
    Consent | NotFoundError | NothingPendingError, strawberry.union("AnswerConsentResult")
]


@strawberry.type
class ConsentMutation:
    @strawberry.mutation(
        description="Ask a holder to let the calling partner do something, in the place of what it"
        " asks for already. Needs a key; FORBIDDEN for a first-party partner, which needs no"
        " consent. The answer is the same whether the account exists or not; at most 3 a day for a"
        " NIC-handle."
    )
    async def request_consent(
        self,
        info: Info,
        input: RequestConsentInput,  # noqa: A002
    ) -> RequestConsentResult | None:
        return await consents.request(  # type: ignore[return-value]
            info.context.keyed(),
            input.nic_handle,
            input.scopes,
            input.reason,
            given(input.redirect_url),
            policy=info.context.policy,
        )

    @strawberry.mutation(
        description="Let a partner do what it asked for, in the place of what it may do already."
    )
    async def grant_consent(
        self,
        info: Info,
        input: AnswerConsentInput,  # noqa: A002
    ) -> AnswerConsentResult | None:
        session = info.context.signed_in()
        return await consents.grant(session, row_id(input.consent_id))  # type: ignore[return-value]

    @strawberry.mutation(
        description="Refuse what a partner asked for; what it may do already stays."
    )
    async def refuse_consent(
        self,
        info: Info,
        input: AnswerConsentInput,  # noqa: A002
    ) -> AnswerConsentResult | None:
        session = info.context.signed_in()
        return await consents.refuse(session, row_id(input.consent_id))  # type: ignore[return-value]

    @strawberry.mutation(
        description="Take back what was granted; the partner's next request is refused."
    )
    async def revoke_consent(
        self,
        info: Info,
        input: AnswerConsentInput,  # noqa: A002
    ) -> AnswerConsentResult | None:
        session = info.context.signed_in()
        return await consents.revoke(session, row_id(input.consent_id))  # type: ignore[return-value]
