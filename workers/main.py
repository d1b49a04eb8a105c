"""One worker process: its jobs, its relay, and what they need."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial, wraps
from typing import Any
from uuid import UUID

from arq import Retry, Worker, cron, func
from arq.constants import health_check_key_suffix
from redis.exceptions import RedisError

from models import (
    consents,
    database,
    email_changes,
    failed_logins,
    housekeeping,
    metrics,
    webhooks,
)
from models.policy import Policy
from models.settings import Settings
from workers import keeping, queue
from workers.mails import Post
from workers.outbound import Client
from workers.relay import Relay
from workers.transport import Server, Smtp
from workers.webhooks import Courier

log = logging.getLogger(__name__)

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
async def deliver_webhook(ctx: dict[str, Any], delivery_id: str) -> None:
    """Make one attempt to deliver an event to a webhook."""
    if await ctx["courier"].deliver(UUID(delivery_id)):
        ctx["relay"].wake()


@_counted
async def auto_accept_email_change(ctx: dict[str, Any], change_id: str) -> None:
    """Accept a change whose deadline has passed."""
    rest = await email_changes.auto_accept(UUID(change_id), policy=ctx["policy"])
    if rest:
        raise Retry(defer=rest)
    ctx["relay"].wake()


@_counted
async def expire_consent(_ctx: dict[str, Any], consent_id: str) -> None:
    """End a partner's request that nobody answered in time."""
    if rest := await consents.expire(UUID(consent_id)):
        raise Retry(defer=rest)


@_counted
async def relay(ctx: dict[str, Any]) -> None:
    """Look for what is due, now."""
    ctx["relay"].wake()


@_counted
async def clean_up(ctx: dict[str, Any]) -> None:
    """Delete what has expired, and let the server's former keys go."""
    await housekeeping.remove_expired()
    await webhooks.reseal(ctx["policy"].secret_keys)


@_counted
async def fold_failed_logins(_ctx: dict[str, Any]) -> None:
    """Put the failed logins of minutes that are over into the activity log."""
    await failed_logins.fold()


# arq gives a killed worker's jobs to others after a queue's longest timeout plus 10 s.
_CHANGES: dict[str, Any] = {
    "functions": [
        func(relay, name="relay"),
        func(auto_accept_email_change),
        func(expire_consent),
    ],
    "queue_name": queue.CHANGES,
    "job_timeout": 5,
}
_MAILS: dict[str, Any] = {
    "functions": [func(deliver_mail)],
    "cron_jobs": [
        cron("workers.main.clean_up", minute=17, unique=True),
        cron("workers.main.fold_failed_logins", second=7, unique=True),
    ],
    "queue_name": queue.MAILS,
    "job_timeout": 45,
}
_WEBHOOKS: dict[str, Any] = {
    "functions": [func(deliver_webhook)],
    "queue_name": queue.WEBHOOKS,
    "job_timeout": 30,
    # Almost all of them wait, some for servers that never answer: those hold up nobody else.
    "max_jobs": 200,
}


def workers_of(
    redis_url: str, ctx: dict[str, Any], *, connections: int
) -> list[Callable[[], Worker]]:
    """Describe the queues' workers; an arq worker that lost Redis is made anew."""
    # While some wait for the mail server, others wait for the database.
    mails = _MAILS | {"max_jobs": 3 * connections}

    def make(role: dict[str, Any]) -> Worker:
        return Worker(redis_pool=queue.connected(redis_url), ctx=ctx, **_COMMON, **role)

    return [partial(make, role) for role in (_CHANGES, mails, _WEBHOOKS)]


async def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT, then let running jobs end."""
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    async with database.opened(settings):
        await _migrated(stop)
        redis_url = settings.redis_url.get_secret_value()
        policy = Policy.of(settings)
        async with (
            _saving(),
            _posting(settings) as post,
            _couriering(policy) as courier,
            _relaying(redis_url, policy) as rows,
        ):
            ctx = {"relay": rows, "post": post, "courier": courier, "policy": policy}
            roles = workers_of(redis_url, ctx, connections=settings.smtp_connections)
            await asyncio.gather(*(keeping.keep(make, stop) for make in roles))


async def is_working(settings: Settings) -> bool:
    """Whether a worker has looked at every queue within the last seconds."""
    with suppress(OSError, RedisError):
        redis = queue.connected(settings.redis_url.get_secret_value())
        keys = [name + health_check_key_suffix for name in queue.ALL]
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
        await keeping.pause(stop)


@asynccontextmanager
async def _posting(settings: Settings) -> AsyncIterator[Post]:
    server = Server.named(settings.smtp_url.get_secret_value())
    smtp = Smtp(server, connections=settings.smtp_connections)
    try:
        yield Post(smtp, settings.sender, settings.origin)
    finally:
        await smtp.close()


@asynccontextmanager
async def _couriering(policy: Policy) -> AsyncIterator[Courier]:
    client = Client(loopback=policy.webhook_loopback)
    try:
        yield Courier(client, policy)
    finally:
        await client.close()


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
async def _relaying(redis_url: str, policy: Policy) -> AsyncIterator[Relay]:
    rows = Relay(redis_url, policy=policy)
    running = asyncio.create_task(rows.run())
    try:
        yield rows
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await rows.close()
