"""The change of the primary address: silence for 24 hours is consent.

           ┌── confirm (code) ──────────▶ DONE  ── revert ──▶ REVERTED
PENDING ───┼── silence for 24 h ────────▶ DONE
           ├── refuse (link in the mail)▶ REFUSED
           └── cancel · newer request · 5 wrong codes · password set · report ·
               address taken · notice not deliverable ──▶ ABORTED
"""

from models.email_changes.answers import cancel, refuse, resend, revert
from models.email_changes.operations import (
    abort,
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
    pending,
)
from models.email_changes.windows import open_former_keys
from models.errors import NothingPendingError, TooManyRequestsError

__all__ = [
    "EmailChange",
    "EmailChangeAbortReason",
    "EmailChangeAcceptance",
    "EmailChangeState",
    "NothingPendingError",
    "TooManyRequestsError",
    "abort",
    "auto_accept",
    "cancel",
    "confirm",
    "due",
    "notice_settled",
    "open_former_keys",
    "pending",
    "refuse",
    "request",
    "resend",
    "revert",
]
