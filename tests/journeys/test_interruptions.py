"""The same road while something dies: nothing is lost, nothing is early."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
import stacks
from stacks import CHANGES, CONFIRM_CHANGE

from models.outbox import LEASE

CHILDREN = {
    "PostgreSQL": "bin/postgres",
    "Valkey": "valkey-server",
    "mail catcher": "gateway.embedded.catcher",
    "worker": "-m workers",
    "gateway": "-m gateway serve",
}


@pytest.mark.parametrize("child", CHILDREN)
def test_a_sign_up_outlives_a_killed_child(embedded, child):
    """Whatever dies is back within five seconds, and what was begun can be finished."""
    bob = embedded.customer(f"{uuid4().hex}@example.org")
    challenge = bob.sign_up()

    pid = embedded.kill(CHILDREN[child])
    stacks.until(lambda: embedded.has(CHILDREN[child], but=pid) and embedded.is_ready(), 5, child)
    # A worker may have died with the mail in its hands: then it is another's after the lease.
    patience = LEASE.total_seconds() + 10
    embedded.mail(bob.email, about="Confirm the creation", seconds=patience)
    bob.confirm(challenge)

    assert bob.ask("{ me { email } }")["me"] == {"email": bob.email}


def test_a_deadline_passes_while_everything_is_stopped(tmp_path):
    """An overdue change is accepted within two seconds of the worker being back; accounts stay."""
    with stacks.running(tmp_path / "var", AUTO_ACCEPT_AFTER=3) as stack:
        alice = stack.customer("alice@example.org")
        alice.confirm(alice.sign_up())
        alice.request_change("new@example.org")
        stack.mail(alice.email, about="Change of your e-mail address")
        deadline = stacks.until(lambda: _deadline(alice), 5, "a deadline")
    stacks.until(lambda: datetime.now(deadline.tzinfo) > deadline, 5, "the deadline")

    with stacks.running(tmp_path / "var", AUTO_ACCEPT_AFTER=3) as again:
        alice.stack = again
        up = datetime.now(deadline.tzinfo)
        stacks.until(lambda: not alice.ask(CHANGES)["me"]["pendingEmailChange"], 5, "acceptance")
        me = alice.ask(CHANGES)["me"]

        settled = datetime.fromisoformat(me["emailChanges"]["edges"][0]["node"]["settledAt"])
        assert me["email"] == "new@example.org"
        assert settled >= deadline
        assert settled - up < timedelta(seconds=2)
        assert [mail["to"] for mail in again.mails("alice@example.org")]


def test_a_pending_change_outlives_a_restart(tmp_path):
    """Its code, mailed before, is good after."""
    with stacks.running(tmp_path / "var") as stack:
        alice = stack.customer("alice@example.org")
        alice.confirm(alice.sign_up())
        alice.request_change("new@example.org")
        code = alice.code("Change of your e-mail address")

    with stacks.running(tmp_path / "var") as again:
        alice.stack = again
        accepted = alice.ask(CONFIRM_CHANGE, code=code)["confirmEmailChange"]

        assert accepted["state"] == "DONE"


def _deadline(alice: stacks.Customer) -> datetime | None:
    changes = alice.ask(CHANGES)["me"]["emailChanges"]["edges"]
    text = changes[0]["node"]["autoAcceptAt"]
    return datetime.fromisoformat(text) if text else None
