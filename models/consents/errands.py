"""What a partner does for a holder, who let it: change the profile, and have a mail sent."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from models import accounts, activities, mails, profiles, texts
from models.accounts import Account, AccountState
from models.activities import ActivityKind
from models.consents.views import View, acting
from models.errors import Fault, FaultCode, InvalidInputError, NotFoundError
from models.mails import Mail, Recipient, Template
from models.partners import Access, Partner
from models.policy import NOTICE_LIFETIME, PARTNER_TOLD_EVERY
from models.scopes import Scope

MAX_REFERENCE = 40
MAX_SERVICES = 20
MAX_SERVICE = 100
MAX_TOTAL = 30
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class PartnerMail(StrEnum):
    """The mails that a partner may have sent."""

    ORDER_CONFIRMATION = "ORDER_CONFIRMATION"
    RENEWAL_CONFIRMATION = "RENEWAL_CONFIRMATION"


_TEMPLATES = {
    PartnerMail.ORDER_CONFIRMATION: Template.ORDER_CONFIRMATION,
    PartnerMail.RENEWAL_CONFIRMATION: Template.RENEWAL_CONFIRMATION,
}


@dataclass(frozen=True, slots=True)
class Order:
    """What such a mail says; `valid_until` is the day up to which services were renewed."""

    reference: str
    services: Sequence[str]
    total: str | None = None
    valid_until: str | None = None


async def update_profile(
    access: Access, nic_handle: str, changes: profiles.Values, *, expected_revision: int | None
) -> View:
    """Change an account's profile for its holder, who is told of it once a day.

    Raises NotFoundError, also for a FROZEN account; ForbiddenError; StaleRevisionError, and
    InvalidInputError with every fault of what was given.
    """
    async with acting(access, nic_handle, Scope.PROFILE_WRITE) as (view, at):
        if view.account.state is not AccountState.ACTIVE:
            raise NotFoundError
        differing = await accounts.write_profile(
            view.account,
            changes,
            expected_revision=expected_revision,
            at=at,
            by=access.partner.name,
        )
        if differing:
            await _tell(view.account, access.partner, differing, at=at)
    return view


async def send_mail(access: Access, nic_handle: str, kind: PartnerMail, order: Order) -> Mail:
    """Queue a mail to an account's holder, at the last proven address.

    Raises InvalidInputError with every fault, NotFoundError, ForbiddenError, TooManyRequestsError
    (50 mails a day).
    """
    params = _params(kind, order)
    async with acting(access, nic_handle, Scope.MAIL_SEND) as (view, at):
        await mails.within_budget(view.account.id, at)
        name = access.partner.name
        mail = await mails.queue(
            _TEMPLATES[kind],
            Recipient.of(view.account),
            at=at,
            lifetime=NOTICE_LIFETIME,
            params=params | {"first_name": view.account.first_name, "partner": name},
        )
        about = {"partner": name, "mail": str(mail.id)}
        await activities.record(view.account.id, ActivityKind.PARTNER_MAIL, at=at, about=about)
    return mail


async def _tell(account: Account, partner: Partner, fields: list[str], *, at: datetime) -> None:
    """Tell the holder of a change; what the same partner changes today is not told again."""
    today = Mail.filter(
        account_id=account.id,
        template=Template.PROFILE_UPDATED_BY_PARTNER,
        queued_at__gt=at - PARTNER_TOLD_EVERY,
    )
    if any(mail.params["partner"] == partner.name for mail in await today):
        return
    await mails.queue(
        Template.PROFILE_UPDATED_BY_PARTNER,
        Recipient.of(account),
        at=at,
        lifetime=NOTICE_LIFETIME,
        params={
            "first_name": account.first_name,
            "partner": partner.name,
            "first_party": "yes" if partner.first_party else "",
            "fields": fields,
        },
    )


def _params(kind: PartnerMail, order: Order) -> dict[str, str | list[str]]:
    """Read what a mail is to say. Raises InvalidInputError."""
    faults: list[Fault] = []
    reference = texts.judge("reference", order.reference, longest=MAX_REFERENCE, faults=faults)
    services = _services(order.services, faults)
    total = order.total and texts.judge("total", order.total, longest=MAX_TOTAL, faults=faults)
    valid_until = _day(
        order.valid_until, faults, is_wanted=kind is PartnerMail.RENEWAL_CONFIRMATION
    )
    if faults:
        raise InvalidInputError(faults)
    return {
        "reference": reference,
        "services": services,
        "total": total or "",
        "valid_until": valid_until or "",
    }


def _services(names: Sequence[str], faults: list[Fault]) -> list[str]:
    if not names:
        faults.append(Fault("services", FaultCode.REQUIRED))
    elif len(names) > MAX_SERVICES:
        faults.append(Fault("services", FaultCode.INVALID))
        return []
    return [
        texts.judge(f"services.{place}", name, longest=MAX_SERVICE, faults=faults)
        for place, name in enumerate(names)
    ]


def _day(text: str | None, faults: list[Fault], *, is_wanted: bool) -> str | None:
    """Read a day as ISO 8601 writes it."""
    if not text:
        if is_wanted:
            faults.append(Fault("validUntil", FaultCode.REQUIRED))
        return None
    try:
        is_day = is_wanted and _DAY.fullmatch(text) and date.fromisoformat(text)
    except ValueError:
        is_day = False
    if not is_day:
        faults.append(Fault("validUntil", FaultCode.INVALID))
    return text
