"""Events: what a partner was told, in order, for one that was down or has no webhook."""

from datetime import datetime
from typing import cast

import strawberry
from strawberry import UNSET

from models import events
from schema.context import Info
from schema.pages import Connection, PageInfo
from schema.scalars import EventType, NicHandle, given


@strawberry.type(
    description="Something that happened to an account, and no more: what there is to know stands"
    " in the account, for a partner that may read it."
)
class Event:
    id: strawberry.ID = strawberry.field(description="The `webhook-id` of its webhooks, too.")
    type: EventType
    at: datetime
    nic_handle: NicHandle


@strawberry.type(description="An event in the list of a partner.")
class EventEdge:
    cursor: str
    node: Event


@strawberry.type(description="A page of events, oldest first.")
class EventConnection:
    edges: list[EventEdge]
    page_info: PageInfo


@strawberry.type
class EventQuery:
    @strawberry.field(
        description="What the partner that makes this call was told, oldest first, the events of an"
        " account in their order. Whoever goes on after the last cursor misses none, however late"
        " it was committed. Null only beside an error with this path."
    )
    async def events(
        self, info: Info, first: int = 50, after: str | None = UNSET
    ) -> EventConnection | None:
        partner = info.context.keyed().partner
        page = await events.page(
            partner.id, first=first, after=given(after), policy=info.context.policy
        )
        return cast("EventConnection", Connection(page))
