"""What can happen to a consent; each operation locks the account first and owns its transaction.

What a partner asks of a NIC-handle that nobody has is a row like any other, but for the mail.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

from models import clock, durations, mails, outbox, pages, sessions, statements
from models.accounts import Account, AccountState
from models.activities import ActivityKind
from models.consents import requests
from models.consents.requests import Asked
from models.consents.table import Consent, ConsentState, granted
from models.errors import NotFoundError, NothingPendingError, TooManyRequestsError
from models.events import EventType
from models.mails import Recipient, Template
from models.outbox import Due
from models.partners import Access, Partner
from models.policy import CONSENTS_A_DAY, DAY, NOTICE_LIFETIME, Policy
from models.scopes import NoConsentNeededError
from models.sessions import Session
from models.transactions import transaction


async def request(
    access: Access,
    nic_handle: str,
    scopes: Sequence[str],
    reason: str,
    redirect_url: str | None,
    *,
    policy: Policy,
) -> Consent:
    """Ask a holder for consent, in the place of what the partner asks for already.

    The answer and its time are the same for a NIC-handle that nobody has. Raises InvalidInputError,
    TooManyRequestsError (3 a day), and NoConsentNeededError for a first-party partner.
    """
    if access.partner.first_party:
        raise NoConsentNeededError
    asked = requests.judge(access, nic_handle, scopes, reason, redirect_url)
    async with durations.in_steps_of(policy.steps):
        consent = await _request(access.partner, asked, policy)
    if isinstance(consent, TooManyRequestsError):
        raise consent
    return consent


async def grant(session: Session, consent_id: UUID | None) -> Consent:
    """Let a partner do what it asked for, in the place of what it may do already.

    Raises NotFoundError, NothingPendingError.
    """
    async with _answering(session, consent_id) as (consent, at):
        if consent.partner.revoked_at is not None:
            raise NothingPendingError
        consent.grant(at)
        if former := await granted(session.account_id, consent.partner_id):
            former.replace(at)
            await former.save(update_fields=["state", "ended_at"])
        await _save(consent, ActivityKind.CONSENT_GRANTED, EventType.CONSENT_GRANTED, at=at)
    return consent


async def refuse(session: Session, consent_id: UUID | None) -> Consent:
    """Let a partner do no more than it may already.

    Raises NotFoundError, NothingPendingError.
    """
    async with _answering(session, consent_id) as (consent, at):
        consent.refuse(at)
        await _save(consent, ActivityKind.CONSENT_REFUSED, EventType.CONSENT_REFUSED, at=at)
    return consent


async def revoke(session: Session, consent_id: UUID | None) -> Consent:
    """Take back what a partner may do, from its next request on.

    Raises NotFoundError, NothingPendingError.
    """
    async with _answering(session, consent_id) as (consent, at):
        consent.revoke(at)
        await _save(consent, ActivityKind.CONSENT_REVOKED, EventType.CONSENT_REVOKED, at=at)
    return consent


async def expire(consent_id: UUID) -> timedelta | None:
    """End a request that nobody answered in time; return the rest if its time is not over.

    Safe to call twice, late or early: the row decides, by PostgreSQL's clock.
    """
    found = await Consent.get_or_none(id=consent_id)
    if found is None:
        return None
    async with _locked(found.partner_id, found.nic_handle) as (_, at):
        consent = await _with_partner(consent_id)
        if consent.state is not ConsentState.PENDING:
            return None
        if at < consent.expires_at:
            return consent.expires_at - at
        consent.expire(at)
        await _save(consent, ActivityKind.CONSENT_EXPIRED, EventType.CONSENT_EXPIRED, at=at)
    return None


async def due(*, within: timedelta, limit: int) -> list[Due]:
    """List the requests that expire soon, oldest first, with the seconds until then."""
    return await outbox.listed(
        "SELECT id, expires_at AS due_at, statement_timestamp() AS now FROM consents"
        " WHERE state = 'PENDING' AND expires_at <= statement_timestamp() + $1"
        " ORDER BY expires_at LIMIT $2",
        within,
        limit,
    )


async def of(account_id: UUID, *, first: int, after: str | None) -> pages.Page[Consent]:
    """Return what partners have asked a holder for, newest first. Raises BadPageError."""
    rows = Consent.filter(account_id=account_id)
    page = await pages.page(rows, by="requested_at", first=first, after=after)
    asking = {row.partner_id for row in page.rows}
    partners = {it.id: it for it in await Partner.filter(id__in=asking)}
    for row in page.rows:
        row.partner = partners[row.partner_id]
    return page


async def remove_expired(at: datetime) -> int:
    """Delete the requests that had nobody to answer them, a day after their time is over."""
    nobodys = Consent.filter(account_id=None, expires_at__lt=at - DAY)
    return await nobodys.exclude(state=ConsentState.PENDING).delete()


@asynccontextmanager
async def _locked(
    partner_id: UUID, nic_handle: str
) -> AsyncIterator[tuple[Account | None, datetime]]:
    """Lock an account, if there is one, then what a partner asks of it, be there one or not."""
    async with transaction():
        account = await Account.select_for_update().get_or_none(nic_handle=nic_handle)
        await statements.rows(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"{partner_id} {nic_handle}"
        )
        is_open = account is not None and account.state is not AccountState.CLOSED
        yield account if is_open else None, await clock.now()


@asynccontextmanager
async def _answering(
    session: Session, consent_id: UUID | None
) -> AsyncIterator[tuple[Consent, datetime]]:
    """As `sessions.acting`, for an answer to a request that was made to the account."""
    async with sessions.acting(session) as (account, at):
        if not await Consent.exists(id=consent_id, account_id=account.id):
            raise NotFoundError
        yield await _with_partner(consent_id), at


async def _with_partner(consent_id: UUID | None) -> Consent:
    consent = await Consent.get(id=consent_id)
    consent.partner = await Partner.get(id=consent.partner_id)
    return consent


async def _save(
    consent: Consent, activity: ActivityKind, event: EventType, *, at: datetime
) -> None:
    """Store a move, and tell of it."""
    await consent.save(update_fields=["state", "answered_at", "ended_at"])
    await consent.record(activity, at=at)
    await consent.tell(event, at=at)


async def _request(
    partner: Partner, asked: Asked, policy: Policy
) -> Consent | TooManyRequestsError:
    async with _locked(partner.id, asked.nic_handle) as (account, at):
        theirs = Consent.filter(partner_id=partner.id, nic_handle=asked.nic_handle)
        today = theirs.filter(requested_at__gt=at - DAY).order_by("-requested_at")
        if oldest := await today.offset(CONSENTS_A_DAY - 1).first():
            return TooManyRequestsError(oldest.requested_at + DAY)
        if former := await theirs.get_or_none(state=ConsentState.PENDING):
            former.replace(at)
            await former.save(update_fields=["state", "answered_at"])
        consent = Consent(
            partner_id=partner.id,
            account_id=account.id if account else None,
            nic_handle=asked.nic_handle,
            scopes=asked.scopes,
            reason=asked.reason,
            redirect_url=asked.redirect_url,
            requested_at=at,
            expires_at=at + policy.consent_lifetime,
        )
        consent.partner = partner
        await consent.save(force_create=True)
        await consent.record(ActivityKind.CONSENT_REQUESTED, at=at)
        if account:
            await _ask(account, consent, policy, at=at)
    return consent


async def _ask(account: Account, consent: Consent, policy: Policy, *, at: datetime) -> None:
    """Mail the request to the holder, who finds it in the account all the same."""
    if await mails.is_full_until(account.id, at):
        return  # in silence: who asked must not learn that there is an account
    await mails.queue(
        Template.CONSENT_REQUESTED,
        Recipient.of(account),
        at=at,
        lifetime=min(NOTICE_LIFETIME, policy.consent_lifetime),
        params={
            "first_name": account.first_name,
            "partner": consent.partner.name,
            "scopes": consent.scopes,
            "stated_reason": consent.reason,
            "lifetime": str(int(policy.consent_lifetime.total_seconds())),
            "consent": str(consent.id),
        },
    )
