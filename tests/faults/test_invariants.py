"""Every checker of the matrix is quiet about a healthy run, and speaks about a planted breach."""

import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path

import factories
import pytest
from faults import invariants
from faults.postoffice import Receipt
from faults.rig import WITNESS, Rig

from models import database, email_changes, events
from models.deliveries import Outcome
from models.mails import Mail, MailState
from models.webhooks import WebhookDelivery
from workers.mails import Post
from workers.outbound import Client
from workers.transport import Delivery
from workers.webhooks import Courier

POLICY = replace(factories.POLICY, auto_accept_after=timedelta(seconds=1), webhook_loopback=True)

# What is planted, and the beginning of what must be said about it.
BREACHES = {
    "nothing": ("SELECT", ""),
    "a mail without a receipt": ("UPDATE mails SET id = gen_random_uuid()", "silent: "),
    "a bounce without a reason": (
        "UPDATE mails SET state = 'BOUNCED', sent_at = NULL",
        "silent: ",
    ),
    "a mail that waits": (
        "UPDATE mails SET state = 'QUEUED', sent_at = NULL, settled_at = NULL, secrets = '{}'",
        "silent: ",
    ),
    "a mail that was never written": ("DELETE FROM mails", "silent: story owes creation"),
    "an early acceptance": (
        "UPDATE email_changes SET settled_at = auto_accept_at - interval '1 second'",
        "early: ",
    ),
    "a clock that ran before the notice left": (
        "UPDATE email_changes SET auto_accept_at = auto_accept_at - interval '1 second'",
        "early: the clock",
    ),
    "an acceptance without a deadline": (
        "UPDATE email_changes SET auto_accept_at = NULL",
        "early: ",
    ),
    "a change settled twice": (
        "UPDATE email_changes SET state = 'PENDING'; UPDATE email_changes SET state = 'DONE'",
        "twice: email_changes",
    ),
    "a mail settled twice": (
        "UPDATE mails SET state = 'QUEUED'; UPDATE mails SET state = 'SENT'",
        "twice: mails",
    ),
    "a sign-up without its mail": (
        "DELETE FROM mails WHERE signup_id IS NOT NULL",
        "half done: a sign-up without its mail",
    ),
    "a sign-up without its challenge": (
        "DELETE FROM challenges",
        "half done: a sign-up without its challenge",
    ),
    "a change without its notice": (
        "DELETE FROM mails WHERE template = 'email_change_told_new'",
        "half done: a change without its question",
    ),
    "an overdue change": (
        (
            "UPDATE email_changes SET state = 'PENDING', accepted_by = NULL, settled_at = NULL,"
            " revertible_until = NULL, auto_accept_at = auto_accept_at - interval '1 minute'"
        ),
        "half done: a pending change",
    ),
    "an acceptance that one address hears of": (
        "DELETE FROM mails WHERE template = 'email_change_accepted_former'",
        "half done: an accepted change",
    ),
    "a notice of what was refused": (
        "UPDATE email_changes SET state = 'REFUSED', accepted_by = NULL, revertible_until = NULL",
        "half done: a notice of acceptance",
    ),
    "an account that kept its address": (
        "UPDATE accounts SET email_key = last_proven_email_key, email = last_proven_email",
        "half done: an account without the address",
    ),
    "a reversal that froze nothing": (
        "UPDATE email_changes SET state = 'REVERTED', reverted_at = settled_at",
        "half done: a reverted account",
    ),
    "a reset that nobody was told of": (
        (
            "UPDATE challenges SET purpose = 'PASSWORD_RESET', signup_id = NULL,"
            " account_id = (SELECT id FROM accounts LIMIT 1)"
        ),
        "half done: a reset",
    ),
}
BREACHES |= {
    "an event that was never published": (
        "UPDATE events SET published_at = NULL WHERE type = 'account.created'",
        "untold: event",
    ),
    "an event that no webhook was told of": ("DELETE FROM webhook_deliveries", "untold: event"),
    "a webhook that never came": (
        (
            "ALTER TABLE webhook_deliveries DROP CONSTRAINT webhook_deliveries_of_event;"
            " ALTER TABLE partner_events DROP CONSTRAINT partner_events_of_event;"
            " DELETE FROM partner_events; DELETE FROM webhook_deliveries;"
            " UPDATE events SET id = gen_random_uuid()"
        ),
        "untold: event",
    ),
    "a webhook that came by no attempt": (
        "UPDATE webhook_deliveries SET attempts = 0",
        "untold: event",
    ),
    "a list in another order": (
        "UPDATE partner_events SET number = 100 - number",
        "untold: event",
    ),
    "a delivery settled twice": (
        (
            "UPDATE webhook_deliveries SET state = 'QUEUED', settled_at = NULL;"
            " UPDATE webhook_deliveries SET state = 'DELIVERED', settled_at = now()"
        ),
        "twice: webhook_deliveries",
    ),
}
# The catalog refuses most of them by itself, as long as its constraints stand.
UNCHECKED = """
DO $$ DECLARE found record; BEGIN
  FOR found IN SELECT conname, conrelid::regclass AS of FROM pg_constraint
    WHERE contype = 'c' AND conrelid IN ('mails'::regclass, 'email_changes'::regclass)
  LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', found.of, found.conname); END LOOP;
END $$
"""


class Recorder:
    """Takes every mail to the post office's book."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    async def deliver(self, message, *, sender, recipient):
        message_id = message_from_bytes(message)["Message-ID"]
        receipt = Receipt(time.time(), recipient, message_id, "", 1)
        self._rig.office.receipts.append(receipt)
        return Delivery(Outcome.LEFT)


@pytest.fixture(scope="module")
def settings(make_database):
    return make_database()


@pytest.fixture(scope="module")
async def healthy(settings):
    """A rig without processes, whose catalog and receipts tell of a healthy run."""
    with tempfile.TemporaryDirectory(prefix="nicgate-faults-") as folder:
        rig = Rig(Path(folder))
        rig.database_url = settings.database_url.get_secret_value()
        await rig.sql(WITNESS)
        await rig.employ()
        async with database.opened(settings):
            await play(rig)
        rig.promised("story", "creation", "alice@example.org")
        yield rig
        await rig.stop()


@pytest.fixture
async def rig(healthy):
    """The healthy run, of which all that a test plants is undone at its end."""
    await healthy.sql("BEGIN;")
    receipts = [replace(it) for it in healthy.office.receipts]
    yield healthy
    healthy.office.receipts, healthy.poison = receipts, set()
    await healthy.sql("ROLLBACK;")


async def play(rig: Rig) -> None:
    alice = await factories.signed_up("alice@example.org")
    change = await factories.requested_change(alice, "new@example.org", POLICY)
    await factories.requested_signup("bob@example.org")
    await deliver_all(rig)
    await five_seconds_pass(rig)
    await email_changes.auto_accept(change.id, policy=POLICY)
    await deliver_all(rig)
    await tell_all()


async def five_seconds_pass(rig: Rig) -> None:
    await rig.sql("UPDATE email_changes SET auto_accept_at = auto_accept_at - interval '5 s';")
    for receipt in rig.office.receipts:
        receipt.at -= 5


async def deliver_all(rig: Rig) -> None:
    post = Post(Recorder(rig), "no-reply@example.org", "http://gateway.test")
    for mail in await Mail.filter(state=MailState.QUEUED):
        await post.deliver(mail.id)


async def tell_all() -> None:
    await events.publish(policy=POLICY)
    courier = Courier(Client(loopback=True), POLICY)
    for delivery in await WebhookDelivery.all():
        await courier.deliver(delivery.id)


@pytest.mark.parametrize("planted", BREACHES)
async def test_speaks_about_a_planted_breach(rig, planted):
    """Else a green table would say nothing."""
    statements, said = BREACHES[planted]
    await rig.sql(f"{UNCHECKED}; {statements};")

    found = await invariants.breaches(rig, [])

    assert any(breach.startswith(said) for breach in found) if said else found == []


async def test_speaks_about_a_second_copy(rig):
    """Two copies of which the first was taken before everybody's eyes."""
    rig.office.receipts.append(replace(rig.office.receipts[0], at=time.time()))

    found = await invariants.sent_twice(rig)

    assert [breach.partition(":")[0] for breach in found] == ["twice"]


async def test_forgives_a_second_copy_after_an_unknown_end(rig):
    """Whoever died with the answer unread could not know."""
    rig.office.forgive({1})
    rig.office.receipts.append(replace(rig.office.receipts[0], unknown=False))

    assert await invariants.sent_twice(rig) == []


async def test_speaks_about_a_copy_under_another_name(rig):
    """A mail delivered twice must be recognisable."""
    strange = replace(rig.office.receipts[0], message_id="<another@example.org>", unknown=True)
    rig.office.receipts.append(strange)

    found = await invariants.sent_twice(rig)

    assert [breach.partition(":")[0] for breach in found] == ["strange"]


@pytest.mark.parametrize("reason", ["expired", None])
async def test_speaks_about_poison_that_hides(rig, reason):
    """A mail that cannot be written ends with what stood in the way."""
    ids = await rig.sql(
        "UPDATE mails SET state = 'ABANDONED', sent_at = NULL, reason = $1"
        " WHERE template = 'creation' RETURNING id",
        reason,
    )
    rig.poison = {str(row["id"]) for row in ids}

    assert len(await invariants.poison_hidden(rig)) == len(ids) > 0
