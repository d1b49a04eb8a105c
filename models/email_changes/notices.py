"""Who is told what about a change. Power follows proof: codes and links go to proven addresses.

A mail to an unproven address names no other address, no IP and carries no link.
"""

from datetime import datetime, timedelta

from models import links, mails
from models import notices as known
from models.accounts import Account, Addresses
from models.clients import Client
from models.email_changes.table import EmailChange
from models.links import LinkPurpose
from models.mails import Recipient, Template
from models.policy import NOTICE_LIFETIME, PROOF_LIFETIME, REPORT_LIFETIME


async def requested(
    account: Account, change: EmailChange, *, code: str, client: Client, at: datetime
) -> None:
    """Ask the last proven address; tell the new one and the proven spare one."""
    delay = {"delay": str(change.auto_accept_after)}
    about = _about(change) | {
        "requested_at": at.isoformat(),
        "ip_address": client.ip_address,
        "browser": client.browser,
    }
    await _ask(account, change, params=about | delay, code=code, at=at)
    await mails.queue(
        Template.EMAIL_CHANGE_TOLD_NEW,
        Recipient.of(account).at(change.new_email),
        at=at,
        lifetime=NOTICE_LIFETIME,
        params=delay,
        email_change_id=change.id,
    )
    await _tell_spare(Template.EMAIL_CHANGE_TOLD_SPARE, account, about | delay, at=at)


async def asked_again(account: Account, change: EmailChange, *, code: str, at: datetime) -> None:
    """Ask once more, with a new code and new links; who asked and when stays what it was."""
    asked = mails.Mail.filter(email_change_id=change.id, template=Template.EMAIL_CHANGE_VALIDATION)
    first = await asked.order_by("queued_at").first()
    await _ask(account, change, params=first.params if first else {}, code=code, at=at)


async def accepted(
    account: Account, change: EmailChange, *, proof: str | None, at: datetime
) -> None:
    """Tell both addresses and the proven spare one.

    The new one gets a proof code, or a report link where it was proven before.
    """
    holder, before = Recipient.of(account), change.former_addresses
    await _tell_former(account, change, before, at=at)
    if before.email_key != before.last_proven_email_key:
        await mails.queue(
            Template.EMAIL_CHANGE_ACCEPTED_UNPROVEN,
            holder.at(before.email),
            at=at,
            lifetime=NOTICE_LIFETIME,
            email_change_id=change.id,
        )
    await mails.queue(
        Template.EMAIL_CHANGE_ACCEPTED_NEW,
        holder.at(change.new_email),
        at=at,
        lifetime=PROOF_LIFETIME,
        secrets={"code": proof}
        if proof
        else {"report": await known.report_link(account, change.new_email, before=before, at=at)},
        email_change_id=change.id,
    )
    await _tell_spare(
        Template.EMAIL_CHANGE_ACCEPTED_SPARE, account, _about(change), before=before, at=at
    )


async def refused(account: Account, change: EmailChange, *, at: datetime) -> None:
    """Tell every known address that nothing came of it."""
    await known.tell(
        Template.EMAIL_CHANGE_REFUSED,
        account,
        before=account.addresses,
        at=at,
        params={"new_email": change.new_email},
    )


async def aborted(account: Account, change: EmailChange, *, at: datetime) -> None:
    """Tell the last proven address why nothing came of it."""
    await known.tell(
        Template.EMAIL_CHANGE_ABORTED,
        account,
        before=account.addresses,
        at=at,
        to=[account.last_proven_email],
        params={"new_email": change.new_email, "reason": str(change.abort_reason)},
    )


async def reverted(account: Account, change: EmailChange, *, at: datetime) -> None:
    """Tell the restored addresses; the spare one reads which address is the primary one."""
    await known.tell(
        Template.EMAIL_CHANGE_REVERTED,
        account,
        before=account.addresses,
        at=at,
        params={"new_email": change.new_email, "email": account.email},
    )


def _about(change: EmailChange) -> dict[str, str]:
    return {"new_email": change.new_email}


async def _ask(
    account: Account, change: EmailChange, *, params: dict[str, str], code: str, at: datetime
) -> None:
    to, now = account.last_proven_email, account.addresses
    refuse = await links.issue(
        LinkPurpose.REFUSE,
        account,
        mailed_to=to,
        before=now,
        at=at,
        lifetime=timedelta(seconds=change.auto_accept_after) + REPORT_LIFETIME,
        change_id=change.id,
    )
    report = await known.report_link(account, to, before=now, at=at)
    await mails.queue(
        Template.EMAIL_CHANGE_VALIDATION,
        Recipient.of(account),
        at=at,
        lifetime=NOTICE_LIFETIME,
        params=params | {"first_name": account.first_name},
        secrets={"code": code, "refuse": refuse, "report": report},
        email_change_id=change.id,
    )


async def _tell_former(
    account: Account, change: EmailChange, before: Addresses, *, at: datetime
) -> None:
    await mails.queue(
        Template.EMAIL_CHANGE_ACCEPTED_FORMER,
        Recipient.of(account).at(before.last_proven_email),
        at=at,
        lifetime=NOTICE_LIFETIME,
        params=_about(change)
        | {"accepted_by": str(change.accepted_by), "first_name": account.first_name},
        secrets=await _ways_back(account, change, before, at=at),
        email_change_id=change.id,
    )


async def _ways_back(
    account: Account, change: EmailChange, before: Addresses, *, at: datetime
) -> dict[str, str]:
    to = before.last_proven_email
    revert = await links.issue(
        LinkPurpose.REVERT, account, mailed_to=to, before=before, at=at, change_id=change.id
    )
    return {
        "revert": revert,
        "report": await known.report_link(account, to, before=before, at=at),
    }


async def _tell_spare(
    template: Template,
    account: Account,
    params: dict[str, str],
    *,
    at: datetime,
    before: Addresses | None = None,
) -> None:
    if account.spare_email and account.spare_email_proven:
        before = before or account.addresses
        to = [account.spare_email]
        await known.tell(template, account, before=before, at=at, to=to, params=params)
