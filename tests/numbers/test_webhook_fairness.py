"""A dead endpoint with 10,000 events delays another's first delivery by less than a second.

Real worker, PostgreSQL and Valkey; `make timings` prints what a run of it measured.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import time
from contextlib import asynccontextmanager, contextmanager

import factories
import pytest
import receivers
from factories import POLICY
from tortoise.connection import get_connection

from gateway.wakeup import WakeUps
from models import clock, database, events
from models.policy import Policy
from models.scopes import Scope
from models.transactions import transaction
from models.webhooks import Webhook, WebhookAttempt, WebhookDelivery

pytestmark = pytest.mark.timeout(300)

BACKLOG, ROUNDS = 10_000, 12
ALLOWED = 1.0  # seconds
LOCAL = Policy(POLICY.secret_keys, webhook_loopback=True)
_EVENTS = f"""
INSERT INTO events (id, type, at, account_id, nic_handle)
  SELECT gen_random_uuid(), 'account.frozen', now(), a.id, a.nic_handle
  FROM accounts a, generate_series(1, {BACKLOG}) WHERE a.email = 'other@example.org'
"""


@contextmanager
def worker(settings, redis_url, log):
    """A worker process."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith("NICGATE_")}
    given = {
        "NICGATE_DATABASE_URL": settings.database_url.get_secret_value(),
        "NICGATE_REDIS_URL": redis_url,
        "NICGATE_SMTP_URL": "smtp://127.0.0.1:1",
        "NICGATE_SECRET_KEY": POLICY.secret_keys[0].decode(),
        "NICGATE_WEBHOOK_LOOPBACK": "true",
    }
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "workers"], env=ours | given, stderr=output
        )
    try:
        yield
    finally:
        process.kill()
        process.wait(20)


@asynccontextmanager
async def waking(redis_url):
    """What a gateway does after each mutation."""
    wake_ups = WakeUps(redis_url)
    running = asyncio.create_task(wake_ups.run())
    try:
        yield wake_ups.wake
    finally:
        running.cancel()
        await wake_ups.close()


async def partners(opened, dead, well):
    """One partner is told of everything, at a dead endpoint; the other one of this account."""
    gossip = await factories.access("Gossip", first_party=True)
    panel = await factories.access("Panel")
    await factories.consented(opened, panel, Scope.ACCOUNT_READ)
    await factories.webhook(gossip, dead, policy=LOCAL)
    await factories.webhook(panel, well, policy=LOCAL)
    return panel


async def delay(account, receiver, wake):
    """The seconds from the commit of an event to its arrival."""
    before = len(receiver.received)
    async with transaction():
        await events.record(
            account.id, events.EventType.ACCOUNT_PROFILE_UPDATED, at=await clock.now()
        )
    began = time.perf_counter()
    wake()
    while len(receiver.received) == before:
        assert time.perf_counter() - began < 60, "it does not arrive"
        await asyncio.sleep(0.005)
    return time.perf_counter() - began


async def delays(account, receiver, wake):
    found = []
    for _ in range(ROUNDS):
        found.append(await delay(account, receiver, wake))
        await asyncio.sleep(0.3)
    return found


@pytest.fixture
def aside(make_database, redis_url, tmp_path):
    """A database of one's own, with a worker process."""
    settings = make_database()
    with worker(settings, redis_url, tmp_path / "worker.log"):
        yield settings


@pytest.mark.parametrize("death", [receivers.silence, receivers.reset], ids=["silent", "resets"])
async def test_a_dead_endpoint_delays_nobody_else(aside, redis_url, death):
    """Whether it never answers or breaks off; all that waits for it stays where it is."""
    async with (
        database.opened(aside),
        receivers.receiving(death) as dead,
        receivers.receiving() as well,
        waking(redis_url) as wake,
    ):
        await factories.signed_up("other@example.org")
        alice = await factories.signed_up("alice@example.org")
        await events.publish(policy=LOCAL)
        panel, account = await partners(alice, dead.url, well.url), alice.account
        await delay(account, well, wake)  # the worker is there
        quiet = await delays(account, well, wake)

        await get_connection("default").execute_script(_EVENTS)
        burst = await delay(account, well, wake)
        busy = await delays(account, well, wake)
        async with receivers.receiving() as fresh:
            await factories.webhook(panel, fresh.url, policy=LOCAL)
            first = await delay(account, fresh, wake)
        waiting = await WebhookDelivery.filter(settled_at=None).count()
        tried = await WebhookAttempt.exclude(error=None).count()
        failing = await Webhook.exclude(failing_since=None).count()

    usual = statistics.median(quiet)
    print(
        f"\nwebhooks    {waiting} wait for an endpoint that is dead ({tried} attempts meanwhile);"
        f" another's arrive after {usual * 1000:.0f} ms without them (worst {max(quiet):.2f} s),"
        f" {statistics.median(busy) * 1000:.0f} ms beside them (worst {max(busy):.2f} s),"
        f" a new webhook's first after {first:.2f} s (at most {ALLOWED:.0f} s later);"
        f" {burst:.2f} s for what happens right behind all of them"
    )
    assert waiting > BACKLOG - 1000
    assert failing == (death is receivers.reset or tried > 0)
    assert max(burst, *busy, first) - usual < ALLOWED
