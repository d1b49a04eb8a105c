"""One mail from the outbox: claimed, written, handed over, settled."""

import logging
from datetime import timedelta

import factories
import pytest
from fakes import MemoryTransport

from models.deliveries import Outcome
from models.mails import Mail, MailState, Template
from workers.mails import Post
from workers.transport import Delivery

SENDER = "Accounts <no-reply@accounts.example.org>"


@pytest.fixture
def transport() -> MemoryTransport:
    return MemoryTransport()


@pytest.fixture
def post(transport: MemoryTransport) -> Post:
    return Post(transport, SENDER, "https://account.example.org")


@pytest.fixture
async def creation(tables) -> Mail:
    await factories.requested_signup("Alice@exämple.org")
    return await Mail.get(template=Template.CREATION)


async def test_sends_a_mail_once(post, transport, creation):
    """A settled mail is not sent again, whoever asks for it."""
    first = await post.deliver(creation.id)
    second = await post.deliver(creation.id)

    settled = await Mail.get(id=creation.id)
    assert (first, second) == (True, False)
    assert len(transport.messages) == 1
    assert settled.state is MailState.SENT
    assert settled.sent_at is not None
    assert settled.attempts == 1


async def test_headers(post, transport, creation):
    """Stable Message-ID, no auto-replies, the domain as mail servers read it."""
    await post.deliver(creation.id)

    message = transport.messages[0]
    assert message["From"] == SENDER
    assert message["To"] == "Alice@xn--exmple-cua.org"
    assert message["Message-ID"] == f"<{creation.id}@accounts.example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "en"
    assert message["Subject"].startswith(f"[{creation.nic_handle}] ")
    assert {part.get_content_type() for part in message.iter_parts()} == {
        "text/plain",
        "text/html",
    }


async def test_a_narrow_screen_may_break_the_lines_anew(post, transport, creation):
    """Each line within a paragraph ends in a space (RFC 3676); codes and paragraphs stay apart."""
    await post.deliver(creation.id)

    plain = transport.messages[0].get_body(("plain",))
    lines = plain.get_content().splitlines()
    paragraphs = "\n".join(lines).split("\n\n")
    assert plain.get_param("format") == "flowed"
    assert creation.secrets["code"] in lines
    assert any(line.endswith(" ") for line in lines)
    for paragraph in paragraphs:
        *within, last = paragraph.split("\n")
        assert all(line.endswith(" ") for line in within)
        assert not last.endswith(" ")


async def test_wipes_the_code_when_the_mail_has_left(post, transport, creation):
    """The code was in the message and stands nowhere afterwards."""
    code = creation.secrets["code"]

    await post.deliver(creation.id)

    row = await Mail.filter(id=creation.id).values()
    assert code in transport.messages[0].get_body(("plain",)).get_content()
    assert code not in str(row)
    assert "****" in row[0]["text"]


async def test_a_bounce_settles(post, transport, creation):
    """A 5xx for the recipient is final and keeps its reason."""
    transport.answer = Delivery(Outcome.BOUNCED, "550 5.1.1 no such mailbox")

    await post.deliver(creation.id)

    settled = await Mail.get(id=creation.id)
    assert settled.state is MailState.BOUNCED
    assert settled.reason == "550 5.1.1 no such mailbox"
    assert settled.sent_at is None
    assert settled.secrets is None


async def test_a_failure_waits_for_its_next_turn(post, transport, creation):
    """The first retry comes after five seconds, with jitter; the code stays for it."""
    transport.answer = Delivery(Outcome.FAILED, "451 greylisted")

    await post.deliver(creation.id)
    again = await post.deliver(creation.id)

    waiting = await Mail.get(id=creation.id)
    assert not again
    assert waiting.state is MailState.QUEUED
    assert 4 < (waiting.due_at - creation.due_at).total_seconds() < 7
    assert waiting.secrets == creation.secrets


async def test_a_poison_mail_is_postponed_and_logged(post, transport, creation, caplog):
    """A mail that cannot be written is a failure of ours: retried, visible, never sent."""
    await Mail.filter(id=creation.id).update(template="no_such_template")

    with caplog.at_level(logging.ERROR):
        await post.deliver(creation.id)

    waiting = await Mail.get(id=creation.id)
    assert transport.messages == []
    assert waiting.state is MailState.QUEUED
    assert waiting.reason == "TemplateNotFound"
    assert str(creation.id) in str([record.__dict__ for record in caplog.records])


async def test_a_server_that_quotes_the_code_does_not_bring_it_into_the_log(
    post, transport, creation, caplog
):
    """Whatever the next server says, the reason that is kept and logged holds no secret."""
    code = creation.secrets["code"]
    transport.answer = Delivery(Outcome.BOUNCED, f"554 spam: {code}")

    with caplog.at_level(logging.INFO):
        await post.deliver(creation.id)

    settled = await Mail.get(id=creation.id)
    assert settled.reason == "554 spam: ****"
    assert code not in str([record.__dict__ for record in caplog.records])


async def test_a_poison_mail_ends_with_what_stood_in_the_way(post, transport, creation):
    """When its use has passed it is given up, and the row still says why it never left."""
    await Mail.filter(id=creation.id).update(template="no_such_template")
    await post.deliver(creation.id)
    past = creation.due_at - timedelta(seconds=1)
    await Mail.filter(id=creation.id).update(due_at=past, expires_at=past)

    await post.deliver(creation.id)

    ended = await Mail.get(id=creation.id)
    assert transport.messages == []
    assert ended.state is MailState.ABANDONED
    assert ended.reason == "expired: TemplateNotFound"
