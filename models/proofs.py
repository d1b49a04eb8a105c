"""Proof of the primary address: a code mailed to it, typed in a session of the account."""

from datetime import datetime

from models import accounts, challenges, sessions
from models.accounts import Account
from models.challenges import Challenge, InvalidCodeError, Purpose
from models.email_changes.table import EmailChange, EmailChangeState, NothingPendingError
from models.policy import PROOF_LIFETIME, Policy
from models.sessions import Session


async def issue(account: Account, *, policy: Policy, at: datetime) -> str:
    """Make the one proof code of a locked account's primary address, ending any older one."""
    await challenges.void(account.id, Purpose.EMAIL_PROOF)
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
        await _shorten_reversal(account, at=at)
    return account


async def _shorten_reversal(account: Account, *, at: datetime) -> None:
    accepted = EmailChange.filter(
        account_id=account.id, new_email_key=account.email_key, state=EmailChangeState.DONE
    )
    for change in await accepted.filter(revertible_until__gt=at):
        change.shorten(at)
        await change.save(update_fields=["revertible_until"])
