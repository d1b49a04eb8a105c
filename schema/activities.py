"""The activity log of an account, as its holder reads it."""

from datetime import datetime
from typing import cast

import strawberry

from models import activities
from models.activities import ActivityKind
from schema.context import Info
from schema.pages import PageInfo

strawberry.enum(
    ActivityKind,
    description="What happened. EMAIL_YIELDED: the unproven primary address went to another"
    " account. EMAIL_CHANGE_ACCEPTED also stands for silence; `reason` says which.",
)


@strawberry.type(description="One line of the log. It is never changed, and holds no secret.")
class Activity:
    id: strawberry.ID
    kind: ActivityKind
    at: datetime
    count: int = strawberry.field(
        description="How many times within a minute for LOGIN_FAILED, how many sessions for"
        " SESSION_ENDED; else 1."
    )
    ip_address: str | None = strawberry.field(
        description="Where it came from; null when no request caused it, or when it was erased."
    )
    user_agent: str | None
    request_id: str | None = strawberry.field(description="The X-Request-Id of the request.")

    @strawberry.field(description="The input fields that PROFILE_UPDATED changed.")
    def fields(root: strawberry.Parent[activities.Entry]) -> list[str]:
        return cast("list[str]", root.about.get("fields", []))

    @strawberry.field(
        description="Why a session ended or a change was aborted, or how it was accepted: a word in"
        " capitals; null for the others."
    )
    def reason(root: strawberry.Parent[activities.Entry]) -> str | None:
        return cast("str | None", root.about.get("reason"))

    @strawberry.field(
        description="The partner that asked for consent, was answered, or acted for the holder;"
        " null for the others, and when a partner reads of another one."
    )
    def partner(root: strawberry.Parent[activities.Entry], info: Info) -> str | None:
        name, reader = root.about.get("partner"), info.context.partner
        return name if reader is None or reader.partner.name == name else None

    @strawberry.field(description="The session that began or ended; null for several, and others.")
    def session_id(root: strawberry.Parent[activities.Entry]) -> strawberry.ID | None:
        return cast("strawberry.ID | None", root.about.get("session"))

    @strawberry.field(description="The change of the primary address it is about; else null.")
    def email_change_id(root: strawberry.Parent[activities.Entry]) -> strawberry.ID | None:
        return cast("strawberry.ID | None", root.about.get("email_change"))


@strawberry.type(description="A line of the log in its list.")
class ActivityEdge:
    cursor: str
    node: Activity


@strawberry.type(description="A page of the log, newest first.")
class ActivityConnection:
    edges: list[ActivityEdge]
    page_info: PageInfo
