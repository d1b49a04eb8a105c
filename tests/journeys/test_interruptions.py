"""The same road while something dies: nothing is lost, nothing is early."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
import stacks
from stacks import CHANGES, CONFIRM_CHANGE

CHILDREN = {
    "PostgreSQL": "bin/postgres",
    "Valkey": "valkey-server",
    "mail catcher": "gateway.embedded.catcher",
    "worker": "-m workers",
    "gateway": "-m gateway serve",
}


@pytest.mark.parametrize("child", CHILDREN)
def test_a_sign_up_outlives_a_killed_child(embedded, child):
    """Whatever dies is back within five seconds: what was begun goes on, and all begins anew.

    The mail that a worker dies with comes a lease later, which the matrix of faults waits for.
    """
    bob, carol = (embedded.customer(f"{uuid4().hex}@example.org") for _ in range(2))
    challenge = bob.sign_up()
    embedded.mail(bob.email, about="Confirm the creation")

    pid = embedded.kill(CHILDREN[child])
    stacks.until(lambda: embedded.has(CHILDREN[child], but=pid) and embedded.is_ready(), 5, child)
    for customer, begun in ((bob, challenge), (carol, carol.sign_up())):
        customer.confirm(begun)

    assert bob.ask("{ me { email } }")["me"] == {"email": bob.email}
    assert carol.ask("{ me { email } }")["me"] == {"email": carol.email}


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
