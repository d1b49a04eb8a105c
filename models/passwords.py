"""Passwords set anew: by the current one, or by a code mailed to a proven address.

Either way every outstanding code is void, a pending e-mail change is aborted, and the devices whose
sessions close are forgotten; links survive (see models/links.py).
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from models import (
    accounts,
    activities,
    challenges,
    clock,
    credentials,
    devices,
    durations,
    email_addresses,
    email_changes,
    links,
    mails,
    notices,
    sessions,
    spare_emails,
)
from models.accounts import Account, AccountState
from models.activities import ActivityKind
from models.challenges import Challenge, InvalidCodeError, Purpose
from models.clients import Client
from models.credentials import InvalidCredentialsError
from models.email_addresses import BadAddressError, EmailAddress
from models.email_changes import EmailChangeAbortReason
from models.errors import Fault, FaultCode, InvalidInputError
from models.mails import Mail, Recipient, Template
from models.policy import DAY, RESET_LIFETIME, RESETS_A_DAY, RESETS_A_DAY_IN_ALL, Policy
from models.sessions import Session, SessionEnd
from models.transactions import transaction

_NOBODY = UUID(int=0)  # the id of no row
_RESET_EVERY = timedelta(minutes=1)


class MailDestination(StrEnum):
    """Where a reset code goes: the last proven primary address, or the proven spare one."""

    PRIMARY = "PRIMARY"
    SPARE = "SPARE"


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """A password was set, and this many sessions were closed by it."""

    account: Account
    closed_sessions: int


async def request_reset(
    identifier: str, *, deliver_to: MailDestination, client: Client, policy: Policy
) -> Challenge:
    """Mail a reset code and the NIC-handle to the account's holder; the answer is always the same.

    So is the duration, in steps. The challenge for an unknown identifier is a real row that no code
    opens. One mail a minute and five a day for a network that asks, so that a stranger does not use
    up the holder's; 25 a day in all. Raises InvalidInputError for an empty identifier.
    """
    if not identifier.strip():
        raise InvalidInputError([Fault("identifier", FaultCode.REQUIRED)])
    network = _network(client, policy)
    async with durations.in_steps_of(policy.steps):
        found = await accounts.identified(identifier) or await _moved_away_from(identifier)
        async with transaction():
            account = await Account.select_for_update().get(id=found.id) if found else None
            return await _issue(account, deliver_to, network, policy)


async def reset(
    challenge_id: UUID | None,
    code: str,
    new_password: str,
    *,
    remove_spare_email: bool,
    policy: Policy,
) -> PasswordChanged | InvalidCodeError:
    """Set a password with the mailed code: every session closes, a frozen account is open again.

    Wrong codes are counted. Raises InvalidCodeError for a code that is of no use any more, and
    InvalidInputError, which leaves the code good.
    """
    _refuse(await credentials.faults_of(new_password, field="newPassword", personal=()))
    password_hash = await credentials.hashed(new_password, cost=policy.bcrypt_cost)
    async with transaction():
        challenge = await _locked_challenge(challenge_id)
        at = await clock.now()
        if challenge is None or not challenge.is_open(at):
            raise InvalidCodeError
        if wrong := await challenges.check(challenge, code, policy.secret_keys):
            return wrong
        account = await Account.get(id=challenge.account_id)
        _refuse(await _faults_for(account, new_password))
        if not account.is_recoverable_through(challenge.address_key):
            raise InvalidCodeError
        through_primary = challenge.address_key == account.last_proven_email_key
        if remove_spare_email and through_primary:
            await spare_emails.drop(account, at=at, linked=False)
        return await _recover(account, challenge.address_key, password_hash, at=at)


async def change(
    session: Session, current_password: str, new_password: str, *, policy: Policy
) -> PasswordChanged:
    """Set a password with the current one; every other session closes.

    Raises InvalidCredentialsError, InvalidInputError.
    """
    known_hash, cost = session.account.password_hash, policy.bcrypt_cost
    if not await credentials.matches(current_password, known_hash, cost=cost):
        raise InvalidCredentialsError
    if await credentials.matches(new_password, known_hash, cost=cost):
        raise InvalidInputError([Fault("newPassword", FaultCode.SAME_AS_CURRENT)])
    _refuse(await _faults_for(session.account, new_password))
    password_hash = await credentials.hashed(new_password, cost=cost)
    async with sessions.acting(session) as (account, at):
        if account.password_hash != known_hash:
            raise InvalidCredentialsError
        return await _set(account, password_hash, stays=session, at=at)


async def _issue(
    account: Account | None, deliver_to: MailDestination, network: str, policy: Policy
) -> Challenge:
    at = await clock.now()
    to = _destination(account, deliver_to) if account else None
    if account and to and not await _within_budget(account, network, at):
        to = None
    challenge, code = await challenges.issue(
        Purpose.PASSWORD_RESET,
        address_key=to.key if to else "",
        account_id=account.id if account and to else None,
        at=at,
        lifetime=RESET_LIFETIME,
        keys=policy.secret_keys,
    )
    if account and to:
        await _mail_code(account, to.text, code, network=network, at=at)
    return challenge


async def _recover(
    account: Account, address_key: str, password_hash: str, *, at: datetime
) -> PasswordChanged:
    was_frozen = account.state is AccountState.FROZEN
    if was_frozen:
        account.state, account.unfreezes_through_key = AccountState.ACTIVE, None
        await account.save(update_fields=["state", "unfreezes_through_key"])
    keep = await email_changes.open_former_keys(account.id, at, against=address_key)
    await links.void_mailed_to(account, address_key, keep=keep)
    changed = await _set(account, password_hash, stays=None, at=at)
    if was_frozen:
        await activities.record(account.id, ActivityKind.UNFROZEN, at=at)
        await notices.tell_everywhere(Template.UNFROZEN, account, before=account.addresses, at=at)
    return changed


async def _set(
    account: Account, password_hash: str, *, stays: Session | None, at: datetime
) -> PasswordChanged:
    account.password_hash = password_hash
    await account.save(update_fields=["password_hash"])
    kind = ActivityKind.PASSWORD_CHANGED if stays else ActivityKind.PASSWORD_RESET
    await activities.record(account.id, kind, at=at)
    await challenges.void_all(account.id, at=at)
    if pending := await email_changes.pending(account.id):
        reason = EmailChangeAbortReason.CREDENTIALS_CHANGED
        await email_changes.abort(pending, reason, at=at, tell=account)
    closed = await sessions.close_all(
        account.id, SessionEnd.PASSWORD_SET, at=at, but=stays.id if stays else None
    )
    await devices.forget(account.id, but=stays.device_id if stays else None)
    await notices.tell_everywhere(
        Template.PASSWORD_CHANGED, account, before=account.addresses, at=at
    )
    return PasswordChanged(account, closed)


async def _moved_away_from(identifier: str) -> Account | None:
    """Return the account of a last proven address: the one a lost holder remembers."""
    try:
        key = email_addresses.parse(identifier).key
    except BadAddressError:
        return None
    return await Account.get_or_none(last_proven_email_key=key)


async def _locked_challenge(challenge_id: UUID | None) -> Challenge | None:
    """Lock the account first, then read its challenge.

    One query whatever is wrong with it, so that the time tells nothing; one that is live counts
    only once it was looked at again under the lock.
    """
    live = Challenge.filter(
        purpose=Purpose.PASSWORD_RESET, attempts_left__gt=0, expires_at__gt=await clock.now()
    )
    found = await live.get_or_none(id=challenge_id or _NOBODY)
    if found is None:
        return None
    await Account.select_for_update().get_or_none(id=found.account_id or _NOBODY)
    return await Challenge.select_for_update().get_or_none(id=found.id)


async def _mail_code(account: Account, to: str, code: str, *, network: str, at: datetime) -> None:
    await activities.record(account.id, ActivityKind.PASSWORD_RESET_REQUESTED, at=at)
    report = await notices.report_link(account, to, before=account.addresses, at=at)
    await mails.queue(
        Template.PASSWORD_RESET,
        Recipient.of(account).at(to),
        at=at,
        lifetime=RESET_LIFETIME,
        params={"first_name": account.first_name, "network": network},
        secrets={"code": code, "report": report},
    )


def _destination(account: Account, deliver_to: MailDestination) -> EmailAddress | None:
    if account.state is AccountState.CLOSED:
        return None
    to = EmailAddress(account.last_proven_email, account.last_proven_email_key)
    if deliver_to is MailDestination.SPARE:
        if not (account.spare_email and account.spare_email_key and account.spare_email_proven):
            return None
        to = EmailAddress(account.spare_email, account.spare_email_key)
    return to if account.is_recoverable_through(to.key) else None


def _network(client: Client, policy: Policy) -> str:
    """Name the network that asks, without telling which it is."""
    asking = client.network(ipv4=24, ipv6=48).encode()
    return hmac.digest(policy.secret_keys[0], asking, hashlib.sha256).hex()[:16]


async def _within_budget(account: Account, network: str, at: datetime) -> bool:
    today = Mail.filter(
        account_id=account.id, template=Template.PASSWORD_RESET, queued_at__gt=at - DAY
    )
    asked = [(mail.queued_at, mail.params.get("network")) for mail in await today]
    own = [queued_at for queued_at, asking in asked if asking == network]
    return (
        len(asked) < RESETS_A_DAY_IN_ALL
        and len(own) < RESETS_A_DAY
        and not any(queued_at > at - _RESET_EVERY for queued_at in own)
    )


async def _faults_for(account: Account, password: str) -> list[Fault]:
    personal = [account.email, account.first_name, account.last_name, account.nic_handle]
    return await credentials.faults_of(password, field="newPassword", personal=personal)


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        raise InvalidInputError(faults)
