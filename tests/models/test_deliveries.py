"""Deliveries: what follows from the fate of a mail."""

from datetime import timedelta

import factories
import pytest
from factories import POLICY

from models import deliveries, email_changes, mails, signups
from models.accounts import Account
from models.deliveries import Attempt, Outcome
from models.email_changes import EmailChange, EmailChangeAbortReason, EmailChangeState
from models.mails import Mail, MailState, Template

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
VALIDATION = Template.EMAIL_CHANGE_VALIDATION
WAITS = [5, 30, 120, 600, 1800, 3600, 7200, 14400, 14400, 14400]


@pytest.fixture
async def question(alice):
    """The claimed mail that asks Alice about a change."""
    change = await factories.requested_change(alice, "new@example.org")
    mail = await Mail.get(email_change_id=change.id, template=VALIDATION)
    return await mails.claim(mail.id)


async def settle(mail, outcome, *, number=None, reason=""):
    return await deliveries.settle(Attempt(mail.id, number or mail.attempts, outcome, reason))


async def test_notes_that_a_mail_has_left(question, time):
    """A sent mail says when, and has no secrets any more."""
    state = await settle(question, Outcome.LEFT)

    mail = await Mail.get(id=question.id)
    assert state is MailState.SENT
    assert (mail.state, mail.secrets) == (MailState.SENT, None)
    assert (mail.sent_at, mail.settled_at, mail.reason) == (time.at, time.at, None)


async def test_notes_that_a_mail_bounced(question, time):
    """A bounced mail says why, and has no secrets any more."""
    state = await settle(question, Outcome.BOUNCED, reason="550 no such user")

    mail = await Mail.get(id=question.id)
    assert state is MailState.BOUNCED
    assert (mail.state, mail.secrets, mail.reason) == (MailState.BOUNCED, None, "550 no such user")
    assert (mail.sent_at, mail.settled_at) == (None, time.at)


async def test_keeps_what_its_holder_may_read(question):
    """The masked text of the first attempt is kept with its outcome."""
    told = {"subject": "[am000000-OVH] Hello", "text": "Your code: ****"}

    await deliveries.settle(Attempt(question.id, 1, Outcome.FAILED, "421 later", **told))
    await deliveries.settle(Attempt(question.id, 1, Outcome.LEFT, subject="x", text="y"))

    mail = await Mail.get(id=question.id)
    assert {"subject": mail.subject, "text": mail.text} == told
    assert mail.state is MailState.SENT


@pytest.mark.parametrize(("attempt", "wait"), list(enumerate(WAITS, start=1)))
async def test_tries_again_later_and_later(question, time, attempt, wait):
    """5 s, 30 s, 2 min ... 2 h, then every 4 h, give or take a tenth."""
    await Mail.filter(id=question.id).update(attempts=attempt)

    state = await settle(question, Outcome.FAILED, number=attempt, reason="421 try later")

    mail = await Mail.get(id=question.id)
    assert state is MailState.QUEUED
    assert 0.9 * wait <= (mail.due_at - time.at).total_seconds() <= 1.1 * wait
    assert (mail.reason, mail.settled_at) == ("421 try later", None)
    assert mail.secrets == question.secrets


async def test_spreads_what_failed_together(alice, time):
    """Mails of one outage do not come back as one."""
    to = mails.Recipient.of(alice.account)
    queued = [
        await mails.queue(Template.ADDRESS_CLAIMED, to, at=time.at, lifetime=HOUR) for _ in range(8)
    ]

    for mail in queued:
        await settle(await mails.claim(mail.id), Outcome.FAILED)

    due = await Mail.filter(template=Template.ADDRESS_CLAIMED).values_list("due_at", flat=True)
    assert len(set(due)) == 8


async def test_gives_up_when_of_no_use(question, time):
    """72 hours after the request a notice is given up, without its secrets."""
    time.advance(timedelta(hours=72))

    state = await settle(question, Outcome.FAILED, reason="421 try later")

    mail = await Mail.get(id=question.id)
    assert state is MailState.ABANDONED
    assert (mail.state, mail.secrets) == (MailState.ABANDONED, None)
    assert (mail.reason, mail.settled_at, mail.sent_at) == ("421 try later", time.at, None)


async def test_aborts_the_change_that_nobody_could_be_asked_about(question, time):
    """Without its question a change comes to nothing, and the holder is told."""
    time.advance(timedelta(hours=72))

    await settle(question, Outcome.FAILED)

    change = await EmailChange.get()
    told = await Mail.get(template=Template.EMAIL_CHANGE_ABORTED)
    assert (change.state, change.settled_at) == (EmailChangeState.ABORTED, time.at)
    assert change.abort_reason is EmailChangeAbortReason.NOTICE_NOT_DELIVERED
    assert (change.auto_accept_at, change.code_digest) == (None, None)
    assert (told.recipient, told.params["reason"]) == ("alice@example.org", "NOTICE_NOT_DELIVERED")
    assert (await Account.get()).email == "alice@example.org"


@pytest.mark.parametrize("outcome", [Outcome.LEFT, Outcome.BOUNCED])
async def test_counts_once(question, time, outcome):
    """A settlement that is repeated changes nothing: not the mail, not the deadline."""
    await settle(question, outcome)
    before = await factories.everything()
    time.advance(HOUR)

    states = {await settle(question, again) for again in Outcome}

    assert len(states) == 1
    assert await factories.everything() == before


async def test_counts_a_mail_that_left_after_its_lease(question, time):
    """A worker whose lease ran out has still sent the mail; the second one need not matter."""
    second = await again(question)

    state = await settle(question, Outcome.LEFT)
    then = await settle(second, Outcome.FAILED)

    assert (state, then) == (MailState.SENT, MailState.SENT)
    assert (await EmailChange.get()).auto_accept_at == time.at + 24 * HOUR
    assert (await Mail.get(id=question.id)).secrets is None


async def test_counts_no_failure_after_its_lease(question, time):
    """A failure that comes late says nothing of the attempt under way."""
    second = await again(question)
    before = await factories.everything()

    state = await settle(question, Outcome.FAILED, reason="421 try later")

    assert state is MailState.QUEUED
    assert await factories.everything() == before
    assert await settle(second, Outcome.LEFT) is MailState.SENT


async def test_does_not_revive_what_was_withdrawn(alice, question):
    """A question that left after its change was superseded starts no clock and stays withdrawn."""
    await factories.requested_change(alice, "newer@example.org")
    before = await factories.everything()

    state = await settle(question, Outcome.LEFT)

    assert state is MailState.ABANDONED
    assert await factories.everything() == before
    assert await EmailChange.filter(auto_accept_at=None).count() == 2


async def test_starts_no_clock_of_a_settled_change(alice, question):
    """A question that bounces after the code was typed changes nothing."""
    await factories.confirmed(alice, await EmailChange.get())
    before = await factories.everything()

    state = await settle(question, Outcome.BOUNCED)

    assert state is MailState.ABANDONED
    assert await factories.everything() == before


@pytest.mark.parametrize("outcome", [Outcome.LEFT, Outcome.BOUNCED])
async def test_starts_no_clock_by_another_mail(alice, question, outcome):
    """Only the question starts the clock: telling the new address does not."""
    told = await Mail.get(template=Template.EMAIL_CHANGE_TOLD_NEW)

    await settle(await mails.claim(told.id), outcome)

    assert (await EmailChange.get()).auto_accept_at is None
    assert (await Mail.get(id=question.id)).state is MailState.QUEUED


async def test_aborts_nothing_by_another_mail(alice, question, time):
    """When only the new address cannot be told, the change goes on."""
    told = await Mail.get(template=Template.EMAIL_CHANGE_TOLD_NEW)
    claimed = await mails.claim(told.id)
    time.advance(timedelta(hours=72))

    state = await settle(claimed, Outcome.FAILED)

    assert state is MailState.ABANDONED
    assert (await EmailChange.get()).state is EmailChangeState.PENDING


async def test_aborts_nothing_once_the_clock_runs(alice, question, time):
    """The holder was asked: a second question that never leaves changes nothing about that."""
    await settle(question, Outcome.LEFT)
    deadline = (await EmailChange.get()).auto_accept_at
    time.advance(timedelta(hours=1))
    await email_changes.resend(await factories.session_of(alice), policy=POLICY)
    resent = await Mail.filter(template=Template.EMAIL_CHANGE_VALIDATION, state="QUEUED").get()
    time.advance(timedelta(hours=72))

    state = await settle(resent, Outcome.FAILED)

    change = await EmailChange.get()
    assert state is MailState.ABANDONED
    assert (change.state, change.auto_accept_at) == (EmailChangeState.PENDING, deadline)


async def test_settles_mails_of_signups(tables):
    """A creation mail has no account yet."""
    await factories.requested_signup("alice@example.org")

    mail = await factories.delivered(Template.CREATION, to="alice@example.org")

    assert (mail.state, mail.secrets, mail.account_id) == (MailState.SENT, None, None)


async def test_leaves_a_code_that_left_as_good(tables):
    """Once the mail is away the code is wiped from it, and still opens."""
    challenge = await factories.requested_signup("alice@example.org")
    code = await factories.mailed_code(Template.CREATION, to="alice@example.org")
    await factories.delivered(Template.CREATION, to="alice@example.org")

    opened = await signups.confirm(challenge.id, code, client=factories.CLIENT, policy=POLICY)

    assert opened.account.email == "alice@example.org"
    assert code not in str(await factories.everything())


async def test_settles_a_mail_that_moved_to_its_account(tables):
    """Who types the code before the server's answer is noted keeps the mail in the list."""
    challenge = await factories.requested_signup("alice@example.org")
    code = await factories.mailed_code(Template.CREATION, to="alice@example.org")
    claimed = await mails.claim((await Mail.get()).id)
    opened = await signups.confirm(challenge.id, code, client=factories.CLIENT, policy=POLICY)

    state = await settle(claimed, Outcome.LEFT)

    mail = await Mail.get(id=claimed.id)
    assert state is MailState.SENT
    assert (mail.account_id, mail.signup_id) == (opened.account.id, None)


@pytest.mark.parametrize("outcome", Outcome)
async def test_has_nothing_to_settle(tables, outcome):
    """A mail that went with its sign-up while a worker sent it is nobody's concern."""
    await factories.requested_signup("alice@example.org", firstName="Mallory")
    claimed = await mails.claim((await Mail.get()).id)
    await factories.signed_up("alice@example.org")
    before = await factories.everything()

    state = await settle(claimed, outcome)

    assert state is None
    assert await factories.everything() == before


async def test_keeps_a_deadline_that_runs(alice, question, time):
    """A question that is sent twice starts the clock once."""
    await settle(question, Outcome.LEFT)
    time.advance(HOUR)

    change = await EmailChange.get()
    rest = await email_changes.auto_accept(change.id, policy=POLICY)

    assert rest == 23 * HOUR


async def again(mail):
    """The same mail, claimed by another worker after the lease ran out."""
    await Mail.filter(id=mail.id).update(due_at=mail.queued_at)
    return await mails.claim(mail.id)
