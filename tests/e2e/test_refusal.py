"""The story of a refusal: the reader of the mailbox says no, and the page that waits is told."""

from uuid import uuid4


def test_the_mailbox_refuses_what_a_session_asked(stack, sign_in, visit):
    """The link works in another browser, without a session; the waiting page learns of it."""
    alice = stack.newcomer()
    visitor = sign_in(alice, "/account/email")
    visitor.types(newEmail=f"{uuid4().hex[:12]}@example.net", password=alice.password)
    visitor.presses("Send me the code")
    visitor.sees("Your change is waiting for its code")

    reader = visit(stack.link("refuse", alice.email, about="Change of your e-mail address"))
    reader.presses("Refuse the change")
    reader.sees("the change is refused")
    visitor.sees("was refused from the mailbox of your current address")

    assert alice.me()["emailChanges"][0]["state"] == "REFUSED"
    assert visitor.page.get_by_label("New e-mail address").is_visible()
    assert reader.complaints + visitor.complaints == []
