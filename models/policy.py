"""Deadlines, lifetimes and keys of the rules, handed to the operations that need them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from models.settings import Settings

DAY = timedelta(days=1)

SIGNUP_LIFETIME = 7 * DAY
PROOF_LIFETIME = 7 * DAY
RESET_LIFETIME = timedelta(minutes=30)
REPORT_LIFETIME = 14 * DAY
NOTICE_LIFETIME = 3 * DAY
SESSION_IDLE = 30 * DAY
SESSION_LIFETIME = 90 * DAY
DEVICE_LIFETIME = 400 * DAY  # no browser keeps a cookie for longer
ATTEMPTS = 5
CHANGES_A_DAY = 3
CODES_A_CHANGE = 3  # beyond the first
CODE_EVERY = timedelta(minutes=1)
RESETS_A_DAY = 5  # for a network that asks
RESETS_A_DAY_IN_ALL = 25
MAILS_A_DAY = 50
STEPS = timedelta(milliseconds=50)  # ten times what a sign-up has to do besides hashing
REVERTIBLE_AFTER_SILENCE = 14 * DAY
REVERTIBLE_AFTER_CODE = 3 * DAY
CONSENTS_A_DAY = 3  # asked for by one partner of one NIC-handle
PARTNER_TOLD_EVERY = DAY  # however often one changes a profile
WEBHOOK_WAITS = tuple(
    timedelta(seconds=seconds)
    for seconds in (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
)


@dataclass(frozen=True, slots=True)
class Policy:
    """What an operator or a test may set; everything else is a constant beside its rule."""

    secret_keys: tuple[bytes, ...]
    nic_suffix: str = "OVH"
    auto_accept_after: timedelta = DAY
    consent_lifetime: timedelta = 7 * DAY  # without an answer
    bcrypt_cost: int = 12
    # What does other work for a known address than for an unknown one ends on these.
    steps: timedelta = timedelta(0)
    webhook_waits: tuple[timedelta, ...] = WEBHOOK_WAITS
    webhook_loopback: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            secret_keys=settings.secret_keys,
            nic_suffix=settings.nic_suffix,
            auto_accept_after=timedelta(seconds=settings.auto_accept_after),
            consent_lifetime=timedelta(seconds=settings.consent_lifetime),
            bcrypt_cost=settings.bcrypt_cost,
            steps=STEPS,
            webhook_waits=settings.webhook_waits,
            webhook_loopback=settings.webhook_loopback,
        )
