"""One worker process: its jobs, its relay, and how it outlives Redis and PostgreSQL."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial, wraps
from typing import Any, cast
from uuid import UUID

from arq import Retry, Worker, cron, func
from arq.constants import health_check_key_suffix, in_progress_key_prefix
from arq.typing import StartupShutdown
from redis.exceptions import RedisError

from models import database, email_changes, failed_logins, housekeeping, metrics
from models.policy import Policy
from models.settings import Settings
from workers import queue
from workers.mails import Post
from workers.relay import Relay
from workers.transport import Server, Smtp

log = logging.getLogger(__name__)

_DRAIN = 6  # seconds that running jobs get at a stop
_BACK_OFF = 0.5  # seconds
_SAVE_EVERY = 1.0  # seconds
_COMMON: dict[str, Any] = {
    "keep_result": 0,
    "poll_delay": 0.05,
    "max_tries": 1000,
    "health_check_interval": 10,
    "handle_signals": False,
    "job_serializer": queue.dumps,
    "job_deserializer": queue.loads,
}


def _counted(job: Callable[..., Awaitable[None]]) -> Any:
    """Let the failures of a job be seen in numbers."""

    @wraps(job)
    async def run(ctx: dict[str, Any], *arguments: str) -> None:
        try:
            await job(ctx, *arguments)
        except Retry:
            raise
        except Exception:
            metrics.count(metrics.JOB_FAILURES, job.__name__)
            raise

    return run


@_counted
async def deliver_mail(ctx: dict[str, Any], mail_id: str) -> None:
    """Make one attempt to send a mail."""
    if await ctx["post"].deliver(UUID(mail_id)):
        ctx["relay"].wake()


@_counted
async def auto_accept_email_change(ctx: dict[str, Any], change_id: str) -> None:
    """Accept a change whose deadline has passed."""
    rest = await email_changes.auto_accept(UUID(change_id), policy=ctx["policy"])
    if rest:
        raise Retry(defer=rest)
    ctx["relay"].wake()


@_counted
async def relay(ctx: dict[str, Any]) -> None:
    """Look for what is due, now."""
    ctx["relay"].wake()


@_counted
async def clean_up(_ctx: dict[str, Any]) -> None:
    """Delete what has expired."""
    await housekeeping.remove_expired()


@_counted
async def fold_failed_logins(_ctx: dict[str, Any]) -> None:
    """Put the failed logins of minutes that are over into the activity log."""
    await failed_logins.fold()


def workers_of(
    redis_url: str, ctx: dict[str, Any], *, connections: int
) -> list[Callable[[], Worker]]:
    """Describe the two queues' workers; an arq worker that lost Redis is made anew."""
    # arq gives a killed worker's jobs to others after a queue's longest timeout plus 10 s.
    changes: dict[str, Any] = {
        "functions": [func(relay, name="relay"), func(auto_accept_email_change)],
        "queue_name": queue.CHANGES,
        "job_timeout": 5,
    }
    mails: dict[str, Any] = {
        "functions": [func(deliver_mail)],
        "cron_jobs": [
            cron("workers.main.clean_up", minute=17, unique=True),
            cron("workers.main.fold_failed_logins", second=7, unique=True),
        ],
        "queue_name": queue.MAILS,
        "job_timeout": 45,
        # While some wait for the mail server, others wait for the database.
        "max_jobs": 3 * connections,
    }

    def make(role: dict[str, Any]) -> Worker:
        return Worker(redis_pool=queue.connected(redis_url), ctx=ctx, **_COMMON, **role)

    return [partial(make, changes), partial(make, mails)]


async def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT, then let running jobs end."""
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    async with database.opened(settings):
        await _migrated(stop)
        redis_url = settings.redis_url.get_secret_value()
        async with _saving(), _posting(settings) as post, _relaying(redis_url) as rows:
            ctx = {"relay": rows, "post": post, "policy": Policy.of(settings)}
            roles = workers_of(redis_url, ctx, connections=settings.smtp_connections)
            await asyncio.gather(*(_keep(make, stop) for make in roles))


async def is_working(settings: Settings) -> bool:
    """Whether a worker has looked at both queues within the last seconds."""
    with suppress(OSError, RedisError):
        redis = queue.connected(settings.redis_url.get_secret_value())
        keys = [name + health_check_key_suffix for name in (queue.CHANGES, queue.MAILS)]
        found: int = await redis.exists(*keys)
        await queue.disconnect(redis)
        return found == len(keys)
    return False


async def _migrated(stop: asyncio.Event) -> None:
    """Wait for the newest migration, and say once what is missing."""
    told: list[str] = []
    while not stop.is_set():
        try:
            missing = await database.missing_migrations()
        except Exception as fault:  # noqa: BLE001 -- whatever it is, the database does not answer
            missing = [type(fault).__name__]
        if not missing:
            return
        if missing != told:
            log.warning("waiting for the database", extra={"missing": missing})
            told = missing
        await _pause(stop)


@asynccontextmanager
async def _posting(settings: Settings) -> AsyncIterator[Post]:
    server = Server.named(settings.smtp_url.get_secret_value())
    smtp = Smtp(server, connections=settings.smtp_connections)
    try:
        yield Post(smtp, settings.sender, settings.origin)
    finally:
        await smtp.close()


@asynccontextmanager
async def _saving() -> AsyncIterator[None]:
    """Save what is counted every second, and once more at the end."""

    async def save() -> None:
        while True:
            await asyncio.sleep(_SAVE_EVERY)
            with suppress(Exception):  # kept for the next time
                await metrics.save()

    running = asyncio.create_task(save())
    try:
        yield
    finally:
        running.cancel()
        with suppress(Exception, asyncio.CancelledError):
            await running
        with suppress(Exception):
            await metrics.save()


@asynccontextmanager
async def _relaying(redis_url: str) -> AsyncIterator[Relay]:
    rows = Relay(redis_url)
    running = asyncio.create_task(rows.run())
    try:
        yield rows
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await rows.close()


async def _keep(make: Callable[[], Worker], stop: asyncio.Event) -> None:
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
            await _pause(stop)
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


async def _pause(stop: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_BACK_OFF):
            await stop.wait()
