"""The story of sessions: two browsers, of which one closes the other; and one that ends alone."""

from stacks import PASSWORD


def test_one_browser_closes_the_other(stack, sign_in):
    """The other one asks to sign in again, and goes on where it was, with what was typed."""
    alice = stack.newcomer()
    at_work, at_home = sign_in(alice, "/account/edit"), sign_in(alice, "/account/sessions")
    at_work.types(address_city="Roubaix")
    closing = at_home.page.get_by_role("button", name="Close the session of")

    at_home.sees("This one")
    listed = closing.count()
    closing.first.click()
    at_home.sees("The session is closed.")
    at_work.presses("Save")
    at_work.is_at("Please sign in again")
    at_work.types(password=alice.password)
    at_work.presses("Sign in")
    at_work.is_at("Edit my details")
    kept = at_work.holds("address.city")
    at_work.presses("Save")
    at_work.sees("Your details are saved.")

    assert listed == 2  # the browser at work, and the program that made the account
    assert kept == "Roubaix"


def test_all_others_at_once(stack, sign_in):
    """The one that asks stays."""
    alice = stack.newcomer()
    visitor = sign_in(alice, "/account/sessions")

    visitor.presses("Close all other sessions")
    visitor.sees("One session was closed.")
    visitor.sees("You are signed in nowhere else.")

    assert not alice.is_signed_in()


def test_a_new_password_closes_the_others(stack, sign_in):
    """And says how many."""
    alice = stack.newcomer()
    visitor = sign_in(alice, "/account/password")

    visitor.types(password=alice.password, newPassword=PASSWORD + "-again")
    visitor.presses("Change my password")
    visitor.sees("Your password is changed. One other session was closed.")

    assert not alice.is_signed_in()


def test_leaving(stack, sign_in):
    """Nothing of the account is left on the page, and the way back leads to the form."""
    alice = stack.newcomer()
    visitor = sign_in(alice, "/account")

    visitor.page.locator(".who summary").click()
    visitor.presses("Sign out")
    visitor.sees("You are signed out.")
    left = visitor.page.inner_text("body")
    visitor.page.go_back()
    visitor.is_at("Sign in")

    assert alice.nic_handle not in left + visitor.page.inner_text("body")
