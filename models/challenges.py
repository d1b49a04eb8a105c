"""Codes in mails: eight letters that show who reads a mailbox; kept as HMAC, five tries, one use.

issued ── right code ──▶ consumed        issued ── five wrong codes · age · void ──▶ dead
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid4

from tortoise import fields
from tortoise.models import Model

from models import withdrawals
from models.errors import DomainError
from models.mails import Template
from models.policy import ATTEMPTS

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels, no words; no digits, no doubt about O and 0
LENGTH = 8
_LONGEST = 64
_BETWEEN = re.compile(r"[\s\u2010-\u2015\u2212-]+")
_FORM = re.compile(f"[{ALPHABET}{ALPHABET.lower()}]{{{LENGTH}}}")


class InvalidCodeError(DomainError):
    """Wrong, spent or expired; `attempts_left` is None when the code can no longer be used."""

    def __init__(self, attempts_left: int | None = None) -> None:
        super().__init__(attempts_left)
        self.attempts_left = attempts_left


class Purpose(StrEnum):
    """What a code shows, and so what it cannot be used for."""

    SIGNUP = "SIGNUP"
    EMAIL_CHANGE = "EMAIL_CHANGE"
    EMAIL_PROOF = "EMAIL_PROOF"
    SPARE_PROOF = "SPARE_PROOF"
    PASSWORD_RESET = "PASSWORD_RESET"  # noqa: S105


# A code of an e-mail change is part of its row, and goes with its question.
_MAILED_BY = {
    Purpose.EMAIL_PROOF: [Template.PROOF_CODE, Template.EMAIL_CHANGE_ACCEPTED_NEW],
    Purpose.SPARE_PROOF: [Template.SPARE_EMAIL_PROOF],
    Purpose.PASSWORD_RESET: [Template.PASSWORD_RESET],
}


class Challenge(Model):
    """The row of a mailed code; one of a sign-up for a known address has no sign-up, and no code.

    `address_key` is the address that the code was mailed to.
    """

    id = fields.UUIDField(primary_key=True, default=uuid4)
    purpose = fields.CharEnumField(Purpose, max_length=20)
    account_id = fields.UUIDField(null=True)
    signup_id = fields.UUIDField(null=True)
    address_key = fields.CharField(max_length=254)
    digest = fields.BinaryField()
    attempts_left = fields.IntField(default=ATTEMPTS)
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()

    class Meta:
        table = "challenges"

    def is_open(self, at: datetime) -> bool:
        return self.attempts_left > 0 and at < self.expires_at


def new_code() -> str:
    """Draw a code; 34 random bits, which five tries and an HMAC make enough."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def shown(code: str) -> str:
    return f"{code[:4]}-{code[4:]}"


def parse(text: str) -> str | None:
    """Read a code as people type it: any case, spaces, dashes; None for what cannot be one."""
    letters = _BETWEEN.sub("", text[:_LONGEST])
    return letters.upper() if len(text) <= _LONGEST and _FORM.fullmatch(letters) else None


def digest(code: str, purpose: Purpose, row_id: UUID, key: bytes) -> bytes:
    """Return the HMAC-SHA256 that stands for a code, bound to its purpose and its row."""
    return hmac.digest(key, f"{purpose}:{row_id}:{code}".encode(), hashlib.sha256)


def is_right(
    code: str, stored: bytes, purpose: Purpose, row_id: UUID, keys: Sequence[bytes]
) -> bool:
    """Compare in constant time under every key that is still accepted."""
    found = [hmac.compare_digest(stored, digest(code, purpose, row_id, key)) for key in keys]
    return any(found)


async def issue(
    purpose: Purpose,
    *,
    address_key: str,
    at: datetime,
    lifetime: timedelta,
    keys: Sequence[bytes],
    account_id: UUID | None = None,
    signup_id: UUID | None = None,
) -> tuple[Challenge, str]:
    """Store a challenge and return it with its code, in clear this once."""
    challenge = Challenge(
        purpose=purpose,
        account_id=account_id,
        signup_id=signup_id,
        address_key=address_key,
        created_at=at,
        expires_at=at + lifetime,
    )
    code = new_code()
    challenge.digest = digest(code, purpose, challenge.id, keys[0])
    await challenge.save(force_create=True)
    return challenge, shown(code)


async def check(challenge: Challenge, text: str, keys: Sequence[bytes]) -> InvalidCodeError | None:
    """Compare; a right code consumes the challenge and answers None, a wrong one an attempt.

    A text that cannot be a code costs nothing. The caller holds the lock, and lets the attempt
    stand before anybody hears of it: it returns the refusal instead of raising it.
    """
    code = parse(text)
    if code is None:
        return InvalidCodeError(challenge.attempts_left)
    if is_right(code, challenge.digest, challenge.purpose, challenge.id, keys):
        await challenge.delete()
        return None
    challenge.attempts_left -= 1
    await challenge.save(update_fields=["attempts_left"])
    return InvalidCodeError(challenge.attempts_left or None)


async def void(account_id: UUID, purpose: Purpose, *, at: datetime) -> None:
    """End every open code of an account for one purpose, in the mails that still wait, too."""
    await withdrawals.wipe_codes(account_id, _MAILED_BY[purpose], at=at)
    await Challenge.filter(account_id=account_id, purpose=purpose).delete()


async def void_all(account_id: UUID, *, at: datetime) -> None:
    """End every open code of an account, in the mails that still wait, too."""
    templates = [name for names in _MAILED_BY.values() for name in names]
    await withdrawals.wipe_codes(account_id, templates, at=at)
    await Challenge.filter(account_id=account_id).delete()


async def remove_expired(at: datetime) -> int:
    """Delete challenges past their age."""
    return await Challenge.filter(expires_at__lt=at).delete()
