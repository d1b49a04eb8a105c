"""Races: whatever happens at once happens in some order, and each thing once.

Every test here was seen to fail without the lock, the index or the translation that it is about.
"""

import asyncio
import secrets
from collections import Counter
from itertools import cycle

import factories
import pytest
from factories import CLIENT, PASSWORD, POLICY, WRONG_CODE

from models import accounts, deliveries, email_changes, mails, proofs, sessions, signups
from models.accounts import Account, AddressTakenError, StaleRevisionError
from models.challenges import Challenge, InvalidCodeError
from models.deliveries import Attempt, Outcome
from models.email_changes import (
    EmailChange,
    EmailChangeState,
    NothingPendingError,
    TooManyRequestsError,
)
from models.mails import Mail, MailState, Template
from models.nic_handles import NicHandle
from models.sessions import Opened, Session
from models.signups import Signup

MANY = 16
# The lines without which races are lost, for `make races`.
ACCOUNT_LOCK = pytest.mark.protected_by(
    "models/accounts.py", '.order_by("id").select_for_update()', '.order_by("id")'
)
ADDRESS_LOCK = pytest.mark.protected_by(
    "models/signups.py",
    "challenge = await _locked(challenge_id)",
    "challenge = await Challenge.get_or_none(id=challenge_id)",
)
CLAIM_LOCK = pytest.mark.protected_by(
    "models/outbox.py",
    "FROM due WHERE {table}.id = due.id AND due.due_at <= clock_timestamp()",
    "FROM due WHERE {table}.id = due.id",
)
SIX = 10**6


async def at_once(*operations):
    """What becomes of operations that start together: results and refusals."""
    return await asyncio.gather(*operations, return_exceptions=True)


def kinds(outcomes):
    return Counter(type(outcome) for outcome in outcomes)


def confirmed(challenge, code):
    return signups.confirm(challenge.id, code, client=CLIENT, policy=POLICY)


async def changing(opened, new_email):
    """The session of an account that has asked for a new address, and the code that it got."""
    change = await factories.requested_change(opened, new_email)
    code = await factories.mailed_code(
        Template.EMAIL_CHANGE_VALIDATION, to=change.former_last_proven_email
    )
    return change, await factories.session_of(opened), code


async def test_opens_one_account_with_one_code(tables, open_pool):
    """A code is used up by the first who types it.

    The lock of the address, the row that is deleted and the unique index of accounts each suffice.
    """
    challenge = await factories.requested_signup("alice@example.org")
    code = await factories.mailed_code(Template.CREATION, to="alice@example.org")

    outcomes = await at_once(*(confirmed(challenge, code) for _ in range(MANY)))

    assert kinds(outcomes) == {Opened: 1, InvalidCodeError: MANY - 1}
    assert await Account.all().count() == 1
    assert await Session.all().count() == 1


async def test_opens_one_account_for_one_address(tables, open_pool):
    """Of sign-ups for one address that are confirmed together, one becomes the account."""
    challenges = [await factories.requested_signup("alice@example.org") for _ in range(MANY)]
    codes = await Mail.all().order_by("queued_at").values_list("secrets", flat=True)

    outcomes = await at_once(
        *(
            confirmed(challenge, code["code"])
            for challenge, code in zip(challenges, codes, strict=True)
        )
    )

    found = kinds(outcomes)
    assert found[Opened] == 1
    assert found[Opened] + found[InvalidCodeError] + found[AddressTakenError] == MANY, outcomes
    assert await Account.all().count() == 1
    assert await Signup.all().count() + await Challenge.all().count() == 0
    assert await NicHandle.all().count() == MANY


@ADDRESS_LOCK
async def test_counts_every_wrong_code_of_a_signup(tables, open_pool):
    """Five tries are five, however fast they come."""
    challenge = await factories.requested_signup("alice@example.org")

    outcomes = await at_once(*(confirmed(challenge, WRONG_CODE) for _ in range(MANY)))

    assert kinds(outcomes) == {InvalidCodeError: MANY}
    left = Counter(outcome.attempts_left for outcome in outcomes)
    assert left == {4: 1, 3: 1, 2: 1, 1: 1, None: MANY - 4}
    assert (await Challenge.get()).attempts_left == 0


async def test_reminds_once(alice, open_pool):
    """However many try to sign up with a known address, one mail an hour says so."""
    outcomes = await at_once(
        *(factories.requested_signup("alice@example.org") for _ in range(MANY))
    )

    assert kinds(outcomes) == {Challenge: MANY}
    assert await Mail.filter(template=Template.ACCOUNT_EXISTS).count() == 1


async def test_gives_every_signup_its_own_handle(tables, open_pool, monkeypatch):
    """Where numbers are scarce, sign-ups that draw the same one do not get the same one."""
    throw, few = secrets.randbelow, cycle(range(3))
    monkeypatch.setattr(
        secrets, "randbelow", lambda sides: next(few) if sides == SIX else throw(sides)
    )

    outcomes = await at_once(*(factories.requested_signup(f"{n}@example.org") for n in range(MANY)))

    handles = await Signup.all().values_list("nic_handle", flat=True)
    assert kinds(outcomes) == {Challenge: MANY}
    assert len(set(handles)) == MANY
    assert set(await NicHandle.all().values_list("handle", flat=True)) == set(handles)
    assert Counter(map(len, handles)) == {12: 3, 13: MANY - 3}


@ACCOUNT_LOCK
async def test_accepts_a_change_once(alice, open_pool):
    """A code that is typed many times at once accepts one change, once."""
    _, session, code = await changing(alice, "new@example.org")

    outcomes = await at_once(
        *(email_changes.confirm(session, code, policy=POLICY) for _ in range(MANY))
    )

    assert kinds(outcomes) == {EmailChange: 1, NothingPendingError: MANY - 1}
    assert await Mail.filter(template=Template.EMAIL_CHANGE_ACCEPTED_NEW).count() == 1
    assert (await Account.get()).email == "new@example.org"


@ACCOUNT_LOCK
async def test_accepts_by_code_or_by_silence(alice, open_pool):
    """At the deadline code and silence race from many processes, and one of them wins."""
    change, session, code = await changing(alice, "new@example.org")
    await factories.overdue(change)

    outcomes = await at_once(
        *(
            operation
            for _ in range(MANY // 2)
            for operation in (
                email_changes.auto_accept(change.id, policy=POLICY),
                email_changes.confirm(session, code, policy=POLICY),
            )
        )
    )

    settled = await EmailChange.get()
    by_code = kinds(outcomes)[EmailChange]
    assert settled.state is EmailChangeState.DONE
    assert by_code == (settled.accepted_by == "CODE")
    assert kinds(outcomes)[NothingPendingError] == MANY // 2 - by_code
    assert kinds(outcomes)[type(None)] == MANY // 2
    assert await Mail.filter(template=Template.EMAIL_CHANGE_ACCEPTED_FORMER).count() == 1


async def test_accepts_by_silence_once(alice, open_pool):
    """A job that runs many times at once accepts once."""
    change = await factories.requested_change(alice, "new@example.org")
    await factories.overdue(change)

    outcomes = await at_once(
        *(email_changes.auto_accept(change.id, policy=POLICY) for _ in range(MANY))
    )

    assert outcomes == [None] * MANY
    assert await Mail.filter(template=Template.EMAIL_CHANGE_ACCEPTED_NEW).count() == 1
    assert (await EmailChange.get()).state is EmailChangeState.DONE


@ACCOUNT_LOCK
async def test_counts_every_wrong_code_of_a_change(alice, open_pool):
    """Five tries are five, however fast they come."""
    _, session, _ = await changing(alice, "new@example.org")

    outcomes = await at_once(
        *(email_changes.confirm(session, WRONG_CODE, policy=POLICY) for _ in range(MANY))
    )

    assert kinds(outcomes) == {InvalidCodeError: 5, NothingPendingError: MANY - 5}
    refused = [outcome for outcome in outcomes if isinstance(outcome, InvalidCodeError)]
    assert {refusal.attempts_left for refusal in refused} == {4, 3, 2, 1, None}
    assert await Mail.filter(template=Template.EMAIL_CHANGE_ABORTED).count() == 1


@ACCOUNT_LOCK
async def test_leaves_one_change_pending(alice, open_pool):
    """Of requests at the same time, one is pending; the budget of a day is not exceeded."""
    session = await factories.session_of(alice)

    outcomes = await at_once(
        *(
            email_changes.request(
                session, f"{n}@example.org", PASSWORD, client=CLIENT, policy=POLICY
            )
            for n in range(MANY)
        )
    )

    states = Counter(await EmailChange.all().values_list("state", flat=True))
    waiting = Mail.filter(template=Template.EMAIL_CHANGE_VALIDATION, state=MailState.QUEUED)
    assert kinds(outcomes) == {EmailChange: 3, TooManyRequestsError: MANY - 3}
    assert states == {"PENDING": 1, "ABORTED": 2}
    assert await waiting.count() == 1


async def test_gives_one_address_to_one_account(tables, open_pool):
    """Of accounts that accept a change to the same address together, one has it in the end."""
    asked = []
    for n in range(6):
        opened = await factories.signed_up(f"{n}@example.org")
        asked.append(await changing(opened, "new@example.org"))

    outcomes = await at_once(
        *(email_changes.confirm(session, code, policy=POLICY) for _, session, code in asked)
    )

    states = Counter(await EmailChange.all().values_list("state", flat=True))
    assert kinds(outcomes) == {EmailChange: 6}
    assert states["DONE"] >= 1
    assert states["DONE"] + states["ABORTED"] == 6
    assert await Account.filter(email_key="new@example.org").count() == 1
    assert await Account.filter(email_key__endswith="@example.org").count() == 6


async def test_gives_an_address_to_who_proves_it(alice, open_pool):
    """Whoever signs up with the address that another moves to at the same time gets it."""
    challenge = await factories.requested_signup("new@example.org")
    creation_code = await factories.mailed_code(Template.CREATION, to="new@example.org")
    _, session, code = await changing(alice, "new@example.org")

    outcomes = await at_once(
        confirmed(challenge, creation_code),
        email_changes.confirm(session, code, policy=POLICY),
    )
    if isinstance(outcomes[0], AddressTakenError):
        outcomes[0] = await confirmed(challenge, creation_code)

    owner = await Account.get(email_key="new@example.org")
    assert kinds(outcomes) == {Opened: 1, EmailChange: 1}
    assert (owner.id, owner.email_proven) == (outcomes[0].account.id, True)
    assert (await Account.get(id=alice.account.id)).email == "alice@example.org"


async def test_swaps_unproven_addresses(tables, open_pool):
    """Two accounts that take each other's unproven address do not wait for each other."""
    anna = await factories.signed_up("anna@example.org")
    bob = await factories.signed_up("bob@example.org")
    await factories.accepted_by_code(anna, "one@example.org")
    await factories.accepted_by_code(bob, "two@example.org")
    _, annas, annas_code = await changing(anna, "two@example.org")
    _, bobs, bobs_code = await changing(bob, "one@example.org")

    outcomes = await at_once(
        email_changes.confirm(annas, annas_code, policy=POLICY),
        email_changes.confirm(bobs, bobs_code, policy=POLICY),
    )

    keys = set(await Account.all().values_list("email_key", flat=True))
    assert kinds(outcomes) == {EmailChange: 2}, outcomes
    assert len(keys) == 2
    assert await EmailChange.filter(state="PENDING").count() == 0


async def test_proves_an_address_once(alice, open_pool):
    """A proof code is used up by the first who types it."""
    await factories.accepted_by_code(alice, "new@example.org")
    code = await factories.mailed_code(Template.EMAIL_CHANGE_ACCEPTED_NEW, to="new@example.org")
    session = await factories.session_of(alice)

    outcomes = await at_once(*(proofs.prove(session, code, policy=POLICY) for _ in range(MANY)))

    assert kinds(outcomes) == {Account: 1, NothingPendingError: MANY - 1}
    assert (await Account.get()).email_proven


async def test_counts_every_wrong_code_of_a_proof(alice, open_pool):
    """Five tries are five, however fast they come."""
    await factories.accepted_by_code(alice, "new@example.org")
    session = await factories.session_of(alice)

    outcomes = await at_once(
        *(proofs.prove(session, WRONG_CODE, policy=POLICY) for _ in range(MANY))
    )

    assert kinds(outcomes) == {InvalidCodeError: 5, NothingPendingError: MANY - 5}
    assert (await Challenge.get()).attempts_left == 0


@ACCOUNT_LOCK
async def test_saves_one_of_many_profiles(alices_account, open_pool):
    """Of those who have read the same revision, one saves; the others learn that it has moved."""
    outcomes = await at_once(
        *(
            accounts.update_profile(
                alices_account.id, {"address.city": f"Lille {n}"}, expected_revision=1
            )
            for n in range(MANY)
        )
    )

    winner = next(outcome for outcome in outcomes if isinstance(outcome, Account))
    account = await Account.get()
    assert kinds(outcomes) == {Account: 1, StaleRevisionError: MANY - 1}
    assert (account.revision, account.address_city) == (2, winner.address_city)


async def test_loses_no_field_of_a_profile(alices_account, open_pool):
    """Changes of different fields at once are all kept, each with a revision of its own."""
    changes = {
        "firstName": "Alicia",
        "lastName": "Meyer",
        "address.city": "Lille",
        "address.line": "1 rue Neuve",
        "phone": "03 20 12 34 56",
        "language": "FR",
    }

    outcomes = await at_once(
        *(
            accounts.update_profile(alices_account.id, {path: value}, expected_revision=None)
            for path, value in changes.items()
        )
    )

    account = await Account.get()
    assert {outcome.revision for outcome in outcomes} == {2, 3, 4, 5, 6, 7}
    assert account.profile() == alices_account.profile() | changes | {"phone": "+33320123456"}


async def test_keeps_a_profile_and_a_change_of_address(alice, open_pool):
    """Saving a profile while the address changes undoes neither."""
    _, session, code = await changing(alice, "new@example.org")

    outcomes = await at_once(
        email_changes.confirm(session, code, policy=POLICY),
        *(
            accounts.update_profile(
                alice.account.id, {"address.city": f"Lille {n}"}, expected_revision=None
            )
            for n in range(MANY - 1)
        ),
    )

    account = await Account.get()
    assert kinds(outcomes) == {EmailChange: 1, Account: MANY - 1}
    assert (account.email, account.revision) == ("new@example.org", MANY)


@CLAIM_LOCK
async def test_hands_a_mail_to_one_worker(alice, open_pool):
    """However many workers reach for a mail, one has it."""
    mail = await Mail.get()

    outcomes = await at_once(*(mails.claim(mail.id) for _ in range(MANY)))

    assert kinds(outcomes) == {Mail: 1, type(None): MANY - 1}
    assert (await Mail.get()).attempts == 1


@pytest.mark.parametrize("other", [Outcome.LEFT, Outcome.BOUNCED])
async def test_settles_a_mail_once(alice, open_pool, other):
    """Two workers with the same mail settle it once, and the clock starts once."""
    change = await factories.requested_change(alice, "new@example.org")
    mail = await Mail.get(email_change_id=change.id, template=Template.EMAIL_CHANGE_VALIDATION)
    await mails.claim(mail.id)

    outcomes = await at_once(
        *(
            deliveries.settle(Attempt(mail.id, 1, outcome))
            for _ in range(MANY // 2)
            for outcome in (Outcome.LEFT, other)
        )
    )

    settled, change = await Mail.get(id=mail.id), await EmailChange.get()
    assert outcomes == [settled.state] * MANY
    assert change.auto_accept_at == settled.settled_at + factories.DELAY


async def test_settles_a_question_and_its_change(alice, open_pool):
    """A mail that leaves while its code is typed stops neither, nor do they wait for each other."""
    change, session, code = await changing(alice, "new@example.org")
    mail = await Mail.get(email_change_id=change.id, template=Template.EMAIL_CHANGE_VALIDATION)
    await mails.claim(mail.id)

    outcomes = await at_once(
        email_changes.confirm(session, code, policy=POLICY),
        *(deliveries.settle(Attempt(mail.id, 1, Outcome.LEFT)) for _ in range(MANY - 1)),
    )

    settled = await Mail.get(id=mail.id)
    assert kinds(outcomes) == {EmailChange: 1, MailState: MANY - 1}
    assert (await EmailChange.get()).state is EmailChangeState.DONE
    assert settled.state in {MailState.SENT, MailState.ABANDONED}
    assert settled.secrets is None


async def test_opens_as_many_sessions_as_are_asked_for(alice, open_pool):
    """Logins at the same time do not disturb each other, even when each would hash again."""
    policy = type(POLICY)(POLICY.secret_keys, bcrypt_cost=5)

    outcomes = await at_once(
        *(
            sessions.login("alice@example.org", PASSWORD, client=CLIENT, policy=policy)
            for _ in range(MANY)
        )
    )

    assert kinds(outcomes) == {Opened: MANY}
    assert await Session.all().count() == MANY + 1
