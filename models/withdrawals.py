"""What mails that still wait lose, when what they carry or ask is no longer good.

`settled_at IS NULL` is QUEUED said so that no plan goes through all that waits to find a certain
mail: made while few wait, it would be kept when an outage has left thousands.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from models import statements, tokens
from models.mails import SETTLEMENT, VOID, Mail, MailState, Template


async def withdraw_question(email_change_id: UUID, *, at: datetime) -> None:
    """Withdraw the queued question of a change that has its answer, or asks with another code."""
    queued = await statements.rows(
        "SELECT id FROM mails WHERE email_change_id = $1 AND template = $2 AND settled_at IS NULL",
        email_change_id,
        Template.EMAIL_CHANGE_VALIDATION,
    )
    for mail in await _locked(queued):
        await _withdraw(mail, at)


async def wipe_codes(account_id: UUID, templates: Collection[Template], *, at: datetime) -> None:
    """Take codes that are void from queued mails: a notice goes without, a mere code not at all."""
    queued = await statements.rows(
        "SELECT id FROM mails"
        " WHERE account_id = $1 AND template = ANY($2::text[]) AND settled_at IS NULL",
        account_id,
        list(templates),
    )
    for mail in await _locked(queued):
        if mail.template == Template.EMAIL_CHANGE_ACCEPTED_NEW:
            await _keep(mail, {name for name in mail.secrets or {} if name != "code"})
        else:
            await _withdraw(mail, at)


async def wipe_links(account_id: UUID, digests: Collection[bytes]) -> None:
    """Take the tokens of links that are gone from queued mails, which go without them."""
    queued = await statements.rows(
        "SELECT id FROM mails WHERE account_id = $1 AND settled_at IS NULL AND secrets <> '{}'",
        account_id,
    )
    for mail in await _locked(queued if digests else []):
        secrets = mail.secrets or {}
        kept = {name for name, text in secrets.items() if _digest(text) not in digests}
        if len(kept) < len(secrets):
            await _keep(mail, kept)


def _digest(secret: str) -> bytes:
    return tokens.digest(secret.partition(".")[2])  # behind the id of its row


async def _locked(found: list[dict[str, Any]]) -> list[Mail]:
    if not found:
        return []
    ids = [row["id"] for row in found]
    return await Mail.filter(id__in=ids, settled_at__isnull=True).select_for_update()


async def _keep(mail: Mail, names: Collection[str]) -> None:
    mail.secrets = {name: text for name, text in (mail.secrets or {}).items() if name in names}
    await mail.save(update_fields=["secrets"])


async def _withdraw(mail: Mail, at: datetime) -> None:
    mail.settle(MailState.ABANDONED, at=at, reason=VOID)
    await mail.save(update_fields=SETTLEMENT)
