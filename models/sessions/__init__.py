"""Sessions: open logins. A token in the client's hands, its digest here.

open ── logout · revoked · account moved · 30 days idle · 90 days ──▶ gone
"""

from models.errors import NotFoundError
from models.sessions.endings import (
    SessionEnd,
    SessionsClosed,
    close_all,
    remove_expired,
    revoke,
    revoke_others,
    sign_out,
)
from models.sessions.logins import Opened, login, open_for
from models.sessions.table import Session, acting, find, of, with_password
from models.sessions.uses import keep_saving_uses, note_use, save_uses

__all__ = [
    "NotFoundError",
    "Opened",
    "Session",
    "SessionEnd",
    "SessionsClosed",
    "acting",
    "close_all",
    "find",
    "keep_saving_uses",
    "login",
    "note_use",
    "of",
    "open_for",
    "remove_expired",
    "revoke",
    "revoke_others",
    "save_uses",
    "sign_out",
    "with_password",
]
