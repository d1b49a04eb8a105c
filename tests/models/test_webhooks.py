"""Webhooks: what a partner may have, and who else may touch it."""

import asyncio
import base64
from datetime import timedelta
from uuid import uuid4

import factories
import pytest
from factories import POLICY
from tortoise.connection import get_connection

from models import clock, events, housekeeping, webhooks
from models.errors import FaultCode, InvalidInputError, NotFoundError
from models.events import EventType
from models.webhooks import (
    DeliveryState,
    DisabledReason,
    TooManyWebhooksError,
    UnreadableSecretError,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
    WebhookDisabledError,
    WebhookState,
    addresses,
    secrets,
)

URL = "https://hooks.example.org/in"
LOCAL = type(POLICY)(POLICY.secret_keys, webhook_loopback=True)
ROTATED = type(POLICY)((b"a newer key for tests", *POLICY.secret_keys))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
async def billing(alice):
    """A partner that is told what happens to Alice from now on."""
    await events.publish(policy=POLICY)
    return await factories.access("Billing", first_party=True)


async def rows():
    """All there is of webhooks."""
    tables = ("webhooks", "webhook_deliveries", "webhook_attempts")
    return [await factories.rows_of(table) for table in tables]


async def delivery(account):
    """The delivery of something that happens to an account."""
    event = await factories.told(account)
    return await WebhookDelivery.get(event_id=event.id)


async def ended(account, status=204):
    """A delivery that was attempted once, with this answer."""
    waiting = await delivery(account)
    parcel = await webhooks.claim(waiting.id)
    await webhooks.settle(parcel, webhooks.Answer(status=status), policy=POLICY)
    return await WebhookDelivery.get(id=waiting.id)


async def test_is_created_with_a_secret_that_is_shown_once(billing):
    """32 random bytes, as the specification writes them; the table holds them sealed."""
    issued = await factories.webhook(billing, URL)

    webhook = await Webhook.get()
    key = base64.b64decode(issued.secret.removeprefix("whsec_"), validate=True)
    assert issued.secret.startswith("whsec_")
    assert len(key) == 32
    assert (webhook.url, webhook.types, webhook.state) == (URL, [], WebhookState.ENABLED)
    assert (webhook.partner_id, webhook.former_secret) == (billing.partner.id, None)
    assert issued.secret.removeprefix("whsec_") not in str(await rows())
    assert secrets.opened(webhook.secret, POLICY.secret_keys) == issued.secret


async def test_is_told_of_the_types_that_it_wants(billing):
    """Each once, in the order of their table."""
    await factories.webhook(billing, URL, "consent.granted", "account.created", "consent.granted")

    assert (await Webhook.get()).types == ["account.created", "consent.granted"]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", FaultCode.REQUIRED),
        (" ", FaultCode.REQUIRED),
        ("https://hooks.example.org/" + "x" * 500, FaultCode.TOO_LONG),
        ("http://hooks.example.org/", FaultCode.INVALID),
        ("ftp://hooks.example.org/", FaultCode.INVALID),
        ("hooks.example.org", FaultCode.INVALID),
        ("https://", FaultCode.INVALID),
        ("https:///in", FaultCode.INVALID),
        ("https://hooks.example.org:port/", FaultCode.INVALID),
        ("https://hooks.example.org:99999/", FaultCode.INVALID),
        ("https://hooks.example.org:0/", FaultCode.INVALID),
        ("https://user:word@hooks.example.org/", FaultCode.INVALID),
        ("https://@hooks.example.org/", FaultCode.INVALID),
        ("https://hooks.example.org/#part", FaultCode.INVALID),
        ("https://hooks.example.org/#", FaultCode.INVALID),
        ("https://hooks.example.org/a b", FaultCode.INVALID),
        ("https://hooks.example.org/\r\nhost: inside", FaultCode.INVALID),
        ("https://hooks.example.org\\@inside/", FaultCode.INVALID),
        ("https://hööks.example.org/", FaultCode.INVALID),
        ("https://hooks.example.org/\x00", FaultCode.INVALID),
        ("https://hooks.example.org/\udcff", FaultCode.INVALID),
        ("https://[::1/", FaultCode.INVALID),
        ("https://127.0.0.1/", FaultCode.INVALID),
        ("https://10.0.0.1/", FaultCode.INVALID),
        ("https://[fd00::1]/", FaultCode.INVALID),
        ("https://[::ffff:169.254.169.254]/", FaultCode.INVALID),
    ],
)
async def test_takes_no_url_that_cannot_be(billing, url, code):
    """What can be seen of a URL is seen at once; all faults are told together."""
    with pytest.raises(InvalidInputError) as refused:
        await webhooks.create(billing.partner.id, url, ["account.gone"], policy=POLICY)

    faults = [(fault.field, fault.code) for fault in refused.value.faults]
    assert faults == [("url", code), ("types", FaultCode.INVALID)]
    assert await Webhook.all().count() == 0


@pytest.mark.parametrize(
    ("url", "policy"),
    [
        ("https://hooks.example.org", POLICY),
        ("https://HOOKS.example.org:8443/in?key=%C3%A9&b=c~d", POLICY),
        ("https://93.184.216.34/in", POLICY),
        ("https://[2606:4700::1111]:8443/", POLICY),
        ("https://xn--hks-sna.example.org/", POLICY),
        ("http://127.0.0.1:9000/in", LOCAL),
        ("http://localhost/in", LOCAL),
    ],
)
async def test_takes_other_urls_as_they_are(billing, url, policy):
    """Names are judged when something is sent there."""
    issued = await factories.webhook(billing, url, policy=policy)

    assert issued.webhook.url == url


@pytest.mark.parametrize(
    ("address", "outside"),
    [
        *((address, True) for address in ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8")),
        *((address, True) for address in ("2002:808:808::1", "64:ff9b::808:808")),
        *((address, False) for address in ("127.0.0.1", "127.255.0.1", "::1", "0.0.0.0", "::")),
        *((address, False) for address in ("10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1")),
        *((address, False) for address in ("169.254.169.254", "fe80::1", "fe80::1%eth0")),
        *((address, False) for address in ("fd00:ec2::254", "fc00::1", "fec0::1")),
        *((address, False) for address in ("224.0.0.1", "ff02::1", "240.0.0.1", "255.255.255.255")),
        *((address, False) for address in ("192.0.0.8", "192.0.2.1", "198.18.0.1", "2001:db8::1")),
        *((address, False) for address in ("::ffff:10.0.0.1", "::ffff:127.0.0.1", "::127.0.0.1")),
        *((address, False) for address in ("2002:a00:1::1", "2002:7f00:1::1", "64:ff9b::a00:1")),
        *((address, False) for address in ("64:ff9b::7f00:1", "64:ff9b:1::1", "2001::1", "100::1")),
    ],
)
def test_knows_what_is_outside(address, outside):
    """Private, loopback, link-local, multicast, reserved, CGNAT; and IPv4 within IPv6."""
    assert addresses.is_allowed(address, loopback=False) is outside


def test_lets_only_this_machine_pass_for_tests():
    """The setting opens nothing else."""
    found = {it: addresses.is_allowed(it, loopback=True) for it in ("127.0.0.1", "::1", "10.0.0.1")}

    assert found == {"127.0.0.1": True, "::1": True, "10.0.0.1": False}


async def test_has_five_at_most(billing, open_pool):
    """However many are asked for at once; who removes one may have another."""
    other = await factories.access("Other")

    made = await asyncio.gather(
        *(factories.webhook(billing, URL) for _ in range(8)), return_exceptions=True
    )

    refused = [type(it) for it in made if isinstance(it, Exception)]
    issued = [it for it in made if not isinstance(it, Exception)]
    assert refused == [TooManyWebhooksError] * 3
    await factories.webhook(other, URL)
    await webhooks.remove(billing.partner.id, issued[2].webhook.id)
    await factories.webhook(billing, URL)
    assert len(await webhooks.of(billing.partner.id)) == 5


@pytest.mark.parametrize("whose", ["another partner's", "nobody's", "no id"])
async def test_is_nobody_elses(alice, billing, whose):
    """Another partner's webhook reads like none, and nothing happens to it."""
    mallory = (await factories.access("Mallory")).partner.id
    issued = await factories.webhook(billing, URL)
    waiting = await delivery(alice.account)
    other = uuid4() if whose == "nobody's" else None
    webhook_id, delivery_id = other, other
    if whose == "another partner's":
        webhook_id, delivery_id = issued.webhook.id, waiting.id
    before = await rows()

    for attempt in (
        webhooks.rotate_secret(mallory, webhook_id, policy=POLICY),
        webhooks.enable(mallory, webhook_id),
        webhooks.remove(mallory, webhook_id),
        webhooks.retry(mallory, delivery_id),
    ):
        with pytest.raises(NotFoundError):
            await attempt

    assert await rows() == before


async def test_rotates_its_secret(billing, time):
    """The former one signs for 24 hours beside the new one, and only the last former one."""
    first = await factories.webhook(billing, URL)
    second = await webhooks.rotate_secret(billing.partner.id, first.webhook.id, policy=POLICY)
    time.advance(HOUR)
    third = await webhooks.rotate_secret(billing.partner.id, first.webhook.id, policy=POLICY)

    webhook = await Webhook.get()
    both = [
        secrets.opened(it, POLICY.secret_keys) for it in (webhook.secret, webhook.former_secret)
    ]
    assert both == [third.secret, second.secret]
    assert webhook.former_secret_until == time.at + DAY
    assert len({first.secret, second.secret, third.secret}) == 3


async def test_goes_with_all_that_was_on_its_way(alice, billing):
    """Nothing of a webhook is left, nor of its secrets."""
    issued = await factories.webhook(billing, URL)
    await ended(alice.account)
    await delivery(alice.account)

    await webhooks.remove(billing.partner.id, issued.webhook.id)

    assert await rows() == [[], [], []]


async def test_is_told_again_when_it_is_enabled(alice, billing):
    """Of what happens from then on; what was given up stays so."""
    issued = await factories.webhook(billing, URL)
    await ended(alice.account, status=410)
    lost = await factories.told(alice.account)

    webhook = await webhooks.enable(billing.partner.id, issued.webhook.id)

    assert (webhook.state, webhook.disabled_reason) == (WebhookState.ENABLED, None)
    assert (webhook.disabled_at, webhook.failing_since) == (None, None)
    assert dict(await Webhook.get()) == dict(webhook)
    assert await WebhookDelivery.filter(event_id=lost.id).count() == 0
    assert (await delivery(alice.account)).state is DeliveryState.QUEUED


async def enabled(billing, webhook, waiting):
    await webhooks.enable(billing.partner.id, webhook.id)
    await WebhookDelivery.filter(id=waiting.id).update(due_at=factories.LONG_AGO)


async def retried(billing, _webhook, waiting):
    await webhooks.retry(billing.partner.id, waiting.id)


@pytest.mark.parametrize("ask_again", [enabled, retried])
async def test_may_be_asked_again_before_its_pause_ends(alice, billing, ask_again):
    """Whoever has asked to be left alone may have mended it."""
    issued = await factories.webhook(billing, URL)
    waiting = await delivery(alice.account)
    later = webhooks.Answer(status=429, pause=HOUR)
    await webhooks.settle(await webhooks.claim(waiting.id), later, policy=POLICY)

    await ask_again(billing, issued.webhook, waiting)

    assert [it for it, _ in await webhooks.due(within=HOUR, limit=9)] == [waiting.id]


@pytest.mark.parametrize("status", [204, 500])
async def test_tries_again_what_is_asked_for(alice, billing, status):
    """Delivered or waiting: it is due now, and its attempts go on."""
    await factories.webhook(billing, URL)
    before = await ended(alice.account, status)

    await webhooks.retry(billing.partner.id, before.id)

    again = await WebhookDelivery.get(id=before.id)
    assert (again.state, again.settled_at, again.attempts) == (DeliveryState.QUEUED, None, 1)
    assert again.due_at <= await clock.now()
    assert (await webhooks.claim(before.id)).number == 2


async def test_leaves_alone_what_is_under_way(alice, billing):
    """An attempt is being made: another one beside it would be one too many."""
    await factories.webhook(billing, URL)
    waiting = await delivery(alice.account)
    await webhooks.claim(waiting.id)
    before = await rows()

    await webhooks.retry(billing.partner.id, waiting.id)

    assert await rows() == before
    assert await webhooks.claim(waiting.id) is None


async def test_tries_nothing_again_that_is_disabled(alice, billing):
    """It has to be enabled first."""
    await factories.webhook(billing, URL)
    lost = await ended(alice.account, status=410)
    before = await rows()

    with pytest.raises(WebhookDisabledError):
        await webhooks.retry(billing.partner.id, lost.id)

    assert (await Webhook.get()).disabled_reason is DisabledReason.GONE
    assert await rows() == before


async def test_reports_what_became_of_each(alice, billing):
    """Newest first, each with its event and its attempts, oldest first."""
    issued = await factories.webhook(billing, URL)
    first = await ended(alice.account, status=500)
    second = await delivery(alice.account)
    await webhooks.retry(billing.partner.id, first.id)
    parcel = await webhooks.claim(first.id)
    await webhooks.settle(parcel, webhooks.Answer(status=200, duration=7), policy=POLICY)

    page = await webhooks.deliveries(issued.webhook.id, first=10, after=None)

    assert [report.id for report in page.rows] == [second.id, first.id]
    attempts = page.rows[1].attempts
    assert [(it.number, it.status, it.duration) for it in attempts] == [(1, 500, 0), (2, 200, 7)]
    assert page.rows[0].attempts == []
    assert [report.event.type for report in page.rows] == [EventType.ACCOUNT_PROFILE_UPDATED] * 2


async def test_forgets_what_ended_thirty_days_ago(alice, billing):
    """With its attempts; what is younger, or waits, stays. So does the event."""
    issued = await factories.webhook(billing, URL)
    old, young = await ended(alice.account), await ended(alice.account)
    waiting = await delivery(alice.account)
    await webhooks.rotate_secret(billing.partner.id, issued.webhook.id, policy=POLICY)
    at = await clock.now()
    await WebhookDelivery.filter(id=old.id).update(settled_at=at - 30 * DAY - HOUR)
    await WebhookDelivery.filter(id=young.id).update(settled_at=at - 30 * DAY + HOUR)
    await Webhook.all().update(former_secret_until=at - HOUR)

    await housekeeping.remove_expired()

    assert {it.id for it in await WebhookDelivery.all()} == {young.id, waiting.id}
    assert [it.delivery_id for it in await WebhookAttempt.all()] == [young.id]
    assert await factories.Event.filter(id=old.event_id).exists()
    assert (await Webhook.get()).former_secret is None


def test_seals_under_the_first_key_and_opens_with_each():
    """A key that was taken away opens nothing; neither does a text that was changed."""
    secret = secrets.new()
    sealed = secrets.sealed(secret, [b"first key of two", b"other key of two"])

    assert secrets.opened(sealed, [b"new key before..", b"first key of two"]) == secret
    assert secret not in sealed
    for keys, text in (
        ([b"other key of two"], sealed),
        ([b"first key of two"], sealed[:-8] + "AAAAAAA="),
        ([b"first key of two"], "nonsense"),
    ):
        with pytest.raises(UnreadableSecretError):
            secrets.opened(text, keys)


async def test_brings_every_secret_under_the_first_key(billing):
    """After a rotation of the server's keys the former one may be dropped."""
    issued = await factories.webhook(billing, URL)
    present = await webhooks.rotate_secret(billing.partner.id, issued.webhook.id, policy=POLICY)

    await webhooks.reseal(ROTATED.secret_keys)

    webhook, newest = await Webhook.get(), ROTATED.secret_keys[:1]
    assert secrets.opened(webhook.secret, newest) == present.secret
    assert secrets.opened(webhook.former_secret, newest) == issued.secret
    before = await rows()
    await webhooks.reseal(ROTATED.secret_keys)
    await webhooks.reseal((b"a key that opens nothing",))
    assert await rows() == before


async def test_is_listed_as_postgresql_reads_it(billing):
    """Five webhooks are five rows of one partner."""
    made = [await factories.webhook(billing, f"{URL}/{number}") for number in range(3)]

    found = await webhooks.of(billing.partner.id)

    assert [webhook.id for webhook in found] == [issued.webhook.id for issued in made]
    (row,) = await get_connection("default").execute_query_dict(
        "SELECT array_agg(place ORDER BY created_at) AS places FROM webhooks"
    )
    assert row["places"] == [1, 2, 3]
