"""The change of the primary address: silence for 24 hours is consent.

           ┌── confirm (code) ──────────▶ DONE  ── revert ──▶ REVERTED
PENDING ───┼── silence for 24 h ────────▶ DONE
           ├── refuse (link in the mail)▶ REFUSED
           └── cancel · newer request · 5 wrong codes · password set · report ·
               address taken · notice not deliverable ──▶ ABORTED
"""

from models.email_changes.operations import (
    auto_accept,
    confirm,
    due,
    notice_settled,
    request,
)
from models.email_changes.table import (
    EmailChange,
    EmailChangeAbortReason,
    EmailChangeAcceptance,
    EmailChangeState,
    NothingPendingError,
    TooManyRequestsError,
    pending,
)

__all__ = [
    "EmailChange",
    "EmailChangeAbortReason",
    "EmailChangeAcceptance",
    "EmailChangeState",
    "NothingPendingError",
    "TooManyRequestsError",
    "auto_accept",
    "confirm",
    "due",
    "notice_settled",
    "pending",
    "request",
]
