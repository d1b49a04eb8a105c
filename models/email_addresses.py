"""E-mail addresses: what was typed for display, and the key they are compared by."""

import unicodedata
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

from models.errors import FaultCode

MAX_LENGTH = 254  # RFC 5321 4.5.3.1.3: a path of 256 octets less its angle brackets


class BadAddressError(ValueError):
    """The text is no address that mail can be sent to."""

    def __init__(self, code: FaultCode, limit: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.limit = limit


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """An address as its holder wrote it, and its key: case-folded, the domain in IDNA ASCII."""

    text: str
    key: str


def parse(text: str) -> EmailAddress:
    """Read what somebody typed. Raises BadAddressError.

    Quoted and non-ASCII local parts are refused: too many servers on the way refuse them.
    """
    trimmed = text.strip()
    if not trimmed:
        raise BadAddressError(FaultCode.REQUIRED)
    if len(trimmed) > MAX_LENGTH:
        raise BadAddressError(FaultCode.TOO_LONG, MAX_LENGTH)
    try:
        typed = unicodedata.normalize("NFC", trimmed)
        valid = validate_email(typed, check_deliverability=False, allow_smtputf8=False)
    except (EmailNotValidError, ValueError):
        raise BadAddressError(FaultCode.INVALID) from None
    return EmailAddress(typed, f"{valid.local_part.casefold()}@{valid.ascii_domain.lower()}")


def mask(text: str) -> str:
    """Hide the local part of what was typed: d***@example.org; `***` for anything else."""
    local, at, domain = text.strip().rpartition("@")
    if not at or not local or len(text) > MAX_LENGTH or not _is_printable(text):
        return "***"
    return f"{local[0]}***@{domain}"


def _is_printable(text: str) -> bool:
    # No lone surrogate, which no answer could carry, and no control character.
    return text.strip().isprintable()


def wire(text: str) -> str:
    """Return a parsed address as SMTP servers read it: the domain in IDNA ASCII."""
    local = text.strip().rpartition("@")[0]
    return f"{local}@{parse(text).key.rpartition('@')[2]}"
