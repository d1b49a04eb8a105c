"""Sessions: open logins. A token in the client's hands, its digest here.

open ── logout · revoked · account moved · 30 days idle · 90 days ──▶ gone
"""

from models.sessions.endings import (
    NotFoundError,
    SessionEnd,
    SessionsClosed,
    close_all,
    remove_expired,
    revoke,
    revoke_others,
    sign_out,
)
from models.sessions.logins import Opened, login, open_for
from models.sessions.table import Session, acting, find, of, touch, with_password

__all__ = [
    "NotFoundError",
    "Opened",
    "Session",
    "SessionEnd",
    "SessionsClosed",
    "acting",
    "close_all",
    "find",
    "login",
    "of",
    "open_for",
    "remove_expired",
    "revoke",
    "revoke_others",
    "sign_out",
    "touch",
    "with_password",
]
