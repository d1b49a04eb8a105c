"""Refusals: what an operation may answer instead of doing what was asked.

Raise undoes, return keeps: an operation that must record something with its refusal (a failed
attempt) returns the exception after its transaction; raising rolls everything back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DomainError(Exception):
    """A reason that the account's holder or the client can act on; carries values, no prose."""


class FaultCode(StrEnum):
    """What is wrong with one input field."""

    REQUIRED = "REQUIRED"
    INVALID = "INVALID"
    TOO_SHORT = "TOO_SHORT"
    TOO_LONG = "TOO_LONG"
    TOO_COMMON = "TOO_COMMON"
    TOO_SIMILAR = "TOO_SIMILAR"
    SAME_AS_CURRENT = "SAME_AS_CURRENT"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one field; `limit` is the length that was passed, in the unit of the rule."""

    field: str
    code: FaultCode
    limit: int | None = None


class InvalidInputError(DomainError):
    """Fields of the input break rules; all faults of one input are reported together."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(*faults)
        self.faults = tuple(faults)


class TooManyRequestsError(DomainError):
    """The rule allows no more for now; from `retry_at` on it does."""

    def __init__(self, retry_at: datetime) -> None:
        super().__init__(retry_at)
        self.retry_at = retry_at


class NotFoundError(DomainError):
    """There is no such thing, or it is somebody else's; which is not said."""


class NothingPendingError(DomainError):
    """There is nothing that this answer could be an answer to."""


class UnauthenticatedError(DomainError):
    """The operation needs an open session, and there is none (any more)."""


class OverloadedError(DomainError):
    """The machine has no room for this now; `retry_after` is in seconds."""

    def __init__(self, *, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after
