"""Consents: what a holder lets a partner do with the account, until they say otherwise.

             ┌── refuse ───────────▶ REFUSED
PENDING ─────┼── silence, 7 days ──▶ EXPIRED
             ├── newer request ────▶ REPLACED ◀── newer consent ──┐
             └── grant ────────────▶ GRANTED ─────────────────────┴── revoke ──▶ REVOKED

Silence is a no, unlike in an e-mail change. A FROZEN account's consents stay, and are seen through
as before: nothing can be granted in it, and nothing of its profile be changed.
"""

from models.consents.errands import Order, PartnerMail, send_mail, update_profile
from models.consents.operations import (
    due,
    expire,
    grant,
    of,
    refuse,
    remove_expired,
    request,
    revoke,
)
from models.consents.table import Consent, ConsentState
from models.consents.views import View, seen

__all__ = [
    "Consent",
    "ConsentState",
    "Order",
    "PartnerMail",
    "View",
    "due",
    "expire",
    "grant",
    "of",
    "refuse",
    "remove_expired",
    "request",
    "revoke",
    "seen",
    "send_mail",
    "update_profile",
]
