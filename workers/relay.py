"""From rows that are due to jobs: the only one who puts row jobs into the queue.

Runs every second and when woken. Rows are the truth: what Redis forgets is handed over again, and
the id of a job, made of its row, keeps it from being there twice.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from arq.constants import job_key_prefix
from arq.jobs import serialize_job
from arq.utils import timestamp_ms
from redis.exceptions import RedisError

from models import consents, email_changes, events, mails, webhooks
from models.database import is_outage
from models.outbox import Due
from models.policy import Policy
from workers import queue

log = logging.getLogger(__name__)

_EVERY = 1.0  # seconds
_AHEAD = timedelta(seconds=5)
_AT_ONCE = 500
_TRICKLE = 2
_AT_LEAST = 0.1  # seconds between two looks, however often woken
_TOLERANCE = 100  # milliseconds
_KEPT = 24 * 3600 * 1000  # milliseconds


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of one kind, the job that each becomes when it is due, and the queue of these."""

    queue: str
    job: str
    due: Callable[..., Awaitable[list[Due]]]
    gives_way: bool = False


_ACCEPTANCES = Source(queue.CHANGES, "auto_accept_email_change", email_changes.due)


class Relay:
    """The relay of one worker process."""

    def __init__(self, redis_url: str, *, policy: Policy) -> None:
        self._redis = queue.connected(redis_url)
        self._policy = policy
        # First what has a deadline.
        self._sources = [
            _ACCEPTANCES,
            Source(queue.CHANGES, "expire_consent", consents.due),
            Source(queue.MAILS, "deliver_mail", mails.due, gives_way=True),
            Source(queue.WEBHOOKS, "deliver_webhook", self._published, gives_way=True),
        ]
        self._wanted = asyncio.Event()
        self._is_full = self._is_behind = False

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
        """Queue what is due within 5 s; first what has a deadline.

        While more acceptances wait than fit, what gives way only trickles: each makes two mails.
        """
        self._is_full = self._is_behind = False
        for source in self._sources:
            limit = _TRICKLE if self._is_full and source.gives_way else _AT_ONCE
            due = await source.due(within=_AHEAD, limit=limit)
            self._is_full = self._is_full or (source is _ACCEPTANCES and len(due) == _AT_ONCE)
            await self._enqueue(source, due)

    async def close(self) -> None:
        await queue.disconnect(self._redis)

    async def _published(self, *, within: timedelta, limit: int) -> list[Due]:
        """Publish what has happened, and list what is due of it and of what came before."""
        self._is_behind = await events.publish(policy=self._policy)
        return await webhooks.due(within=within, limit=limit)

    async def _enqueue(self, source: Source, due: list[Due]) -> None:
        """Put jobs into the queue that are not there: in two round trips, however many."""
        name, job = source.queue, source.job
        rests = {f"{job}:{row_id}": (row_id, rest) for row_id, rest in due}
        if not rests:
            return
        there = await self._redis.zmscore(name, list(rests))
        now = timestamp_ms()
        async with self._redis.pipeline(transaction=True) as pipe:
            for (job_id, (row_id, rest)), score in zip(rests.items(), there, strict=True):
                when = {job_id: now + int(rest * 1000)}
                if score is not None:
                    if score > when[job_id] + _TOLERANCE:
                        # Whoever put it there has a clock that is ahead: the earliest time holds.
                        pipe.zadd(name, when, xx=True, lt=True)
                    continue
                call = serialize_job(job, (str(row_id),), {}, None, now, serializer=queue.dumps)
                # NX: another relay may have come first.
                pipe.set(job_key_prefix + job_id, call, px=_KEPT, nx=True)
                pipe.zadd(name, when, nx=True)
            await pipe.execute()

    async def _pause(self) -> None:
        if self._is_behind and not self._is_full:
            return  # after another look at what has a deadline, the rest of what has happened
        # With more in the queue than a second's work, another look finds nothing new.
        await asyncio.sleep(_EVERY if self._is_full else _AT_LEAST)
        try:
            async with asyncio.timeout(_EVERY):
                await self._wanted.wait()
        except TimeoutError:
            pass
        self._wanted.clear()
