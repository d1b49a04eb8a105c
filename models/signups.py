"""Sign-ups: accounts in waiting; the code of the creation mail opens them.

requested ── right code ──▶ account        requested ── 7 days · address proven by another ──▶ gone
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from tortoise import fields
from tortoise.connection import get_connection
from tortoise.models import Model

from models import (
    accounts,
    activities,
    challenges,
    clock,
    credentials,
    durations,
    email_addresses,
    mails,
    nic_handles,
    primary_addresses,
    profiles,
    sessions,
    spare_emails,
)
from models.accounts import Account
from models.activities import ActivityKind
from models.challenges import Challenge, InvalidCodeError, Purpose
from models.clients import Client
from models.email_addresses import BadAddressError, EmailAddress
from models.errors import Fault, FaultCode, InvalidInputError
from models.mails import Mail, Recipient, Template
from models.policy import NOTICE_LIFETIME, SIGNUP_LIFETIME, Policy
from models.profiles import Language
from models.sessions import Opened
from models.transactions import transaction

_KNOWN_ADDRESS_MAIL_EVERY = timedelta(hours=1)


class Signup(Model):
    """A sign-up that is not confirmed yet; `profile` is keyed by input path."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    nic_handle = fields.CharField(max_length=20, unique=True)
    email = fields.CharField(max_length=254)
    email_key = fields.CharField(max_length=254)
    spare_email = fields.CharField(max_length=254, null=True)
    spare_email_key = fields.CharField(max_length=254, null=True)
    password_hash = fields.CharField(max_length=60)
    profile: dict[str, str | None] = fields.JSONField()
    created_at = fields.DatetimeField()

    class Meta:
        table = "signups"


@dataclass(frozen=True, slots=True)
class Request:
    """What the sign-up form asks for; `profile` is keyed by input path."""

    email: str
    password: str
    profile: dict[str, str | None]
    spare_email: str | None = None


@dataclass(frozen=True, slots=True)
class _Judged:
    email: EmailAddress
    spare: EmailAddress | None
    profile: dict[str, str | None]


async def request(wanted: Request, *, policy: Policy) -> Challenge:
    """Mail a code to a new address, or a reminder to a known one; the answer is the same.

    A hash is computed either way, and the rest ends on a step, so that the duration tells nothing.
    Raises InvalidInputError with every fault of the input.
    """
    judged = await _judge(wanted)
    password_hash = await credentials.hashed(wanted.password, cost=policy.bcrypt_cost)
    async with durations.in_steps_of(policy.steps), transaction():
        at = await clock.now()
        known = await primary_addresses.owner(judged.email.key, at=at)
        if known is not None:
            return await _remind(known, judged.email, policy=policy, at=at)
        return await _create(judged, password_hash, policy=policy, at=at)


async def confirm(
    challenge_id: UUID | None,
    code: str,
    *,
    client: Client,
    policy: Policy,
    by_cookie: bool = False,
) -> Opened | InvalidCodeError:
    """Open the account of a sign-up, and a session; other sign-ups for the address end.

    Wrong codes are counted. Raises InvalidCodeError for an unknown challenge, and AddressTakenError
    when another account has proven the address meanwhile.
    """
    async with transaction():
        challenge = await _locked(challenge_id)
        at = await clock.now()
        if challenge is None or not challenge.is_open(at):
            raise InvalidCodeError
        if wrong := await challenges.check(challenge, code, policy.secret_keys):
            return wrong
        signup = await Signup.get_or_none(id=challenge.signup_id)
        if signup is None:  # made for a known address
            raise InvalidCodeError
        account = await _open_account(signup, policy=policy, at=at)
        opened = await sessions.open_for(account, client=client, by_cookie=by_cookie, at=at)
        about = {"session": str(opened.session.id)}
        await activities.record(account.id, ActivityKind.ACCOUNT_OPENED, at=at, about=about)
        return opened


async def remove_expired(at: datetime) -> int:
    """Delete the sign-ups that were not confirmed in time; their NIC-handles stay used."""
    return await Signup.filter(created_at__lt=at - SIGNUP_LIFETIME).delete()


async def _locked(challenge_id: UUID | None) -> Challenge | None:
    """Lock the address first: whoever confirms it ends the other sign-ups for it.

    One query whatever is wrong with a challenge, so that the time tells nothing; one that is live
    counts only once it was looked at again under the lock.
    """
    live = Challenge.filter(
        purpose=Purpose.SIGNUP, attempts_left__gt=0, expires_at__gt=await clock.now()
    )
    found = await live.get_or_none(id=challenge_id or uuid4())
    if found is None:
        return None
    await get_connection("default").execute_query_dict(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [found.address_key]
    )
    return await Challenge.select_for_update().get_or_none(id=found.id)


async def _judge(wanted: Request) -> _Judged:
    profile, faults = profiles.judge(wanted.profile)
    email = _address("email", wanted.email, faults)
    blank = not (wanted.spare_email or "").strip()
    spare = None if blank else _address("spareEmail", wanted.spare_email or "", faults)
    if email and spare and email.key == spare.key:
        faults.append(Fault("spareEmail", FaultCode.SAME_AS_CURRENT))
    personal = [wanted.email, profile["firstName"] or "", profile["lastName"] or ""]
    faults += await credentials.faults_of(wanted.password, field="password", personal=personal)
    if faults or email is None:
        raise InvalidInputError(faults)
    return _Judged(email, spare, profile)


def _address(field: str, text: str, faults: list[Fault]) -> EmailAddress | None:
    try:
        return email_addresses.parse(text)
    except BadAddressError as bad:
        faults.append(Fault(field, bad.code, bad.limit))
        return None


async def _create(
    judged: _Judged, password_hash: str, *, policy: Policy, at: datetime
) -> Challenge:
    first_name, last_name = judged.profile["firstName"] or "", judged.profile["lastName"] or ""
    signup = await Signup.create(
        nic_handle=await nic_handles.allocate(first_name, last_name, suffix=policy.nic_suffix),
        email=judged.email.text,
        email_key=judged.email.key,
        spare_email=judged.spare and judged.spare.text,
        spare_email_key=judged.spare and judged.spare.key,
        password_hash=password_hash,
        profile=judged.profile,
        created_at=at,
    )
    challenge, code = await _challenge(judged.email, policy=policy, at=at, signup_id=signup.id)
    language = Language(judged.profile["language"] or Language.FR)
    await mails.queue(
        Template.CREATION,
        Recipient(signup.email, language, signup.nic_handle, signup_id=signup.id),
        at=at,
        lifetime=SIGNUP_LIFETIME,
        secrets={"code": code},
    )
    return challenge


async def _remind(
    known: Account, email: EmailAddress, *, policy: Policy, at: datetime
) -> Challenge:
    challenge, _ = await _challenge(email, policy=policy, at=at)
    account = await Account.select_for_update().get(id=known.id)
    recent = Mail.filter(
        account_id=account.id,
        template=Template.ACCOUNT_EXISTS,
        queued_at__gt=at - _KNOWN_ADDRESS_MAIL_EVERY,
    )
    # Refused in silence: who asked must not learn that the address is known.
    if not await recent.exists() and not await mails.is_full_until(account.id, at):
        await mails.queue(
            Template.ACCOUNT_EXISTS,
            Recipient.of(account).at(email.text),
            at=at,
            lifetime=NOTICE_LIFETIME,
            params={"first_name": account.first_name},
        )
    return challenge


async def _challenge(
    email: EmailAddress, *, policy: Policy, at: datetime, signup_id: UUID | None = None
) -> tuple[Challenge, str]:
    return await challenges.issue(
        Purpose.SIGNUP,
        address_key=email.key,
        signup_id=signup_id,
        at=at,
        lifetime=SIGNUP_LIFETIME,
        keys=policy.secret_keys,
    )


async def _open_account(signup: Signup, *, policy: Policy, at: datetime) -> Account:
    account = Account(
        nic_handle=signup.nic_handle,
        email=signup.email,
        email_key=signup.email_key,
        spare_email=signup.spare_email,
        spare_email_key=signup.spare_email_key,
        password_hash=signup.password_hash,
        created_at=at,
        **{profiles.COLUMNS[path]: value for path, value in signup.profile.items()},
    )
    account.prove()
    email = EmailAddress(signup.email, signup.email_key)
    yielded = await primary_addresses.make_way(email, account, at=at)
    await accounts.register(account)
    await Mail.filter(signup_id=signup.id).update(account_id=account.id, signup_id=None)
    # The rest of the sign-ups for this address go, and their challenges and mails with them.
    await Signup.filter(email_key=signup.email_key).delete()
    await spare_emails.mail_code(account, policy=policy, at=at)
    if yielded:
        await mails.queue(
            Template.ADDRESS_CLAIMED,
            Recipient.of(account),
            at=at,
            lifetime=NOTICE_LIFETIME,
            params={"first_name": account.first_name},
        )
    return account
