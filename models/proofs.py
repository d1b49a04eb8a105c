"""Proof of the primary address: a code mailed to it, typed in a session of the account."""

from datetime import datetime

from models import accounts, activities, challenges, mails, sessions
from models.accounts import Account
from models.activities import ActivityKind
from models.challenges import Challenge, InvalidCodeError, Purpose
from models.email_changes import windows
from models.errors import NothingPendingError, TooManyRequestsError
from models.mails import Recipient, Template
from models.policy import CODE_EVERY, PROOF_LIFETIME, Policy
from models.sessions import Session


async def issue(account: Account, *, policy: Policy, at: datetime) -> str:
    """Make the one proof code of a locked account's primary address, ending any older one."""
    await challenges.void(account.id, Purpose.EMAIL_PROOF, at=at)
    _, code = await challenges.issue(
        Purpose.EMAIL_PROOF,
        address_key=account.email_key,
        account_id=account.id,
        at=at,
        lifetime=PROOF_LIFETIME,
        keys=policy.secret_keys,
    )
    return code


async def prove(session: Session, code: str, *, policy: Policy) -> Account | InvalidCodeError:
    """Take the primary address for proven; wrong codes are counted. Raises NothingPendingError."""
    async with sessions.acting(session) as (account, at):
        challenge = await Challenge.get_or_none(
            account_id=account.id, purpose=Purpose.EMAIL_PROOF, address_key=account.email_key
        )
        if challenge is None or not challenge.is_open(at) or account.email_proven:
            raise NothingPendingError
        if wrong := await challenges.check(challenge, code, policy.secret_keys):
            return wrong
        account.prove()
        await accounts.move(account)
        await activities.record(account.id, ActivityKind.EMAIL_PROVEN, at=at)
        await windows.proven(account, at=at)
    return account


async def resend(session: Session, *, policy: Policy) -> Account:
    """Mail a new proof code to the unproven primary address; the old one stops working.

    Raises NothingPendingError when it is proven, TooManyRequestsError (one a minute,
    50 mails a day).
    """
    async with sessions.acting(session) as (account, at):
        if account.email_proven:
            raise NothingPendingError
        former = await Challenge.get_or_none(account_id=account.id, purpose=Purpose.EMAIL_PROOF)
        if former and at < former.created_at + CODE_EVERY:
            raise TooManyRequestsError(former.created_at + CODE_EVERY)
        await mails.within_budget(account.id, at)
        code = await issue(account, policy=policy, at=at)
        await mails.queue(
            Template.PROOF_CODE,
            Recipient.of(account).at(account.email),
            at=at,
            lifetime=PROOF_LIFETIME,
            secrets={"code": code},
        )
    return account
