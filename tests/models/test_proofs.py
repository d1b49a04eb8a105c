"""Proofs: a code mailed to the new address, typed in a session of the account."""

from datetime import timedelta

import factories
import pytest
from factories import POLICY, WRONG_CODE

from models import proofs
from models.accounts import Account, AccountState
from models.challenges import Challenge, InvalidCodeError, Purpose
from models.email_changes import EmailChange, NothingPendingError
from models.errors import UnauthenticatedError
from models.mails import Mail, Template
from models.policy import Policy

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)


async def prove(opened, code, policy=POLICY):
    return await proofs.prove(await factories.session_of(opened), code, policy=policy)


async def code_to(address):
    return await factories.mailed_code(Template.EMAIL_CHANGE_ACCEPTED_NEW, to=address)


@pytest.fixture
async def moved(alice):
    """An account that has moved to an address which it has not proven yet."""
    await factories.accepted_by_code(alice, "New@Example.org")
    return alice


async def test_takes_the_address_for_proven(moved):
    """The code makes the primary address the last proven one."""
    code = await code_to("New@Example.org")

    answered = await prove(moved, f" {code.lower()} ")

    account = await Account.get()
    assert dict(answered) == dict(account)
    assert (account.email, account.email_proven) == ("New@Example.org", True)
    assert account.last_proven_email == "New@Example.org"
    assert await Challenge.all().count() == 0


async def test_is_bound_to_address_and_account(moved):
    """The challenge says for which address of which account it is."""
    challenge = await Challenge.get()

    assert (challenge.purpose, challenge.address_key) == (Purpose.EMAIL_PROOF, "new@example.org")
    assert (challenge.account_id, challenge.signup_id) == (moved.account.id, None)
    assert challenge.expires_at - challenge.created_at == 7 * DAY


async def test_is_used_up(moved):
    """A proof is given once."""
    code = await code_to("New@Example.org")
    await prove(moved, code)
    before = await factories.everything()

    with pytest.raises(NothingPendingError):
        await prove(moved, code)

    assert await factories.everything() == before


async def test_has_nothing_to_prove(alice):
    """An address that was proven by sign-up needs no second proof."""
    before = await factories.everything()

    with pytest.raises(NothingPendingError):
        await prove(alice, "BCDF-GHJK")

    assert await factories.everything() == before


async def test_counts_wrong_codes(moved):
    """Five wrong codes end the proof; even the right one proves nothing then."""
    code = await code_to("New@Example.org")

    left = [(await prove(moved, WRONG_CODE)).attempts_left for _ in range(5)]

    assert left == [4, 3, 2, 1, None]
    with pytest.raises(NothingPendingError):
        await prove(moved, code)
    assert not (await Account.get()).email_proven


@pytest.mark.parametrize("text", ["", "1234-5678", "\0", "\ud800", "B" * 10_000])
async def test_does_not_count_what_is_no_code(moved, text):
    """What cannot be a code is a slip, not a try."""
    before = await factories.everything()

    refused = await prove(moved, text)

    assert (type(refused), refused.attempts_left) == (InvalidCodeError, 5)
    assert await factories.everything() == before


async def test_takes_no_code_of_another_account(moved):
    """Who reads another mailbox has not shown to read this one."""
    bob = await factories.signed_up("bob@example.org")
    await factories.accepted_by_code(bob, "bobs@example.org")

    refused = await prove(moved, await code_to("bobs@example.org"))

    assert refused.attempts_left == 4
    assert not (await Account.get(id=moved.account.id)).email_proven


async def test_takes_no_code_of_another_kind(alice):
    """The validation code went to the former address and shows nothing of the new one."""
    await factories.requested_change(alice, "new@example.org")
    code = await factories.mailed_code(Template.EMAIL_CHANGE_VALIDATION, to="alice@example.org")
    await factories.confirmed(alice, await EmailChange.get())

    refused = await prove(alice, code)

    assert refused.attempts_left == 4


async def test_takes_no_code_of_an_earlier_address(moved):
    """One code at a time: a move on ends the proof of the address in between."""
    code = await code_to("New@Example.org")
    await factories.accepted_by_code(moved, "newer@example.org")

    refused = await prove(moved, code)

    assert refused.attempts_left == 4
    assert not (await Account.get()).email_proven
    assert await Challenge.all().count() == 1


async def test_ends_with_the_address(moved, time):
    """Who lost the unproven address to its owner cannot prove it any more."""
    code = await code_to("New@Example.org")
    await factories.signed_up("new@example.org")

    with pytest.raises(NothingPendingError):
        await prove(moved, code)

    account = await Account.get(id=moved.account.id)
    assert (account.email, account.email_proven) == ("alice@example.org", True)


async def test_ends_at_its_deadline(alice, time):
    """A proof code is good for seven days, less the last instant."""
    await factories.accepted_by_code(alice, "new@example.org")
    code = await code_to("new@example.org")
    session = await factories.session_of(alice)
    time.advance(7 * DAY)

    with pytest.raises(NothingPendingError):
        await proofs.prove(session, code, policy=POLICY)
    time.advance(-INSTANT)
    account = await proofs.prove(session, code, policy=POLICY)

    assert account.email_proven


@pytest.mark.parametrize("state", [AccountState.FROZEN, AccountState.CLOSED])
async def test_refuses_accounts_that_are_not_open(moved, state):
    """A session that was found before its account froze proves nothing."""
    session = await factories.session_of(moved)
    await Account.all().update(state=state)

    with pytest.raises(UnauthenticatedError):
        await proofs.prove(session, await code_to("New@Example.org"), policy=POLICY)

    assert not (await Account.get()).email_proven


async def test_takes_codes_of_the_former_key(moved):
    """While keys are rotated, a code that was digested under the former one still counts."""
    rotated = Policy((b"the next key", *POLICY.secret_keys), bcrypt_cost=4)

    account = await prove(moved, await code_to("New@Example.org"), rotated)

    assert account.email_proven


@pytest.mark.parametrize(
    ("accept", "proven_after", "window"),
    [
        pytest.param(factories.accepted_by_code, DAY, 3 * DAY, id="by code, soon"),
        pytest.param(factories.accepted_by_code, 5 * DAY, 5 * DAY, id="by code, later"),
        pytest.param(factories.accepted_by_silence, DAY, 14 * DAY, id="by silence"),
    ],
)
async def test_shortens_the_time_to_revert(alice, time, accept, proven_after, window):
    """After a code, a proven address can be taken back for 72 hours or until its proof."""
    change = await accept(alice, "new@example.org")
    session = await factories.session_of(alice)
    time.at = change.settled_at + proven_after

    await proofs.prove(session, await code_to("new@example.org"), policy=POLICY)

    shortened = await EmailChange.get(id=change.id)
    assert shortened.revertible_until == change.settled_at + window


async def test_shortens_no_other_change(alice):
    """The proof of one address says nothing of the change before it."""
    first = await factories.accepted_by_code(alice, "typo@example.org")
    await factories.accepted_by_code(alice, "new@example.org")

    await factories.proven(alice)

    assert (await EmailChange.get(id=first.id)).revertible_until == first.revertible_until


async def test_mails_nothing(moved):
    """A proof is announced to nobody."""
    before = await Mail.all().count()

    await prove(moved, await code_to("New@Example.org"))

    assert await Mail.all().count() == before
