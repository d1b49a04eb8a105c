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
    at: datetime,
    before: Addresses | None = None,
    to: list[str] | None = None,
    params: dict[str, str] | None = None,
) -> None:
    """Queue a notice to every proven address, or to these, each with a report link of its own.

    `before` is what a report gives back: the addresses before what the notice tells of. None: there
    is nothing to report, and no link.
    """
    for address in account.known_addresses if to is None else to:
        link = await report_link(account, address, before=before, at=at) if before else None
        await mails.queue(
            template,
            Recipient.of(account).at(address),
            at=at,
            lifetime=NOTICE_LIFETIME,
            params={"first_name": account.first_name} | (params or {}),
            secrets={"report": link} if link else {},
        )


async def tell_everywhere(
    template: Template, account: Account, *, at: datetime, before: Addresses | None = None
) -> None:
    """Queue a notice also to an unproven primary address, which learns the fact and no more."""
    await tell(template, account, at=at, before=before)
    if not account.email_proven:
        holder = Recipient.of(account).at(account.email)
        await mails.queue(template, holder, at=at, lifetime=NOTICE_LIFETIME)


async def report_link(account: Account, address: str, *, before: Addresses, at: datetime) -> str:
    """Issue the report link of a mail to a proven address."""
    return await links.issue(LinkPurpose.REPORT, account, mailed_to=address, before=before, at=at)
