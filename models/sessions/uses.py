"""When sessions were last used: noted in the process, written down some at a time.

What a killed process had noted is lost: a session then ends a second early after thirty idle days.
"""

import asyncio
import logging
from contextlib import suppress
from itertools import islice
from uuid import UUID

from models import statements
from models.sessions.table import IDLE, Session

log = logging.getLogger(__name__)

_EVERY, _BETWEEN = 1.0, 0.02  # seconds
_AT_ONCE = 50  # more would keep PostgreSQL from what somebody waits for
# Whoever holds one of them, another process that does the same say, sees to it.
_TOUCH = (
    "UPDATE sessions SET last_used_at = clock_timestamp() WHERE id IN (SELECT id FROM sessions"  # noqa: S608
    f" WHERE id = ANY($1::uuid[]) AND {IDLE} FOR UPDATE SKIP LOCKED)"
)

_used: set[UUID] = set()


def note_use(session: Session) -> None:
    """Note that a session was used, at most once a minute."""
    if session.is_idle:
        _used.add(session.id)


async def save_uses() -> None:
    """Write down the next uses that this process has noted; what cannot be written is kept."""
    noted = frozenset(islice(_used, _AT_ONCE))
    _used.difference_update(noted)
    try:
        if noted:
            await statements.rows(_TOUCH, list(noted))
    except BaseException:
        _used.update(noted)
        raise


async def keep_saving_uses() -> None:
    """Save every second, and go on until nothing is left; once more when it is cancelled."""
    failing = False
    try:
        while True:
            await asyncio.sleep(_BETWEEN if _used and not failing else _EVERY)
            try:
                await save_uses()
                failing = False
            except Exception as fault:  # noqa: BLE001 -- kept for the next time
                if not failing:
                    log.warning("uses not saved", extra={"reason": type(fault).__name__})
                failing = True
    finally:
        with suppress(Exception):
            while _used:
                await save_uses()
