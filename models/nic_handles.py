"""NIC-handles: dm429850-OVH — initials, random digits, the house's suffix; never reused."""

import re
import secrets
import unicodedata

from tortoise import fields
from tortoise.connection import get_connection
from tortoise.models import Model

_FORM = re.compile(r"([A-Za-z]{2}[0-9]{6,7})-([A-Za-z][A-Za-z0-9]{0,9})")
# Letters that decompose into nothing: the first letter of their usual transcription.
_TRANSCRIBED = {"æ": "a", "œ": "o", "ø": "o", "ł": "l", "ß": "s", "đ": "d", "ð": "d", "þ": "t"}
_DRAWS_OF_SIX_DIGITS = 3


class NicHandle(Model):
    """A handle that was given out, to an account or to a sign-up that may have come to nothing."""

    handle = fields.CharField(max_length=20, primary_key=True)
    allocated_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "nic_handles"


def parse(text: str) -> str | None:
    """Return the canonical form of a handle in any letter case; None for anything else."""
    match = _FORM.fullmatch(text.strip()) if text.isascii() else None
    return f"{match[1].lower()}-{match[2].upper()}" if match else None


async def allocate(first_name: str, last_name: str, *, suffix: str) -> str:
    """Give out a handle that nobody had before; seven digits after three draws were taken."""
    initials = _initial(first_name) + _initial(last_name)
    draw = 0
    while True:
        digits = 6 if draw < _DRAWS_OF_SIX_DIGITS else 7
        handle = f"{initials}{_number(digits)}-{suffix}"
        if await _claim(handle):
            return handle
        draw += 1


def _initial(name: str) -> str:
    first = name.strip()[:1].lower()
    decomposed = unicodedata.normalize("NFKD", _TRANSCRIBED.get(first, first))[:1].lower()
    return decomposed if decomposed.isascii() and decomposed.isalpha() else "x"


def _number(digits: int) -> str:
    return f"{secrets.randbelow(10**digits):0{digits}d}"


async def _claim(handle: str) -> bool:
    # ON CONFLICT instead of catching IntegrityError: a failed insert would poison the transaction.
    rows = await get_connection("default").execute_query_dict(
        "INSERT INTO nic_handles (handle, allocated_at) VALUES ($1, clock_timestamp())"
        " ON CONFLICT DO NOTHING RETURNING handle",
        [handle],
    )
    return bool(rows)
