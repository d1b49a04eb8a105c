"""The last proven address is what recovery uses, however the primary one came to be.

{accepted by code, by silence} x {new address proven or not} x {former mailbox answers or is dead}
"""

from datetime import timedelta

import factories
import pytest
from factories import CLIENT, POLICY

from models import email_changes, passwords, sessions
from models.accounts import Account, AccountState
from models.deliveries import Outcome
from models.email_changes import EmailChangeAcceptance, EmailChangeState
from models.mails import Mail, MailState, Template
from models.passwords import MailDestination

FORMER, NEW, SPARE = "alice@example.org", "alice@new.example", "spare@example.org"
NEXT = "Window-Violin-77-green"
MINUTE = timedelta(minutes=1)

by_code_or_silence = pytest.mark.parametrize("accepted_by", list(EmailChangeAcceptance))
new_proven_or_not = pytest.mark.parametrize("is_proven", [True, False], ids=["proven", "unproven"])
former_answers_or_not = pytest.mark.parametrize("answers", [True, False], ids=["answers", "dead"])


@pytest.fixture
async def moved(time, alice, accepted_by, is_proven, answers):
    """Alice's account after its change; a code was read before its mailbox died, if it did."""
    await factories.with_spare(alice, SPARE)
    time.advance(MINUTE)
    if accepted_by is EmailChangeAcceptance.CODE:
        change = await factories.accepted_by_code(alice, NEW)
    else:
        fate = Outcome.LEFT if answers else Outcome.BOUNCED
        change = await factories.accepted_by_silence(alice, NEW, time, outcome=fate)
    assert (change.state, change.accepted_by) == (EmailChangeState.DONE, accepted_by)
    if is_proven:
        await factories.proven(alice)
    time.advance(MINUTE)
    return await Account.get(id=alice.account.id)


async def asked(identifier, deliver_to=MailDestination.PRIMARY):
    return await passwords.request_reset(
        identifier, deliver_to=deliver_to, client=CLIENT, policy=POLICY
    )


async def reset(challenge, code):
    changed = await passwords.reset(
        challenge.id, code, NEXT, remove_spare_email=False, policy=POLICY
    )
    return changed.account


async def gets_in(account):
    opened = await sessions.login(account.nic_handle, NEXT, client=CLIENT, policy=POLICY)
    return await sessions.find(opened.token) is not None


@by_code_or_silence
@new_proven_or_not
@former_answers_or_not
async def test_reset_code_goes_to_the_last_proven_address(moved, accepted_by, is_proven, answers):
    """Proven, the new mailbox resets the password; unproven, the former one does, if it lives."""
    last_proven = NEW if is_proven else FORMER

    challenge = await asked(moved.nic_handle)

    mails = await Mail.filter(template=Template.PASSWORD_RESET)
    assert [mail.recipient for mail in mails] == [last_proven]
    assert (moved.email, moved.last_proven_email) == (NEW, last_proven)
    if is_proven or answers:
        code = await factories.mailed_code(Template.PASSWORD_RESET, to=last_proven)
        assert await gets_in(await reset(challenge, code))
    else:
        bounced = await factories.delivered(
            Template.PASSWORD_RESET, to=FORMER, outcome=Outcome.BOUNCED
        )
        assert (bounced.state, bounced.secrets) == (MailState.BOUNCED, None)


@by_code_or_silence
@new_proven_or_not
@former_answers_or_not
async def test_proven_spare_address_is_the_other_way(moved, accepted_by, is_proven, answers):
    """It needs neither of the two mailboxes: the way back of who has lost the proven one."""
    challenge = await asked(moved.nic_handle, MailDestination.SPARE)

    code = await factories.mailed_code(Template.PASSWORD_RESET, to=SPARE)
    account = await reset(challenge, code)

    assert (account.email, account.spare_email) == (NEW, SPARE)
    assert await gets_in(account)


@by_code_or_silence
@new_proven_or_not
@former_answers_or_not
@pytest.mark.parametrize("known", ["former", "new"])
async def test_either_address_finds_the_account(moved, accepted_by, is_proven, answers, known):
    """The primary address names the account, and so does the last proven one; no other does."""
    identifier = FORMER if known == "former" else NEW
    expected = [] if known == "former" and is_proven else [moved.last_proven_email]

    await asked(identifier)

    mails = await Mail.filter(template=Template.PASSWORD_RESET)
    assert [mail.recipient for mail in mails] == expected


@by_code_or_silence
@new_proven_or_not
@former_answers_or_not
async def test_former_mailbox_takes_the_account_back_if_it_lives(
    moved, accepted_by, is_proven, answers
):
    """It was proven before, and its window is open; a dead one never gets the link to press."""
    former = Template.EMAIL_CHANGE_ACCEPTED_FORMER
    if answers:
        await email_changes.revert(*await factories.mailed_link(former, "revert", to=FORMER))
    else:
        await factories.delivered(former, to=FORMER, outcome=Outcome.BOUNCED)

    account = await Account.get(id=moved.id)
    mail = await factories.newest(former, to=FORMER)
    if answers:
        assert (account.email, account.state) == (FORMER, AccountState.FROZEN)
        challenge = await asked(FORMER)
        code = await factories.mailed_code(Template.PASSWORD_RESET, to=FORMER)
        assert await gets_in(await reset(challenge, code))
    else:
        assert (account.email, account.state) == (NEW, AccountState.ACTIVE)
        assert (mail.state, mail.secrets) == (MailState.BOUNCED, None)


@by_code_or_silence
@new_proven_or_not
@former_answers_or_not
async def test_stranger_at_an_unproven_address_gets_nothing(moved, accepted_by, is_proven, answers):
    """A mistyped address receives no reset code, whoever asks for it."""
    await asked(NEW)

    received = await factories.mails_to(NEW)

    assert (Template.PASSWORD_RESET in received) is is_proven
    assert set(received) - {Template.PASSWORD_RESET} == {
        Template.EMAIL_CHANGE_TOLD_NEW,
        Template.EMAIL_CHANGE_ACCEPTED_NEW,
    }
