"""Without a mouse: where the focus is, where it goes, and that it can be seen."""

from uuid import uuid4

FOCUSED = "document.activeElement.{}"
OUTLINE = "getComputedStyle(document.activeElement).outlineStyle"


def focused(visitor, what="textContent"):
    return visitor.page.evaluate(FOCUSED.format(what))


def tab_to(visitor, label):
    """Press Tab until the focus is on something with this name; it can be seen all the way."""
    name = (
        "(document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent)"
    )
    for _ in range(40):
        visitor.page.keyboard.press("Tab")
        if visitor.page.evaluate(f"{name}.trim()") == label:
            assert visitor.page.evaluate(OUTLINE) != "none"
            return
    raise AssertionError(f"Tab never came to {label!r}")


def test_a_customer_signs_in_and_asks_for_a_change(stack, visit):
    """Tab, Enter and letters are enough, from the first page to the pending change."""
    alice, new_email = stack.newcomer(), f"{uuid4().hex[:12]}@example.net"
    visitor = visit(f"{stack.url}/")
    keyboard = visitor.page.keyboard

    visitor.page.locator("[name=identifier]").focus()
    keyboard.type(alice.nic_handle)
    keyboard.press("Tab")
    keyboard.type(alice.password)
    keyboard.press("Enter")
    visitor.is_at("Hello Alice")
    tab_to(visitor, "Change my e-mail address")
    keyboard.press("Enter")
    visitor.is_at("E-mail address")
    arrived = focused(visitor)
    keyboard.press("Tab")
    keyboard.type(new_email)
    keyboard.press("Tab")
    keyboard.type(alice.password)
    keyboard.press("Enter")
    visitor.sees("Your change is waiting for its code")
    went_on = focused(visitor)
    tab_to(visitor, "I have received my validation code")
    keyboard.press("Enter")
    visitor.page.get_by_label("Validation code").wait_for()

    assert arrived == went_on == "E-mail address"
    assert focused(visitor, "name") == "code"
    assert alice.me()["pendingEmailChange"] is not None


def test_the_first_tab_leads_past_the_header(stack, sign_in):
    """Whoever has heard the menu once need not hear it on every page."""
    visitor = sign_in(stack.newcomer(), "/account")
    visitor.page.reload()
    visitor.is_at("My account")

    visitor.page.keyboard.press("Tab")
    first = focused(visitor)
    visitor.page.keyboard.press("Enter")

    assert first == "Skip to the content"
    assert focused(visitor, "id") == "content"


def test_the_menu_of_the_account_closes_by_escape(stack, sign_in):
    """And the focus is back where it was opened."""
    visitor = sign_in(stack.newcomer(), "/account")
    visitor.page.locator(".who summary").focus()

    visitor.page.keyboard.press("Enter")
    visitor.page.get_by_role("button", name="Sign out").focus()
    visitor.page.keyboard.press("Escape")

    assert focused(visitor, "tagName") == "SUMMARY"
    assert not visitor.page.get_by_role("button", name="Sign out").is_visible()
