"""Every ending of an e-mail change, and every road back, with mails that crossed SMTP.

Those that need mail to be refused, or a longer story, are in test_rare_endings.py.
"""

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import pytest
import stacks
from databases import execute

from models.settings import DatabaseSettings

OTHER_PASSWORD = "Lantern-Orchard-77-grey"
VALIDATION = "Change of your e-mail address"
ACCEPTED = "Your e-mail address has changed"
DROPPED = "The change of e-mail address was dropped"


@pytest.fixture(scope="module")
def own_database(make_database) -> DatabaseSettings:
    """A database that a test may look into while the stack runs on it."""
    return make_database()


@pytest.fixture(scope="module")
def patient(
    own_database: DatabaseSettings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[stacks.Stack]:
    """A stack with the usual day of silence: nothing is accepted while a test thinks."""
    folder = tmp_path_factory.mktemp("endings") / "var"
    url = own_database.database_url.get_secret_value()
    with stacks.running(folder, DATABASE_URL=url) as running:
        yield running


def unused() -> str:
    return f"{uuid4().hex[:12]}@example.org"


def verdict(customer):
    """What became of the newest change, as its account tells."""
    change = customer.me()["emailChanges"][0]
    return change["state"], change["abortReason"]


def test_refused_by_the_link_of_the_mail(patient):
    """The mailbox says no, without a login: the code is dead, and everybody known is told."""
    alice = patient.newcomer()
    alice.request_change(unused())
    code = alice.code(VALIDATION)
    link = patient.link("refuse", alice.email, about=VALIDATION)

    refused = patient.press(link)
    again = patient.press(link)
    late = alice.do("confirmEmailChange", code=code)

    assert (refused["state"], refused["attemptsLeft"]) == ("REFUSED", 0)
    assert again["__typename"] == "InvalidCodeError"
    assert late["__typename"] == "NothingPendingError"
    assert alice.me()["email"] == alice.email
    assert patient.mail(alice.email, about="was refused")


def test_cancelled(patient):
    """Whoever asked may think better of it; the link of the mail then has nothing to answer."""
    alice = patient.newcomer()
    alice.request_change(unused())
    link = patient.link("refuse", alice.email, about=VALIDATION)

    cancelled = alice.do("cancelEmailChange")
    again = alice.do("cancelEmailChange")
    answered = patient.press(link)

    assert (cancelled["state"], cancelled["abortReason"]) == ("ABORTED", "CANCELLED")
    assert again["__typename"] == "NothingPendingError"
    assert answered["__typename"] == "NothingPendingError"
    assert "was withdrawn" in patient.words(alice.email, about=DROPPED)


def test_superseded(patient):
    """A newer request takes the place of the older one, whose code is dead."""
    alice, wanted = patient.newcomer(), unused()
    alice.request_change(unused())
    old_code = alice.code(VALIDATION)
    alice.request_change(wanted)
    code = stacks.until(lambda: other_than(old_code, alice.code(VALIDATION)), 10, "a new code")

    by_old = alice.do("confirmEmailChange", code=old_code)
    by_new = alice.do("confirmEmailChange", code=code)

    newer, older = alice.me()["emailChanges"]
    assert (by_old["__typename"], by_old["left"]) == ("InvalidCodeError", 4)
    assert (by_new["state"], by_new["newEmail"]) == ("DONE", wanted)
    assert (newer["state"], newer["acceptedBy"]) == ("DONE", "CODE")
    assert (older["state"], older["abortReason"]) == ("ABORTED", "SUPERSEDED")


def test_five_wrong_codes(patient):
    """The fifth ends the change; the right one comes too late."""
    alice = patient.newcomer()
    alice.request_change(unused())
    right = alice.code(VALIDATION)

    answers = [alice.do("confirmEmailChange", code="BBBB-BBBB") for _ in range(5)]
    late = alice.do("confirmEmailChange", code=right)

    assert [answer["left"] for answer in answers] == [4, 3, 2, 1, None]
    assert late["__typename"] == "NothingPendingError"
    assert verdict(alice) == ("ABORTED", "TOO_MANY_ATTEMPTS")
    assert "Five wrong" in patient.words(alice.email, about=DROPPED)


def test_address_taken_at_acceptance(patient):
    """Somebody else proves the address while the change waits: it is theirs."""
    alice, bob = patient.newcomer(), patient.customer(unused())
    alice.request_change(bob.email)
    code = alice.code(VALIDATION)
    bob.confirm(bob.sign_up())

    ended = alice.do("confirmEmailChange", code=code)

    assert (ended["state"], ended["abortReason"]) == ("ABORTED", "ADDRESS_TAKEN")
    assert (alice.me()["email"], bob.me()["email"]) == (alice.email, bob.email)
    assert "belongs to another" in patient.words(alice.email, about=DROPPED)


def test_password_changed_meanwhile(patient):
    """A new password ends what was asked for with the old one; only this session stays."""
    alice = patient.newcomer()
    other = patient.customer(alice.email)
    other.log_in(alice.nic_handle)
    alice.request_change(unused())
    code = alice.code(VALIDATION)

    changed = alice.do("changePassword", currentPassword=alice.password, newPassword=OTHER_PASSWORD)
    late = alice.do("confirmEmailChange", code=code)

    assert (changed["__typename"], changed["closedSessions"]) == ("PasswordChanged", 1)
    assert late["__typename"] == "NothingPendingError"
    assert verdict(alice) == ("ABORTED", "CREDENTIALS_CHANGED")
    assert not other.is_signed_in()
    assert "changed meanwhile" in patient.words(alice.email, about=DROPPED)
    assert patient.mail(alice.email, about="Your password has changed")


def test_password_reset_meanwhile(patient):
    """A reset through the primary mailbox does the same, and closes every session."""
    alice = patient.newcomer()
    alice.request_change(unused())

    changed = alice.reset(at=alice.email, new_password=OTHER_PASSWORD)
    was_signed_in = alice.is_signed_in()
    alice.log_in(alice.nic_handle)

    assert (changed["__typename"], changed["closedSessions"]) == ("PasswordChanged", 1)
    assert not was_signed_in
    assert verdict(alice) == ("ABORTED", "CREDENTIALS_CHANGED")


def test_reported_then_reset(patient):
    """Not me: nothing is pending, nobody is in, nobody gets in, until the password is reset."""
    alice = patient.newcomer()
    alice.request_change(unused())
    link = patient.link("report", alice.email, about=VALIDATION)

    reported = patient.press(link)
    again = patient.press(link)
    frozen = [alice.is_signed_in(), alice.try_to_log_in(alice.nic_handle)["__typename"]]
    reset = alice.reset(at=alice.email, new_password=OTHER_PASSWORD)
    alice.log_in(alice.nic_handle)

    assert reported == {
        "__typename": "CompromiseReported",
        "nicHandle": alice.nic_handle,
        "closedSessions": 1,
    }
    assert again["__typename"] == "InvalidCodeError"
    assert frozen == [False, "InvalidCredentialsError"]
    assert reset["account"]["state"] == "ACTIVE"
    assert verdict(alice) == ("ABORTED", "REPORTED")
    assert patient.mail(alice.email, about="Your account is blocked")
    assert patient.mail(alice.email, about="Your account is open again")


def test_accepted_by_code_then_reverted(patient):
    """The former mailbox takes the account back, proven new address or not."""
    alice, new_email, spare = patient.newcomer(), unused(), unused()
    alice.set_spare(spare)
    alice.request_change(new_email)
    accepted = alice.do("confirmEmailChange", code=alice.code(VALIDATION))
    proof = alice.code("This address is now that of the account", at=new_email)
    proven = alice.do("proveEmail", code=proof)

    came_back(patient, alice, new_email)

    assert (accepted["state"], accepted["acceptedBy"]) == ("DONE", "CODE")
    assert proven["emailProven"]
    assert f"is {alice.email} again" in patient.words(spare, about="Your account is back")


def test_accepted_by_silence_then_reverted(stack):
    """What nobody answered can be taken back as well."""
    alice, new_email = stack.newcomer(), unused()
    alice.request_change(new_email)
    stacks.until(lambda: alice.me()["email"] == new_email, 15, "acceptance")

    came_back(stack, alice, new_email)


def test_resent_code(patient, own_database):
    """After a minute another code: the old one is dead, the tries and the deadline stay."""
    alice = patient.newcomer()
    alice.request_change(unused())
    old_code = alice.code(VALIDATION)
    wrong = alice.do("confirmEmailChange", code="BBBB-BBBB")
    too_soon = alice.do("resendEmailChangeCode")
    deadline = stacks.until(lambda: deadline_of(alice), 5, "a deadline")
    asyncio.run(a_minute_passes(own_database, alice))

    resent = alice.do("resendEmailChangeCode")
    code = stacks.until(lambda: other_than(old_code, alice.code(VALIDATION)), 10, "a new code")
    by_old = alice.do("confirmEmailChange", code=old_code)
    kept = deadline_of(alice)
    by_new = alice.do("confirmEmailChange", code=code)

    assert wrong["left"] == 4
    assert too_soon["__typename"] == "TooManyRequestsError"
    assert (resent["state"], resent["attemptsLeft"]) == ("PENDING", 4)
    assert (by_old["__typename"], by_old["left"]) == ("InvalidCodeError", 3)
    assert kept == deadline
    assert by_new["state"] == "DONE"


def test_an_unproven_address_yields(patient):
    """Who proves an address has it; the account that only named it falls back, and is told."""
    alice, bob = patient.newcomer(), patient.customer(unused())
    alice.request_change(bob.email)
    alice.do("confirmEmailChange", code=alice.code(VALIDATION))
    named = alice.me()["email"]

    bob.confirm(bob.sign_up())

    assert named == bob.email
    assert (bob.me()["email"], bob.me()["emailProven"]) == (bob.email, True)
    assert (alice.me()["email"], alice.me()["emailProven"]) == (alice.email, True)
    told = patient.mail(alice.email, about="Your e-mail address was restored")
    assert bob.email in told["text"]
    assert alice.email not in str(patient.mails(bob.email))


def test_spare_address_set_proven_and_removed(patient):
    """It counts once proven; removing a proven one is told at both mailboxes."""
    alice, spare = patient.newcomer(), unused()
    given = alice.do("setSpareEmail", spareEmail=spare, password=alice.password)
    code = alice.code("Confirm your spare", at=spare)

    proven = alice.do("proveSpareEmail", code=code)
    refused = alice.do("removeSpareEmail", password="not the password")
    removed = alice.do("removeSpareEmail", password=alice.password)

    assert (given["spareEmail"], given["spareEmailProven"]) == (spare, False)
    assert given["advice"] == ["SPARE_EMAIL_NOT_PROVEN"]
    assert (proven["spareEmail"], proven["spareEmailProven"]) == (spare, True)
    assert proven["advice"] == []
    assert refused["__typename"] == "InvalidCredentialsError"
    assert (removed["spareEmail"], removed["advice"]) == (None, ["SPARE_EMAIL_MISSING"])
    for address in (alice.email, spare):
        assert patient.mail(address, about="The spare e-mail address was removed")


def test_password_lost_and_reset_through_the_primary_address(patient):
    """The mail names the NIC-handle; the old password is dead, the code works once."""
    alice = patient.newcomer()
    forgetful = patient.customer(alice.email)
    challenge = forgetful.do("requestPasswordReset", identifier=alice.email)
    mail = patient.mail(alice.email, about="Choose a new password")
    answer = {
        "challengeId": challenge["id"],
        "code": forgetful.code("Choose a new password"),
        "newPassword": OTHER_PASSWORD,
    }

    reset = forgetful.do("resetPassword", **answer)
    again = forgetful.do("resetPassword", **answer)
    by_old = alice.try_to_log_in(alice.email)
    forgetful.password = OTHER_PASSWORD
    forgetful.log_in(alice.email)

    assert challenge["deliveredTo"] == f"{alice.email[0]}***@example.org"
    assert alice.nic_handle in mail["text"]
    assert reset["account"]["nicHandle"] == alice.nic_handle
    assert again["__typename"] == "InvalidCodeError"
    assert by_old["__typename"] == "InvalidCredentialsError"
    assert [session["current"] for session in forgetful.me()["sessions"]] == [True]


def test_password_lost_and_reset_through_the_spare_address(patient):
    """For the day the first mailbox is lost; an unknown identifier gets the same answer."""
    alice, spare = patient.newcomer(), unused()
    alice.set_spare(spare)

    unknown = alice.do("requestPasswordReset", identifier="xx000000-OVH", deliverTo="SPARE")
    reset = alice.reset(at=spare, new_password=OTHER_PASSWORD, deliverTo="SPARE")
    alice.log_in(alice.nic_handle)

    assert unknown["deliveredTo"] == "***"
    assert reset["closedSessions"] == 1
    assert [mail for mail in patient.mails(alice.email) if "Choose a new" in mail["subject"]] == []
    for address in (alice.email, spare):
        assert patient.mail(address, about="Your password has changed")


def came_back(stack, alice, new_email):
    """The former mailbox reverts; then a reset through it, and only it, opens the account."""
    link = stack.link("revert", alice.email, about=ACCEPTED)

    reverted = stack.press(link)
    again = stack.press(link)
    closed = [alice.is_signed_in(), alice.try_to_log_in(alice.nic_handle)["__typename"]]
    alice.reset(at=alice.email, new_password=OTHER_PASSWORD)
    alice.log_in(alice.nic_handle)

    me = alice.me()
    assert (reverted["state"], reverted["revertibleUntil"]) == ("REVERTED", None)
    assert again["__typename"] == "InvalidCodeError"
    assert closed == [False, "InvalidCredentialsError"]
    assert (me["email"], me["emailProven"]) == (alice.email, True)
    assert [change["state"] for change in me["emailChanges"]] == ["REVERTED"]
    assert f"is {alice.email} again" in stack.words(alice.email, about="Your account is back")
    assert [mail for mail in stack.mails(new_email) if "Choose a new" in mail["subject"]] == []


def other_than(known, found):
    return found if found != known else None


def deadline_of(customer):
    return customer.me()["emailChanges"][0]["autoAcceptAt"]


async def a_minute_passes(settings, customer):
    """The last code was sent a minute earlier: the one thing that these stories do not wait for."""
    await execute(
        settings.database_url.get_secret_value(),
        "UPDATE email_changes SET code_sent_at = code_sent_at - interval '61 s'"
        " WHERE former_email = $1",
        customer.email,
    )
