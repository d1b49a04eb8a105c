"""Deliveries: made of events, fair between webhooks, and what follows from each attempt."""

import asyncio
from datetime import timedelta

import factories
import pytest
from factories import POLICY
from tortoise.connection import get_connection
from tortoise.transactions import in_transaction

from models import clock, events, housekeeping, metrics, partners, webhooks
from models.mails import Mail
from models.policy import WEBHOOK_WAITS
from models.webhooks import (
    Answer,
    AttemptError,
    DeliveryState,
    DisabledReason,
    UnreadableSecretError,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
    WebhookState,
    secrets,
)
from models.webhooks.deliveries import AT_ONCE

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
DONE, FAILED = Answer(status=204), Answer(error=AttemptError.TIMED_OUT)
OURS = Answer(error=AttemptError.INTERNAL)


@pytest.fixture
async def billing(alice):
    await events.publish(policy=POLICY)
    return await factories.access("Billing", first_party=True, contact="it@billing.example")


@pytest.fixture
async def hook(billing):
    return (await factories.webhook(billing)).webhook


@pytest.fixture
async def parcel(alice, hook):
    """A claimed delivery."""
    await factories.told(alice.account)
    return await webhooks.claim((await WebhookDelivery.get()).id)


async def settle(parcel, answer=FAILED):
    return await webhooks.settle(parcel, answer, policy=POLICY)


async def again(parcel, at=factories.LONG_AGO):
    """The same delivery, claimed by another attempt."""
    await WebhookDelivery.filter(id=parcel.delivery_id).update(due_at=at)
    return await webhooks.claim(parcel.delivery_id)


async def listed(within=SECOND, limit=100):
    return [row for row, _ in await webhooks.due(within=within, limit=limit)]


async def queued(hook, count):
    """So many deliveries more that are due, of events that only this webhook was told of."""
    await get_connection("default").execute_script(
        f"""
        INSERT INTO events (id, type, at, nic_handle, published_at)
          SELECT gen_random_uuid(), 'account.frozen', now(), 'xx000000-OVH', now()
          FROM generate_series(1, {count});
        INSERT INTO webhook_deliveries
            (id, webhook_id, event_id, state, attempts, queued_at, due_at)
          SELECT gen_random_uuid(), '{hook.id}', e.id, 'QUEUED', 0, now(),
            now() - interval '1 hour' + e.number * interval '1 ms'
          FROM events e WHERE e.type = 'account.frozen'
            AND NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.event_id = e.id)
        """
    )


async def test_goes_to_each_webhook_that_wants_it(alice, billing):
    """By type; to none that is disabled, and to none of another partner."""
    everything = await factories.webhook(billing)
    frozen = await factories.webhook(billing, "https://hooks.example.org/f", "account.frozen")
    both = await factories.webhook(
        billing, "https://hooks.example.org/b", "account.profile_updated", "account.frozen"
    )
    disabled = await factories.webhook(billing, "https://hooks.example.org/d")
    await factories.webhook(await factories.access("Other"))
    webhook = disabled.webhook
    webhook.disable(DisabledReason.GONE, at=await clock.now())
    await webhook.save()

    event = await factories.told(alice.account)

    told = await WebhookDelivery.filter(event_id=event.id).values_list("webhook_id", flat=True)
    assert set(told) == {everything.webhook.id, both.webhook.id}
    assert frozen.webhook.id not in told


async def test_is_due_when_the_schedule_begins(alice, hook):
    """At once, or after the first wait; in the order of their events."""
    slow = type(POLICY)(POLICY.secret_keys, webhook_waits=(30 * SECOND,))
    async with in_transaction():
        for _ in range(5):
            at = await clock.now()
            await events.record(alice.account.id, events.EventType.ACCOUNT_FROZEN, at=at)
    before = await clock.now()

    await events.publish(policy=slow)

    found = await WebhookDelivery.all().order_by("due_at")
    wait = found[0].due_at - before
    assert 30 * SECOND < wait < 35 * SECOND
    order = [it.id for it in await events.Event.filter(type="account.frozen").order_by("number")]
    assert [it.event_id for it in found] == order


async def test_is_not_made_of_what_was_before(alice, billing):
    """A new webhook is told of what happens from then on."""
    await factories.told(alice.account)

    await factories.webhook(billing)
    await events.publish(policy=POLICY)

    assert await WebhookDelivery.all().count() == 0


@pytest.mark.parametrize("what", ["DELETE FROM webhooks", "disable"])
async def test_is_not_made_for_a_webhook_that_goes_just_now(alice, hook, what):
    """Publishing waits for whoever removes or disables it, and then tells nobody."""
    if what == "disable":
        what = (
            "UPDATE webhooks SET state = 'DISABLED', disabled_reason = 'GONE', disabled_at = now()"
        )
    done, commit = asyncio.Event(), asyncio.Event()

    async def go():
        async with in_transaction() as connection:
            await connection.execute_query(what)
            done.set()
            await commit.wait()

    going = asyncio.create_task(go())
    await done.wait()
    telling = asyncio.create_task(factories.told(alice.account))
    await asyncio.sleep(0.3)
    assert not telling.done()
    commit.set()
    await asyncio.gather(going, telling)

    assert await WebhookDelivery.all().count() == 0
    assert await events.Event.filter(published_at=None).count() == 0


async def test_lists_a_few_of_each_webhook(alice, billing, hook):
    """However many wait for one, the others have their turn in the same look."""
    other = (await factories.webhook(billing, "https://hooks.example.org/o")).webhook
    await queued(hook, 500)
    await queued(other, 3)

    due = await listed()

    found = await WebhookDelivery.filter(id__in=due)
    counts = [sum(it.webhook_id == each.id for it in found) for each in (hook, other)]
    assert counts == [AT_ONCE, 3]
    oldest = await WebhookDelivery.filter(webhook_id=hook.id).order_by("due_at").limit(AT_ONCE)
    assert {it.id for it in oldest} <= set(due)


async def test_counts_what_is_under_way(alice, hook):
    """What is claimed takes its place, until its lease has run out."""
    await queued(hook, 30)
    claimed = [await webhooks.claim(row) for row in (await listed())[:4]]

    assert len(await listed()) == AT_ONCE - 4
    late = [it.delivery_id for it in claimed[:2]]
    await WebhookDelivery.filter(id__in=late).update(due_at=factories.LONG_AGO)
    due = await listed()
    assert len(due) == AT_ONCE - 2
    assert due[:2] == sorted(late, key=due.index)
    assert set(due[:2]) == set(late)


async def test_lists_one_of_a_webhook_that_fails_and_that_last(alice, billing, hook):
    """Whoever does not answer gets one delivery at a time, behind everybody else."""
    other = (await factories.webhook(billing, "https://hooks.example.org/o")).webhook
    await queued(hook, 20)
    await queued(other, 2)
    await Webhook.filter(id=hook.id).update(failing_since=await clock.now())

    due = await listed()

    found = {it.id: it.webhook_id for it in await WebhookDelivery.all()}
    assert [found[row] for row in due] == [other.id, other.id, hook.id]
    await webhooks.claim(due[-1])
    assert await listed() == due[:2]


@pytest.mark.parametrize(
    ("columns", "is_due"),
    [
        (
            {"state": "DISABLED", "disabled_reason": "GONE", "disabled_at": factories.LONG_AGO},
            False,
        ),
        ({"paused_until": factories.LONG_AGO}, True),
        ({"paused_until": factories.LONG_AGO.replace(year=2999)}, False),
    ],
    ids=["disabled", "paused no more", "paused"],
)
async def test_lists_nothing_for_who_is_to_be_left_alone(alice, hook, columns, is_due):
    await queued(hook, 1)
    await Webhook.all().update(**columns)

    assert bool(await listed()) is is_due


async def test_ends_with_its_partner(alice, billing, hook):
    """A partner that was revoked is told nothing more, not even what waits; that is given up."""
    await factories.told(alice.account)
    await partners.revoke("Billing")

    assert await listed() == []
    await housekeeping.remove_expired()
    assert (await WebhookDelivery.get()).state is DeliveryState.ABANDONED


async def test_takes_nothing_for_a_partner_that_was_revoked(alice, billing, hook):
    """Not even what was in the queue already."""
    await factories.told(alice.account)
    (row,) = await listed()

    await partners.revoke("Billing")

    assert await webhooks.claim(row) is None


async def test_lists_what_is_due_soon(alice, hook):
    """With the seconds that are left; not what is due later."""
    await queued(hook, 2)
    first, second = await WebhookDelivery.all()
    at = await clock.now()
    await WebhookDelivery.filter(id=first.id).update(due_at=at + 3 * SECOND)
    await WebhookDelivery.filter(id=second.id).update(due_at=at + 60 * SECOND)

    ((row, rest),) = await webhooks.due(within=5 * SECOND, limit=10)

    assert row == first.id
    assert 1 < rest <= 3


async def test_notes_a_delivery(parcel, time):
    settled = await settle(parcel, Answer(status=200, duration=12))

    delivery, attempt = await WebhookDelivery.get(), await WebhookAttempt.get()
    assert (settled.state, settled.disabled) == (DeliveryState.DELIVERED, None)
    assert (delivery.state, delivery.settled_at) == (DeliveryState.DELIVERED, time.at)
    assert delivery.claimed_at is None
    assert (attempt.number, attempt.status, attempt.error) == (1, 200, None)
    assert (attempt.at, attempt.duration) == (parcel.at, 12)


async def test_tries_again_by_the_schedule_and_then_gives_up(hook, parcel, time):
    """5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h, give or take a tenth; ten in all."""
    waits = []
    for _ in WEBHOOK_WAITS:
        settled = await settle(parcel)
        waits.append((await WebhookDelivery.get()).due_at - time.at)
        if settled.state is DeliveryState.QUEUED:
            parcel = await again(parcel)

    for wait, wanted in zip(waits, WEBHOOK_WAITS[1:], strict=False):
        assert 0.9 * wanted <= wait <= 1.1 * wanted
    assert settled.state is DeliveryState.ABANDONED
    assert (await WebhookDelivery.get()).settled_at == time.at
    assert await WebhookAttempt.all().count() == len(WEBHOOK_WAITS) == 10
    assert (await Webhook.get()).state is WebhookState.ENABLED  # all within a moment


async def test_spreads_what_failed_together(alice, hook, time):
    """Deliveries of one outage do not come back as one."""
    await queued(hook, 8)
    for row in await listed():
        await settle(await webhooks.claim(row))

    due = await WebhookDelivery.all().values_list("due_at", flat=True)
    assert len(set(due)) == 8


async def test_counts_no_failure_after_its_lease(parcel):
    """Another attempt is under way: what the late one says is kept, and moves nothing."""
    second = await again(parcel)
    before = dict(await WebhookDelivery.get())

    settled = await settle(parcel)

    assert settled.state is DeliveryState.QUEUED
    assert dict(await WebhookDelivery.get()) == before
    assert (await Webhook.get()).failing_since is None
    assert (await settle(second, DONE)).state is DeliveryState.DELIVERED
    assert await WebhookAttempt.all().count() == 2


async def test_counts_a_delivery_after_its_lease(parcel):
    """It has arrived; the second attempt need not matter."""
    second = await again(parcel)

    first = await settle(parcel, DONE)
    then = await settle(second)

    assert (first.state, then.state) == (DeliveryState.DELIVERED, DeliveryState.DELIVERED)
    assert (await Webhook.get()).failing_since is None


@pytest.mark.parametrize("answer", [DONE, FAILED], ids=["delivered", "failed"])
async def test_settles_once(parcel, open_pool, answer):
    """Said again, because nobody heard that it was said, or at once: it counts once."""
    found = await asyncio.gather(*(settle(parcel, answer) for _ in range(8)))
    due_at = (await WebhookDelivery.get()).due_at
    found.append(await settle(parcel, answer))

    assert len({it.state for it in found}) == 1
    assert await WebhookAttempt.all().count() == 1
    assert (await WebhookDelivery.get()).due_at == due_at


async def test_begins_anew_after_a_success(parcel, time):
    """Failures before it do not count towards the three days."""
    await settle(parcel)
    assert (await Webhook.get()).failing_since == time.at
    parcel = await again(parcel)

    await settle(parcel, DONE)

    assert (await Webhook.get()).failing_since is None


async def test_begins_anew_when_all_was_given_up(alice, parcel, time):
    """Nothing was tried for months: the next failure is no third day."""
    for _ in WEBHOOK_WAITS[1:]:
        await settle(parcel)
        parcel = await again(parcel)
    await settle(parcel)
    time.advance(90 * DAY)
    other = await factories.told(alice.account)
    await WebhookDelivery.filter(event_id=other.id).update(due_at=factories.LONG_AGO)
    next_one = await webhooks.claim((await WebhookDelivery.get(event_id=other.id)).id)

    settled = await settle(next_one)

    assert (settled.state, settled.disabled) == (DeliveryState.QUEUED, None)
    assert (await Webhook.get()).failing_since == time.at


async def test_counts_no_fault_of_ours(parcel, time):
    """A key that is missing here says nothing of an endpoint: it is tried until it is mended."""
    for _ in [*WEBHOOK_WAITS, *WEBHOOK_WAITS]:
        settled = await settle(parcel, OURS)
        time.advance(DAY)
        parcel = await again(parcel)

    webhook = await Webhook.get()
    assert (settled.state, settled.disabled) == (DeliveryState.QUEUED, None)
    assert (webhook.state, webhook.failing_since) == (WebhookState.ENABLED, None)


async def test_signs_with_the_secret_that_it_can_read(alice, billing, hook):
    """A former one that no key opens signs nothing; the present one has to."""
    elsewhere = (b"a key that is not here",)
    foreign = secrets.sealed(secrets.new(), elsewhere)
    await factories.told(alice.account)
    until = factories.LONG_AGO.replace(year=2999)
    await Webhook.all().update(former_secret=foreign, former_secret_until=until)
    parcel = await webhooks.claim((await WebhookDelivery.get()).id)

    headers = parcel.headers(POLICY.secret_keys)

    assert len(parcel.sealed) == 2
    assert len(headers["webhook-signature"].split()) == 1
    with pytest.raises(UnreadableSecretError):
        parcel.headers(elsewhere)


@pytest.mark.parametrize(
    ("after", "is_disabled"), [(3 * DAY - SECOND, False), (3 * DAY, True)], ids=["before", "after"]
)
async def test_disables_what_fails_for_three_days(alice, parcel, time, after, is_disabled):
    """Nothing but failures: all that waits is given up, and the contact is told."""
    await settle(parcel)
    other = await factories.told(alice.account)
    parcel = await again(parcel)
    time.advance(after)

    settled = await settle(parcel)

    webhook, waiting = await Webhook.get(), await WebhookDelivery.get(event_id=other.id)
    told = await Mail.filter(template="webhook_disabled")
    assert settled.disabled is (DisabledReason.FAILING if is_disabled else None)
    assert (webhook.state is WebhookState.DISABLED) is is_disabled
    assert webhook.disabled_at == (time.at if is_disabled else None)
    assert (waiting.state is DeliveryState.ABANDONED) is is_disabled
    assert (settled.state is DeliveryState.ABANDONED) is is_disabled
    assert len(told) == is_disabled
    if is_disabled:
        assert told[0].recipient == "it@billing.example"
        assert told[0].params == {
            "partner": "Billing",
            "url": webhook.url,
            "reason": "FAILING",
        }
        assert (told[0].account_id, told[0].signup_id) == (None, None)


async def test_disables_what_nobody_can_be_told_of(alice, parcel, billing):
    """A partner without a contact finds it in `Partner.webhooks`."""
    await factories.Event.all().count()
    await type(billing.partner).filter(id=billing.partner.id).update(contact=None)

    settled = await settle(parcel, Answer(status=410))

    assert settled.disabled is DisabledReason.GONE
    assert await Mail.filter(template="webhook_disabled").count() == 0


async def test_gives_up_what_was_under_way_when_it_was_disabled(alice, hook):
    """Of several at once the first 410 disables; the others' failures change nothing more."""
    await queued(hook, 3)
    parcels = [await webhooks.claim(row) for row in await listed()]

    settled = [await settle(parcel, Answer(status=410)) for parcel in parcels]

    assert [it.disabled for it in settled] == [DisabledReason.GONE, None, None]
    assert {it.state for it in settled} == {DeliveryState.ABANDONED}
    assert await Mail.filter(template="webhook_disabled").count() == 1
    assert await WebhookAttempt.all().count() == 3


async def test_counts_for_the_operator(parcel, monkeypatch):
    """What was tried again, what was delivered, and leases that ran out."""
    monkeypatch.setattr(metrics, "_unsaved", type(metrics._unsaved)(float))  # noqa: SLF001
    await settle(parcel)
    parcel = await again(parcel)
    parcel = await again(parcel)
    await settle(parcel, DONE)

    await metrics.save()

    assert await metrics.saved() == {
        "lease_expiries": 1,
        "webhook_deliveries:delivered": 1,
        "webhook_retries": 1,
    }
