"""The spare address: a second mailbox for the day the first is lost; it counts once proven.

none ── set ──▶ unproven ── prove ──▶ proven        any ── set another · remove ──▶ (told if proven)
"""

from datetime import datetime

from models import (
    accounts,
    activities,
    challenges,
    email_addresses,
    mails,
    notices,
    sessions,
)
from models.accounts import Account
from models.activities import ActivityKind
from models.challenges import Challenge, InvalidCodeError, Purpose
from models.email_addresses import BadAddressError, EmailAddress
from models.errors import (
    Fault,
    FaultCode,
    InvalidInputError,
    NothingPendingError,
    TooManyRequestsError,
)
from models.mails import Recipient, Template
from models.policy import CODE_EVERY, PROOF_LIFETIME, Policy
from models.sessions import Session


async def set_to(session: Session, spare_email: str, password: str, *, policy: Policy) -> Account:
    """Record a spare address, unproven, in the place of any other; mail it its proof code.

    Raises InvalidInputError, InvalidCredentialsError, TooManyRequestsError (one a minute, 50
    mails a day).
    """
    address = _parsed(spare_email, session.account)
    async with sessions.with_password(session, password, policy=policy) as (account, at):
        _parsed(spare_email, account)
        await _not_too_often(account, at)
        await mails.within_budget(account.id, at)
        before = account.addresses
        await drop(account, at=at)
        account.spare_email, account.spare_email_key = address.text, address.key
        await accounts.move(account)
        await activities.record(account.id, ActivityKind.SPARE_EMAIL_SET, at=at)
        await mail_code(account, policy=policy, at=at)
        told = [account.last_proven_email]
        params = {"spare_email": address.text}
        await notices.tell(
            Template.SPARE_EMAIL_TOLD, account, before=before, at=at, to=told, params=params
        )
    return account


async def prove(session: Session, code: str, *, policy: Policy) -> Account | InvalidCodeError:
    """Take the spare address for proven; wrong codes are counted. Raises NothingPendingError."""
    async with sessions.acting(session) as (account, at):
        challenge = await Challenge.get_or_none(
            account_id=account.id, purpose=Purpose.SPARE_PROOF, address_key=account.spare_email_key
        )
        if challenge is None or not challenge.is_open(at) or account.spare_email_proven:
            raise NothingPendingError
        if wrong := await challenges.check(challenge, code, policy.secret_keys):
            return wrong
        account.spare_email_proven = True
        await accounts.move(account)
        await activities.record(account.id, ActivityKind.SPARE_EMAIL_PROVEN, at=at)
    return account


async def remove(session: Session, password: str, *, policy: Policy) -> Account:
    """Forget the spare address; nothing happens when there is none.

    Raises InvalidCredentialsError.
    """
    async with sessions.with_password(session, password, policy=policy) as (account, at):
        await drop(account, at=at)
    return account


async def drop(account: Account, *, at: datetime, linked: bool = True) -> None:
    """Take the spare address from a locked account; a proven one is told, with a way back.

    Not so (`linked`) at a reset, which ends every link in that mailbox.
    """
    if account.spare_email is None:
        return
    before, known = account.addresses, account.known_addresses
    was_proven, dropped = account.spare_email_proven, account.spare_email
    account.spare_email = account.spare_email_key = None
    account.spare_email_proven = False
    await accounts.move(account)
    await activities.record(account.id, ActivityKind.SPARE_EMAIL_REMOVED, at=at)
    await challenges.void(account.id, Purpose.SPARE_PROOF, at=at)
    if was_proven:
        params = {"spare_email": dropped}
        await notices.tell(
            Template.SPARE_EMAIL_REMOVED,
            account,
            at=at,
            before=before if linked else None,
            to=known,
            params=params,
        )


async def mail_code(account: Account, *, policy: Policy, at: datetime) -> None:
    """Mail the proof code of a locked account's unproven spare address."""
    if account.spare_email is None or account.spare_email_key is None:
        return
    # One that has become the primary address may have left its code behind.
    await challenges.void(account.id, Purpose.SPARE_PROOF, at=at)
    _, code = await challenges.issue(
        Purpose.SPARE_PROOF,
        address_key=account.spare_email_key,
        account_id=account.id,
        at=at,
        lifetime=PROOF_LIFETIME,
        keys=policy.secret_keys,
    )
    await mails.queue(
        Template.SPARE_EMAIL_PROOF,
        Recipient.of(account).at(account.spare_email),
        at=at,
        lifetime=PROOF_LIFETIME,
        secrets={"code": code},
    )


def _parsed(text: str, account: Account) -> EmailAddress:
    try:
        address = email_addresses.parse(text)
    except BadAddressError as bad:
        raise InvalidInputError([Fault("spareEmail", bad.code, bad.limit)]) from None
    # The same spare address again is how an unproven one gets a new code.
    proven_spare = account.spare_email_key if account.spare_email_proven else None
    if address.key in {account.email_key, proven_spare}:
        raise InvalidInputError([Fault("spareEmail", FaultCode.SAME_AS_CURRENT)])
    return address


async def _not_too_often(account: Account, at: datetime) -> None:
    latest = await mails.latest(account.id, Template.SPARE_EMAIL_PROOF)
    if latest and at < latest + CODE_EVERY:
        raise TooManyRequestsError(latest + CODE_EVERY)
