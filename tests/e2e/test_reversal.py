"""The story of a reversal: a thief has moved the account; its former mailbox takes it back."""

from uuid import uuid4

from stacks import PASSWORD


def test_the_former_mailbox_takes_the_account_back(stack, sign_in, visit):
    """One button, then a new password by a code to that mailbox; the thief's page is closed."""
    alice, stolen = stack.newcomer(), f"{uuid4().hex[:12]}@example.net"
    thief = sign_in(alice, "/account/email")
    thief.types(newEmail=stolen, password=alice.password)
    thief.presses("Send me the code")
    thief.presses("I have received my validation code")
    thief.types(code=alice.code("Change of your e-mail address"))
    thief.presses("Validate")
    thief.sees(f"your address is now {stolen}")

    holder = visit(stack.link("revert", alice.email, about="Your e-mail address has changed"))
    holder.presses("Take my account back")
    holder.sees("the account is back at the address that received this link")
    holder.follows("Choose a new password")
    holder.types(identifier=alice.nic_handle)
    holder.presses("Send me the mail")
    new = PASSWORD + "-again"
    holder.types(code=alice.code("Choose a new password"), newPassword=new)
    holder.presses("Set the new password")
    holder.sees("Your new password is set.")
    holder.types(password=new)
    holder.presses("Sign in")
    holder.is_at("Hello Alice")
    thief.goes("/account")
    thief.is_at("Sign in")

    alice.password = new
    alice.log_in(alice.email)
    assert alice.me()["email"] == alice.email
    assert alice.me()["emailChanges"][0]["state"] == "REVERTED"
