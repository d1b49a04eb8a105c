"""The story of a change of address: the guide's button and field, and what can come in between."""

from uuid import uuid4

import pytest


@pytest.fixture
def new_email():
    return f"{uuid4().hex[:12]}@example.net"


def asked(visitor, new_email, password):
    visitor.goes("/account/email")
    visitor.types(newEmail=new_email, password=password)
    visitor.page.locator("main form button[type=submit]").last.click()


def test_the_guides_own_way(stack, sign_in, new_email):
    """A code to the current address, the button that one has it, the field, and the proof."""
    alice = stack.newcomer()
    alice.ask("mutation { updateProfile(input: {language: FR}) { __typename } }")
    visitor = sign_in(alice, language="fr-FR")
    asked(visitor, new_email, alice.password)
    visitor.sees(f"est parti à {alice.email}")
    visitor.sees("Sans réponse, le changement est accepté automatiquement dans")

    visitor.presses("J’ai reçu mon code de validation")
    visitor.page.get_by_label("Code de validation").fill(alice.code("Changement de votre adresse"))
    visitor.presses("Valider")
    visitor.sees(f"votre adresse est maintenant {new_email}")
    visitor.types(code=alice.code("Cette adresse est désormais", at=new_email))
    visitor.presses("Confirmer mon adresse")
    visitor.sees("Votre adresse est confirmée.")

    assert not alice.is_signed_in()  # acceptance closes the other sessions
    alice.log_in(alice.nic_handle)
    assert (alice.me()["email"], alice.me()["emailProven"]) == (new_email, True)
    assert visitor.complaints == []


def test_a_wrong_password_keeps_what_was_typed(stack, sign_in, new_email):
    """It is said at its field; nothing is pending."""
    alice = stack.newcomer()
    visitor = sign_in(alice)

    asked(visitor, new_email, "not the password")
    visitor.sees("The password is wrong.")
    visitor.focuses("password")

    assert visitor.holds("newEmail") == new_email
    assert alice.me()["pendingEmailChange"] is None


def test_wrong_codes_run_out(stack, sign_in, new_email):
    """Each says how many are left; the fifth drops the change, and the page says why."""
    alice = stack.newcomer()
    visitor = sign_in(alice)
    asked(visitor, new_email, alice.password)
    visitor.presses("I have received my validation code")

    for left in ("4 attempts are left.", "3 attempts", "2 attempts", "One attempt is left."):
        visitor.types(code="BCDF-GHJK")
        visitor.presses("Validate")
        visitor.sees(left)
    visitor.types(code="BCDF-GHJK")
    visitor.presses("Validate")
    visitor.sees("The code was wrong five times.")

    assert alice.me()["emailChanges"][0]["abortReason"] == "TOO_MANY_ATTEMPTS"
    assert visitor.page.get_by_label("New e-mail address").is_visible()


def test_it_can_be_cancelled(stack, sign_in, new_email):
    """The address stays; another may be asked for at once."""
    alice = stack.newcomer()
    visitor = sign_in(alice)
    asked(visitor, new_email, alice.password)

    visitor.presses("Cancel the change")
    visitor.sees("You cancelled it.")

    assert alice.me()["emailChanges"][0]["abortReason"] == "CANCELLED"


def test_another_code_comes_once_a_minute(stack, sign_in, new_email):
    """Who is too fast is told when; the change goes on."""
    alice = stack.newcomer()
    visitor = sign_in(alice)
    asked(visitor, new_email, alice.password)

    visitor.presses("Send another code")
    visitor.sees("You can try again at")

    assert alice.me()["pendingEmailChange"] is not None


def test_a_reload_shows_it_as_it_stands(stack, sign_in, new_email):
    """So does coming back by the button of the browser; home tells of it, too."""
    alice = stack.newcomer()
    visitor = sign_in(alice)
    asked(visitor, new_email, alice.password)
    visitor.sees("Your change is waiting for its code")

    visitor.page.reload()
    visitor.sees("Your change is waiting for its code")
    visitor.page.get_by_role("link", name="Home").click()
    visitor.follows("Answer it")
    visitor.is_at("E-mail address")
    visitor.page.go_back()
    visitor.is_at("Hello Alice")
    visitor.page.go_forward()

    visitor.sees("Your change is waiting for its code")


def test_a_double_click_asks_once(stack, sign_in, new_email):
    """One request leaves, with a key by which the server would know a second one."""
    alice = stack.newcomer()
    visitor = sign_in(alice)
    visitor.goes("/account/email")
    visitor.types(newEmail=new_email, password=alice.password)
    visitor.requests.clear()

    visitor.page.get_by_role("button", name="Send me the code").dblclick()
    visitor.sees("Your change is waiting for its code")

    sent = [it for it in visitor.requests if "RequestEmailChange" in (it.post_data or "")]
    assert len(sent) == 1
    assert len(sent[0].headers["idempotency-key"]) == 32
    assert len(alice.me()["emailChanges"]) == 1
