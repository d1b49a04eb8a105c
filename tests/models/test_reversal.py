"""Taking an account back: what the former mailbox may undo, for how long, and what goes with it."""

from datetime import timedelta

import factories
import pytest
from factories import CLIENT, DELAY, POLICY

from models import compromises, email_changes, passwords
from models.accounts import Account, AccountState
from models.challenges import InvalidCodeError
from models.credentials import InvalidCredentialsError
from models.email_changes import EmailChange, EmailChangeAbortReason, EmailChangeState
from models.mails import Mail, Template
from models.passwords import MailDestination
from models.policy import DAY
from models.sessions import Session

ALICE, NEW, THIRD = "alice@example.org", "alice@new.example", "alice@third.example"
SPARE = "spare@example.org"
FORMER = Template.EMAIL_CHANGE_ACCEPTED_FORMER
DONE, REVERTED = EmailChangeState.DONE, EmailChangeState.REVERTED
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
NEXT_PASSWORD = "Window-Violin-77-green"


async def revert_link(email):
    return await factories.mailed_link(FORMER, "revert", to=email)


async def report_token(email):
    return (await factories.mailed_link(FORMER, "report", to=email))[1]


async def alices():
    """Alice's account as it is now."""
    return await Account.get(first_name="Alice")


async def reset(challenge_id, code, *, remove_spare_email=False):
    return await passwords.reset(
        challenge_id, code, NEXT_PASSWORD, remove_spare_email=remove_spare_email, policy=POLICY
    )


async def reset_through(email, deliver_to=MailDestination.PRIMARY):
    """Reset Alice's password with the code that this mailbox receives."""
    handle = (await alices()).nic_handle
    challenge = await passwords.request_reset(
        handle, deliver_to=deliver_to, client=CLIENT, policy=POLICY
    )
    code = await factories.mailed_code(Template.PASSWORD_RESET, to=email)
    return await reset(challenge.id, code)


async def assert_refused(answer, *arguments):
    """The link is of no use any more, and pressing it changes nothing."""
    before = await factories.everything()
    with pytest.raises(InvalidCodeError) as refusal:
        await answer(*arguments)
    assert refusal.value.attempts_left is None
    assert await factories.everything() == before


async def test_gives_the_account_back(time, alice):
    """The former address has its account again, closed until the password is reset through it."""
    change = await factories.accepted_by_silence(alice, NEW, time)
    revert = await revert_link(ALICE)
    time.advance(DAY)

    reverted = await email_changes.revert(*revert)

    assert (reverted.id, reverted.state) == (change.id, REVERTED)
    assert reverted.reverted_at == time.at
    account = await alices()
    assert (account.email, account.email_proven) == (ALICE, True)
    assert (account.state, account.unfreezes_through_key) == (AccountState.FROZEN, ALICE)
    assert await Session.all().count() == 0
    told = await Mail.filter(queued_at=time.at).order_by("template")
    expected = [(Template.EMAIL_CHANGE_REVERTED, ALICE), (Template.FROZEN, ALICE)]
    assert [(mail.template, mail.recipient) for mail in told] == expected


async def test_reverts_once(time, alice):
    """A revert link is spent by its use."""
    await factories.accepted_by_code(alice, NEW)
    revert = await revert_link(ALICE)
    await email_changes.revert(*revert)

    await assert_refused(email_changes.revert, *revert)


async def test_ends_what_is_pending(time, alice):
    """A younger request goes with it, and so does every code."""
    await factories.accepted_by_code(alice, NEW)
    revert = await revert_link(ALICE)
    time.advance(MINUTE)
    younger = await factories.requested_change(alice, THIRD)

    await email_changes.revert(*revert)

    await younger.refresh_from_db()
    assert younger.state is EmailChangeState.ABORTED
    assert younger.abort_reason is EmailChangeAbortReason.REPORTED
    assert await factories.rows_of("challenges") == []


async def test_frozen_account_answers_as_with_a_wrong_password(time, alice):
    """Until the reset nobody gets in: neither with a session nor with the password."""
    await factories.accepted_by_code(alice, NEW)
    await email_changes.revert(*await revert_link(ALICE))
    before = await factories.everything()

    with pytest.raises(InvalidCredentialsError):
        await factories.logged_in(ALICE)

    assert await factories.everything() == before


async def test_restores_the_spare_address_as_it_was(time, alice):
    """The spare address that became the primary one is the proven spare address again."""
    await factories.with_spare(alice, SPARE)
    change = await factories.accepted_by_code(alice, SPARE)
    assert (await alices()).spare_email is None

    await email_changes.revert(*await revert_link(ALICE))

    account = await alices()
    assert (account.email, account.last_proven_email) == (ALICE, ALICE)
    assert (account.spare_email, account.spare_email_proven) == (SPARE, True)
    assert (await EmailChange.get(id=change.id)).state is REVERTED


async def test_replaces_a_spare_address_set_since(time, alice):
    """What was set after the acceptance goes: the spare address is what it was before."""
    await factories.with_spare(alice, SPARE)
    await factories.accepted_by_silence(alice, NEW, time)
    time.advance(MINUTE)
    await factories.with_spare(alice, "mallory@example.org")

    await email_changes.revert(*await revert_link(ALICE))

    account = await alices()
    assert (account.spare_email, account.spare_email_proven) == (SPARE, True)


async def test_younger_changes_go_with_an_older_one(time, alice):
    """Accepted changes that are younger become REVERTED; the oldest address decides."""
    first = await factories.accepted_by_silence(alice, NEW, time)
    revert = await revert_link(ALICE)
    await factories.proven(alice)
    time.advance(MINUTE)
    second = await factories.accepted_by_code(alice, THIRD)
    await factories.proven(alice)
    time.advance(MINUTE)

    await email_changes.revert(*revert)

    states = {change.id: change.state for change in await EmailChange.all()}
    assert states == {first.id: REVERTED, second.id: REVERTED}
    account = await alices()
    assert (account.email, account.last_proven_email) == (ALICE, ALICE)


async def test_older_change_stays_when_a_younger_one_is_reverted(time, alice):
    """A reversal reaches back to its own change and no further."""
    first = await factories.accepted_by_code(alice, NEW)
    await factories.proven(alice)
    time.advance(MINUTE)
    second = await factories.accepted_by_code(alice, THIRD)

    await email_changes.revert(*await revert_link(NEW))

    states = {change.id: change.state for change in await EmailChange.all()}
    assert states == {first.id: DONE, second.id: REVERTED}
    assert (await alices()).email == NEW


async def test_older_link_survives_a_younger_ones_use(time, alice):
    """After the second mailbox has taken the account back, the first one still can."""
    await factories.accepted_by_code(alice, NEW)
    older = await revert_link(ALICE)
    await factories.proven(alice)
    time.advance(MINUTE)
    await factories.accepted_by_code(alice, THIRD)
    await email_changes.revert(*await revert_link(NEW))

    reverted = await email_changes.revert(*older)

    assert reverted.state is REVERTED
    account = await alices()
    assert (account.email, account.unfreezes_through_key) == (ALICE, ALICE)


async def test_younger_link_dies_with_an_older_ones_use(time, alice):
    """After the first mailbox has taken the account back, the second one cannot any more."""
    await factories.accepted_by_code(alice, NEW)
    older = await revert_link(ALICE)
    await factories.proven(alice)
    time.advance(MINUTE)
    await factories.accepted_by_code(alice, THIRD)
    younger, report = await revert_link(NEW), await report_token(NEW)

    await email_changes.revert(*older)

    await assert_refused(email_changes.revert, *younger)
    await assert_refused(compromises.report, report)


async def test_after_silence_the_window_is_open_for_14_days(time, alice):
    """A proof of the new address does not shorten it: nobody has answered from the former one."""
    change = await factories.accepted_by_silence(alice, NEW, time)
    await factories.proven(alice)
    time.advance(14 * DAY - SECOND)

    reverted = await email_changes.revert(*await revert_link(ALICE))

    assert reverted.state is REVERTED
    assert change.revertible_until == time.at + SECOND


async def test_after_silence_the_window_closes_with_14_days(time, alice):
    """From then on the one who reads the new address decides, and both links are dead."""
    await factories.accepted_by_silence(alice, NEW, time)
    await factories.proven(alice)
    revert, report = await revert_link(ALICE), await report_token(ALICE)
    time.advance(14 * DAY)

    await assert_refused(email_changes.revert, *revert)
    await assert_refused(compromises.report, report)


async def test_after_code_and_proof_the_window_is_open_for_72_hours(time, alice):
    """The former address has answered and the new one has: three days are enough."""
    await factories.accepted_by_code(alice, NEW)
    await factories.proven(alice)
    time.advance(timedelta(hours=72) - SECOND)

    reverted = await email_changes.revert(*await revert_link(ALICE))

    assert reverted.state is REVERTED


async def test_after_code_and_proof_every_former_link_dies_with_72_hours(time, alice):
    """Not the revert link alone: whoever gets the abandoned mailbox later can undo nothing."""
    await factories.with_spare(alice, SPARE)
    _, early = await factories.mailed_link(Template.SPARE_EMAIL_TOLD, "report", to=ALICE)
    await factories.accepted_by_code(alice, NEW)
    revert, report = await revert_link(ALICE), await report_token(ALICE)
    time.advance(DAY)
    await factories.proven(alice)
    time.advance(2 * DAY)

    await assert_refused(email_changes.revert, *revert)
    await assert_refused(compromises.report, report)
    await assert_refused(compromises.report, early)


async def test_after_a_code_to_a_proven_spare_every_former_link_dies_with_72_hours(time, alice):
    """An address that was proven before needs no proof, and its window is as short."""
    await factories.with_spare(alice, SPARE)
    change = await factories.accepted_by_code(alice, SPARE)
    revert, report = await revert_link(ALICE), await report_token(ALICE)
    assert change.revertible_until == time.at + timedelta(hours=72)
    time.advance(timedelta(hours=72))

    await assert_refused(email_changes.revert, *revert)
    await assert_refused(compromises.report, report)


async def test_after_code_the_window_waits_for_the_proof(time, alice):
    """An unproven new address may be a typo: the former one can take the account back meanwhile."""
    await factories.accepted_by_code(alice, NEW)
    time.advance(14 * DAY - SECOND)

    reverted = await email_changes.revert(*await revert_link(ALICE))

    assert reverted.state is REVERTED


async def test_late_proof_closes_the_window_at_once(time, alice):
    """After 72 hours the proof is what the window was open for; all former links die with it."""
    change = await factories.accepted_by_code(alice, NEW)
    revert, report = await revert_link(ALICE), await report_token(ALICE)
    time.advance(5 * DAY)

    await factories.proven(alice)

    await change.refresh_from_db()
    assert change.revertible_until == time.at
    await assert_refused(email_changes.revert, *revert)
    await assert_refused(compromises.report, report)


async def test_without_a_proof_the_window_closes_after_14_days(time, alice):
    """14 days are the most."""
    await factories.accepted_by_code(alice, NEW)
    revert = await revert_link(ALICE)
    time.advance(14 * DAY)

    await assert_refused(email_changes.revert, *revert)


async def test_former_address_is_reserved_while_the_window_is_open(time, alice):
    """Nobody else can make it theirs, so that it can be given back."""
    await factories.accepted_by_silence(alice, NEW, time)
    await factories.proven(alice)
    time.advance(13 * DAY)
    bob = await factories.signed_up("bob@example.org", firstName="Bob")

    change = await factories.requested_change(bob, ALICE)
    code = await factories.mailed_code(Template.EMAIL_CHANGE_VALIDATION, to="bob@example.org")
    taken = await email_changes.confirm(await factories.session_of(bob), code, policy=POLICY)

    assert (taken.id, taken.state) == (change.id, EmailChangeState.ABORTED)
    await email_changes.revert(*await revert_link(ALICE))
    assert (await alices()).email == ALICE


async def test_signup_with_a_reserved_address_opens_nothing(time, alice):
    """To a sign-up, too, a reserved address is a known one."""
    await factories.accepted_by_silence(alice, NEW, time)
    await factories.proven(alice)

    await factories.requested_signup(ALICE, firstName="Bob")

    assert await factories.newest(Template.ACCOUNT_EXISTS, to=ALICE)
    assert await factories.rows_of("signups") == []


async def test_last_proven_address_behind_an_unproven_one_is_reserved_as_long(time, alice):
    """The link goes to the last proven address, so that is what nobody else may take."""
    await factories.accepted_by_code(alice, "alcie@example.org")
    time.advance(10 * DAY)
    await factories.accepted_by_silence(alice, NEW, time)
    await factories.proven(alice)
    time.advance(10 * DAY)

    await factories.requested_signup(ALICE, firstName="Bob")

    assert await factories.rows_of("signups") == []
    await email_changes.revert(*await revert_link(ALICE))
    assert (await alices()).last_proven_email == ALICE


async def test_reservation_ends_with_the_window(time, alice):
    """Afterwards whoever reads the mailbox may open an account with it."""
    await factories.accepted_by_code(alice, NEW)
    await factories.proven(alice)
    time.advance(3 * DAY)

    bob = await factories.signed_up(ALICE, firstName="Bob")

    assert (bob.account.email, bob.account.email_proven) == (ALICE, True)
    assert (await alices()).email == NEW


@pytest.mark.parametrize(
    ("identifier", "deliver_to"),
    [(NEW, MailDestination.PRIMARY), (ALICE, MailDestination.SPARE)],
)
async def test_unfreezes_through_nothing_but_the_restored_address(
    time, alice, identifier, deliver_to
):
    """After a reversal neither the new address nor the spare one receives a reset code."""
    await factories.with_spare(alice, SPARE)
    await factories.accepted_by_silence(alice, NEW, time)
    await factories.proven(alice)
    await email_changes.revert(*await revert_link(ALICE))

    await passwords.request_reset(identifier, deliver_to=deliver_to, client=CLIENT, policy=POLICY)

    assert await Mail.filter(template=Template.PASSWORD_RESET).count() == 0


async def test_unfreezes_through_the_restored_address(time, alice):
    """Its reset code opens the account again; all known addresses are told."""
    await factories.with_spare(alice, SPARE)
    await factories.accepted_by_silence(alice, NEW, time)
    await email_changes.revert(*await revert_link(ALICE))

    await reset_through(ALICE)

    account = await alices()
    assert (account.state, account.unfreezes_through_key) == (AccountState.ACTIVE, None)
    told = await Mail.filter(template=Template.UNFROZEN).order_by("recipient")
    assert [mail.recipient for mail in told] == [ALICE, SPARE]


async def test_code_from_before_the_reversal_resets_nothing(time, alice):
    """A code that the other mailbox had received is void."""
    await factories.accepted_by_silence(alice, NEW, time)
    await factories.proven(alice)
    challenge = await passwords.request_reset(
        NEW, deliver_to=MailDestination.PRIMARY, client=CLIENT, policy=POLICY
    )
    code = await factories.mailed_code(Template.PASSWORD_RESET, to=NEW)
    await email_changes.revert(*await revert_link(ALICE))

    await assert_refused(reset, challenge.id, code)


async def test_report_from_the_spare_mailbox_does_not_widen_the_way_back(time, alice):
    """After a reversal the restored address alone unfreezes, whatever is reported afterwards."""
    await factories.with_spare(alice, SPARE)
    time.advance(MINUTE)
    await factories.accepted_by_silence(alice, NEW, time)
    older = await factories.mailed_link(Template.EMAIL_CHANGE_TOLD_SPARE, "report", to=SPARE)
    await email_changes.revert(*await revert_link(ALICE))

    await compromises.report(older[1])

    account = await alices()
    assert (account.state, account.unfreezes_through_key) == (AccountState.FROZEN, ALICE)
    assert account.is_recoverable_through(SPARE) is False


async def test_reset_through_a_former_address_ends_the_younger_ones(time, alice):
    """Who moves an account back to where it was keeps no way in: the older mailbox decides.

    Else a thief would move it to their address and back, wait for the holder to be content, and
    revert the second move.
    """
    await factories.accepted_by_silence(alice, NEW, time)
    await factories.proven(alice)
    time.advance(MINUTE)
    await factories.accepted_by_code(alice, ALICE)
    thiefs = await revert_link(NEW)
    await factories.proven(alice)

    await reset_through(ALICE)

    await assert_refused(email_changes.revert, *thiefs)
    assert (await alices()).email == ALICE


async def test_reset_through_a_younger_address_leaves_the_older_one_its_way_back(time, alice):
    """The reader of the new address may reset the password; the former mailbox still decides."""
    await factories.accepted_by_silence(alice, NEW, time)
    await factories.proven(alice)
    revert = await revert_link(ALICE)

    await reset_through(NEW)

    reverted = await email_changes.revert(*revert)
    assert reverted.state is REVERTED
    assert (await alices()).email == ALICE


async def test_reverts_what_another_account_took_over(time, alice):
    """When the unproven primary address to go back to is another's now, the proven one returns."""
    await factories.accepted_by_code(alice, "typo@example.org")
    time.advance(MINUTE)
    await factories.accepted_by_silence(alice, NEW, time)
    await factories.proven(alice)
    bob = await factories.signed_up("typo@example.org", firstName="Bob")

    await email_changes.revert(*await revert_link(ALICE))

    account = await alices()
    assert (account.email, account.last_proven_email) == (ALICE, ALICE)
    assert (await Account.get(id=bob.account.id)).email == "typo@example.org"


async def test_acceptance_after_a_reversal_is_a_new_story(time, alice):
    """A reverted change is not accepted again by a deadline that is still in its row."""
    change = await factories.accepted_by_silence(alice, NEW, time)
    await email_changes.revert(*await revert_link(ALICE))
    before = await factories.everything()

    time.advance(DELAY)
    await email_changes.auto_accept(change.id, policy=POLICY)

    assert await factories.everything() == before
