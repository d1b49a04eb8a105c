"""What the holder of an account is told at every known address, with a way to say: not me."""

from datetime import datetime

from models import links, mails
from models.accounts import Account, Addresses
from models.links import LinkPurpose
from models.mails import Recipient, Template
from models.policy import NOTICE_LIFETIME


async def tell(
    template: Template,
    account: Account,
    *,
    before: Addresses,
    at: datetime,
    to: list[str] | None = None,
    params: dict[str, str] | None = None,
) -> None:
    """Queue a notice to every known address, or to these, each with a report link of its own.

    `before` is what a report gives back: the addresses before what the notice tells of.
    """
    for address in account.known_addresses if to is None else to:
        await mails.queue(
            template,
            Recipient.of(account).at(address),
            at=at,
            lifetime=NOTICE_LIFETIME,
            params={"first_name": account.first_name} | (params or {}),
            secrets={"report": await report_link(account, address, before=before, at=at)},
        )


async def report_link(account: Account, address: str, *, before: Addresses, at: datetime) -> str:
    """Issue the report link of a mail to a proven address."""
    return await links.issue(LinkPurpose.REPORT, account, mailed_to=address, before=before, at=at)
