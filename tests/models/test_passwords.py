"""Passwords set anew: who may, through which mailbox, and what ends with the old one."""

from datetime import timedelta
from uuid import uuid4

import factories
import pytest
from factories import CLIENT, PASSWORD, POLICY

from models import compromises, email_changes, passwords, sessions, spare_emails
from models.accounts import Account, AccountState
from models.challenges import Challenge, InvalidCodeError, Purpose
from models.credentials import InvalidCredentialsError
from models.errors import Fault, FaultCode, InvalidInputError
from models.mails import Mail, MailState, Template
from models.passwords import MailDestination
from models.policy import RESET_LIFETIME

ALICE, NEW, SPARE = "alice@example.org", "alice@new.example", "spare@example.org"
PRIMARY = MailDestination.PRIMARY
NEXT = "Window-Violin-77-green"
WRONG = "BBBB-BBBB"
MINUTE = timedelta(minutes=1)


async def asked(identifier, deliver_to=PRIMARY):
    return await passwords.request_reset(
        identifier, deliver_to=deliver_to, client=CLIENT, policy=POLICY
    )


async def mailed(email):
    return await factories.mailed_code(Template.PASSWORD_RESET, to=email)


async def reset(challenge, code, password=NEXT, *, drop_spare=False):
    challenge_id = challenge if challenge is None else challenge.id
    return await passwords.reset(
        challenge_id, code, password, remove_spare_email=drop_spare, policy=POLICY
    )


async def change(opened, current=PASSWORD, new=NEXT):
    session = await factories.session_of(opened)
    return await passwords.change(session, current, new, policy=POLICY)


async def logs_in(password):
    """Whether Alice's password is this one."""
    try:
        await sessions.login(ALICE, password, client=CLIENT, policy=POLICY)
    except InvalidCredentialsError:
        return False
    return True


async def alices():
    return await Account.get(first_name="Alice")


async def reset_mails():
    return [
        mail.recipient
        for mail in await Mail.filter(template=Template.PASSWORD_RESET).order_by("queued_at")
    ]


async def assert_invalid(challenge, code, **how):
    """The code is of no use, and trying it changed nothing."""
    before = await factories.everything()
    with pytest.raises(InvalidCodeError) as refusal:
        await reset(challenge, code, **how)
    assert refusal.value.attempts_left is None
    assert await factories.everything() == before


async def test_resets_with_the_mailed_code(time, alice):
    """The code sets the password and closes every session; the mail names the NIC-handle."""
    await factories.logged_in(ALICE)
    challenge = await asked(ALICE)

    changed = await reset(challenge, await mailed(ALICE))

    assert changed.closed_sessions == 2
    mail = await factories.newest(Template.PASSWORD_RESET, to=ALICE)
    assert mail.nic_handle == alice.account.nic_handle
    assert await sessions.find(alice.token) is None
    assert not await logs_in(PASSWORD)
    assert await logs_in(NEXT)


@pytest.mark.parametrize("written", ["handle", "Alice@Example.ORG"])
async def test_finds_the_account_by_handle_or_address(tables, alice, written):
    """The identifier is read in any letter case."""
    identifier = alice.account.nic_handle.lower() if written == "handle" else written

    challenge = await asked(identifier)

    assert challenge.account_id == alice.account.id
    assert await reset_mails() == [ALICE]


@pytest.mark.parametrize("identifier", ["nobody@example.org", "xx123456-OVH", "no address"])
async def test_answers_the_same_for_an_unknown_identifier(time, alice, identifier):
    """The challenge is a real row, no mail is written, and no code opens it."""
    challenge = await asked(identifier)

    assert await Challenge.get(id=challenge.id, purpose=Purpose.PASSWORD_RESET)
    assert challenge.expires_at == time.at + RESET_LIFETIME
    assert await reset_mails() == []
    wrong = await reset(challenge, WRONG)
    assert wrong.attempts_left == 4


async def test_goes_to_the_last_proven_address(tables, alice):
    """The new primary address is unproven: its reader may be a stranger."""
    await factories.accepted_by_code(alice, NEW)

    await asked(NEW)

    assert await reset_mails() == [ALICE]


async def test_finds_the_account_by_its_last_proven_address(tables, alice):
    """Who was moved away by a typo or a thief remembers the address they had, and it counts."""
    await factories.accepted_by_code(alice, "typo@example.org")
    challenge = await asked(ALICE)

    await reset(challenge, await mailed(ALICE))

    account = await alices()
    session = await sessions.login(account.nic_handle, NEXT, client=CLIENT, policy=POLICY)
    assert session.account.id == account.id


async def test_code_is_void_when_its_address_is_no_longer_the_last_proven_one(tables, alice):
    """The new address was proven since: the former mailbox resets nothing any more."""
    await factories.accepted_by_code(alice, NEW)
    challenge = await asked(NEW)
    code = await mailed(ALICE)
    await factories.proven(alice)

    await assert_invalid(challenge, code)


async def test_goes_to_the_proven_spare_address_if_asked(tables, alice):
    """The spare mailbox is the way back for a lost primary one."""
    await factories.with_spare(alice, SPARE)
    challenge = await asked(ALICE, MailDestination.SPARE)

    await reset(challenge, await mailed(SPARE))

    assert await reset_mails() == [SPARE]
    assert await logs_in(NEXT)


async def test_goes_nowhere_without_a_proven_spare_address(tables, alice):
    """An unproven spare address counts for nothing; the answer is the same."""
    session = await factories.session_of(alice)
    await spare_emails.set_to(session, SPARE, PASSWORD, policy=POLICY)

    challenge = await asked(ALICE, MailDestination.SPARE)

    assert await reset_mails() == []
    assert (challenge.account_id, challenge.address_key) == (None, "")


async def test_code_of_a_spare_address_dies_with_it(tables, alice):
    """A spare address that was removed resets nothing."""
    await factories.with_spare(alice, SPARE)
    challenge = await asked(ALICE, MailDestination.SPARE)
    code = await mailed(SPARE)
    await spare_emails.remove(await factories.session_of(alice), PASSWORD, policy=POLICY)

    await assert_invalid(challenge, code)


async def test_asking_again_leaves_the_first_code_good(time, alice):
    """Else a stranger could keep the holder out by asking."""
    challenge, code = await asked(ALICE), await mailed(ALICE)
    time.advance(MINUTE)
    await asked(ALICE)

    await reset(challenge, code)

    assert await logs_in(NEXT)


async def test_code_is_good_for_30_minutes(time, alice):
    """Then it is as good as a wrong one."""
    challenge, code = await asked(ALICE), await mailed(ALICE)
    time.advance(RESET_LIFETIME)

    await assert_invalid(challenge, code)


async def test_code_is_good_once(time, alice):
    """It is consumed by its use."""
    challenge, code = await asked(ALICE), await mailed(ALICE)
    await reset(challenge, code)

    await assert_invalid(challenge, code)


async def test_five_wrong_codes_end_a_challenge(tables, alice):
    """Tries are counted, and the right code opens nothing after the fifth."""
    challenge, code = await asked(ALICE), await mailed(ALICE)

    left = [(await reset(challenge, WRONG)).attempts_left for _ in range(5)]

    assert left == [4, 3, 2, 1, None]
    await assert_invalid(challenge, code)
    assert await logs_in(PASSWORD)


async def test_code_opens_its_own_challenge_alone(time, alice):
    """A code is bound to its row: with another challenge it is a wrong one."""
    code_of_first = await asked(ALICE) and await mailed(ALICE)
    time.advance(MINUTE)
    second = await asked(ALICE)

    wrong = await reset(second, code_of_first)

    assert wrong.attempts_left == 4


@pytest.mark.parametrize("purpose", [Purpose.SIGNUP, Purpose.SPARE_PROOF])
async def test_challenge_of_another_purpose_resets_nothing(tables, alice, purpose):
    """A code shows one thing: that of a sign-up or a proof sets no password."""
    if purpose is Purpose.SIGNUP:
        challenge = await factories.requested_signup("bob@example.org")
        code = await factories.mailed_code(Template.CREATION, to="bob@example.org")
    else:
        session = await factories.session_of(alice)
        await spare_emails.set_to(session, SPARE, PASSWORD, policy=POLICY)
        challenge = await Challenge.get(purpose=purpose)
        code = await factories.mailed_code(Template.SPARE_EMAIL_PROOF, to=SPARE)

    await assert_invalid(challenge, code)


async def test_unknown_challenge_resets_nothing(tables, alice):
    """A made-up id, or none, reads like a spent one."""
    code = await asked(ALICE) and await mailed(ALICE)

    await assert_invalid(None, code)
    await assert_invalid(Challenge(id=uuid4()), code)


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("short", Fault("newPassword", FaultCode.TOO_SHORT, 12)),
        ("x" * 73, Fault("newPassword", FaultCode.TOO_LONG, 72)),
        ("passwordpassword", Fault("newPassword", FaultCode.TOO_COMMON)),
        ("alice@example.org", Fault("newPassword", FaultCode.TOO_SIMILAR)),
    ],
)
async def test_refused_password_leaves_the_code_good(tables, alice, password, fault):
    """What is wrong with a new password is said, and costs neither the code nor a try."""
    challenge, code = await asked(ALICE), await mailed(ALICE)
    before = await factories.everything()

    with pytest.raises(InvalidInputError) as refusal:
        await reset(challenge, code, password)

    assert refusal.value.faults == (fault,)
    assert await factories.everything() == before
    await reset(challenge, code)
    assert await logs_in(NEXT)


async def test_unfreezes(tables, alice):
    """A report without a reversal waits for a reset through any proven address."""
    await factories.with_spare(alice, SPARE)
    await asked(ALICE)
    _, token = await factories.mailed_link(Template.PASSWORD_RESET, "report", to=ALICE)
    await compromises.report(token)
    assert (await alices()).state is AccountState.FROZEN
    await Mail.filter(template=Template.PASSWORD_RESET).delete()

    challenge = await asked(ALICE, MailDestination.SPARE)
    await reset(challenge, await mailed(SPARE))

    assert (await alices()).state is AccountState.ACTIVE
    told = await Mail.filter(template=Template.UNFROZEN).order_by("recipient")
    assert [mail.recipient for mail in told] == [ALICE, SPARE]
    assert await logs_in(NEXT)


@pytest.mark.parametrize("by", ["change", "reset"])
async def test_tells_all_known_addresses(tables, alice, by):
    """A new password is announced where its holder reads, each time with a report link."""
    await factories.with_spare(alice, SPARE)

    if by == "change":
        await change(alice)
    else:
        await reset(await asked(ALICE), await mailed(ALICE))

    told = await Mail.filter(template=Template.PASSWORD_CHANGED).order_by("recipient")
    assert [mail.recipient for mail in told] == [ALICE, SPARE]
    assert all(set(mail.secrets) == {"report"} for mail in told)


async def test_tells_an_unproven_address_the_fact_and_no_more(tables, alice):
    """It may be a stranger's: no name, no link, nobody's address."""
    await factories.accepted_by_code(alice, NEW)

    await change(alice)

    (told,) = await Mail.filter(template=Template.PASSWORD_CHANGED, recipient=NEW)
    assert (told.params, told.secrets) == ({}, {})


async def test_tells_a_mailbox_once(tables, alice):
    """The spare address may be the last proven one, after a move that is not proven yet."""
    await factories.accepted_by_code(alice, NEW)
    await factories.with_spare(alice, ALICE)

    await change(alice)

    told = await Mail.filter(template=Template.PASSWORD_CHANGED).order_by("recipient")
    assert [mail.recipient for mail in told] == [ALICE, NEW]


@pytest.mark.parametrize("by", ["change", "reset"])
async def test_voids_every_code(time, alice, by):
    """A new password ends what was mailed under the old one: proofs, and other resets."""
    await factories.accepted_by_code(alice, NEW)
    session = await factories.session_of(alice)
    await spare_emails.set_to(session, SPARE, PASSWORD, policy=POLICY)
    other, other_code = await asked(NEW), await mailed(ALICE)
    time.advance(MINUTE)

    if by == "change":
        await change(alice)
    else:
        await reset(await asked(NEW), await mailed(ALICE))

    assert await Challenge.all().count() == 0
    await assert_invalid(other, other_code)


async def test_reset_ends_the_links_of_its_own_mailbox(time, alice):
    """Who resets through a mailbox has read what is in it; older links would only linger there."""
    await factories.with_spare(alice, SPARE)
    _, token = await factories.mailed_link(Template.SPARE_EMAIL_TOLD, "report", to=ALICE)

    await reset(await asked(ALICE), await mailed(ALICE))

    before = await factories.everything()
    with pytest.raises(InvalidCodeError):
        await compromises.report(token)
    assert await factories.everything() == before


async def test_reset_through_the_primary_address_ends_the_spares_links(time, alice):
    """The spare mailbox must not undo what the primary one has put right."""
    await factories.with_spare(alice, SPARE)
    await change(alice)
    _, token = await factories.mailed_link(Template.PASSWORD_CHANGED, "report", to=SPARE)
    time.advance(MINUTE)

    await reset(await asked(ALICE), await mailed(ALICE))

    before = await factories.everything()
    with pytest.raises(InvalidCodeError):
        await compromises.report(token)
    assert await factories.everything() == before


async def test_reset_through_the_spare_address_leaves_the_primarys_links(time, alice):
    """The other way round it may not: the primary mailbox can still say, not me."""
    await factories.with_spare(alice, SPARE)
    _, token = await factories.mailed_link(Template.SPARE_EMAIL_TOLD, "report", to=ALICE)

    await reset(await asked(ALICE, MailDestination.SPARE), await mailed(SPARE))

    account, _ = await compromises.report(token)
    assert (account.state, account.spare_email) == (AccountState.FROZEN, None)


@pytest.mark.parametrize("by", ["change", "reset through the new address"])
async def test_a_live_revert_link_survives(time, alice, by):
    """Whoever sets the password may be the thief: the former mailbox keeps its way back."""
    await factories.accepted_by_silence(alice, NEW, time)
    await factories.proven(alice)
    revert = await factories.mailed_link(Template.EMAIL_CHANGE_ACCEPTED_FORMER, "revert", to=ALICE)

    if by == "change":
        await change(alice)
    else:
        await reset(await asked(NEW), await mailed(NEW))

    await email_changes.revert(*revert)
    account = await alices()
    assert (account.email, account.state) == (ALICE, AccountState.FROZEN)


async def test_drops_the_spare_address_if_asked(tables, alice):
    """With a code of the primary mailbox; its links end then, so that its notice has none."""
    await factories.with_spare(alice, SPARE)

    await reset(await asked(ALICE), await mailed(ALICE), drop_spare=True)

    account = await alices()
    assert (account.spare_email, account.spare_email_proven) == (None, False)
    told = await Mail.filter(template=Template.SPARE_EMAIL_REMOVED).order_by("recipient")
    assert [(mail.recipient, mail.secrets) for mail in told] == [(ALICE, {}), (SPARE, {})]


async def test_code_of_the_spare_address_does_not_drop_it(tables, alice):
    """The wish is heard from the primary mailbox alone."""
    await factories.with_spare(alice, SPARE)
    challenge = await asked(ALICE, MailDestination.SPARE)

    await reset(challenge, await mailed(SPARE), drop_spare=True)

    assert (await alices()).spare_email == SPARE


async def test_changes_in_a_session(tables, alice):
    """The current password sets the next one; this session stays, every other one closes."""
    other = await factories.logged_in(ALICE)

    changed = await change(alice)

    assert changed.closed_sessions == 1
    assert await sessions.find(alice.token) is not None
    assert await sessions.find(other.token) is None
    assert not await logs_in(PASSWORD)
    assert await logs_in(NEXT)


@pytest.mark.parametrize(
    ("current", "new", "refusal"),
    [
        (NEXT, NEXT, InvalidCredentialsError),
        (PASSWORD, PASSWORD, InvalidInputError),
        (PASSWORD, "short", InvalidInputError),
        (PASSWORD, "alice@example.org", InvalidInputError),
    ],
)
async def test_refuses_to_change(tables, alice, current, new, refusal):
    """The wrong current password, the same again, one that is too weak: nothing happens."""
    before = await factories.everything()

    with pytest.raises(refusal):
        await change(alice, current, new)

    assert await factories.everything() == before
    assert await logs_in(PASSWORD)


async def test_same_password_again_is_named(tables, alice):
    """It would close the other sessions and change nothing."""
    with pytest.raises(InvalidInputError) as refusal:
        await change(alice, PASSWORD, PASSWORD)

    assert refusal.value.faults == (Fault("newPassword", FaultCode.SAME_AS_CURRENT),)


async def test_takes_void_codes_from_mails_that_wait(tables, alice):
    """A mail whose only use was its code is not sent any more; a notice goes without it."""
    await factories.accepted_by_code(alice, "new@example.org")
    await passwords.request_reset(
        alice.account.nic_handle, deliver_to=MailDestination.PRIMARY, client=CLIENT, policy=POLICY
    )
    session = await factories.session_of(alice)

    await passwords.change(session, PASSWORD, "Window-Violin-77-green", policy=POLICY)

    notice = await factories.newest(Template.EMAIL_CHANGE_ACCEPTED_NEW, to="new@example.org")
    code = await factories.newest(Template.PASSWORD_RESET, to="alice@example.org")
    assert (notice.state, notice.secrets) == (MailState.QUEUED, {})
    assert (code.state, code.secrets) == (MailState.ABANDONED, None)
