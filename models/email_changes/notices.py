"""Who is told what about a change. Power follows proof: codes go to the last proven address.

A mail to an unproven address names no other address, no IP and carries no link.
"""

from datetime import datetime

from models import mails
from models.accounts import Account
from models.clients import Client
from models.email_changes.table import EmailChange
from models.mails import Recipient, Template
from models.policy import NOTICE_LIFETIME, PROOF_LIFETIME


async def requested(
    account: Account, change: EmailChange, *, code: str, client: Client, at: datetime
) -> None:
    """Ask the last proven address; tell the new one and the proven spare one."""
    holder, delay = Recipient.of(account), {"delay": str(change.auto_accept_after)}
    about = _about(account, change) | {
        "requested_at": at.isoformat(),
        "ip_address": client.ip_address,
        "browser": client.browser,
    }
    await mails.queue(
        Template.EMAIL_CHANGE_VALIDATION,
        holder,
        at=at,
        lifetime=NOTICE_LIFETIME,
        params=about | delay,
        secrets={"code": code},
        email_change_id=change.id,
    )
    await mails.queue(
        Template.EMAIL_CHANGE_TOLD_NEW,
        holder.at(change.new_email),
        at=at,
        lifetime=NOTICE_LIFETIME,
        params=delay,
        email_change_id=change.id,
    )
    await _tell_spare(Template.EMAIL_CHANGE_TOLD_SPARE, account, change, about | delay, at=at)


async def accepted(
    account: Account, change: EmailChange, *, proof: str | None, at: datetime
) -> None:
    """Tell both addresses and the proven spare one; the new one gets its proof code, if any."""
    holder, about = Recipient.of(account), _about(account, change)
    await mails.queue(
        Template.EMAIL_CHANGE_ACCEPTED_FORMER,
        holder.at(change.former_last_proven_email),
        at=at,
        lifetime=NOTICE_LIFETIME,
        params=about | {"accepted_by": str(change.accepted_by)},
        email_change_id=change.id,
    )
    if change.former_email_key != change.former_last_proven_email_key:
        await mails.queue(
            Template.EMAIL_CHANGE_ACCEPTED_UNPROVEN,
            holder.at(change.former_email),
            at=at,
            lifetime=NOTICE_LIFETIME,
            email_change_id=change.id,
        )
    await mails.queue(
        Template.EMAIL_CHANGE_ACCEPTED_NEW,
        holder.at(change.new_email),
        at=at,
        lifetime=PROOF_LIFETIME,
        secrets={"code": proof} if proof else {},
        email_change_id=change.id,
    )
    await _tell_spare(Template.EMAIL_CHANGE_ACCEPTED_SPARE, account, change, about, at=at)


async def aborted(account: Account, change: EmailChange, *, at: datetime) -> None:
    """Tell the last proven address why nothing came of it."""
    await mails.queue(
        Template.EMAIL_CHANGE_ABORTED,
        Recipient.of(account),
        at=at,
        lifetime=NOTICE_LIFETIME,
        params=_about(account, change) | {"reason": str(change.abort_reason)},
        email_change_id=change.id,
    )


def _about(account: Account, change: EmailChange) -> dict[str, str]:
    return {"first_name": account.first_name, "new_email": change.new_email}


async def _tell_spare(
    template: Template,
    account: Account,
    change: EmailChange,
    params: dict[str, str],
    *,
    at: datetime,
) -> None:
    if account.spare_email and account.spare_email_proven:
        await mails.queue(
            template,
            Recipient.of(account).at(account.spare_email),
            at=at,
            lifetime=NOTICE_LIFETIME,
            params=params,
            email_change_id=change.id,
        )
