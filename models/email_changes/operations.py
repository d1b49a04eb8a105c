"""What can happen to a change; each operation locks the account first and owns its transaction."""

from datetime import datetime, timedelta
from uuid import UUID

from models import (
    accounts,
    challenges,
    email_addresses,
    mails,
    metrics,
    outbox,
    primary_addresses,
    proofs,
    sessions,
    statements,
    withdrawals,
)
from models.accounts import Account, AddressTakenError
from models.activities import ActivityKind
from models.challenges import InvalidCodeError, Purpose
from models.clients import Client
from models.email_addresses import BadAddressError, EmailAddress
from models.email_changes import notices, windows
from models.email_changes.table import (
    EmailChange,
    EmailChangeAbortReason,
    EmailChangeAcceptance,
    EmailChangeState,
    pending,
)
from models.errors import (
    Fault,
    FaultCode,
    InvalidInputError,
    NothingPendingError,
    TooManyRequestsError,
)
from models.mails import MailState
from models.outbox import Due
from models.policy import CHANGES_A_DAY, DAY, Policy
from models.sessions import Session, SessionEnd


async def request(
    session: Session, new_email: str, password: str, *, client: Client, policy: Policy
) -> EmailChange:
    """Open a change to `new_email`, replacing the pending one if there is any.

    Never says whether the address is taken. Raises InvalidInputError, InvalidCredentialsError,
    TooManyRequestsError (3 in 24 hours, 50 mails a day).
    """
    address = _new_address(new_email, session.account)
    async with sessions.with_password(session, password, policy=policy) as (account, at):
        _new_address(new_email, account)
        await _within_budget(account, at)
        await mails.within_budget(account.id, at)
        if former := await pending(account.id):
            await abort(former, EmailChangeAbortReason.SUPERSEDED, at=at)
        change, code = await _open(account, address, session, policy=policy, at=at)
        await notices.requested(account, change, code=code, client=client, at=at)
    return change


async def confirm(session: Session, code: str, *, policy: Policy) -> EmailChange | InvalidCodeError:
    """Accept the pending change with the code of the mail; wrong codes are counted.

    Look at the state: the change is ABORTED when its address is taken, or after the fifth wrong
    code. Raises NothingPendingError.
    """
    wanted = await pending(session.account_id)
    new_key = wanted.new_email_key if wanted else None
    async with sessions.acting(session, holder_of=new_key) as (account, at):
        change = await pending(account.id)
        if change is None:
            raise NothingPendingError
        if wrong := _judge(change, code, policy):
            await _count(account, change, wrong, at=at)
            return wrong
        await _accept(
            account, change, EmailChangeAcceptance.CODE, stays=session.id, policy=policy, at=at
        )
    return change


async def auto_accept(change_id: UUID, *, policy: Policy) -> timedelta | None:
    """Accept a change whose deadline has passed; return the rest if it has not.

    Safe to call twice, late or early: the row decides, by PostgreSQL's clock.
    """
    found = await statements.rows(
        "SELECT account_id, new_email_key FROM email_changes WHERE id = $1", change_id
    )
    if not found:
        return None
    account_id, key = found[0]["account_id"], found[0]["new_email_key"]
    async with accounts.locked(account_id, holder_of=key) as (account, at):
        change = await EmailChange.get(id=change_id)
        if change.state is not EmailChangeState.PENDING or change.auto_accept_at is None:
            return None
        if at < change.auto_accept_at:
            return change.auto_accept_at - at
        asked = change.session_id
        await _accept(
            account, change, EmailChangeAcceptance.SILENCE, stays=asked, policy=policy, at=at
        )
    metrics.observe_lateness((at - change.auto_accept_at).total_seconds())
    return None


async def notice_settled(account: Account, mail: mails.Mail, *, at: datetime) -> None:
    """Follow the fate of the first validation mail: the clock starts, or the change is aborted."""
    change = await pending(account.id)
    if change is None or change.id != mail.email_change_id:
        return
    if change.auto_accept_at is not None:  # an earlier one has left: it runs
        return
    if mail.state is MailState.ABANDONED:
        await abort(change, EmailChangeAbortReason.NOTICE_NOT_DELIVERED, at=at, tell=account)
    else:
        change.start_clock(at)
        await change.save(update_fields=["auto_accept_at"])


async def abort(
    change: EmailChange,
    reason: EmailChangeAbortReason,
    *,
    at: datetime,
    tell: Account | None = None,
) -> None:
    """End a pending change of a locked account, and tell its holder if wanted."""
    change.abort(reason, at=at)
    await change.save()
    await change.record(ActivityKind.EMAIL_CHANGE_ABORTED, at=at, reason=reason)
    await withdrawals.withdraw_question(change.id, at=at)
    if tell is not None:
        await notices.aborted(tell, change, at=at)


async def due(*, within: timedelta, limit: int) -> list[Due]:
    """List the changes that silence accepts soon, oldest first, with the seconds until then."""
    return await outbox.listed(
        "SELECT id, auto_accept_at AS due_at, statement_timestamp() AS now FROM email_changes"
        " WHERE state = 'PENDING' AND auto_accept_at <= statement_timestamp() + $1"
        " ORDER BY auto_accept_at LIMIT $2",
        within,
        limit,
    )


def _new_address(text: str, account: Account) -> EmailAddress:
    try:
        address = email_addresses.parse(text)
    except BadAddressError as bad:
        raise InvalidInputError([Fault("newEmail", bad.code, bad.limit)]) from None
    if address.key == account.email_key:
        raise InvalidInputError([Fault("newEmail", FaultCode.SAME_AS_CURRENT)])
    return address


async def _within_budget(account: Account, at: datetime) -> None:
    recent = EmailChange.filter(account_id=account.id, requested_at__gt=at - DAY)
    latest = await recent.order_by("-requested_at").limit(CHANGES_A_DAY)
    if len(latest) == CHANGES_A_DAY:
        raise TooManyRequestsError(latest[-1].requested_at + DAY)


async def _open(
    account: Account, address: EmailAddress, session: Session, *, policy: Policy, at: datetime
) -> tuple[EmailChange, str]:
    change = EmailChange(
        account_id=account.id,
        session_id=session.id,
        new_email=address.text,
        new_email_key=address.key,
        code_sent_at=at,
        requested_at=at,
        auto_accept_after=int(policy.auto_accept_after.total_seconds()),
    )
    change.remember(account)
    code = challenges.new_code()
    key = policy.secret_keys[0]
    change.code_digest = challenges.digest(code, Purpose.EMAIL_CHANGE, change.id, key)
    await change.save(force_create=True)
    await change.record(ActivityKind.EMAIL_CHANGE_REQUESTED, at=at)
    return change, challenges.shown(code)


def _judge(change: EmailChange, text: str, policy: Policy) -> InvalidCodeError | None:
    code = challenges.parse(text)
    if code is None:  # cannot be a code: costs no attempt
        return InvalidCodeError(change.attempts_left)
    stored, keys = change.code_digest or b"", policy.secret_keys
    if challenges.is_right(code, stored, Purpose.EMAIL_CHANGE, change.id, keys):
        return None
    return InvalidCodeError(change.attempts_left - 1 or None)


async def _count(
    account: Account, change: EmailChange, wrong: InvalidCodeError, *, at: datetime
) -> None:
    if wrong.attempts_left is None:
        await abort(change, EmailChangeAbortReason.TOO_MANY_ATTEMPTS, at=at, tell=account)
    else:
        change.attempts_left = wrong.attempts_left
        await change.save(update_fields=["attempts_left"])


async def _accept(
    account: Account,
    change: EmailChange,
    by: EmailChangeAcceptance,
    *,
    stays: UUID | None,
    policy: Policy,
    at: datetime,
) -> None:
    change.remember(account)
    try:
        await primary_addresses.take(account, change.new_address, at=at)
    except AddressTakenError:
        await abort(change, EmailChangeAbortReason.ADDRESS_TAKEN, at=at, tell=account)
        return
    change.accept(by, proven=account.email_proven, at=at)
    await change.save()
    await change.record(ActivityKind.EMAIL_CHANGE_ACCEPTED, at=at, reason=by)
    await withdrawals.withdraw_question(change.id, at=at)
    await sessions.close_all(account.id, SessionEnd.EMAIL_CHANGED, at=at, but=stays)
    proof = None if account.email_proven else await proofs.issue(account, policy=policy, at=at)
    await notices.accepted(account, change, proof=proof, at=at)
    await windows.accepted(account, change, at=at)
