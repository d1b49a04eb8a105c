"""The story of a lost password, which is that of a lost identifier as well."""

import pytest
from stacks import PASSWORD

NEW = PASSWORD + "-again"


@pytest.mark.parametrize("by", ["address", "NIC-handle"])
def test_a_new_password_by_mail(stack, visit, by):
    """The mail names the NIC-handle; afterwards one signs in with what was chosen."""
    alice = stack.newcomer()
    visitor = visit(f"{stack.url}/")

    visitor.follows("Lost password or identifier")
    visitor.types(identifier=alice.email if by == "address" else alice.nic_handle)
    visitor.presses("Send me the mail")
    visitor.is_at("Choose a new password")
    named = alice.nic_handle in stack.words(alice.email, about="Choose a new password")
    visitor.types(code=alice.code("Choose a new password"), newPassword=NEW)
    visitor.presses("Set the new password")
    visitor.sees(f"Sign in as {alice.nic_handle}")
    visitor.types(password=NEW)
    visitor.presses("Sign in")
    visitor.is_at("Hello Alice")

    assert named
    assert not alice.is_signed_in()
    assert visitor.complaints == []


def test_an_unknown_identifier_is_not_told_apart(stack, visit):
    """The page that follows is the same."""
    visitor = visit(f"{stack.url}/lost-password")

    visitor.types(identifier="nobody@example.org")
    visitor.presses("Send me the mail")

    visitor.is_at("Choose a new password")


def test_a_weak_password_leaves_the_code_good(stack, visit):
    """It is refused at its field, and the code may be sent once more."""
    alice = stack.newcomer()
    visitor = visit(f"{stack.url}/lost-password")
    visitor.types(identifier=alice.email)
    visitor.presses("Send me the mail")
    code = alice.code("Choose a new password")

    visitor.types(code=code, newPassword="alicealice12")
    visitor.presses("Set the new password")
    visitor.sees("This password is too easy to guess.")
    visitor.types(newPassword=NEW)
    visitor.presses("Set the new password")
    visitor.sees("Your new password is set.")

    assert not alice.is_signed_in()
