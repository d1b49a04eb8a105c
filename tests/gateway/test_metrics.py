"""GET /metrics, scraped from the application and read as Prometheus reads it."""

from datetime import timedelta

import factories
import pytest
from prometheus_client.parser import text_string_to_metric_families

from models import clock, deliveries, email_changes, mails, metrics
from models.deliveries import Attempt, Outcome
from models.email_changes import EmailChange
from models.events import Event
from models.mails import Mail, Template
from models.webhooks import Webhook, WebhookDelivery

SECOND = timedelta(seconds=1)
ASKED = Template.EMAIL_CHANGE_VALIDATION
TOLD = Template.EMAIL_CHANGE_TOLD_NEW


@pytest.fixture(autouse=True)
def fresh_tally(monkeypatch):
    """What other tests of this process have counted is not ours."""
    monkeypatch.setattr(metrics, "_unsaved", type(metrics._unsaved)(float))  # noqa: SLF001


async def scraped(client):
    """The samples of a scrape, after the workers have saved what they counted."""
    await metrics.save()
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name.removeprefix("nicgate_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def asked():
    """A change of Alice's, its mails not sent yet."""
    alice = await factories.signed_up("alice@example.org")
    await factories.delivered(Template.CREATION, to="alice@example.org")
    return await factories.requested_change(alice, "new@example.org")


async def test_an_idle_deployment_has_every_metric(client):
    """Every series is there from the start: an alarm on a rate needs a zero before the first."""
    found = await scraped(client)

    labelled = {key for key in found if "lateness" not in key[0]}
    assert set(found.values()) == {0}
    assert labelled == {
        ("outbox_depth",),
        ("outbox_oldest_due_seconds",),
        ("outbox_oldest_seconds",),
        ("acceptances_due",),
        ("acceptances_oldest_due_seconds",),
        ("deliveries_total", "sent"),
        ("deliveries_total", "bounced"),
        ("deliveries_total", "abandoned"),
        ("retries_total",),
        ("lease_expiries_total",),
        ("webhooks_depth",),
        ("webhooks_oldest_due_seconds",),
        ("events_oldest_unpublished_seconds",),
        ("webhook_deliveries_total", "delivered"),
        ("webhook_deliveries_total", "abandoned"),
        ("webhook_retries_total",),
        ("job_failures_total", "deliver_mail"),
        ("job_failures_total", "deliver_webhook"),
        ("job_failures_total", "fold_failed_logins"),
        ("job_failures_total", "auto_accept_email_change"),
        ("job_failures_total", "relay"),
        ("job_failures_total", "clean_up"),
    }


async def test_measures_what_waits(client):
    """Depth counts what has not ended; age counts from when the oldest was due."""
    await asked()
    await Mail.filter(template=ASKED).update(due_at=await clock.now() - 90 * SECOND)
    await EmailChange.all().update(auto_accept_at=await clock.now() - 40 * SECOND)

    found = await scraped(client)

    assert (found["outbox_depth",], found["acceptances_due",]) == (2, 1)
    assert 90 <= found["outbox_oldest_due_seconds",] < 95
    assert 40 <= found["acceptances_oldest_due_seconds",] < 45


async def test_what_waits_for_its_turn_is_not_late(client):
    """A mail between two attempts is in the depth, and no age grows with it."""
    await asked()
    await Mail.all().update(due_at=await clock.now() + 60 * SECOND)
    await EmailChange.all().update(auto_accept_at=await clock.now() + 60 * SECOND)

    found = await scraped(client)

    assert (found["outbox_depth",], found["acceptances_due",]) == (2, 0)
    assert found["outbox_oldest_due_seconds",] == found["acceptances_oldest_due_seconds",] == 0


async def test_counts_deliveries_by_outcome(client):
    """Each mail is counted once, when it ends; what is tried again is a retry."""
    await asked()
    await factories.delivered(ASKED, to="alice@example.org", outcome=Outcome.FAILED)
    await factories.delivered(ASKED, to="alice@example.org")
    told = await factories.delivered(TOLD, to="new@example.org", outcome=Outcome.BOUNCED)
    await deliveries.settle(Attempt(told.id, 1, Outcome.BOUNCED))

    found = await scraped(client)

    assert found["retries_total",] == 1
    assert found["deliveries_total", "sent"] == 2
    assert found["deliveries_total", "bounced"] == 1
    assert found["deliveries_total", "abandoned"] == 0
    assert found["outbox_depth",] == 0


async def test_shows_a_mail_that_is_tried_again_and_again(client):
    """While the mail server is away nothing is due; the oldest mail grows older all the same."""
    await asked()
    failed = await factories.delivered(ASKED, to="alice@example.org", outcome=Outcome.FAILED)
    await Mail.filter(id=failed.id).update(queued_at=failed.queued_at - 600 * SECOND)
    await Mail.exclude(id=failed.id).delete()

    found = await scraped(client)

    assert found["outbox_oldest_due_seconds",] == 0
    assert 600 <= found["outbox_oldest_seconds",] < 660


async def test_counts_leases_that_ran_out(client):
    """A mail that a second worker takes over was left by the first; a retry was not."""
    change = await asked()
    mail = await Mail.get(email_change_id=change.id, template=ASKED)
    await mails.claim(mail.id)
    await Mail.all().update(due_at=mail.due_at)
    again = await mails.claim(mail.id)
    await deliveries.settle(Attempt(mail.id, again.attempts, Outcome.FAILED))
    await Mail.all().update(due_at=mail.due_at)
    await mails.claim(mail.id)

    found = await scraped(client)

    assert found["lease_expiries_total",] == 1


async def test_measures_what_waits_for_webhooks(client):
    """Late is what we owe: not what waits for a webhook that fails, or that wants a pause."""
    alice = await factories.signed_up("alice@example.org")
    billing = await factories.access("Billing", first_party=True)
    for url in ("https://well.example.org", "https://ill.example.org", "https://tired.example.org"):
        await factories.webhook(billing, url)
    await factories.told(alice.account)
    now = await clock.now()
    late = {"well": 30, "ill": 600, "tired": 900}
    for name, seconds in late.items():
        webhook = await Webhook.get(url=f"https://{name}.example.org")
        due = WebhookDelivery.filter(webhook_id=webhook.id)
        await due.update(due_at=now - seconds * SECOND)
    await Webhook.filter(url="https://ill.example.org").update(failing_since=now)
    paused = Webhook.filter(url="https://tired.example.org")
    await paused.update(paused_until=now + 60 * SECOND)
    await factories.requested_change(alice, "new@example.org")
    await Event.filter(published_at=None).update(at=now - 20 * SECOND)

    found = await scraped(client)

    assert found["webhooks_depth",] == 6  # two events: her account, and that something happened
    assert 30 <= found["webhooks_oldest_due_seconds",] < 40
    assert 20 <= found["events_oldest_unpublished_seconds",] < 30


async def test_draws_the_lateness_of_acceptances(client):
    """A histogram as Prometheus wants it: buckets hold what is below them, and +Inf holds all."""
    change = await asked()
    await factories.delivered(ASKED, to="alice@example.org")
    await EmailChange.all().update(auto_accept_at=await clock.now() - 1.2 * SECOND)
    await email_changes.auto_accept(change.id, policy=factories.POLICY)
    metrics.observe_lateness(10_000)

    found = await scraped(client)

    buckets = {key[1]: value for key, value in found.items() if key[0].endswith("_bucket")}
    assert [buckets[bound] for bound in ("1.0", "2.0", "3600.0", "+Inf")] == [0, 1, 1, 2]
    assert found["accept_lateness_seconds_count",] == 2
    assert 10_001.2 <= found["accept_lateness_seconds_sum",] < 10_002.2


async def test_counters_only_grow(client):
    """Housekeeping takes rows away; what was counted of them stays."""
    await asked()
    await Mail.all().delete()

    first = await scraped(client)
    second = await scraped(client)

    assert first["deliveries_total", "sent"] == second["deliveries_total", "sent"] == 1


async def test_says_nothing_of_anybody(client):
    """A scrape goes to a monitoring system: no address, no handle, no code, no reason."""
    await asked()
    mail = await factories.delivered(ASKED, to="alice@example.org", outcome=Outcome.BOUNCED)
    codes = [secret for it in await Mail.all() for secret in (it.secrets or {}).values()]
    await metrics.save()

    text = (await client.get("/metrics")).text

    told = ["@", mail.nic_handle, str(mail.id), "as the test wants it", *codes]
    assert [word for word in told if word in text] == []


async def test_is_503_without_the_database(serve, postgres):
    """A scrape that could not look says so, instead of zeros."""
    postgres.cut()
    async with serve(database_url=postgres.url, is_ready=False) as client:
        answer = await client.get("/metrics")

    assert (answer.status_code, answer.text) == (503, "database\n")


async def test_keeps_what_it_could_not_save(tables, monkeypatch):
    """PostgreSQL away for a while costs no count."""
    metrics.count(metrics.RETRIES)
    with monkeypatch.context() as without:
        without.setattr(metrics, "get_connection", broken)
        with pytest.raises(OSError, match="away"):
            await metrics.save()
    metrics.count(metrics.RETRIES)

    await metrics.save()

    assert await metrics.saved() == {"retries": 2}


def broken(_name):
    raise OSError("away")
