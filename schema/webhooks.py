"""Webhooks: what a partner reads of them and does with them."""

from datetime import datetime
from typing import Annotated, cast

import strawberry
from strawberry import UNSET

from models import webhooks
from models.webhooks import AttemptError, DeliveryState, DisabledReason, Report, WebhookState
from schema.context import Info
from schema.errors import (
    InvalidInputError,
    NotFoundError,
    TooManyWebhooksError,
    WebhookDisabledError,
)
from schema.events import Event
from schema.pages import Connection, PageInfo
from schema.partners import Partner
from schema.scalars import EventType, given, row_id

strawberry.enum(WebhookState, description="Whether a webhook is told.")
strawberry.enum(
    DisabledReason,
    name="WebhookDisabledReason",
    description="Why a webhook is told nothing: for three days nothing but failures, or it has"
    " answered 410.",
)
strawberry.enum(
    DeliveryState,
    name="WebhookDeliveryState",
    description="How far a delivery has come. ABANDONED: every attempt failed, or the webhook was"
    " disabled.",
)
strawberry.enum(
    AttemptError,
    name="WebhookAttemptError",
    description="Why an attempt had no answer. ADDRESS_REFUSED: the name leads to an address that"
    " is not of the public Internet. TIMED_OUT: after 15 seconds. INTERNAL: a fault of ours.",
)


@strawberry.type(description="One attempt to deliver.")
class WebhookAttempt:
    number: int
    at: datetime
    status: int | None = strawberry.field(
        description="The HTTP status of the answer; null when there was none."
    )
    error: AttemptError | None = strawberry.field(
        description="Why there was no answer; null when there was one."
    )
    duration: int = strawberry.field(description="In milliseconds.")


@strawberry.type(description="An event on its way to a webhook. It is kept for 30 days.")
class WebhookDelivery:
    id: strawberry.ID
    event: Event
    attempts: list[WebhookAttempt] = strawberry.field(description="Oldest first.")

    @strawberry.field
    def state(root: strawberry.Parent[Report]) -> DeliveryState:
        return root.delivery.state

    @strawberry.field
    def queued_at(root: strawberry.Parent[Report]) -> datetime:
        return root.delivery.queued_at

    @strawberry.field(
        description="When it is tried next, at the earliest; null when it is settled, or under way."
    )
    def next_attempt_at(root: strawberry.Parent[Report]) -> datetime | None:
        waits = root.delivery.settled_at is None and root.delivery.claimed_at is None
        return root.delivery.due_at if waits else None

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        return isinstance(row, Report)


@strawberry.type(description="A delivery in its list.")
class WebhookDeliveryEdge:
    cursor: str
    node: WebhookDelivery


@strawberry.type(description="A page of deliveries, newest first.")
class WebhookDeliveryConnection:
    edges: list[WebhookDeliveryEdge]
    page_info: PageInfo


@strawberry.type(
    description="Where a partner is told of events, as the Standard Webhooks specification has it:"
    " a POST of {type, timestamp, data: {id, nicHandle}}, signed under the webhook's secret. A"
    " message may come twice, and not in order: its `webhook-id` is the id of the event, and"
    " `Query.events` is in order."
)
class Webhook:
    id: strawberry.ID
    url: str
    types: list[EventType] = strawberry.field(
        description="What it is told of; everything when there is none."
    )
    state: WebhookState
    disabled_reason: DisabledReason | None = strawberry.field(description="Null while ENABLED.")
    disabled_at: datetime | None = strawberry.field(description="Null while ENABLED.")
    failing_since: datetime | None = strawberry.field(
        description="The first failure after the last success; null when nothing fails."
    )
    paused_until: datetime | None = strawberry.field(
        description="Until when it has asked to be left alone, by Retry-After with 429 or 503."
    )
    former_secret_until: datetime | None = strawberry.field(
        description="Until when the secret before the last rotation signs, too."
    )
    created_at: datetime

    @strawberry.field(description="Newest first; null only beside an error with this path.")
    async def deliveries(
        root: strawberry.Parent[webhooks.Webhook], first: int = 20, after: str | None = UNSET
    ) -> WebhookDeliveryConnection | None:
        page = await webhooks.deliveries(root.id, first=first, after=given(after))
        return cast("WebhookDeliveryConnection", Connection(page))

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        return isinstance(row, webhooks.Webhook)


@strawberry.type(description="A webhook with its new secret.")
class IssuedWebhook:
    webhook: Webhook
    secret: str = strawberry.field(description="`whsec_…`, shown this once.")

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        return isinstance(row, webhooks.Issued)


@strawberry.input
class CreateWebhookInput:
    url: str = strawberry.field(
        description="https, at most 500 characters, without user and fragment. It must lead to the"
        " public Internet, and is not followed elsewhere."
    )
    types: list[EventType] = strawberry.field(
        default_factory=list, description="What it is told of; everything when there is none."
    )


@strawberry.input
class RotateWebhookSecretInput:
    webhook_id: strawberry.ID


@strawberry.input
class EnableWebhookInput:
    webhook_id: strawberry.ID


@strawberry.input
class RemoveWebhookInput:
    webhook_id: strawberry.ID


@strawberry.input
class RetryWebhookDeliveryInput:
    delivery_id: strawberry.ID


CreateWebhookResult = Annotated[
    IssuedWebhook | InvalidInputError | TooManyWebhooksError,
    strawberry.union("CreateWebhookResult"),
]
RotateWebhookSecretResult = Annotated[
    IssuedWebhook | NotFoundError, strawberry.union("RotateWebhookSecretResult")
]
EnableWebhookResult = Annotated[Webhook | NotFoundError, strawberry.union("EnableWebhookResult")]
RemoveWebhookResult = Annotated[Partner | NotFoundError, strawberry.union("RemoveWebhookResult")]
RetryWebhookDeliveryResult = Annotated[
    WebhookDelivery | NotFoundError | WebhookDisabledError,
    strawberry.union("RetryWebhookDeliveryResult"),
]


@strawberry.type
class WebhookMutation:
    @strawberry.mutation(
        description="Have the partner that makes this call told of what happens from now on. It may"
        " have five webhooks."
    )
    async def create_webhook(
        self,
        info: Info,
        input: CreateWebhookInput,  # noqa: A002
    ) -> CreateWebhookResult | None:
        partner, policy = info.context.keyed().partner, info.context.policy
        return await webhooks.create(  # type: ignore[return-value]
            partner.id, input.url, input.types, policy=policy
        )

    @strawberry.mutation(
        description="Sign with a new secret. For 24 hours the former one signs beside it."
    )
    async def rotate_webhook_secret(
        self,
        info: Info,
        input: RotateWebhookSecretInput,  # noqa: A002
    ) -> RotateWebhookSecretResult | None:
        partner, policy = info.context.keyed().partner, info.context.policy
        return await webhooks.rotate_secret(  # type: ignore[return-value]
            partner.id, row_id(input.webhook_id), policy=policy
        )

    @strawberry.mutation(
        description="Tell a webhook again of what happens from now on, after it was disabled or has"
        " asked to be left alone. What it has missed is in `Query.events`."
    )
    async def enable_webhook(
        self,
        info: Info,
        input: EnableWebhookInput,  # noqa: A002
    ) -> EnableWebhookResult | None:
        partner = info.context.keyed().partner
        return await webhooks.enable(partner.id, row_id(input.webhook_id))  # type: ignore[return-value]

    @strawberry.mutation(description="Forget a webhook, and all that was on its way there.")
    async def remove_webhook(
        self,
        info: Info,
        input: RemoveWebhookInput,  # noqa: A002
    ) -> RemoveWebhookResult | None:
        access = info.context.keyed()
        await webhooks.remove(access.partner.id, row_id(input.webhook_id))
        return access  # type: ignore[return-value]

    @strawberry.mutation(
        description="Try a delivery now, whether it waits for its next attempt or was settled."
    )
    async def retry_webhook_delivery(
        self,
        info: Info,
        input: RetryWebhookDeliveryInput,  # noqa: A002
    ) -> RetryWebhookDeliveryResult | None:
        partner = info.context.keyed().partner
        delivery = await webhooks.retry(partner.id, row_id(input.delivery_id))
        (report,) = await webhooks.reports([delivery])
        return report  # type: ignore[return-value]
