"""The mails of an account, as its holder reads them, and those that a partner has sent."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import UNSET

from models import consents, mails
from models.consents import Order, PartnerMail
from models.mails import MailState
from schema.context import Info
from schema.errors import InvalidInputError, NotFoundError, TooManyRequestsError
from schema.pages import PageInfo
from schema.scalars import EmailAddress, NicHandle, given

strawberry.enum(MailState, description="How far a mail has come.")
strawberry.enum(PartnerMail, description="The mails that a partner may have sent to a holder.")


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
    recipient: EmailAddress = strawberry.field(name="to")


@strawberry.type(description="A mail in its list.")
class MailEdge:
    cursor: str
    node: Mail


@strawberry.type(description="A page of mails, newest first.")
class MailConnection:
    edges: list[MailEdge]
    page_info: PageInfo


@strawberry.input
class SendMailInput:
    nic_handle: NicHandle
    template: PartnerMail
    reference: str = strawberry.field(
        description="Of the order or the renewal; at most 40 characters."
    )
    services: list[str] = strawberry.field(
        description="What was ordered or renewed: 1 to 20 lines of at most 100 characters."
    )
    total: str | None = strawberry.field(
        default=UNSET, description="As the holder reads it: 12.00 EUR."
    )
    valid_until: str | None = strawberry.field(
        default=UNSET,
        description="The day up to which was renewed, 2027-11-28: for RENEWAL_CONFIRMATION, and"
        " only for that.",
    )


@strawberry.type(description="The mail waits to be sent.")
class MailQueued:
    id: strawberry.ID

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        return isinstance(row, mails.Mail)


SendMailResult = Annotated[
    MailQueued | InvalidInputError | NotFoundError | TooManyRequestsError,
    strawberry.union("SendMailResult"),
]


@strawberry.type
class MailMutation:
    @strawberry.mutation(
        description="Mail a confirmation to an account's holder, in their language. Needs a key and"
        " mail:send, else FORBIDDEN; NotFoundError when there is no such account or no consent."
        " Counted among the 50 mails that an account gets in a day."
    )
    async def send_mail(
        self,
        info: Info,
        input: SendMailInput,  # noqa: A002
    ) -> SendMailResult | None:
        order = Order(input.reference, input.services, given(input.total), given(input.valid_until))
        access = info.context.keyed()
        return await consents.send_mail(access, input.nic_handle, input.template, order)  # type: ignore[return-value]
