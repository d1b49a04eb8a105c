"""The outbox: a mail is a row, taken under a lease, settled once, and then without secrets."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import factories
import pytest
from tortoise.transactions import in_transaction

from models import clock, mails, withdrawals
from models.accounts import Account
from models.mails import Mail, MailState, Recipient, Template
from models.profiles import Language

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
SETTLED = [MailState.SENT, MailState.BOUNCED, MailState.ABANDONED]


def row(**columns):
    given = {"secrets": {"code": "BCDF-GHJK"}, "due_at": NOON, "expires_at": NOON + DAY}
    return Mail(**given | columns)


async def queued(account, *, due=timedelta(0), **columns):
    """A mail that is due in so long, by PostgreSQL's clock."""
    at = await clock.now()
    mail = await mails.queue(Template.ADDRESS_CLAIMED, Recipient.of(account), at=at, lifetime=DAY)
    await Mail.filter(id=mail.id).update(due_at=at + due, **columns)
    return await Mail.get(id=mail.id)


async def test_goes_with_its_cause(alices_account):
    """A mail whose cause was rolled back never was."""
    before = await Mail.all().count()

    with pytest.raises(ZeroDivisionError):
        await queue_and_fail(alices_account)

    assert await Mail.all().count() == before


async def test_is_queued_with_all_it_needs(alices_account):
    """Whatever becomes of the account, the row says whom to write to, and what."""
    mail = await mails.queue(
        Template.EMAIL_CHANGE_ABORTED,
        Recipient.of(alices_account).at("other@example.org"),
        at=NOON,
        lifetime=DAY,
        params={"first_name": "Zoë <b>"},
        secrets={"code": "BCDF-GHJK"},
    )

    stored = await Mail.get(id=mail.id)
    assert (stored.template, stored.recipient) == ("email_change_aborted", "other@example.org")
    assert (stored.account_id, stored.signup_id) == (alices_account.id, None)
    assert (stored.language, stored.nic_handle) == (Language.EN, alices_account.nic_handle)
    assert stored.params == {"first_name": "Zoë <b>"}
    assert stored.secrets == {"code": "BCDF-GHJK"}
    assert (stored.state, stored.attempts) == (MailState.QUEUED, 0)
    assert (stored.queued_at, stored.due_at, stored.expires_at) == (NOON, NOON, NOON + DAY)
    assert (stored.sent_at, stored.settled_at, stored.reason) == (None, None, None)


def test_goes_to_the_address_with_power():
    """An account is written to at its last proven address, unless another is named."""
    account = Account(
        id=uuid4(),
        email="new@example.org",
        last_proven_email="old@example.org",
        language=Language.FR,
        nic_handle="am000000-OVH",
    )

    recipient = Recipient.of(account)

    assert recipient.address == "old@example.org"
    assert recipient.at("new@example.org").address == "new@example.org"
    assert recipient.at("new@example.org").account_id == account.id
    assert (recipient.language, recipient.nic_handle) == (Language.FR, "am000000-OVH")


@pytest.mark.parametrize("state", SETTLED)
def test_is_settled_without_secrets(state):
    """Whatever became of it, a settled mail holds no code; only a sent one says when."""
    mail = row()

    mail.settle(state, at=NOON, reason="x" * 300)

    assert (mail.state, mail.settled_at, mail.secrets) == (state, NOON, None)
    assert mail.sent_at == (NOON if state is MailState.SENT else None)
    assert mail.reason == "x" * 200


@pytest.mark.parametrize("state", SETTLED)
@pytest.mark.parametrize("then", MailState)
def test_is_settled_once(state, then):
    """What has left the queue does not come back, and does not end twice."""
    mail = row(state=state, settled_at=NOON, sent_at=None)

    with pytest.raises(ValueError, match="cannot become"):
        mail.settle(then, at=NOON + DAY)

    assert (mail.state, mail.settled_at) == (state, NOON)


def test_is_not_settled_by_staying():
    """QUEUED is no end."""
    mail = row()

    with pytest.raises(ValueError, match="QUEUED cannot become QUEUED"):
        mail.settle(MailState.QUEUED, at=NOON)

    assert mail.secrets is not None


def test_comes_due_again():
    """A postponed mail keeps its secrets and says why it waits."""
    mail = row()

    mail.postpone(30 * SECOND, at=NOON, reason="421 try later " * 30)

    assert (mail.state, mail.due_at) == (MailState.QUEUED, NOON + 30 * SECOND)
    assert mail.secrets == {"code": "BCDF-GHJK"}
    assert len(mail.reason) == 200


@pytest.mark.parametrize(
    ("after", "state", "due"),
    [
        (timedelta(), MailState.QUEUED, timedelta(hours=4)),
        (timedelta(hours=23), MailState.QUEUED, DAY),
        (DAY, MailState.ABANDONED, timedelta()),
    ],
)
def test_is_abandoned_when_of_no_use(after, state, due):
    """A mail is tried until its use has passed, and not given up a retry earlier."""
    mail = row()

    mail.postpone(timedelta(hours=4), at=NOON + after, reason="421 try later")

    assert (mail.state, mail.reason, mail.due_at) == (state, "421 try later", NOON + due)
    assert (mail.secrets is None) is (state is MailState.ABANDONED)


async def test_is_claimed_under_a_lease(alices_account):
    """A claimed mail is nobody else's for a minute; the attempt counts before it is made."""
    mail = await queued(alices_account)
    before = await clock.now()

    claimed = await mails.claim(mail.id)

    assert (claimed.id, claimed.attempts, claimed.state) == (mail.id, 1, MailState.QUEUED)
    assert before + 60 * SECOND < claimed.due_at <= await clock.now() + 60 * SECOND
    assert await mails.claim(mail.id) is None
    assert (await Mail.get(id=mail.id)).attempts == 1


async def test_is_claimed_again_when_the_lease_ran_out(alices_account):
    """The mail of a worker that was killed is sent by another."""
    mail = await queued(alices_account)
    await mails.claim(mail.id)
    await Mail.filter(id=mail.id).update(due_at=await clock.now())

    claimed = await mails.claim(mail.id)

    assert claimed.attempts == 2


async def test_is_not_claimed_before_it_is_due(alices_account):
    """A mail that waits for its next attempt is left alone."""
    mail = await queued(alices_account, due=5 * SECOND)

    claimed = await mails.claim(mail.id)

    assert claimed is None
    assert (await Mail.get(id=mail.id)).attempts == 0


@pytest.mark.parametrize("state", SETTLED)
async def test_is_not_claimed_when_settled(alices_account, state):
    """What was settled is not sent, late jobs or not."""
    mail = await queued(alices_account)
    mail.settle(state, at=await clock.now())
    await mail.save()

    claimed = await mails.claim(mail.id)

    assert claimed is None
    assert (await Mail.get(id=mail.id)).attempts == 0


async def test_is_not_claimed_when_there_is_none(tables):
    """A job for a mail that is gone finds nothing to do."""
    claimed = await mails.claim(uuid4())

    assert claimed is None


async def test_is_not_claimed_while_it_is_locked(alices_account):
    """A mail that is being settled is skipped, not waited for."""
    mail = await queued(alices_account)
    held, released = asyncio.Event(), asyncio.Event()
    settling = asyncio.create_task(hold(mail, held, released))
    await held.wait()

    async with asyncio.timeout(5):
        claimed = await mails.claim(mail.id)

    released.set()
    await settling
    assert claimed is None
    assert (await Mail.get(id=mail.id)).attempts == 0


async def test_lists_what_is_due(alices_account):
    """What is overdue comes first, then what is due within seconds; the rest waits."""
    await Mail.all().delete()
    soon = await queued(alices_account, due=3 * SECOND)
    overdue = await queued(alices_account, due=-DAY)
    await queued(alices_account, due=60 * SECOND)
    sent = await queued(alices_account)
    sent.settle(MailState.SENT, at=await clock.now())
    await sent.save()

    due = await mails.due(within=5 * SECOND, limit=10)
    first = await mails.due(within=5 * SECOND, limit=1)

    assert [mail_id for mail_id, _ in due] == [overdue.id, soon.id]
    assert due[0][1] == 0
    assert 1 < due[1][1] <= 3
    assert [mail_id for mail_id, _ in first] == [overdue.id]


async def test_withdraws_what_is_queued_of_a_change(alice):
    """Only the mails of this kind about this change end, without their secrets."""
    change = await factories.requested_change(alice, "new@example.org")

    await withdrawals.withdraw_question(change.id, at=NOON)

    ended = await Mail.exclude(state=MailState.QUEUED)
    assert [(mail.template, mail.state) for mail in ended] == [
        (Template.EMAIL_CHANGE_VALIDATION, MailState.ABANDONED)
    ]
    assert (ended[0].settled_at, ended[0].sent_at) == (NOON, None)
    assert (ended[0].reason, ended[0].secrets) == ("void", None)


async def test_does_not_withdraw_what_was_sent(alice):
    """A mail that left stays SENT when its change ends."""
    change = await factories.requested_change(alice, "new@example.org")
    sent = await factories.delivered(Template.EMAIL_CHANGE_VALIDATION, to="alice@example.org")

    await withdrawals.withdraw_question(change.id, at=NOON)

    assert dict(await Mail.get(id=sent.id)) == dict(sent)


async def queue_and_fail(account):
    async with in_transaction():
        await queued(account)
        raise ZeroDivisionError


async def hold(mail, held, released):
    async with in_transaction():
        await Mail.select_for_update().get(id=mail.id)
        held.set()
        await released.wait()
