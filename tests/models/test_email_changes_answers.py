"""The answers to a change other than yes, and the ways in which it comes to nothing."""

from datetime import timedelta

import factories
import pytest
from factories import CLIENT, DELAY, PASSWORD, POLICY

from models import email_changes, passwords
from models.accounts import Account, AccountState
from models.challenges import InvalidCodeError
from models.deliveries import Outcome
from models.email_changes import (
    EmailChange,
    EmailChangeAbortReason,
    EmailChangeState,
    NothingPendingError,
    TooManyRequestsError,
)
from models.mails import Mail, MailState, Template
from models.passwords import MailDestination
from models.policy import DAY, NOTICE_LIFETIME

ALICE, NEW, OTHER = "alice@example.org", "alice@new.example", "alice@other.example"
VALIDATION = Template.EMAIL_CHANGE_VALIDATION
ABORTED = EmailChangeState.ABORTED
WRONG = "BBBB-BBBB"
MINUTE = timedelta(minutes=1)
NEXT_PASSWORD = "Window-Violin-77-green"


async def code_for(email):
    return await factories.mailed_code(VALIDATION, to=email)


async def refuse_link(email):
    return await factories.mailed_link(VALIDATION, "refuse", to=email)


async def test_refuses_from_the_mailbox(time, alice):
    """The link of the validation mail ends the change; the address stays; who is known is told."""
    await factories.with_spare(alice, "spare@example.org")
    change = await factories.requested_change(alice, NEW)
    time.advance(MINUTE)

    refused = await email_changes.refuse(*await refuse_link(ALICE))

    account = await Account.get(id=alice.account.id)
    assert (refused.id, refused.state) == (change.id, EmailChangeState.REFUSED)
    assert (refused.settled_at, refused.attempts_left) == (time.at, 0)
    assert (account.email, account.state) == (ALICE, AccountState.ACTIVE)
    told = await Mail.filter(template=Template.EMAIL_CHANGE_REFUSED).order_by("recipient")
    assert [mail.recipient for mail in told] == [ALICE, "spare@example.org"]
    assert {mail.params["new_email"] for mail in told} == {NEW}


async def test_refusal_ends_the_code(time, alice):
    """After a refusal neither the code nor silence accepts anything."""
    change = await factories.requested_change(alice, NEW)
    code = await code_for(ALICE)
    link = await refuse_link(ALICE)
    await factories.delivered(VALIDATION, to=ALICE)
    await email_changes.refuse(*link)
    before = await factories.everything()

    time.advance(DELAY)
    await email_changes.auto_accept(change.id, policy=POLICY)
    with pytest.raises(NothingPendingError):
        await email_changes.confirm(await factories.session_of(alice), code, policy=POLICY)

    assert await factories.everything() == before


async def test_refusal_withdraws_the_question(tables, alice):
    """A validation mail that has not left yet is not sent any more, and its code is wiped."""
    await factories.requested_change(alice, NEW)

    await email_changes.refuse(*await refuse_link(ALICE))

    mail = await factories.newest(VALIDATION, to=ALICE)
    assert (mail.state, mail.secrets) == (MailState.ABANDONED, None)


async def test_refuses_once(tables, alice):
    """A refuse link is spent by its use."""
    await factories.requested_change(alice, NEW)
    link = await refuse_link(ALICE)
    await email_changes.refuse(*link)
    before = await factories.everything()

    with pytest.raises(InvalidCodeError) as refusal:
        await email_changes.refuse(*link)

    assert refusal.value.attempts_left is None
    assert await factories.everything() == before


@pytest.mark.parametrize("ending", ["code", "silence", "cancelled", "superseded"])
async def test_refuses_nothing_that_is_settled(time, alice, ending):
    """A change that has ended is not refused any more; how it ended stays."""
    change = await factories.requested_change(alice, NEW)
    link, code = await refuse_link(ALICE), await code_for(ALICE)
    session = await factories.session_of(alice)
    if ending == "code":
        await email_changes.confirm(session, code, policy=POLICY)
    elif ending == "silence":
        await factories.delivered(VALIDATION, to=ALICE)
        time.advance(DELAY)
        await email_changes.auto_accept(change.id, policy=POLICY)
    elif ending == "cancelled":
        await email_changes.cancel(session)
    else:
        await factories.requested_change(alice, OTHER)
    before = await factories.everything()

    with pytest.raises(NothingPendingError):
        await email_changes.refuse(*link)

    assert await factories.everything() == before


async def test_cancels(time, alice):
    """The holder drops the change: ABORTED, code and link are dead, the question is withdrawn."""
    change = await factories.requested_change(alice, NEW)
    code, link = await code_for(ALICE), await refuse_link(ALICE)

    cancelled = await email_changes.cancel(await factories.session_of(alice))

    assert cancelled.id == change.id
    assert (cancelled.state, cancelled.abort_reason) == (ABORTED, EmailChangeAbortReason.CANCELLED)
    assert (await factories.newest(VALIDATION, to=ALICE)).state is MailState.ABANDONED
    told = await factories.newest(Template.EMAIL_CHANGE_ABORTED, to=ALICE)
    assert (told.params["new_email"], told.params["reason"]) == (NEW, "CANCELLED")
    with pytest.raises(NothingPendingError):
        await email_changes.confirm(await factories.session_of(alice), code, policy=POLICY)
    with pytest.raises(NothingPendingError):
        await email_changes.refuse(*link)


async def test_cancels_nothing(tables, alice):
    """Without a pending change there is nothing to cancel."""
    before = await factories.everything()

    with pytest.raises(NothingPendingError):
        await email_changes.cancel(await factories.session_of(alice))

    assert await factories.everything() == before


async def test_resent_code_replaces_the_former_one(time, alice):
    """A new code is mailed with a new link; the old code fails, and costs a try."""
    change = await factories.requested_change(alice, NEW)
    old_code, old_link = await code_for(ALICE), await refuse_link(ALICE)
    time.advance(MINUTE)

    await email_changes.resend(await factories.session_of(alice), policy=POLICY)

    session = await factories.session_of(alice)
    wrong = await email_changes.confirm(session, old_code, policy=POLICY)
    assert (type(wrong), wrong.attempts_left) == (InvalidCodeError, 4)
    assert await refuse_link(ALICE) != old_link
    done = await email_changes.confirm(session, await code_for(ALICE), policy=POLICY)
    assert (done.id, done.state) == (change.id, EmailChangeState.DONE)


@pytest.mark.parametrize("which", ["old", "new"])
async def test_every_refuse_link_of_a_pending_change_works(time, alice, which):
    """A new code does not take the way to say no that is in the mailbox already."""
    await factories.requested_change(alice, NEW)
    links = {"old": await refuse_link(ALICE)}
    time.advance(MINUTE)
    await email_changes.resend(await factories.session_of(alice), policy=POLICY)
    links["new"] = await refuse_link(ALICE)

    refused = await email_changes.refuse(*links[which])

    assert refused.state is EmailChangeState.REFUSED


async def test_resent_mail_says_what_the_first_one_said(time, alice):
    """Who asked, when and from where stays what it was."""
    await factories.requested_change(alice, NEW)
    first = await factories.newest(VALIDATION, to=ALICE)
    time.advance(MINUTE)

    await email_changes.resend(await factories.session_of(alice), policy=POLICY)

    second = await factories.newest(VALIDATION, to=ALICE)
    assert second.id != first.id
    assert second.params == first.params


async def test_resending_keeps_the_deadline(time, alice):
    """The clock started with the first mail; a second one, even a bounced one, moves nothing."""
    change = await factories.requested_change(alice, NEW)
    await factories.delivered(VALIDATION, to=ALICE)
    deadline = time.at + DELAY
    time.advance(timedelta(hours=3))

    await email_changes.resend(await factories.session_of(alice), policy=POLICY)
    await factories.delivered(VALIDATION, to=ALICE, outcome=Outcome.BOUNCED)

    await change.refresh_from_db()
    assert change.auto_accept_at == deadline


async def test_resending_before_the_first_mail_has_left_replaces_it(time, alice):
    """The mail with the dead code is not sent any more; the clock starts with the other one."""
    change = await factories.requested_change(alice, NEW)
    first = await factories.newest(VALIDATION, to=ALICE)
    time.advance(MINUTE)
    await email_changes.resend(await factories.session_of(alice), policy=POLICY)
    time.advance(MINUTE)

    await factories.delivered(VALIDATION, to=ALICE)

    await first.refresh_from_db()
    await change.refresh_from_db()
    assert first.state is MailState.ABANDONED
    assert change.auto_accept_at == time.at + DELAY


async def test_resending_does_not_renew_the_attempts(time, alice):
    """Tries belong to the change: the fifth wrong code ends it, whatever was mailed between."""
    change = await factories.requested_change(alice, NEW)
    session = await factories.session_of(alice)
    for _ in range(3):
        await email_changes.confirm(session, WRONG, policy=POLICY)
    time.advance(MINUTE)

    await email_changes.resend(session, policy=POLICY)

    left = [
        (await email_changes.confirm(session, WRONG, policy=POLICY)).attempts_left for _ in range(2)
    ]
    await change.refresh_from_db()
    assert left == [1, None]
    assert change.abort_reason is EmailChangeAbortReason.TOO_MANY_ATTEMPTS


async def test_resends_once_a_minute(time, alice):
    """A second code within the minute is refused, and says when it will not be."""
    await factories.requested_change(alice, NEW)
    session, sent_at = await factories.session_of(alice), time.at
    time.advance(MINUTE - timedelta(seconds=1))
    before = await factories.everything()

    with pytest.raises(TooManyRequestsError) as refusal:
        await email_changes.resend(session, policy=POLICY)

    assert refusal.value.retry_at == sent_at + MINUTE
    assert await factories.everything() == before


async def test_resends_three_times_a_change(time, alice):
    """A change has three codes beyond the first; after that one has to ask anew."""
    change = await factories.requested_change(alice, NEW)
    session = await factories.session_of(alice)
    for _ in range(3):
        time.advance(MINUTE)
        await email_changes.resend(session, policy=POLICY)
    time.advance(MINUTE)
    before = await factories.everything()

    with pytest.raises(TooManyRequestsError) as refusal:
        await email_changes.resend(session, policy=POLICY)

    assert refusal.value.retry_at == change.requested_at + DAY
    assert await factories.everything() == before


async def test_resends_nothing(tables, alice):
    """Without a pending change there is no code to mail."""
    before = await factories.everything()

    with pytest.raises(NothingPendingError):
        await email_changes.resend(await factories.session_of(alice), policy=POLICY)

    assert await factories.everything() == before


async def test_newer_request_supersedes(time, alice):
    """One change is pending at a time: the older one ends with its code, and is not mailed."""
    older = await factories.requested_change(alice, NEW)
    code = await code_for(ALICE)
    time.advance(MINUTE)

    newer = await factories.requested_change(alice, OTHER)

    await older.refresh_from_db()
    assert (older.state, older.abort_reason) == (ABORTED, EmailChangeAbortReason.SUPERSEDED)
    asked = await Mail.filter(template=VALIDATION).order_by("queued_at")
    assert [mail.state for mail in asked] == [MailState.ABANDONED, MailState.QUEUED]
    wrong = await email_changes.confirm(await factories.session_of(alice), code, policy=POLICY)
    assert wrong.attempts_left == 4
    assert (await email_changes.pending(alice.account.id)).id == newer.id


async def test_superseded_change_is_not_accepted_by_silence(time, alice):
    """The mail of the older change had left; its deadline means nothing any more."""
    older = await factories.requested_change(alice, NEW)
    await factories.delivered(VALIDATION, to=ALICE)
    time.advance(MINUTE)
    await factories.requested_change(alice, OTHER)
    before = await factories.everything()

    time.advance(DELAY)
    await email_changes.auto_accept(older.id, policy=POLICY)

    assert await factories.everything() == before


async def test_three_requests_a_day(time, alice):
    """The fourth request within 24 hours is refused and leaves the pending change alone."""
    first = time.at
    for address in (NEW, OTHER, NEW):
        await factories.requested_change(alice, address)
        time.advance(MINUTE)
    before = await factories.everything()

    with pytest.raises(TooManyRequestsError) as refusal:
        await factories.requested_change(alice, OTHER)

    assert refusal.value.retry_at == first + DAY
    assert await factories.everything() == before


async def test_five_wrong_codes_abort(time, alice):
    """The fifth wrong code ends the change; the right one has nothing to answer then."""
    change = await factories.requested_change(alice, NEW)
    code, session = await code_for(ALICE), await factories.session_of(alice)

    left = [
        (await email_changes.confirm(session, WRONG, policy=POLICY)).attempts_left for _ in range(5)
    ]

    await change.refresh_from_db()
    assert left == [4, 3, 2, 1, None]
    assert change.state is ABORTED
    assert change.abort_reason is EmailChangeAbortReason.TOO_MANY_ATTEMPTS
    told = await factories.newest(Template.EMAIL_CHANGE_ABORTED, to=ALICE)
    assert told.params["reason"] == "TOO_MANY_ATTEMPTS"
    with pytest.raises(NothingPendingError):
        await email_changes.confirm(session, code, policy=POLICY)


async def test_what_cannot_be_a_code_costs_nothing(tables, alice):
    """A text of the wrong form is an invalid code, and no attempt."""
    await factories.requested_change(alice, NEW)
    session = await factories.session_of(alice)
    before = await factories.everything()

    wrong = await email_changes.confirm(session, "AEIO-1234", policy=POLICY)

    assert (type(wrong), wrong.attempts_left) == (InvalidCodeError, 5)
    assert await factories.everything() == before


@pytest.mark.parametrize("by", ["code", "silence"])
async def test_aborts_when_the_address_is_taken(time, alice, by):
    """An address that another account has proven meanwhile is not taken from it."""
    change = await factories.requested_change(alice, NEW)
    code = await code_for(ALICE)
    bob = await factories.signed_up(NEW, firstName="Bob")

    if by == "code":
        await email_changes.confirm(await factories.session_of(alice), code, policy=POLICY)
    else:
        await factories.delivered(VALIDATION, to=ALICE)
        time.advance(DELAY)
        await email_changes.auto_accept(change.id, policy=POLICY)

    await change.refresh_from_db()
    assert (change.state, change.abort_reason) == (ABORTED, EmailChangeAbortReason.ADDRESS_TAKEN)
    account = await Account.get(id=alice.account.id)
    assert (account.email, account.email_proven) == (ALICE, True)
    assert (await Account.get(email_key=NEW)).id == bob.account.id
    told = await factories.newest(Template.EMAIL_CHANGE_ABORTED, to=ALICE)
    assert told.params["reason"] == "ADDRESS_TAKEN"
    assert await factories.session_of(alice) is not None


async def test_aborts_when_the_notice_is_given_up(time, alice):
    """A mail that never left started no clock: after 72 hours the change ends with it."""
    change = await factories.requested_change(alice, NEW)
    time.advance(NOTICE_LIFETIME)

    mail = await factories.delivered(VALIDATION, to=ALICE, outcome=Outcome.FAILED)

    await change.refresh_from_db()
    assert mail.state is MailState.ABANDONED
    assert change.state is ABORTED
    assert change.abort_reason is EmailChangeAbortReason.NOTICE_NOT_DELIVERED
    assert change.auto_accept_at is None
    told = await factories.newest(Template.EMAIL_CHANGE_ABORTED, to=ALICE)
    assert told.params["reason"] == "NOTICE_NOT_DELIVERED"


async def test_failed_attempts_start_no_clock(time, alice):
    """Our own faults are not silence: the change waits as long as its mail."""
    change = await factories.requested_change(alice, NEW)

    mail = await factories.delivered(VALIDATION, to=ALICE, outcome=Outcome.FAILED)

    time.advance(DELAY)
    await email_changes.auto_accept(change.id, policy=POLICY)
    await change.refresh_from_db()
    assert mail.state is MailState.QUEUED
    assert (change.state, change.auto_accept_at) == (EmailChangeState.PENDING, None)


async def test_aborts_when_the_password_is_changed(time, alice):
    """A password set in a session ends what is pending, and its code."""
    change = await factories.requested_change(alice, NEW)
    code, session = await code_for(ALICE), await factories.session_of(alice)

    await passwords.change(session, PASSWORD, NEXT_PASSWORD, policy=POLICY)

    await _assert_credentials_changed(change)
    with pytest.raises(NothingPendingError):
        await email_changes.confirm(session, code, policy=POLICY)


async def test_aborts_when_the_password_is_reset(time, alice):
    """A password set by a mailed code does so, too."""
    change = await factories.requested_change(alice, NEW)
    challenge = await passwords.request_reset(
        ALICE, deliver_to=MailDestination.PRIMARY, client=CLIENT, policy=POLICY
    )
    code = await factories.mailed_code(Template.PASSWORD_RESET, to=ALICE)

    await passwords.reset(
        challenge.id, code, NEXT_PASSWORD, remove_spare_email=False, policy=POLICY
    )

    await _assert_credentials_changed(change)


async def _assert_credentials_changed(change: EmailChange) -> None:
    await change.refresh_from_db()
    assert change.state is ABORTED
    assert change.abort_reason is EmailChangeAbortReason.CREDENTIALS_CHANGED
    told = await factories.newest(Template.EMAIL_CHANGE_ABORTED, to=ALICE)
    assert told.params["reason"] == "CREDENTIALS_CHANGED"
