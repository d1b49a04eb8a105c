"""One event to one webhook over real sockets: signed, in time, and to nobody inside."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import factories
import pytest
import receivers
from factories import POLICY
from receivers import status
from standardwebhooks.webhooks import WebhookVerificationError
from tortoise.connection import get_connection

from models import clock, webhooks
from models.mails import Mail
from models.webhooks import (
    AttemptError,
    DeliveryState,
    DisabledReason,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
    WebhookState,
)
from workers.outbound import Client, NameNotFoundError
from workers.webhooks import Courier

LOCAL = type(POLICY)(POLICY.secret_keys, webhook_loopback=True)
SECOND = timedelta(seconds=1)
GIGABYTE = 2**30
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
async def billing(alice):
    access = await factories.access("Billing", first_party=True, contact="it@billing.example")
    await factories.told(alice.account)  # what was there before is not delivered
    return access


@pytest.fixture
async def deliver(alice, billing):
    """Let something happen, and make an attempt to deliver it; `client` is how that is posted."""
    clients = []

    async def deliver(issued=None, **client):
        clients.append(Client(loopback=True, **client))
        if issued is None:
            await factories.told(alice.account, policy=LOCAL)
        return await attempt(Courier(clients[-1], LOCAL))

    yield deliver
    for client in clients:
        await client.close()


async def attempt(courier):
    """Make one attempt of the oldest delivery, due or not; what it is afterwards."""
    delivery = await WebhookDelivery.filter(settled_at=None).order_by("queued_at").first()
    await WebhookDelivery.filter(id=delivery.id).update(due_at=factories.LONG_AGO)
    assert await courier.deliver(delivery.id)
    return await WebhookDelivery.get(id=delivery.id)


async def last_attempt():
    return await WebhookAttempt.all().order_by("-id").first()


async def hook(access, receiver):
    return await factories.webhook(access, receiver.url, policy=LOCAL)


def to(*addresses):
    """A resolver whose answers are given, one for each time it is asked."""
    asked = []

    async def resolve(host, port):
        asked.append((host, port))
        found = addresses[min(len(asked), len(addresses)) - 1]
        if not found:
            raise NameNotFoundError
        return [found]

    resolve.asked = asked
    return resolve


async def test_delivers_what_others_can_verify(alice, billing, deliver):
    """Headers and body are those of the Standard Webhooks specification, checked by its library."""
    async with receivers.receiving() as receiver:
        issued = await hook(billing, receiver)
        before = int((await clock.now()).timestamp())

        delivery = await deliver()

    (request,) = receiver.received
    event = await factories.Event.get(id=delivery.event_id)
    assert delivery.state is DeliveryState.DELIVERED
    assert request.verified(issued.secret) == {
        "type": "account.profile_updated",
        "timestamp": event.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {"id": str(event.id), "nicHandle": alice.account.nic_handle},
    }
    assert (request.path, request.headers["content-type"]) == ("/in", "application/json")
    assert request.headers["webhook-id"] == str(event.id)
    assert before <= int(request.headers["webhook-timestamp"]) <= before + 5
    assert request.headers["host"] == receiver.url.split("/")[2]


async def test_says_nothing_of_anybody(alice, billing, deliver):
    """Thin: whoever reads the wire learns a NIC-handle and that something happened."""
    async with receivers.receiving() as receiver:
        await hook(billing, receiver)
        await deliver()

    told = f"{receiver.received[0].headers} {receiver.received[0].body}"
    assert [word for word in ("alice", "Martin", "@", "FR") if word in told] == []


@pytest.mark.parametrize("change", ["id", "timestamp", "body", "secret"])
async def test_signs_all_that_matters(billing, deliver, change):
    """Whatever somebody on the way changes, the signature does not fit any more."""
    async with receivers.receiving() as receiver:
        issued = await hook(billing, receiver)
        await deliver()

    (request,) = receiver.received
    headers, body, secret = dict(request.headers), request.body, issued.secret
    if change == "id":
        headers["webhook-id"] += "0"
    elif change == "timestamp":
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + 1)
    elif change == "body":
        body = body.replace(b"updated", b"frozen!")
    else:
        secret = (await hook(billing, receiver)).secret
    with pytest.raises(WebhookVerificationError):
        receivers.Received("/", headers, body, "").verified(secret)


async def test_signs_with_both_secrets_for_a_day(billing, deliver):
    """During a rotation two signatures stand there, and either secret verifies; then one."""
    async with receivers.receiving() as receiver:
        former = await hook(billing, receiver)
        present = await webhooks.rotate_secret(billing.partner.id, former.webhook.id, policy=LOCAL)
        await deliver()
        await Webhook.all().update(former_secret_until=await clock.now())
        await deliver()

    both, one = receiver.received
    assert [len(it.headers["webhook-signature"].split()) for it in (both, one)] == [2, 1]
    assert both.verified(former.secret) == both.verified(present.secret)
    assert one.verified(present.secret)
    with pytest.raises(WebhookVerificationError):
        one.verified(former.secret)


async def test_sends_the_same_at_every_attempt(billing, deliver):
    """Id and body stay, so that a receiver knows what it has had; the timestamp moves on."""
    async with receivers.receiving(status(500), status(204)) as receiver:
        issued = await hook(billing, receiver)
        await deliver()
        await asyncio.sleep(1.1)  # timestamps are seconds

        delivery = await deliver(issued)

    first, second = receiver.received
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 2)
    assert (first.body, first.headers["webhook-id"]) == (
        second.body,
        second.headers["webhook-id"],
    )
    assert first.headers["webhook-timestamp"] < second.headers["webhook-timestamp"]
    assert second.verified(issued.secret)


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
async def test_takes_2xx_for_delivered(billing, deliver, code):
    async with receivers.receiving(status(code)) as receiver:
        await hook(billing, receiver)
        delivery = await deliver()

    attempt = await last_attempt()
    assert delivery.state is DeliveryState.DELIVERED
    assert (attempt.number, attempt.status, attempt.error) == (1, code, None)
    assert 0 <= attempt.duration < 5000


@pytest.mark.parametrize("code", [300, 400, 401, 404, 500, 502])
async def test_tries_again_after_any_other_status(billing, deliver, code):
    """The second attempt comes after five seconds, give or take a tenth."""
    async with receivers.receiving(status(code)) as receiver:
        await hook(billing, receiver)
        delivery = await deliver()

    wait = (delivery.due_at - await clock.now()).total_seconds()
    assert delivery.state is DeliveryState.QUEUED
    assert 2 < wait <= 5.5
    assert (await last_attempt()).status == code
    assert (await Webhook.get()).failing_since is not None


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_follows_nobody_elsewhere(billing, deliver, code):
    """A redirect is a failure: an endpoint does not choose what else we call."""
    async with (
        receivers.receiving() as inside,
        receivers.receiving(status(code, location=inside.url)) as receiver,
    ):
        await hook(billing, receiver)
        delivery = await deliver()

    assert (delivery.state, (await last_attempt()).status) == (DeliveryState.QUEUED, code)
    assert (len(receiver.received), inside.connections) == (1, 0)


async def test_gives_up_an_answer_that_comes_late(billing, deliver):
    """200 after 20 s is no answer within 15 s; here both are a fiftieth."""
    late = receivers.after(0.4, status(200))
    async with receivers.receiving(late) as receiver:
        await hook(billing, receiver)
        delivery = await deliver(deadline=0.3)

    attempt = await last_attempt()
    assert delivery.state is DeliveryState.QUEUED
    assert (attempt.status, attempt.error) == (None, AttemptError.TIMED_OUT)
    assert 300 <= attempt.duration < 2000


@pytest.mark.parametrize(
    "content",
    [HEAD + b"x-pad: 1\r\n", HEAD, b"HTTP/1.1 100 Continue\r\n\r\n"],
    ids=["headers", "lines", "continues"],
)
async def test_waits_no_longer_for_an_answer_that_trickles(billing, deliver, content):
    """The time is for the whole exchange, not for each piece of it."""
    trickle = receivers.raw(content, times=1000, pause=0.05)
    async with receivers.receiving(trickle) as receiver:
        await hook(billing, receiver)
        await deliver(deadline=0.5)

    attempt = await last_attempt()
    assert attempt.error in {AttemptError.TIMED_OUT, AttemptError.PROTOCOL_VIOLATED}
    assert attempt.duration < 2000


@pytest.mark.parametrize(
    "body",
    [
        receivers.raw(HEAD + b"\r\n" + b"x" * 1000, times=10**6, pause=0.01),
        receivers.raw(HEAD + b"content-length: %d\r\n\r\n" % GIGABYTE + b"x" * 2**20, times=1024),
        receivers.raw(HEAD + b"transfer-encoding: chunked\r\n\r\nnonsense"),
    ],
    ids=["for ever", "a gigabyte", "broken"],
)
async def test_reads_no_more_than_the_head(billing, deliver, body):
    """What a body says, and whether it ends, is of no interest."""
    async with receivers.receiving(body) as receiver:
        await hook(billing, receiver)
        delivery = await deliver(deadline=5)

    attempt = await last_attempt()
    assert (delivery.state, attempt.status) == (DeliveryState.DELIVERED, 200)
    assert attempt.duration < 3000


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (receivers.reset, AttemptError.CONNECTION_FAILED),
        (receivers.raw(b""), AttemptError.PROTOCOL_VIOLATED),
        (receivers.raw(b"SSH-2.0-OpenSSH_9.2\r\n"), AttemptError.PROTOCOL_VIOLATED),
        (receivers.raw(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 2**20), AttemptError.PROTOCOL_VIOLATED),
    ],
    ids=["reset", "closed", "no HTTP", "a head without end"],
)
async def test_says_in_a_word_why_there_was_no_answer(billing, deliver, answer, error):
    async with receivers.receiving(answer) as receiver:
        await hook(billing, receiver)
        delivery = await deliver()

    attempt = await last_attempt()
    assert delivery.state is DeliveryState.QUEUED
    assert (attempt.status, attempt.error) == (None, error)


async def test_tries_again_where_nobody_listens(billing, deliver):
    async with receivers.receiving() as receiver:
        await hook(billing, receiver)

    await deliver()

    assert (await last_attempt()).error is AttemptError.CONNECTION_FAILED


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_leaves_alone_for_as_long_as_it_is_asked_to(billing, deliver, code, form):
    """Retry-After counts for the whole endpoint: nothing else goes there meanwhile."""
    at = datetime.now(UTC) + 120 * SECOND
    text = "120" if form == "seconds" else format_datetime(at, usegmt=True)
    async with receivers.receiving(status(code, retry_after=text)) as receiver:
        await hook(billing, receiver)
        delivery = await deliver()

    webhook, now = await Webhook.get(), await clock.now()
    assert 110 < (delivery.due_at - now).total_seconds() <= 120
    assert delivery.due_at == webhook.paused_until
    await WebhookDelivery.all().update(due_at=now)
    assert await webhooks.due(within=SECOND, limit=10) == []


@pytest.mark.parametrize(
    ("code", "text", "wait"),
    [
        (429, "1", 5),
        (429, "99999999999999999999", 86400),
        (429, "soon", 5),
        (429, "-5", 5),
        (429, "Thu, 01 Jan 1970 00:00:00 GMT", 5),
        (500, "3600", 5),
    ],
)
async def test_is_not_told_just_anything(billing, deliver, code, text, wait):
    """Not sooner than the schedule has it, and a day at most; other statuses ask for nothing."""
    async with receivers.receiving(status(code, retry_after=text)) as receiver:
        await hook(billing, receiver)
        delivery = await deliver()

    found = (delivery.due_at - await clock.now()).total_seconds()
    assert 0.9 * wait - 2 < found <= 1.1 * wait


async def test_disables_at_once_what_is_gone(alice, billing, deliver, caplog):
    """410: the delivery and all that waits is given up, the contact is told, and the log."""
    async with receivers.receiving(status(410)) as receiver:
        issued = await hook(billing, receiver)
        for _ in range(3):
            await factories.told(alice.account, policy=LOCAL)
        with caplog.at_level(logging.WARNING):
            await deliver()
    await factories.told(alice.account, policy=LOCAL)

    webhook = await Webhook.get(id=issued.webhook.id)
    states = await WebhookDelivery.all().values_list("state", flat=True)
    assert (webhook.state, webhook.disabled_reason) == (WebhookState.DISABLED, DisabledReason.GONE)
    assert list(states) == [DeliveryState.ABANDONED] * 4  # and none for what came later
    assert len(receiver.received) == 1
    told = await Mail.get(template="webhook_disabled")
    assert (told.recipient, told.heading) == ("it@billing.example", "Billing")
    assert "webhook disabled" in [record.message for record in caplog.records]


async def test_looks_again_at_each_attempt(billing, deliver):
    """Good the first time, private the second: it is refused then, and nobody is connected to."""
    resolve = to("127.0.0.1", "10.0.0.7")
    async with receivers.receiving(status(500)) as receiver:
        url = receiver.url.replace("127.0.0.1", "hooks.example.org")
        issued = await factories.webhook(billing, url, policy=LOCAL)
        await deliver(resolve=resolve)

        delivery = await deliver(issued, resolve=resolve)

    attempt = await last_attempt()
    assert delivery.state is DeliveryState.QUEUED
    assert (attempt.number, attempt.error) == (2, AttemptError.ADDRESS_REFUSED)
    assert receiver.connections == 1


async def test_goes_on_when_a_secret_cannot_be_read(alice, billing, caplog):
    """A key that was taken away is our fault: seen in the log, tried again, and no exception."""
    await factories.webhook(billing, "https://hooks.example.org/in", policy=LOCAL)
    await factories.told(alice.account, policy=LOCAL)
    other = type(POLICY)((b"another key of tests",), webhook_loopback=True)
    client = Client(loopback=True)

    with caplog.at_level(logging.ERROR):
        delivery = await attempt(Courier(client, other))

    await client.close()
    assert delivery.state is DeliveryState.QUEUED
    assert (await last_attempt()).error is AttemptError.INTERNAL
    assert "webhook not sent" in [record.message for record in caplog.records]


async def test_has_nothing_to_do_twice(billing, deliver):
    """A job that comes again finds the delivery settled."""
    async with receivers.receiving() as receiver:
        await hook(billing, receiver)
        delivery = await deliver()
        client = Client(loopback=True)
        again = await Courier(client, LOCAL).deliver(delivery.id)
        await client.close()

    assert (again, len(receiver.received)) == (False, 1)


async def test_has_nothing_to_settle_when_the_webhook_is_gone(billing, deliver):
    """Removed while it answers: nobody wants to know any more."""

    async def remove(writer):
        await get_connection("default").execute_query("DELETE FROM webhooks")
        await status(200)(writer)

    async with receivers.receiving(remove) as receiver:
        await hook(billing, receiver)
        await factories.told((await factories.Account.get()), policy=LOCAL)
        delivery = await WebhookDelivery.get()
        client = Client(loopback=True)
        assert await Courier(client, LOCAL).deliver(delivery.id)
        await client.close()

    assert await WebhookAttempt.all().count() == 0


async def test_keeps_secrets_out_of_the_log(billing, deliver, caplog):
    """Neither a secret nor a signature, whatever the answer was."""
    async with receivers.receiving(status(500)) as receiver:
        issued = await hook(billing, receiver)
        with caplog.at_level(logging.DEBUG):
            await deliver()

    lines = str([record.__dict__ for record in caplog.records])
    signature = receiver.received[0].headers["webhook-signature"]
    assert "webhook failed" in lines
    assert issued.secret.removeprefix("whsec_") not in lines
    assert signature.removeprefix("v1,") not in lines
