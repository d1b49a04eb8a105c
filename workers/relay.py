"""From rows that are due to jobs: the only one who puts row jobs into the queue.

Runs every second and when woken. Rows are the truth: what Redis forgets is handed over again, and
the id of a job, made of its row, keeps it from being there twice.
"""

import asyncio
import logging
from datetime import timedelta
from uuid import UUID

from redis.exceptions import RedisError

from models import email_changes, mails
from models.database import is_outage
from workers import queue

log = logging.getLogger(__name__)

_EVERY = 1.0  # seconds
_AHEAD = timedelta(seconds=5)
_AT_ONCE = 500


class Relay:
    """The relay of one worker process."""

    def __init__(self, redis_url: str) -> None:
        self._redis = queue.connected(redis_url)
        self._wanted = asyncio.Event()

    def wake(self) -> None:
        self._wanted.set()

    async def run(self) -> None:
        """Hand over what is due, for as long as the process lives; outages pass."""
        failing = False
        while True:
            try:
                await self.hand_over()
                failing = False
            except Exception as fault:
                # An outage passes; what else it is must be seen, once, with all it says.
                passing = is_outage(fault) or isinstance(fault, RedisError)
                if not failing:
                    told = {"reason": type(fault).__name__}
                    log.warning("relay waits", extra=told, exc_info=None if passing else fault)
                failing = True
            await self._pause()

    async def hand_over(self) -> None:
        """Queue what is due within 5 s; acceptances first, they have a deadline."""
        for change_id, rest in await email_changes.due(within=_AHEAD, limit=_AT_ONCE):
            await self._enqueue(queue.CHANGES, "auto_accept_email_change", change_id, rest)
        for mail_id, rest in await mails.due(within=_AHEAD, limit=_AT_ONCE):
            await self._enqueue(queue.MAILS, "deliver_mail", mail_id, rest)

    async def close(self) -> None:
        await queue.disconnect(self._redis)

    async def _enqueue(self, name: str, job: str, row_id: UUID, rest: float) -> None:
        await self._redis.enqueue_job(
            job, str(row_id), _job_id=f"{job}:{row_id}", _queue_name=name, _defer_by=rest or None
        )

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(_EVERY):
                await self._wanted.wait()
        except TimeoutError:
            pass
        self._wanted.clear()
