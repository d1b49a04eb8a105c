"""Partners: who calls by a key, and what it may."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast

import strawberry

from models import webhooks
from models.partners import Access
from schema.context import Info
from schema.costs import Charged
from schema.scalars import Scope

if TYPE_CHECKING:
    from schema.webhooks import Webhook


@strawberry.type(description="The key of this call; its secret is shown to nobody.")
class PartnerKey:
    id: strawberry.ID
    networks: list[str] = strawberry.field(
        description="The networks it may be used from; from everywhere when there is none."
    )
    created_at: datetime
    expires_at: datetime | None = strawberry.field(description="Null when it does not end alone.")
    last_used_at: datetime | None = strawberry.field(
        description="To the minute; null before its first use."
    )


@strawberry.type(description="The points of a minute, which come back steadily as time passes.")
class PartnerBudget:
    limit: int
    remaining: int = strawberry.field(description="What is left after this call.")
    reset_at: datetime = strawberry.field(
        description="When all of it is back, if nothing is asked until then."
    )

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        return isinstance(row, Charged)


@strawberry.type(description="A program that acts for customers.")
class Partner:
    @strawberry.field
    def id(root: strawberry.Parent[Access]) -> strawberry.ID:
        return cast("strawberry.ID", root.partner.id)

    @strawberry.field(description="The name that holders see.")
    def name(root: strawberry.Parent[Access]) -> str:
        return root.partner.name

    @strawberry.field(description="Whether it holds its scopes for every account, without consent.")
    def first_party(root: strawberry.Parent[Access]) -> bool:
        return root.partner.first_party

    @strawberry.field(description="What it may hold at most.")
    def scopes(root: strawberry.Parent[Access]) -> list[Scope]:
        return cast("list[Scope]", root.partner.scopes)

    key: PartnerKey

    @strawberry.field(description="What its calls may still cost.")
    def budget(root: strawberry.Parent[Access], info: Info) -> PartnerBudget:
        return cast("PartnerBudget", info.context.charged)

    @strawberry.field(description="Where it is told of events, oldest first.")
    async def webhooks(
        root: strawberry.Parent[Access],
    ) -> list[Annotated["Webhook", strawberry.lazy("schema.webhooks")]]:
        return cast("list[Webhook]", await webhooks.of(root.partner.id))

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        return isinstance(row, Access)


@strawberry.type
class PartnerQuery:
    # Read from the root, which is the Context of the request.
    partner: Partner | None = strawberry.field(
        description="The partner whose key makes this call; null for everybody else."
    )
