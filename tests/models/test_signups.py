"""Sign-up: the answer tells nothing, the mail everything."""

import secrets
import time as wall
from datetime import timedelta
from uuid import uuid4

import factories
import pytest
from factories import CLIENT, PASSWORD, POLICY, WRONG_CODE, profile

from models import credentials, sessions, signups
from models.accounts import Account, AccountState, AddressTakenError
from models.challenges import Challenge, InvalidCodeError, Purpose
from models.email_changes import EmailChange
from models.errors import Fault, FaultCode, InvalidInputError
from models.mails import Mail, Template
from models.nic_handles import NicHandle
from models.policy import Policy
from models.profiles import COLUMNS, Language
from models.sessions import Session
from models.signups import Signup

WEEK = timedelta(days=7)
FULL = {
    "firstName": "Alice",
    "lastName": "Martin",
    "organisation": "Example SARL",
    "legalForm": "CORPORATION",
    "country": "FR",
    "address.line": "2 rue Kellermann",
    "address.zip": "59100",
    "address.city": "Roubaix",
    "address.area": "Hauts-de-France",
    "phone": "+33320123456",
    "language": "FR",
    "vatNumber": "FR22424761419",
    "nationalIdentificationNumber": "424761419",
}


async def confirm(challenge, code, policy=POLICY):
    return await signups.confirm(challenge.id, code, client=CLIENT, policy=policy)


async def creation_code(to):
    return await factories.mailed_code(Template.CREATION, to=to)


async def test_mails_a_code_to_a_new_address(tables, time):
    """The creation mail names the NIC-handle and carries the code; there is no account yet."""
    challenge = await factories.requested_signup("Alice@Example.org")

    signup, mail = await Signup.get(), await Mail.get()
    assert (signup.email, signup.email_key) == ("Alice@Example.org", "alice@example.org")
    assert (challenge.signup_id, challenge.expires_at) == (signup.id, time.at + WEEK)
    assert (mail.template, mail.recipient) == (Template.CREATION, "Alice@Example.org")
    assert (mail.nic_handle, mail.language) == (signup.nic_handle, Language.EN)
    assert (mail.signup_id, mail.expires_at) == (signup.id, time.at + WEEK)
    assert mail.secrets.keys() == {"code"}
    assert await Account.all().count() == 0
    assert await Session.all().count() == 0


async def test_keeps_no_password(tables):
    """The password stands nowhere but in its hash, not even in the mail."""
    await factories.requested_signup("alice@example.org")

    signup = await Signup.get()
    assert PASSWORD not in str(await factories.everything())
    assert await credentials.matches(PASSWORD, signup.password_hash, cost=4)


async def test_gives_out_handles_of_the_house(tables):
    """The NIC-handle has the customer's initials and the operator's suffix."""
    policy = Policy(secret_keys=POLICY.secret_keys, nic_suffix="HOUSE", bcrypt_cost=4)
    wanted = signups.Request("zoe@example.org", PASSWORD, profile(firstName="Zoë"))

    await signups.request(wanted, policy=policy)

    handle = (await Signup.get()).nic_handle
    assert (handle[:2], handle[-6:]) == ("zm", "-HOUSE")
    assert await NicHandle.filter(handle=handle).count() == 1


@pytest.mark.parametrize("typed", ["alice@example.org", " ALICE@Example.ORG "])
async def test_answers_the_same_for_a_known_address(alice, time, typed):
    """A known address gets a challenge like any other, and a mail that says what it has."""
    known = await factories.requested_signup(typed, firstName="Mallory", language="FR")

    new = await factories.requested_signup("new@example.org")
    mail = await Mail.get(template=Template.ACCOUNT_EXISTS)
    assert (known.purpose, known.expires_at) == (new.purpose, new.expires_at)
    assert (known.attempts_left, len(known.digest)) == (new.attempts_left, len(new.digest))
    assert (mail.recipient, mail.account_id) == (typed.strip(), alice.account.id)
    assert (mail.nic_handle, mail.language) == (alice.account.nic_handle, Language.EN)
    assert (mail.params, mail.secrets) == ({"first_name": "Alice"}, {})
    assert await Signup.all().count() == 1
    assert await NicHandle.all().count() == 2


async def test_takes_the_same_time_for_a_known_address(alice):
    """A password is hashed either way."""
    policy = Policy(secret_keys=POLICY.secret_keys, bcrypt_cost=10)
    times = {"alice@example.org": [], "new@example.org": []}

    for email in [*times] * 4:
        before = wall.process_time()
        await signups.request(signups.Request(email, PASSWORD, profile()), policy=policy)
        times[email].append(wall.process_time() - before)

    quickest = [min(measured) for measured in times.values()]
    assert max(quickest) < 2 * min(quickest)


async def test_counts_tries_at_a_known_address(alice):
    """No code opens the challenge of a known address, and it dies like the others."""
    challenge = await factories.requested_signup("alice@example.org")

    left = [(await confirm(challenge, WRONG_CODE)).attempts_left for _ in range(5)]

    assert left == [4, 3, 2, 1, None]
    with pytest.raises(InvalidCodeError):
        await confirm(challenge, WRONG_CODE)
    assert await Account.all().count() == 1


async def test_opens_nothing_at_a_known_address(alice, monkeypatch):
    """Not even the code that was drawn for the look of it opens anything."""
    monkeypatch.setattr(secrets, "choice", lambda letters: letters[0])
    challenge = await factories.requested_signup("alice@example.org")

    with pytest.raises(InvalidCodeError):
        await confirm(challenge, "BBBB-BBBB")

    assert await Account.all().count() == 1
    assert await Session.all().count() == 1


async def test_reminds_at_most_once_an_hour(alice, time):
    """Nobody can fill a mailbox with reminders."""
    times = [timedelta(0), timedelta(minutes=59), timedelta(seconds=59), timedelta(seconds=1)]
    counts = []

    for step in times:
        time.advance(step)
        await factories.requested_signup("alice@example.org")
        counts.append(await Mail.filter(template=Template.ACCOUNT_EXISTS).count())

    assert counts == [1, 1, 1, 2]
    assert await Challenge.filter(signup_id=None).count() == 4


@pytest.mark.parametrize("state", [AccountState.FROZEN, AccountState.CLOSED])
async def test_knows_accounts_that_are_not_open(alice, state):
    """An address stays its account's while the account is frozen or closed."""
    await Account.all().update(state=state)

    await factories.requested_signup("alice@example.org")

    assert await factories.mails_to("alice@example.org") == ["creation", "account_exists"]


async def test_reports_all_faults_together(tables):
    """Profile, addresses and password are judged in one go; nothing is stored."""
    values = profile(firstName=" ", country="XX")
    wanted = signups.Request("alice@", "short", values, spare_email="<>")

    with pytest.raises(InvalidInputError) as refused:
        await signups.request(wanted, policy=POLICY)

    assert set(refused.value.faults) == {
        Fault("firstName", FaultCode.REQUIRED),
        Fault("country", FaultCode.INVALID),
        Fault("email", FaultCode.INVALID),
        Fault("spareEmail", FaultCode.INVALID),
        Fault("password", FaultCode.TOO_SHORT, 12),
    }
    assert not any((await factories.everything()).values())


@pytest.mark.parametrize(
    ("email", "code", "limit"),
    [
        pytest.param("", FaultCode.REQUIRED, None, id="empty"),
        pytest.param("a\0@example.org", FaultCode.INVALID, None, id="NUL"),
        pytest.param("\ud800@example.org", FaultCode.INVALID, None, id="lone surrogate"),
        pytest.param("a@example.org\nBcc: b@example.org", FaultCode.INVALID, None, id="header"),
        pytest.param("a" * 10_000, FaultCode.TOO_LONG, 254, id="10,000"),
    ],
)
async def test_refuses_bad_addresses(tables, email, code, limit):
    """What is no address is said to be none; nothing is stored."""
    with pytest.raises(InvalidInputError) as refused:
        await factories.requested_signup(email)

    assert refused.value.faults == (Fault("email", code, limit),)
    assert not any((await factories.everything()).values())


@pytest.mark.parametrize("spare_email", ["alice@example.org", "ALICE@example.org "])
async def test_refuses_the_same_address_twice(tables, spare_email):
    """A spare address that is the primary one is none."""
    with pytest.raises(InvalidInputError) as refused:
        await factories.requested_signup("alice@example.org", spare_email=spare_email)

    assert refused.value.faults == (Fault("spareEmail", FaultCode.SAME_AS_CURRENT),)
    assert await Signup.all().count() == 0


@pytest.mark.parametrize("spare_email", [None, "", "  ", "\t"])
async def test_takes_a_blank_spare_address_for_none(tables, spare_email):
    """A form sends empty fields; an optional one that is blank is not given."""
    await factories.requested_signup("alice@example.org", spare_email=spare_email)

    signup = await Signup.get()
    assert (signup.spare_email, signup.spare_email_key) == (None, None)


async def test_confirms_with_the_mailed_code(tables, time):
    """The code opens the account, with a session, and proves the address."""
    challenge = await factories.requested_signup("Alice@Example.org", spare_email="Al@Web.de")
    code = await creation_code("Alice@Example.org")
    signup = await Signup.get()

    opened = await confirm(challenge, code)

    account = await Account.get()
    session = await sessions.find(opened.token)
    assert (opened.account.id, session.account_id) == (account.id, account.id)
    assert (account.nic_handle, account.state) == (signup.nic_handle, AccountState.ACTIVE)
    assert (account.email, account.email_key) == ("Alice@Example.org", "alice@example.org")
    assert (account.email_proven, account.last_proven_email) == (True, "Alice@Example.org")
    assert (account.spare_email, account.spare_email_key) == ("Al@Web.de", "al@web.de")
    assert (account.spare_email_proven, account.password_hash) == (False, signup.password_hash)
    assert (account.revision, account.created_at) == (1, time.at)
    assert await Signup.all().count() == 0
    assert [challenge.purpose for challenge in await Challenge.all()] == [Purpose.SPARE_PROOF]


async def test_keeps_the_whole_profile(tables):
    """What the form said stands in the account."""
    opened = await factories.signed_up("alice@example.org", **FULL)

    account = await Account.get(id=opened.account.id)
    assert account.profile() == FULL
    assert {getattr(account, column) for column in COLUMNS.values()} == set(FULL.values())


async def test_mails_nothing_on_confirmation(alice):
    """The session that a confirmation opens is announced to nobody; the mail stays in the list."""
    mails = await Mail.all()

    assert [(mail.template, mail.account_id, mail.signup_id) for mail in mails] == [
        (Template.CREATION, alice.account.id, None)
    ]


async def test_reads_codes_as_people_type_them(tables):
    """Case, blanks and dashes do not matter."""
    challenge = await factories.requested_signup("alice@example.org")
    code = await creation_code("alice@example.org")

    opened = await confirm(challenge, f" {' '.join(code.lower())} ")

    assert opened.account.email == "alice@example.org"


async def test_counts_wrong_codes(tables):
    """Five wrong codes end a challenge; even the right one opens nothing then."""
    challenge = await factories.requested_signup("alice@example.org")
    code = await creation_code("alice@example.org")

    left = [(await confirm(challenge, WRONG_CODE)).attempts_left for _ in range(5)]

    assert left == [4, 3, 2, 1, None]
    with pytest.raises(InvalidCodeError) as refused:
        await confirm(challenge, code)
    assert refused.value.attempts_left is None
    assert await Account.all().count() == 0


@pytest.mark.parametrize("text", ["", "BCDF", "1234-5678", "ВCDF-GHJK", "\0", "\ud800", "B" * 9999])
async def test_does_not_count_what_is_no_code(tables, text):
    """What cannot be a code is a slip, not a try."""
    challenge = await factories.requested_signup("alice@example.org")
    before = await factories.everything()

    refused = await confirm(challenge, text)

    assert refused.attempts_left == 5
    assert await factories.everything() == before


async def test_opens_once(tables):
    """A code is used up by its use."""
    challenge = await factories.requested_signup("alice@example.org")
    code = await creation_code("alice@example.org")
    await confirm(challenge, code)
    before = await factories.everything()

    with pytest.raises(InvalidCodeError) as refused:
        await confirm(challenge, code)

    assert refused.value.attempts_left is None
    assert await factories.everything() == before


async def test_takes_a_code_for_its_own_challenge_only(tables):
    """The code of one sign-up is a wrong one for another, and costs it a try."""
    await factories.requested_signup("mallory@example.org")
    victim = await factories.requested_signup("alice@example.org")
    code = await creation_code("mallory@example.org")

    refused = await confirm(victim, code)

    assert refused.attempts_left == 4
    assert await Account.all().count() == 0


@pytest.mark.parametrize("unknown", [None, uuid4()], ids=["no id", "unknown id"])
async def test_opens_nothing_for_unknown_ids(tables, unknown):
    """Unknown challenges answer like dead ones."""
    await factories.requested_signup("alice@example.org")
    code = await creation_code("alice@example.org")
    before = await factories.everything()

    with pytest.raises(InvalidCodeError) as refused:
        await signups.confirm(unknown, code, client=CLIENT, policy=POLICY)

    assert refused.value.attempts_left is None
    assert await factories.everything() == before


async def test_opens_nothing_with_a_proof_code(alice):
    """The challenge of another purpose is unknown to sign-up."""
    await factories.accepted_by_code(alice, "new@example.org")
    code = await factories.mailed_code(Template.EMAIL_CHANGE_ACCEPTED_NEW, to="new@example.org")
    challenge = await Challenge.get(purpose=Purpose.EMAIL_PROOF)
    before = await factories.everything()

    with pytest.raises(InvalidCodeError):
        await confirm(challenge, code)

    assert await factories.everything() == before


async def test_ends_at_its_deadline(tables, time):
    """A code is good for seven days, less the last instant."""
    challenge = await factories.requested_signup("alice@example.org")
    code = await creation_code("alice@example.org")
    time.advance(WEEK)

    with pytest.raises(InvalidCodeError) as refused:
        await confirm(challenge, code)

    assert refused.value.attempts_left is None
    assert await Account.all().count() == 0


async def test_opens_until_its_deadline(tables, time):
    """A microsecond before its end a code is still good."""
    challenge = await factories.requested_signup("alice@example.org")
    code = await creation_code("alice@example.org")
    time.advance(WEEK - timedelta(microseconds=1))

    opened = await confirm(challenge, code)

    assert opened.account.created_at == time.at


async def test_takes_codes_of_the_former_key(tables):
    """While keys are rotated, a code that was digested under the former one still opens."""
    challenge = await factories.requested_signup("alice@example.org")
    code = await creation_code("alice@example.org")
    rotated = Policy(secret_keys=(b"the next key", *POLICY.secret_keys), bcrypt_cost=4)
    forgotten = Policy(secret_keys=(b"the next key",), bcrypt_cost=4)

    refused = await confirm(challenge, code, forgotten)
    opened = await confirm(challenge, code, rotated)

    assert refused.attempts_left == 4
    assert opened.account.email == "alice@example.org"


async def test_ends_the_other_signups_for_the_address(tables):
    """Sign-ups for one address coexist until one is confirmed; their handles stay used."""
    first = await factories.requested_signup("alice@example.org", firstName="Mallory")
    mallorys = await creation_code("alice@example.org")
    second = await factories.requested_signup("ALICE@example.org")
    await factories.requested_signup("bob@example.org")
    code = await creation_code("ALICE@example.org")

    opened = await confirm(second, code)

    with pytest.raises(InvalidCodeError):
        await confirm(first, mallorys)
    assert opened.account.first_name == "Alice"
    assert [signup.email for signup in await Signup.all()] == ["bob@example.org"]
    assert await Challenge.all().count() == 1
    assert await Mail.filter(recipient="alice@example.org").count() == 0
    assert await NicHandle.all().count() == 3


async def test_yields_to_who_proved_the_address_meanwhile(alice):
    """An address that another account has proven since is taken; the sign-up opens nothing."""
    challenge = await factories.requested_signup("new@example.org")
    code = await creation_code("new@example.org")
    await factories.accepted_by_code(alice, "new@example.org")
    await factories.proven(alice)
    before = await factories.everything()

    with pytest.raises(AddressTakenError):
        await confirm(challenge, code)

    assert await factories.everything() == before


async def test_takes_over_an_unproven_address(alice):
    """Who proves an address by signing up gets it; the account that held it unproven falls back."""
    await factories.accepted_by_code(alice, "new@example.org")
    challenge = await factories.requested_signup("new@example.org", firstName="Nora")
    code = await creation_code("new@example.org")

    opened = await confirm(challenge, code)

    fallen = await Account.get(id=alice.account.id)
    told = await Mail.filter(template__in=[Template.ADDRESS_YIELDED, Template.ADDRESS_CLAIMED])
    assert opened.account.email == "new@example.org"
    assert (fallen.email, fallen.email_proven) == ("alice@example.org", True)
    assert {(mail.template, mail.recipient) for mail in told} == {
        (Template.ADDRESS_YIELDED, "alice@example.org"),
        (Template.ADDRESS_CLAIMED, "new@example.org"),
    }
    assert await Challenge.filter(purpose=Purpose.EMAIL_PROOF).count() == 0


async def test_reminds_at_a_reserved_address(alice):
    """A former address stays its account's while the change can be reverted."""
    await factories.accepted_by_silence(alice, "new@example.org")
    await factories.proven(alice)

    challenge = await factories.requested_signup("alice@example.org")

    assert challenge.signup_id is None
    assert (await Mail.get(template=Template.ACCOUNT_EXISTS)).account_id == alice.account.id


async def test_frees_a_former_address_when_the_window_ends(alice, time):
    """After the window, whoever gets the mailbox may sign up with it."""
    change = await factories.accepted_by_silence(alice, "new@example.org")
    await factories.proven(alice)
    time.at = change.revertible_until

    opened = await factories.signed_up("alice@example.org", firstName="Anna")

    assert opened.account.id != alice.account.id
    assert await EmailChange.filter(id=change.id, state="DONE").count() == 1


async def test_removes_what_was_not_confirmed_in_time(tables, time):
    """After seven days a sign-up goes, with its code and its mail; its handle stays used."""
    await factories.requested_signup("late@example.org")
    time.advance(timedelta(microseconds=1))
    await factories.requested_signup("young@example.org")
    time.advance(WEEK)

    removed = await signups.remove_expired(time.at)

    assert removed == 1
    assert [signup.email for signup in await Signup.all()] == ["young@example.org"]
    assert [mail.recipient for mail in await Mail.all()] == ["young@example.org"]
    assert await Challenge.all().count() == 1
    assert await NicHandle.all().count() == 2
