"""The mails of an account, as its holder may read them: codes and links are masked."""

from datetime import datetime
from typing import cast

import strawberry

from models import mails
from models.mails import MailState
from schema.pages import PageInfo
from schema.scalars import EmailAddress

strawberry.enum(MailState, description="How far a mail has come.")


@strawberry.type(description="A mail to the account; empty until a worker has written it.")
class Mail:
    id: strawberry.ID
    template: str
    subject: str
    text: str = strawberry.field(
        description="The text as sent, with codes and links replaced by ****."
    )
    state: MailState
    attempts: int
    queued_at: datetime
    sent_at: datetime | None = strawberry.field(
        description="When the next server took it; null before."
    )

    @strawberry.field
    def to(root: strawberry.Parent[mails.Mail]) -> EmailAddress:
        return cast("EmailAddress", root.recipient)


@strawberry.type(description="A mail in its list.")
class MailEdge:
    cursor: str
    node: Mail


@strawberry.type(description="A page of mails, newest first.")
class MailConnection:
    edges: list[MailEdge]
    page_info: PageInfo
