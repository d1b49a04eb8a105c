"""From nothing to an accepted e-mail change, over HTTP, with codes from mails that crossed SMTP."""

from datetime import datetime, timedelta
from uuid import uuid4

import stacks
from stacks import CHANGES, CONFIRM_CHANGE, PASSWORD, PROVE, Customer, Stack

PROFILE = """mutation ($input: UpdateProfileInput!) {
  updateProfile(input: $input) {
    __typename ... on UserError { message }
    ... on Account { phone revision address { line zip city country } }
  }
}"""


def unused() -> str:
    return f"{uuid4().hex[:12]}@example.org"


def arrived(stack: Stack) -> Customer:
    """A customer who has signed up, read the mail and confirmed."""
    alice = stack.customer(unused())
    alice.confirm(alice.sign_up())
    return alice


def test_sign_up_sign_in_and_change_the_profile(stack):
    """The mail names the NIC-handle and carries the code; `me` shows what was entered."""
    alice = stack.customer(unused())

    alice.confirm(alice.sign_up())
    mail = stack.mail(alice.email, about="Confirm the creation")
    alice.log_in(alice.nic_handle.upper())
    changes = {"phone": "03 20 12 34 56", "address": {"zip": "59100", "city": "Roubaix"}}
    changed = alice.ask(PROFILE, input=changes | {"expectedRevision": 1})["updateProfile"]
    me = alice.ask("{ me { nicHandle email emailProven phone sessions { current } } }")["me"]

    assert mail["subject"].startswith(f"[{alice.nic_handle}] ")
    assert alice.nic_handle in mail["text"]
    assert PASSWORD not in str(mail)
    assert changed == {
        "__typename": "Account",
        "phone": "+33320123456",
        "revision": 2,
        "address": {"line": None, "zip": "59100", "city": "Roubaix", "country": "FR"},
    }
    assert me == {
        "nicHandle": alice.nic_handle,
        "email": alice.email,
        "emailProven": True,
        "phone": "+33320123456",
        "sessions": [{"current": True}, {"current": False}],
    }


def test_accepted_by_the_code(stack):
    """The code goes to the current address; the new one proves itself afterwards."""
    alice, new_email = arrived(stack), unused()

    requested = alice.request_change(new_email)
    code = alice.code("Change of your e-mail address").lower().replace("-", " ")
    accepted = alice.ask(CONFIRM_CHANGE, code=code)["confirmEmailChange"]
    before_proof = alice.ask(CHANGES)["me"]
    proof = alice.code("This address is now that of the account", at=new_email)
    proven = alice.ask(PROVE, code=proof)["proveEmail"]

    assert requested["state"] == "PENDING"
    assert accepted == {"__typename": "EmailChange", "state": "DONE", "acceptedBy": "CODE"}
    assert before_proof["email"] == new_email
    assert not before_proof["emailProven"]
    assert proven == {
        "__typename": "Account",
        "emailProven": True,
        "advice": ["SPARE_EMAIL_MISSING"],
    }
    assert stack.mail(alice.email, about="Your e-mail address has changed")


def test_accepted_by_silence(stack):
    """Without an answer the change is accepted by itself: after the delay, within two seconds."""
    alice, new_email = arrived(stack), unused()
    other = stack.customer(alice.email)
    other.log_in(alice.nic_handle)

    alice.request_change(new_email)
    notice = stack.mail(alice.email, about="Change of your e-mail address")
    stacks.until(lambda: not alice.ask(CHANGES)["me"]["pendingEmailChange"], 10, "acceptance")

    me = alice.ask(CHANGES)["me"]
    (change,) = [edge["node"] for edge in me["emailChanges"]["edges"]]
    left = datetime.fromisoformat(notice["receivedAt"])
    settled = datetime.fromisoformat(change["settledAt"])
    deadline = datetime.fromisoformat(change["autoAcceptAt"])
    assert (change["state"], change["acceptedBy"], me["email"]) == ("DONE", "SILENCE", new_email)
    assert timedelta(seconds=3) <= settled - left < timedelta(seconds=5)
    assert timedelta(0) <= settled - deadline < timedelta(seconds=2)
    assert other.ask("{ me { id } }")["me"] is None


def test_account_exists(stack):
    """A second sign-up for a known address answers alike; its mail names the NIC-handle."""
    alice = arrived(stack)
    again = stack.customer(alice.email)

    again.sign_up()
    mail = stack.mail(alice.email, about="You already have an account")

    assert mail["subject"] == f"[{alice.nic_handle}] You already have an account"
    assert stacks.CODE.search(mail["text"]) is None
