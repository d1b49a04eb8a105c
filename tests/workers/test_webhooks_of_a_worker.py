"""Webhooks by worker processes: one that is killed, and a queue that forgets."""

import asyncio
import os
import signal
import subprocess
import sys

import factories
import pytest
import receivers
from factories import POLICY
from redis import Redis
from stacks import until

from models import clock, events
from models.policy import Policy
from models.webhooks import DeliveryState, WebhookAttempt, WebhookDelivery

LOCAL = Policy(POLICY.secret_keys, webhook_loopback=True)
SECOND_LOOK = 2.5  # seconds in which a relay looks twice


@pytest.fixture
def start(tables, redis_url, tmp_path):
    """Start worker processes on this database and queue."""
    with Redis.from_url(redis_url) as queue:
        queue.flushdb()
    running = []
    ours = {name: text for name, text in os.environ.items() if not name.startswith("NICGATE_")}
    settings = {
        "DATABASE_URL": tables.database_url.get_secret_value(),
        "REDIS_URL": redis_url,
        "SMTP_URL": "smtp://127.0.0.1:1",
        "SECRET_KEY": POLICY.secret_keys[0].decode(),
        "WEBHOOK_LOOPBACK": "true",
    }

    def start():
        with (tmp_path / "worker.log").open("ab") as log:
            running.append(
                subprocess.Popen(
                    [sys.executable, "-P", "-m", "workers"],
                    env=ours | {f"NICGATE_{name}": it for name, it in settings.items()},
                    stderr=log,
                )
            )
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
async def billing(alice):
    await events.publish(policy=LOCAL)
    return await factories.access("Billing", first_party=True)


async def seen(look, seconds, what):
    """Wait without holding up the loop, in which receivers answer."""
    await asyncio.to_thread(until, look, seconds, what)


async def test_another_takes_over_from_a_worker_that_was_killed(alice, billing, start, redis_url):
    """SIGKILL in the middle of a delivery: nobody else makes it before the lease ends, then one."""
    async with receivers.receiving(receivers.silence, receivers.status(204)) as receiver:
        issued = await factories.webhook(billing, receiver.url, policy=LOCAL)
        await factories.told(alice.account, policy=LOCAL)
        first = start()
        await seen(lambda: receiver.received, 20, "an attempt")

        first.send_signal(signal.SIGKILL)
        start()
        await asyncio.sleep(SECOND_LOOK)
        during = len(receiver.received)
        # What would be a minute later: the lease is over, and Redis has forgotten the first job.
        await WebhookDelivery.all().update(due_at=await clock.now())
        with Redis.from_url(redis_url) as queue:
            queue.flushdb()
        await seen(lambda: len(receiver.received) > 1, 20, "another attempt")
        await settled()

    (delivery,), (attempt,) = await WebhookDelivery.all(), await WebhookAttempt.all()
    assert (during, len(receiver.received)) == (1, 2)
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1
    assert all(request.verified(issued.secret) for request in receiver.received)
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 2)
    assert (attempt.number, attempt.status) == (2, 204)


async def test_rows_outlive_redis(alice, billing, start, redis_url):
    """Whatever Redis forgets, and however often: every event arrives, and arrives once."""
    async with receivers.receiving(receivers.after(0.05, receivers.status(204))) as receiver:
        await factories.webhook(billing, receiver.url, policy=LOCAL)
        for _ in range(30):
            await factories.told(alice.account, policy=LOCAL)
        start()
        start()
        with Redis.from_url(redis_url) as queue:
            for _ in range(8):
                queue.flushdb()
                await asyncio.sleep(0.2)
        await settled(30)

    arrived = [request.headers["webhook-id"] for request in receiver.received]
    known = await events.Event.filter(type="account.profile_updated")
    assert sorted(arrived) == sorted(str(event.id) for event in known)


async def settled(seconds=20):
    """Wait until nothing is on its way."""
    async with asyncio.timeout(seconds):
        while True:
            if not await WebhookDelivery.filter(settled_at=None).exists():
                return
            await asyncio.sleep(0.05)
