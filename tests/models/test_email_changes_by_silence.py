"""The change of the primary address by silence: when the clock starts, and what it decides."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import factories
import pytest
from factories import POLICY

from models import email_changes, sessions
from models.accounts import Account
from models.deliveries import Outcome
from models.email_changes import (
    EmailChange,
    EmailChangeAbortReason,
    EmailChangeAcceptance,
    EmailChangeState,
)
from models.mails import Mail, Template
from models.policy import Policy
from models.sessions import Session

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
VALIDATION = Template.EMAIL_CHANGE_VALIDATION


@pytest.mark.parametrize("outcome", [Outcome.LEFT, Outcome.BOUNCED])
async def test_starts_the_clock_when_the_notice_is_away(alice, time, outcome):
    """A mail that left or bounced has done what it can: the delay of the request runs."""
    policy = Policy(POLICY.secret_keys, auto_accept_after=timedelta(hours=2), bcrypt_cost=4)
    await factories.requested_change(alice, "new@example.org", policy)
    time.advance(timedelta(minutes=7))

    await factories.delivered(VALIDATION, to="alice@example.org", outcome=outcome)

    change = await EmailChange.get()
    assert change.state is EmailChangeState.PENDING
    assert change.auto_accept_at == time.at + timedelta(hours=2)


async def test_waits_while_the_notice_does(alice):
    """Our own faults do not start the clock."""
    await factories.requested_change(alice, "new@example.org")

    await factories.delivered(VALIDATION, to="alice@example.org", outcome=Outcome.FAILED)

    assert (await EmailChange.get()).auto_accept_at is None


async def test_is_accepted_by_silence(alice, time):
    """At the deadline, not before, the new address becomes the primary one."""
    change = await factories.requested_change(alice, "new@example.org")
    await factories.delivered(VALIDATION, to="alice@example.org")
    time.advance(DAY)

    rest = await email_changes.auto_accept(change.id, policy=POLICY)

    stored, account = await EmailChange.get(), await Account.get()
    assert rest is None
    assert (stored.state, stored.settled_at) == (EmailChangeState.DONE, time.at)
    assert stored.accepted_by is EmailChangeAcceptance.SILENCE
    assert stored.revertible_until == time.at + 14 * DAY
    assert (account.email, account.email_proven) == ("new@example.org", False)


@pytest.mark.parametrize("rest", [INSTANT, timedelta(seconds=4), DAY])
async def test_is_never_accepted_early(alice, time, rest):
    """A job that comes early is told how long to wait, and changes nothing."""
    change = await factories.requested_change(alice, "new@example.org")
    await factories.delivered(VALIDATION, to="alice@example.org")
    time.advance(DAY - rest)
    before = await factories.everything()

    found = await email_changes.auto_accept(change.id, policy=POLICY)

    assert found == rest
    assert await factories.everything() == before


async def test_is_not_accepted_before_the_clock_runs(alice, time):
    """As long as nobody was asked, silence is no answer."""
    change = await factories.requested_change(alice, "new@example.org")
    time.advance(30 * DAY)
    before = await factories.everything()

    rest = await email_changes.auto_accept(change.id, policy=POLICY)

    assert rest is None
    assert await factories.everything() == before


async def test_is_accepted_late(alice, time):
    """A worker that was down for a month accepts what is overdue."""
    change = await factories.requested_change(alice, "new@example.org")
    await factories.delivered(VALIDATION, to="alice@example.org")
    time.advance(30 * DAY)

    await email_changes.auto_accept(change.id, policy=POLICY)

    assert (await EmailChange.get()).settled_at == time.at


async def test_is_accepted_by_silence_once(alice):
    """A job that runs twice finds nothing to do."""
    change = await factories.accepted_by_silence(alice, "new@example.org")
    before = await factories.everything()

    rest = await email_changes.auto_accept(change.id, policy=POLICY)

    assert rest is None
    assert await factories.everything() == before


async def test_has_nothing_to_accept(alice):
    """A job for a change that never was does nothing."""
    before = await factories.everything()

    rest = await email_changes.auto_accept(uuid4(), policy=POLICY)

    assert rest is None
    assert await factories.everything() == before


async def test_keeps_the_session_that_asked_when_silence_accepts(alice):
    """Whoever else is in is out."""
    phone = await factories.logged_in("alice@example.org")

    await factories.accepted_by_silence(phone, "new@example.org")

    assert await Session.all().values_list("id", flat=True) == [phone.session.id]


async def test_closes_all_sessions_when_the_one_that_asked_is_gone(alice):
    """Silence keeps no session that did not ask."""
    phone = await factories.logged_in("alice@example.org")
    change = await factories.requested_change(phone, "new@example.org")
    await factories.overdue(change)
    await sessions.sign_out(phone.session)

    await email_changes.auto_accept(change.id, policy=POLICY)

    assert await Session.all().count() == 0


async def test_aborts_by_silence_when_the_address_is_taken(alice):
    """Silence gives away no more than a code does."""
    change = await factories.requested_change(alice, "bob@example.org")
    await factories.overdue(change)
    await factories.signed_up("bob@example.org")

    await email_changes.auto_accept(change.id, policy=POLICY)

    stored = await EmailChange.get()
    assert stored.abort_reason is EmailChangeAbortReason.ADDRESS_TAKEN
    assert (await Account.get(id=alice.account.id)).email == "alice@example.org"


async def test_lists_what_is_due(tables):
    """Overdue changes first, then those of the next seconds; others wait."""
    found = {}
    for seconds in (3, -5, 60):
        opened = await factories.signed_up(f"a{seconds + 10}@example.org")
        change = await factories.requested_change(opened, f"b{seconds + 10}@example.org")
        await factories.delivered(VALIDATION, to=opened.account.email)
        at = datetime.now(UTC) + timedelta(seconds=seconds)
        await EmailChange.filter(id=change.id).update(auto_accept_at=at)
        found[seconds] = change.id

    due = await email_changes.due(within=timedelta(seconds=5), limit=10)
    first = await email_changes.due(within=timedelta(seconds=5), limit=1)

    assert [change_id for change_id, _ in due] == [found[-5], found[3]]
    assert due[0][1] == 0
    assert 1 < due[1][1] <= 3
    assert [change_id for change_id, _ in first] == [found[-5]]


async def test_keeps_its_deadline(alice, time):
    """Neither a wrong code nor a second settlement moves the deadline."""
    change = await factories.requested_change(alice, "new@example.org")
    await factories.delivered(VALIDATION, to="alice@example.org")
    deadline = (await EmailChange.get()).auto_accept_at
    time.advance(timedelta(hours=1))

    session = await factories.session_of(alice)
    await email_changes.confirm(session, factories.WRONG_CODE, policy=POLICY)

    assert deadline == change.requested_at + DAY
    assert (await EmailChange.get()).auto_accept_at == deadline


async def test_runs_by_the_delay_of_the_request(alice, time):
    """An operator who changes the delay does not change what was announced."""
    short = Policy(POLICY.secret_keys, auto_accept_after=timedelta(seconds=3), bcrypt_cost=4)
    change = await factories.requested_change(alice, "new@example.org")
    await factories.delivered(VALIDATION, to="alice@example.org")
    time.advance(timedelta(seconds=3))

    rest = await email_changes.auto_accept(change.id, policy=short)

    assert rest == DAY - timedelta(seconds=3)


async def test_withdraws_the_question(alice, time):
    """A bounced question is not asked again; a question that still waits goes with its change."""
    change = await factories.requested_change(alice, "new@example.org")
    code = await factories.mailed_code(VALIDATION, to="alice@example.org")
    session = await factories.session_of(alice)

    await email_changes.confirm(session, code, policy=POLICY)

    question = await Mail.get(email_change_id=change.id, template=VALIDATION)
    assert (question.state, question.reason, question.secrets) == ("ABANDONED", "void", None)


@pytest.mark.parametrize("is_proven", [False, True])
async def test_accepts_the_spare_address(tables, is_proven):
    """The spare address may become the primary one; proven before, it is proven after."""
    alice = await factories.signed_up("alice@example.org", spare_email="spare@example.org")
    await Account.all().update(spare_email_proven=is_proven)

    change = await factories.accepted_by_silence(alice, "spare@example.org")

    account = await Account.get()
    assert change.state is EmailChangeState.DONE
    assert (account.email, account.email_proven) == ("spare@example.org", is_proven)
    assert (account.spare_email, account.spare_email_proven) == (None, False)
    assert (change.former_spare_email, change.former_spare_email_proven) == (
        "spare@example.org",
        is_proven,
    )
