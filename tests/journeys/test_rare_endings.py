"""The endings that need mail to be refused, and the longer roads back.

A minute, a day, three days are not waited for: the stack's own database is told that they passed.
"""

import asyncio
from uuid import uuid4

import pytest
import stacks
from databases import execute

NEW_PASSWORD = "Lantern-Orchard-77-grey"
VALIDATION = "Change of your e-mail address"
ACCEPTED = "Your e-mail address has changed"
NOW_PRIMARY = "This address is now that of the account"
RESET = "Choose a new password"
SPARE_REMOVED = "The spare e-mail address was removed"

# Each moves the rows of an address back by that time.
A_MINUTE = """UPDATE challenges SET created_at = created_at - interval '61 s'
  WHERE purpose = 'EMAIL_PROOF' AND address_key = $1"""
A_DAY = """UPDATE email_changes SET auto_accept_at = auto_accept_at - interval '24 h'
  WHERE former_email = $1"""
THREE_DAYS = """UPDATE mails SET queued_at = queued_at - interval '72 h',
  due_at = due_at - interval '72 h', expires_at = expires_at - interval '72 h'
  WHERE recipient = $1 AND state = 'QUEUED'"""


@pytest.fixture
def passes(foreign_url):
    """Let a time pass for an address."""
    return lambda time, address: asyncio.run(execute(foreign_url, time, address))


def unused() -> str:
    return f"{uuid4().hex[:12]}@example.org"


def test_notice_not_delivered(foreign, foreign_mail, passes):
    """For three days the mailbox takes nothing: nobody was asked, so nothing is accepted."""
    alice = foreign.newcomer()
    foreign_mail.shut(alice.email, "450 4.2.1 Come back later")
    alice.request_change(unused())
    stacks.until(lambda: foreign_mail.has_refused(alice.email), 10, "an attempt")
    waiting = newest_change(alice)

    passes(THREE_DAYS, alice.email)
    foreign_mail.open(alice.email)
    told = foreign.words(alice.email, about="The change of e-mail address was dropped")
    ended = newest_change(alice)

    assert (waiting["state"], waiting["autoAcceptAt"]) == ("PENDING", None)
    assert (ended["state"], ended["abortReason"]) == ("ABORTED", "NOTICE_NOT_DELIVERED")
    assert (ended["autoAcceptAt"], ended["attemptsLeft"]) == (None, 0)
    assert "We could not send you the validation code" in told
    assert fate_of_the_question(alice) == "ABANDONED"
    assert (alice.me()["email"], alice.me()["pendingEmailChange"]) == (alice.email, None)
    assert about(VALIDATION, foreign.mails(alice.email)) == []


def test_a_bounced_notice_starts_the_clock(foreign, foreign_mail, passes):
    """A mailbox that is no more cannot answer: after the day of silence the change is accepted."""
    alice, new_email = foreign.newcomer(), unused()
    foreign_mail.shut(alice.email, "550 5.1.1 No such mailbox")
    requested = alice.request_change(new_email)
    stacks.until(lambda: newest_change(alice)["autoAcceptAt"], 10, "a deadline")
    waiting = newest_change(alice)

    passes(A_DAY, alice.email)
    stacks.until(lambda: alice.me()["email"] == new_email, 10, "acceptance")
    accepted = newest_change(alice)
    proven = alice.do("proveEmail", code=alice.code(NOW_PRIMARY, at=new_email))

    assert (requested["autoAcceptAt"], waiting["state"]) == (None, "PENDING")
    assert fate_of_the_question(alice) == "BOUNCED"
    assert (accepted["state"], accepted["acceptedBy"]) == ("DONE", "SILENCE")
    assert proven["emailProven"]
    assert about(VALIDATION, foreign.mails(alice.email)) == []


def test_address_taken_when_silence_would_accept(foreign, passes):
    """Somebody proves the address while the day passes: nothing is accepted, and it is said why."""
    alice, bob = foreign.newcomer(), foreign.customer(unused())
    alice.request_change(bob.email)
    stacks.until(lambda: newest_change(alice)["autoAcceptAt"], 10, "a deadline")
    bob.confirm(bob.sign_up())

    passes(A_DAY, alice.email)
    told = foreign.words(alice.email, about="The change of e-mail address was dropped")
    ended = newest_change(alice)

    assert (ended["state"], ended["abortReason"]) == ("ABORTED", "ADDRESS_TAKEN")
    assert (ended["acceptedBy"], ended["revertibleUntil"]) == (None, None)
    assert "That address belongs to another account." in told
    assert (alice.me()["email"], bob.me()["email"]) == (alice.email, bob.email)
    assert about(ACCEPTED, foreign.mails(alice.email)) == []


def test_a_reset_drops_the_spare_address(foreign):
    """Whoever fears for the second mailbox drops it with the password; both are told, unlinked."""
    alice, spare = foreign.newcomer(), unused()
    alice.set_spare(spare)

    reset = reset_and_drop_the_spare(alice, "PRIMARY", at=alice.email)
    alice.log_in(alice.nic_handle)

    told = [foreign.mail(address, about=SPARE_REMOVED) for address in (alice.email, spare)]
    me = alice.me()
    assert (reset["account"]["state"], reset["closedSessions"]) == ("ACTIVE", 1)
    assert (me["email"], me["spareEmail"]) == (alice.email, None)
    assert me["advice"] == ["SPARE_EMAIL_MISSING"]
    assert [stacks.LINK.findall(mail["text"]) for mail in told] == [[], []]


def test_a_reset_through_the_spare_address_does_not_drop_it(foreign):
    """The reader of the second mailbox cannot take it from the account that way."""
    alice, spare = foreign.newcomer(), unused()
    alice.set_spare(spare)

    reset = reset_and_drop_the_spare(alice, "SPARE", at=spare)
    alice.log_in(alice.nic_handle)

    told = foreign.mail(spare, about="Your password has changed")
    me = alice.me()
    assert (reset["account"]["state"], reset["closedSessions"]) == ("ACTIVE", 1)
    assert (me["spareEmail"], me["spareEmailProven"]) == (spare, True)
    assert told["subject"].startswith(f"[{alice.nic_handle}] ")
    assert about(SPARE_REMOVED, foreign.mails(spare)) == []


def test_resent_proof_code(foreign, passes):
    """After a minute another proof code: the old one is dead, the new one proves."""
    alice, new_email = foreign.newcomer(), unused()
    accept(alice, new_email)
    old_code = alice.code(NOW_PRIMARY, at=new_email)
    too_soon = alice.do("resendProofCode")
    passes(A_MINUTE, new_email)

    resent = alice.do("resendProofCode")
    new_code = alice.code("Confirm your e-mail address", at=new_email)
    by_old = alice.do("proveEmail", code=old_code)
    by_new = alice.do("proveEmail", code=new_code)
    needless = alice.do("resendProofCode")

    assert too_soon["__typename"] == "TooManyRequestsError"
    assert (resent["email"], resent["emailProven"]) == (new_email, False)
    assert (by_old["__typename"], by_old["left"]) == ("InvalidCodeError", 4)
    assert (by_new["email"], by_new["emailProven"]) == (new_email, True)
    assert needless["__typename"] == "NothingPendingError"


def test_the_older_link_takes_a_younger_change_back_too(foreign):
    """Two addresses later the first mailbox still decides; nobody else could have it meanwhile."""
    alice, second, third = foreign.newcomer(), unused(), unused()
    accept(alice, second)
    alice.do("proveEmail", code=alice.code(NOW_PRIMARY, at=second))
    accept(alice, third, asked_at=second)
    older = foreign.link("revert", alice.email, about=ACCEPTED)
    younger = [foreign.link(kind, second, about=ACCEPTED) for kind in ("revert", "report")]

    nobody_else_can_have(foreign, alice)
    reverted = foreign.press(older)
    too_late = [foreign.press(link)["__typename"] for link in younger]
    is_in = alice.is_signed_in()
    opens_again(alice)

    me = alice.me()
    assert (reverted["newEmail"], reverted["state"]) == (second, "REVERTED")
    assert (too_late, is_in) == (["InvalidCodeError"] * 2, False)
    assert [change["newEmail"] for change in me["emailChanges"]] == [third, second]
    assert [change["state"] for change in me["emailChanges"]] == ["REVERTED", "REVERTED"]
    assert (me["email"], me["emailProven"]) == (alice.email, True)


@pytest.mark.parametrize("told_by", [VALIDATION, ACCEPTED])
def test_a_report_undoes_an_accepted_change(foreign, told_by):
    """Not me, said late: the address is back, and a reset through it opens the account again."""
    alice, new_email = foreign.newcomer(), unused()
    accept(alice, new_email)
    link = foreign.link("report", alice.email, about=told_by)
    alice.do("proveEmail", code=alice.code(NOW_PRIMARY, at=new_email))

    reported = foreign.press(link)
    frozen = [alice.is_signed_in(), alice.try_to_log_in(alice.nic_handle)["__typename"]]
    alice.do("requestPasswordReset", identifier=new_email)
    opens_again(alice)

    me = alice.me()
    assert (reported["__typename"], reported["closedSessions"]) == ("CompromiseReported", 1)
    assert frozen == [False, "InvalidCredentialsError"]
    assert (me["email"], me["emailProven"]) == (alice.email, True)
    assert [change["state"] for change in me["emailChanges"]] == ["REVERTED"]
    assert about(RESET, foreign.mails(new_email)) == []
    for subject in ("Your account is blocked", "Your account is open again"):
        assert foreign.mail(alice.email, about=subject)


def reset_and_drop_the_spare(customer, through, *, at):
    """Set a password with the code of a mailbox, and ask that the spare address go with it."""
    asked = {"identifier": customer.nic_handle, "deliverTo": through}
    challenge = customer.do("requestPasswordReset", **asked)
    answer = {"challengeId": challenge["id"], "code": customer.code(RESET, at=at)}
    reset = customer.do("resetPassword", **answer, newPassword=NEW_PASSWORD, removeSpareEmail=True)
    customer.password = NEW_PASSWORD
    return reset


def accept(customer, new_email, *, asked_at=None):
    """Change the address with the code that the mailbox was sent."""
    customer.request_change(new_email)
    code = customer.code(VALIDATION, at=asked_at)
    accepted = customer.do("confirmEmailChange", code=code)
    assert (accepted["state"], accepted["newEmail"]) == ("DONE", new_email)


def opens_again(customer):
    """A reset through the restored address makes the account usable."""
    reset = customer.reset(at=customer.email, new_password=NEW_PASSWORD)
    assert reset["account"]["state"] == "ACTIVE"
    customer.log_in(customer.nic_handle)


def nobody_else_can_have(stack, alice):
    """The former address is reserved: no account is opened there, and no change ends there."""
    stranger, bob = stack.customer(alice.email), stack.newcomer()
    stranger.sign_up()
    exists = stack.mail(alice.email, about="You already have an account")
    bob.request_change(alice.email)
    ended = bob.do("confirmEmailChange", code=bob.code(VALIDATION))
    assert exists["subject"].startswith(f"[{alice.nic_handle}] ")
    assert stacks.CODE.search(exists["text"]) is None
    assert len(about("Confirm the creation", stack.mails(alice.email))) == 1
    assert (ended["state"], ended["abortReason"]) == ("ABORTED", "ADDRESS_TAKEN")
    assert bob.me()["email"] == bob.email


def newest_change(customer):
    return customer.me()["emailChanges"][0]


def fate_of_the_question(customer):
    """Read in the history of mails what became of the one that asks about a change."""
    edges = customer.ask("{ me { mails { edges { node { template state } } } } }")
    mails = [edge["node"] for edge in edges["me"]["mails"]["edges"]]
    (question,) = [mail for mail in mails if mail["template"] == "email_change_validation"]
    return question["state"]


def about(subject, mails):
    return [mail for mail in mails if subject in mail["subject"]]
