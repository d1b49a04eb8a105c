"""`nicgate mails` and `nicgate queue`, as processes on a real database."""

import re
from datetime import timedelta
from uuid import uuid4

import factories
import pytest

from models import clock, events, mails
from models.deliveries import Outcome
from models.email_changes import EmailChange
from models.mails import Mail, MailState, Recipient, Template
from models.webhooks import WebhookDelivery

HOUR = timedelta(hours=1)
ASKED = Template.EMAIL_CHANGE_VALIDATION
TOLD = Template.EMAIL_CHANGE_TOLD_NEW


@pytest.fixture
async def bounced(alice):
    """A mail with codes and one without, both refused by the next server."""
    await factories.requested_change(alice, "new@example.org")
    asked = await factories.delivered(ASKED, to="alice@example.org", outcome=Outcome.BOUNCED)
    told = await factories.delivered(TOLD, to="new@example.org", outcome=Outcome.BOUNCED)
    return asked, told


async def test_lists_dead_letters_newest_first(nicgate, bounced):
    """One line a mail says what it was, whose, and why it ended; the rest is no dead letter."""
    done = await nicgate("mails", "list")

    heads, *lines = [re.split(r" {2,}", line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, "")
    assert heads == ["ID", "ENDED", "STATE", "TRIES", "NIC-HANDLE", "MAIL", "REASON"]
    assert [[line[0], *line[2:]] for line in lines] == [
        [str(it.id), "BOUNCED", "1", it.nic_handle, it.template, "as the test wants it"]
        for it in reversed(bounced)
    ]


async def test_lists_what_waits_to_be_tried_again(nicgate, alice):
    """Oldest first, so that it can be requeued once the mail server is back."""
    await factories.requested_change(alice, "new@example.org")
    failed = await factories.delivered(ASKED, to="alice@example.org", outcome=Outcome.FAILED)

    done = await nicgate("mails", "list", "--waiting")

    heads, line = [re.split(r" {2,}", line) for line in done.stdout.splitlines()]
    assert heads[1] == "DUE"
    assert [line[0], *line[2:]] == [
        *(str(failed.id), "QUEUED", "1", failed.nic_handle, failed.template),
        "as the test wants it",
    ]


async def test_tells_a_role_that_is_not_there_in_one_line(nicgate, tables):
    """A wrong URL is no traceback."""
    url = tables.database_url.get_secret_value()

    done = await nicgate("queue", NICGATE_DATABASE_URL=re.sub(r"//.*?@", "//nobody@", url))

    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert 'role "nobody" does not exist' in line or "authentication failed" in line


async def test_lists_nothing_when_nothing_died(nicgate, alice):
    """No dead letter, no line: an operator's alarm may count them."""
    done = await nicgate("mails", "list")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


async def test_lists_no_more_than_wanted(nicgate, bounced):
    """A thousand bounces do not flood a terminal."""
    done = await nicgate("mails", "list", "--limit", 1)

    assert [line.split()[0] for line in done.stdout.splitlines()] == ["ID", str(bounced[1].id)]


async def test_leaves_out_what_an_operation_withdrew(nicgate, alice):
    """A mail whose code is no longer good was not lost."""
    await factories.requested_change(alice, "new@example.org")
    await factories.requested_change(alice, "newer@example.org")

    done = await nicgate("mails", "list")

    assert await Mail.filter(state=MailState.ABANDONED, reason="void").count() == 1
    assert done.stdout == ""


async def test_shows_a_mail_without_its_secrets(nicgate, alice):
    """Whoever has the operator's terminal cannot answer for the holder."""
    await factories.requested_change(alice, "new@example.org")
    mail = await factories.newest(ASKED, to="alice@example.org")
    await Mail.filter(id=mail.id).update(subject="[x] Confirm", text="Your code:\n\n****")

    done = await nicgate("mails", "show", mail.id)

    assert done.returncode == 0
    assert mail.secrets.keys() == {"code", "refuse", "report"}
    assert [secret for secret in mail.secrets.values() if secret in done.stdout] == []
    assert "secrets:      code, refuse, report\n" in done.stdout
    assert f"mail:         {ASKED} (EN)\nto:           alice@example.org\n" in done.stdout
    assert done.stdout.endswith("subject:      [x] Confirm\n\nYour code:\n\n****\n")


async def test_requeues_what_needs_no_secret(nicgate, bounced):
    """Once the cause is mended a notice goes out after all, with the same Message-ID."""
    told = bounced[1]

    done = await nicgate("mails", "requeue", told.id)

    again = await Mail.get(id=told.id)
    claimed = await mails.claim(told.id)
    assert (done.returncode, done.stdout) == (0, f"{told.id} is due now\n")
    assert (again.state, again.settled_at, again.claimed_at) == (MailState.QUEUED, None, None)
    assert again.expires_at > told.settled_at + 71 * HOUR
    assert (claimed.id, claimed.attempts) == (told.id, 2)


async def test_requeues_nothing_whose_secrets_are_wiped(nicgate, bounced):
    """A mail without its code would be worse than none; the holder asks for a new code."""
    before = await factories.everything()

    done = await nicgate("mails", "requeue", bounced[0].id)

    assert done.returncode == 1
    assert done.stderr == (
        f"{bounced[0].id}: its codes and links are wiped; its holder must ask for a new code\n"
        "Not everything was done.\n"
    )
    assert await factories.everything() == before


async def test_requeues_what_it_can(nicgate, bounced):
    """One refusal does not keep the others from their turn, and is seen in the status."""
    asked, told = bounced

    done = await nicgate("mails", "requeue", asked.id, told.id)

    assert (done.returncode, done.stdout) == (1, f"{told.id} is due now\n")
    assert (await Mail.get(id=asked.id)).state is MailState.BOUNCED
    assert (await Mail.get(id=told.id)).state is MailState.QUEUED


async def test_requeues_what_waits_for_its_next_attempt(nicgate, alice):
    """After an outage nobody has to wait four hours for the next try."""
    await factories.requested_change(alice, "new@example.org")
    waiting = await factories.delivered(ASKED, to="alice@example.org", outcome=Outcome.FAILED)
    await Mail.filter(id=waiting.id).update(due_at=waiting.queued_at + 4 * HOUR)

    done = await nicgate("mails", "requeue", waiting.id)

    claimed = await mails.claim(waiting.id)
    assert done.returncode == 0
    assert claimed.secrets == waiting.secrets
    assert claimed.expires_at == waiting.expires_at


@pytest.mark.parametrize("state", ["sent", "claimed"])
async def test_requeues_nothing_that_is_away(nicgate, alice, state):
    """What has left, or is leaving now, would arrive twice."""
    await factories.requested_change(alice, "new@example.org")
    mail = await factories.newest(TOLD, to="new@example.org")
    if state == "sent":
        await factories.delivered(TOLD, to="new@example.org")
    else:
        await mails.claim(mail.id)
    before = await factories.everything()

    done = await nicgate("mails", "requeue", mail.id)

    assert done.returncode == 1
    assert f"{mail.id}: it was sent, or is being sent now\n" in done.stderr
    assert await factories.everything() == before


async def test_drops_a_dead_letter(nicgate, bounced):
    """What an operator has seen leaves the list, and stays in the history of the account."""
    asked, told = bounced

    done = await nicgate("mails", "drop", asked.id)

    listed = (await nicgate("mails", "list")).stdout
    kept = await Mail.get(id=asked.id)
    assert (done.returncode, done.stdout) == (0, f"{asked.id} is off the list\n")
    assert str(asked.id) not in listed
    assert str(told.id) in listed
    assert (kept.state, kept.reason) == (MailState.BOUNCED, "as the test wants it")


async def test_drops_nothing_that_may_still_leave(nicgate, alice):
    """A queued mail is no dead letter: dropping it would lose it silently."""
    await factories.requested_change(alice, "new@example.org")
    mail = await factories.newest(ASKED, to="alice@example.org")
    before = await factories.everything()

    done = await nicgate("mails", "drop", mail.id)

    assert done.returncode == 1
    assert (
        f"{mail.id}: it was sent, or has not ended; only a dead letter can be dropped\n"
        in done.stderr
    )
    assert await factories.everything() == before


@pytest.mark.parametrize("action", ["show", "requeue", "drop"])
async def test_knows_no_other_mail(nicgate, tables, action):
    """A wrong id is said so."""
    unknown = uuid4()

    done = await nicgate("mails", action, unknown)

    assert (done.returncode, done.stdout) == (1, "")
    assert f"{unknown}: there is no such mail\n" in done.stderr


async def test_queue_is_what_is_due_oldest_first(nicgate, alice):
    """Mails and acceptances in the order of their deadlines; what is not due is left out."""
    change = await factories.requested_change(alice, "new@example.org")
    now = await clock.now()
    await Mail.all().update(due_at=now + HOUR)
    late = await mails.queue(
        Template.FROZEN, Recipient.of(alice.account), at=now - HOUR, lifetime=2 * HOUR
    )
    await EmailChange.all().update(auto_accept_at=now - 2 * HOUR)
    await events.publish(policy=factories.POLICY)
    await factories.webhook(await factories.access(first_party=True))
    await factories.told(alice.account)
    await WebhookDelivery.all().update(due_at=now - HOUR / 2)
    delivery = await WebhookDelivery.get()

    done = await nicgate("queue")

    heads, *lines = [re.split(r" {2,}", line) for line in done.stdout.splitlines()]
    handle = alice.account.nic_handle
    assert (done.returncode, done.stderr) == (0, "")
    assert heads == ["ID", "DUE", "LATE", "TRIES", "NIC-HANDLE", "WHAT"]
    assert [[line[0], *line[3:]] for line in lines] == [
        [str(change.id), "0", handle, "acceptance"],
        [str(late.id), "0", handle, "frozen"],
        [str(delivery.id), "0", handle, "webhook"],
    ]
    lateness = [int(line[2].removesuffix(" s")) for line in lines]
    assert [round(seconds, -2) for seconds in lateness] == [7200, 3600, 1800]


@pytest.mark.parametrize("words", [("mails", "list"), ("queue",)], ids=["mails", "queue"])
async def test_without_a_database_says_so_in_one_line(nicgate, tables, words):
    """An operator at three in the morning needs no stack trace."""
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"

    done = await nicgate(*words, NICGATE_DATABASE_URL=nowhere)

    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("The database cannot be asked: ConnectionRefusedError: ")


async def test_without_an_id_says_so(nicgate, tables):
    """Nothing is requeued by omission."""
    done = await nicgate("mails", "requeue")

    assert (done.returncode, done.stderr) == (1, "nicgate mails requeue needs an ID.\n")
