"""How a worker process outlives Redis: an arq worker ends when it loses it."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from arq import Worker
from arq.constants import in_progress_key_prefix
from arq.typing import StartupShutdown
from redis.exceptions import RedisError

from workers import queue

log = logging.getLogger(__name__)

_DRAIN = 6  # seconds that running jobs get at a stop
_BACK_OFF = 0.5  # seconds


async def keep(make: Callable[[], Worker], stop: asyncio.Event) -> None:
    """Work until told to stop; a worker that lost Redis is left, and another one made."""
    left: set[str] = set()
    told: list[str] = []
    while not stop.is_set():
        worker = make()
        worker.on_startup = _giving_back(worker, left, told)
        running = asyncio.create_task(worker.async_run())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            stopping.cancel()
            fault = None if running.cancelled() else running.exception()
            _tell_loss(worker, fault, told)
            left.update(worker.tasks)
            await _abandon(worker)
            await pause(stop)
            continue
        worker.allow_pick_jobs = False
        if worker.tasks:
            await asyncio.wait(worker.tasks.values(), timeout=_DRAIN)
        with suppress(Exception, asyncio.CancelledError):
            await worker.close()
        with suppress(Exception, asyncio.CancelledError):
            await running


def _tell_loss(worker: Worker, fault: BaseException | None, told: list[str]) -> None:
    """Log a loss once, until the queue is back or something else is the matter."""
    reason = type(fault).__name__
    if reason not in told:
        passing = isinstance(fault, (RedisError, OSError))
        about = {"queue": worker.queue_name, "reason": reason}
        log.warning("queue lost", extra=about, exc_info=None if passing else fault)
        told.append(reason)


def _giving_back(worker: Worker, left: set[str], told: list[str]) -> StartupShutdown:
    """Let go of jobs that could not say that they had ended: Redis holds them for a minute."""

    async def give_back(_ctx: dict[Any, Any]) -> None:
        if told:
            log.warning("queue is back", extra={"queue": worker.queue_name})
            told.clear()
        if left:
            await worker.pool.delete(*(in_progress_key_prefix + job_id for job_id in left))
            left.clear()

    return cast("StartupShutdown", give_back)


async def _abandon(worker: Worker) -> None:
    """Leave a worker that lost Redis; its running jobs end in their own time."""
    for job in worker.tasks.values():
        job.add_done_callback(lambda done: done.cancelled() or done.exception())
    with suppress(Exception):
        await queue.disconnect(worker.pool)


async def pause(stop: asyncio.Event) -> None:
    """Wait a moment, unless it is time to stop."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_BACK_OFF):
            await stop.wait()
