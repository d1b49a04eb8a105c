"""The change of the primary address: asked for, and accepted by the code or not at all."""

from datetime import timedelta

import factories
import pytest
from factories import CLIENT, PASSWORD, POLICY, WRONG_CODE

from models import challenges, email_changes, sessions
from models.accounts import Account, AccountState
from models.challenges import InvalidCodeError, Purpose
from models.credentials import InvalidCredentialsError
from models.email_changes import (
    EmailChange,
    EmailChangeAbortReason,
    EmailChangeAcceptance,
    EmailChangeState,
    NothingPendingError,
    TooManyRequestsError,
)
from models.errors import Fault, FaultCode, InvalidInputError, UnauthenticatedError
from models.mails import Mail, MailState, Template
from models.policy import Policy
from models.sessions import Session

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
VALIDATION = Template.EMAIL_CHANGE_VALIDATION


async def confirm(opened, code, policy=POLICY):
    return await email_changes.confirm(await factories.session_of(opened), code, policy=policy)


async def code_to(address):
    return await factories.mailed_code(VALIDATION, to=address)


async def test_opens_a_change(alice, time):
    """A request stores what would be restored, who asked, and no deadline yet."""
    policy = Policy(POLICY.secret_keys, auto_accept_after=timedelta(hours=2), bcrypt_cost=4)

    change = await factories.requested_change(alice, " New@Example.org ", policy)

    stored = await EmailChange.get()
    assert dict(stored) == dict(change)
    assert (stored.new_email, stored.new_email_key) == ("New@Example.org", "new@example.org")
    assert (stored.former_email, stored.former_email_key) == ("alice@example.org",) * 2
    assert stored.former_last_proven_email_key == "alice@example.org"
    assert (stored.state, stored.attempts_left) == (EmailChangeState.PENDING, 5)
    assert (stored.account_id, stored.session_id) == (alice.account.id, alice.session.id)
    assert (stored.requested_at, stored.code_sent_at) == (time.at, time.at)
    assert (stored.auto_accept_after, stored.auto_accept_at) == (7200, None)
    assert (stored.settled_at, stored.revertible_until) == (None, None)
    assert (await Account.get()).email == "alice@example.org"


async def test_keeps_no_code(alice):
    """The code is in the mail alone; the change has its digest."""
    change = await factories.requested_change(alice, "new@example.org")

    code = (await code_to("alice@example.org")).replace("-", "")
    key = POLICY.secret_keys[0]
    assert change.code_digest == challenges.digest(code, Purpose.EMAIL_CHANGE, change.id, key)
    assert code not in str(await EmailChange.all().values())


@pytest.mark.parametrize(
    ("new_email", "fault"),
    [
        pytest.param("", Fault("newEmail", FaultCode.REQUIRED), id="empty"),
        pytest.param("new@", Fault("newEmail", FaultCode.INVALID), id="no address"),
        pytest.param("n\0@example.org", Fault("newEmail", FaultCode.INVALID), id="NUL"),
        pytest.param("n@example.org\r\nBcc: x@y.de", Fault("newEmail", FaultCode.INVALID), id="LF"),
        pytest.param("n" * 10_000, Fault("newEmail", FaultCode.TOO_LONG, 254), id="10,000"),
        pytest.param(
            "ALICE@Example.org ", Fault("newEmail", FaultCode.SAME_AS_CURRENT), id="the same"
        ),
    ],
)
async def test_refuses_bad_addresses(alice, new_email, fault):
    """What is no new address opens nothing."""
    before = await factories.everything()

    with pytest.raises(InvalidInputError) as refused:
        await factories.requested_change(alice, new_email)

    assert refused.value.faults == (fault,)
    assert await factories.everything() == before


@pytest.mark.parametrize("password", ["", PASSWORD.upper(), "x" * 73, "\0", "\ud800"])
async def test_asks_for_the_password(alice, password):
    """A stolen session is not enough."""
    session = await factories.session_of(alice)
    before = await factories.everything()

    with pytest.raises(InvalidCredentialsError):
        await email_changes.request(
            session, "new@example.org", password, client=CLIENT, policy=POLICY
        )

    assert await factories.everything() == before


async def test_refuses_a_password_that_was_changed_meanwhile(alice):
    """The password that counts is the one at the time of the lock."""
    session = await factories.session_of(alice)
    await Account.all().update(password_hash="$2b$04$" + "x" * 53)

    with pytest.raises(InvalidCredentialsError):
        await email_changes.request(
            session, "new@example.org", PASSWORD, client=CLIENT, policy=POLICY
        )

    assert await EmailChange.all().count() == 0


@pytest.mark.parametrize("state", [AccountState.FROZEN, AccountState.CLOSED])
async def test_refuses_accounts_that_are_not_open(alice, state):
    """A session that was found before its account froze can ask for nothing."""
    session = await factories.session_of(alice)
    await Account.all().update(state=state)

    with pytest.raises(UnauthenticatedError):
        await email_changes.request(
            session, "new@example.org", PASSWORD, client=CLIENT, policy=POLICY
        )
    with pytest.raises(UnauthenticatedError):
        await email_changes.confirm(session, "BCDF-GHJK", policy=POLICY)

    assert await EmailChange.all().count() == 0


async def test_refuses_a_session_that_was_closed_meanwhile(alice):
    """A session that was found before it was closed can ask for nothing."""
    session = await factories.session_of(alice)
    await sessions.sign_out(session)

    with pytest.raises(UnauthenticatedError):
        await email_changes.request(
            session, "new@example.org", PASSWORD, client=CLIENT, policy=POLICY
        )

    assert await EmailChange.all().count() == 0


async def test_does_not_say_whether_the_address_is_taken(alice):
    """A request for another's address looks like any other; the new address is told alike."""
    await factories.signed_up("bob@example.org")

    change = await factories.requested_change(alice, "bob@example.org")

    assert change.state is EmailChangeState.PENDING
    assert await factories.mails_to("bob@example.org") == ["creation", "email_change_told_new"]


async def test_replaces_the_pending_change(alice, time):
    """A newer request supersedes; the older one's mail is withdrawn and its code wiped."""
    first = await factories.requested_change(alice, "one@example.org")
    code = await code_to("alice@example.org")
    time.advance(timedelta(minutes=1))

    second = await factories.requested_change(alice, "two@example.org")

    superseded = await EmailChange.get(id=first.id)
    mail = await Mail.get(email_change_id=first.id, template=VALIDATION)
    assert superseded.state is EmailChangeState.ABORTED
    assert superseded.abort_reason is EmailChangeAbortReason.SUPERSEDED
    assert (superseded.settled_at, superseded.attempts_left) == (time.at, 0)
    assert superseded.code_digest is None
    assert (mail.state, mail.secrets, mail.sent_at) == (MailState.ABANDONED, None, None)
    assert (await confirm(alice, code)).attempts_left == 4
    assert (await EmailChange.get(id=second.id)).state is EmailChangeState.PENDING


async def test_takes_three_requests_a_day(alice, time):
    """The fourth in 24 hours is refused, and says from when on it is not."""
    first = time.at
    for name in ("one", "two", "three"):
        await factories.requested_change(alice, f"{name}@example.org")
        time.advance(timedelta(hours=1))
    before = await factories.everything()

    with pytest.raises(TooManyRequestsError) as refused:
        await factories.requested_change(alice, "four@example.org")

    assert refused.value.retry_at == first + DAY
    assert await factories.everything() == before


async def test_takes_a_fourth_request_when_it_said(alice, time):
    """The budget slides: what is 24 hours old does not count."""
    for name in ("one", "two", "three"):
        await factories.requested_change(alice, f"{name}@example.org")
        time.advance(timedelta(hours=1))
    time.advance(timedelta(hours=21) - INSTANT)
    with pytest.raises(TooManyRequestsError):
        await factories.requested_change(alice, "four@example.org")
    time.advance(INSTANT)

    change = await factories.requested_change(alice, "four@example.org")

    assert change.state is EmailChangeState.PENDING


async def test_counts_no_refused_request(alice, time):
    """A request that was refused spends nothing of the budget."""
    for _ in range(5):
        with pytest.raises(InvalidInputError):
            await factories.requested_change(alice, "alice@example.org")

    changes = [await factories.requested_change(alice, f"{n}@example.org") for n in range(3)]

    assert len(changes) == 3


async def test_is_accepted_by_the_code(alice, time):
    """The code makes the new address the primary one, not proven yet."""
    change = await factories.requested_change(alice, "New@Example.org")
    code = await code_to("alice@example.org")
    time.advance(timedelta(hours=1))

    answered = await confirm(alice, f" {code.lower()} ")

    account, stored = await Account.get(), await EmailChange.get(id=change.id)
    assert dict(stored) == dict(answered)
    assert (account.email, account.email_key) == ("New@Example.org", "new@example.org")
    assert (account.email_proven, account.last_proven_email) == (False, "alice@example.org")
    assert (stored.state, stored.settled_at) == (EmailChangeState.DONE, time.at)
    assert stored.accepted_by is EmailChangeAcceptance.CODE
    assert (stored.code_digest, stored.attempts_left) == (None, 0)
    assert stored.revertible_until == time.at + 14 * DAY


async def test_is_accepted_once(alice):
    """The code of a change that was accepted is good for nothing."""
    await factories.requested_change(alice, "new@example.org")
    code = await code_to("alice@example.org")
    await confirm(alice, code)
    before = await factories.everything()

    with pytest.raises(NothingPendingError):
        await confirm(alice, code)

    assert await factories.everything() == before


async def test_closes_all_sessions_but_the_one_that_answers(alice):
    """Whoever else is in is out."""
    phone = await factories.logged_in("alice@example.org")
    bob = await factories.signed_up("bob@example.org")
    await factories.requested_change(alice, "new@example.org")

    await confirm(phone, await code_to("alice@example.org"))

    left = set(await Session.all().values_list("id", flat=True))
    assert left == {phone.session.id, bob.session.id}
    assert (await EmailChange.get()).session_id == alice.session.id


async def test_session_that_ends_meanwhile_disturbs_no_answer(alice):
    """Whoever signs out takes no lock of the account, and writes nothing of the change."""
    await factories.requested_change(alice, "new@example.org")
    read = await EmailChange.get()

    await sessions.sign_out(alice.session)

    await read.save()
    assert (await EmailChange.get()).state is EmailChangeState.PENDING


async def test_keeps_a_proven_address_for_72_hours(alice):
    """Whoever goes back to a proven address by code needs no longer to be sure."""
    await factories.accepted_by_code(alice, "new@example.org")
    await factories.requested_change(alice, "alice@example.org")

    back = await confirm(alice, await code_to("alice@example.org"))

    assert (await Account.get()).email_proven
    assert back.revertible_until == back.settled_at + 3 * DAY
    told = Mail.filter(template=Template.EMAIL_CHANGE_ACCEPTED_NEW, recipient="alice@example.org")
    assert set((await told.get()).secrets) == {"report"}


async def test_aborts_when_the_address_is_taken(alice, time):
    """What another account has proven since is not given away."""
    change = await factories.requested_change(alice, "bob@example.org")
    code = await code_to("alice@example.org")
    await factories.signed_up("bob@example.org")
    await factories.logged_in("alice@example.org")

    answered = await confirm(alice, code)

    stored = await EmailChange.get(id=change.id)
    assert dict(stored) == dict(answered)
    assert (stored.state, stored.settled_at) == (EmailChangeState.ABORTED, time.at)
    assert stored.abort_reason is EmailChangeAbortReason.ADDRESS_TAKEN
    assert (await Account.get(id=alice.account.id)).email == "alice@example.org"
    assert await Session.filter(account_id=alice.account.id).count() == 2


async def test_counts_wrong_codes(alice):
    """The fifth wrong code aborts the change; its refusal says that it was the last."""
    await factories.requested_change(alice, "new@example.org")
    code = await code_to("alice@example.org")

    left = [(await confirm(alice, WRONG_CODE)).attempts_left for _ in range(5)]

    change = await EmailChange.get()
    assert left == [4, 3, 2, 1, None]
    assert change.abort_reason is EmailChangeAbortReason.TOO_MANY_ATTEMPTS
    assert (change.attempts_left, change.code_digest) == (0, None)
    with pytest.raises(NothingPendingError):
        await confirm(alice, code)
    assert (await Account.get()).email == "alice@example.org"


@pytest.mark.parametrize("text", ["", "1234-5678", "BCDF-GHJ", "\0", "\ud800", "B" * 10_000])
async def test_does_not_count_what_is_no_code(alice, text):
    """What cannot be a code is a slip, not a try."""
    await factories.requested_change(alice, "new@example.org")
    before = await factories.everything()

    refused = await confirm(alice, text)

    assert (type(refused), refused.attempts_left) == (InvalidCodeError, 5)
    assert await factories.everything() == before


async def test_counts_tries_of_each_change_anew(alice):
    """Attempts belong to the change: a new one has five, an old one is not revived."""
    await factories.requested_change(alice, "one@example.org")
    await confirm(alice, WRONG_CODE)

    await factories.requested_change(alice, "two@example.org")

    assert (await confirm(alice, WRONG_CODE)).attempts_left == 4
    assert sorted(await EmailChange.all().values_list("attempts_left", flat=True)) == [0, 4]


async def test_takes_no_code_of_another_account(alice):
    """A code is bound to its change; another's costs a try of one's own."""
    bob = await factories.signed_up("bob@example.org")
    await factories.requested_change(alice, "new@example.org")
    await factories.requested_change(bob, "new@example.org")
    code = await code_to("bob@example.org")

    refused = await confirm(alice, code)

    assert refused.attempts_left == 4
    assert await EmailChange.filter(state=EmailChangeState.PENDING).count() == 2


async def test_takes_codes_of_the_former_key(alice):
    """While keys are rotated, a code that was digested under the former one still counts."""
    await factories.requested_change(alice, "new@example.org")
    rotated = Policy((b"the next key", *POLICY.secret_keys), bcrypt_cost=4)

    change = await confirm(alice, await code_to("alice@example.org"), rotated)

    assert change.state is EmailChangeState.DONE


async def test_has_nothing_to_confirm(alice):
    """Without a pending change there is nothing to answer."""
    before = await factories.everything()

    with pytest.raises(NothingPendingError):
        await confirm(alice, "BCDF-GHJK")

    assert await factories.everything() == before
