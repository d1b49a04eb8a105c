"""What the space weighs, what it says about itself, and in which language."""

import pytest

LARGEST = 130_000  # bytes of compressed JavaScript before anything is pressed


def scripts(visitor):
    """The bytes of every script that was loaded, as they came over the line."""
    return {
        request.url.rpartition("/")[2]: request.sizes()["responseBodySize"]
        for request in visitor.requests
        if request.resource_type == "script"
    }


def test_the_first_load_is_light(stack, visit):
    """The estimator of passwords is the heaviest part: it comes when somebody goes to the field."""
    visitor = visit(f"{stack.url}/signup")
    visitor.is_at("Create an account")
    visitor.page.wait_for_load_state("networkidle")
    first = scripts(visitor)

    visitor.page.locator("[name=password]").focus()
    visitor.page.wait_for_load_state("networkidle")
    visitor.types(password="Garden-Kettle-42-blue")
    visitor.sees("Very good")

    assert 0 < sum(first.values()) < LARGEST
    assert len(scripts(visitor)) == len(first) + 1


def test_the_language_can_be_switched_and_is_kept(stack, visit):
    """Before the account in this browser, with it for the account: its mails speak it, too."""
    visitor = visit(f"{stack.url}/login")

    visitor.presses("FR · Français")
    visitor.is_at("Se connecter")
    visitor.page.reload()
    visitor.is_at("Se connecter")

    assert visitor.page.get_attribute("html", "lang") == "fr"
    assert visitor.page.title() == "Se connecter · Espace client"


def test_the_language_of_the_account_is_spoken_once_signed_in(stack, sign_in):
    """Whatever the browser likes; switching it switches the account."""
    alice = stack.newcomer()
    visitor = sign_in(alice, language="fr-FR")

    visitor.is_at("Hello Alice")
    visitor.presses("FR · Français")
    visitor.is_at("Bonjour Alice")

    assert alice.ask("{ me { language } }")["me"]["language"] == "FR"


def test_the_nic_handle_is_copied(stack, sign_in):
    """By the button beside it, on every page."""
    alice = stack.newcomer()
    visitor = sign_in(alice, "/account", permissions=["clipboard-read", "clipboard-write"])

    visitor.page.locator(".who").get_by_role("button", name="Copy the NIC-handle").click()
    visitor.sees("Copied")

    assert visitor.page.evaluate("navigator.clipboard.readText()") == alice.nic_handle


@pytest.mark.parametrize("path", ["/account", "/account/email"])
def test_a_page_that_was_asked_for_is_shown_after_signing_in(stack, sign_in, path):
    """The address stays; the form stands in its place until then."""
    visitor = sign_in(stack.newcomer(), path)

    assert visitor.page.url == stack.url + path


def test_the_spare_address(stack, sign_in):
    """Recorded, proven, removed."""
    alice = stack.newcomer()
    spare = alice.email.replace("@example.org", "@example.net")
    visitor = sign_in(alice)

    visitor.follows("Add a spare address")
    visitor.types(spareEmail=spare, password=alice.password)
    visitor.presses("Record the address")
    visitor.sees(f"A mail with a code is on its way to {spare}")
    visitor.types(code=alice.code("Confirm your spare", at=spare))
    visitor.presses("Confirm the spare address")
    visitor.sees("Your spare address is confirmed.")
    proven = alice.me()["spareEmailProven"]
    visitor.page.locator("main summary").last.click()
    visitor.types(password=alice.password)
    visitor.presses("Remove the spare address")
    visitor.sees("The spare address is removed.")

    assert proven
    assert alice.me()["spareEmail"] is None


def test_mails_and_activity_are_shown_without_secrets(stack, sign_in):
    """The mail of a code has stars where it was; the list of activities tells of the login."""
    alice = stack.newcomer()
    code = alice.code("Confirm the creation")
    visitor = sign_in(alice, "/account/mails")

    visitor.page.locator("main summary").filter(has_text="Confirm the creation").click()
    visitor.sees("****")
    shown = visitor.page.inner_text("main")
    visitor.goes("/account/activity")
    visitor.sees("Account opened")

    assert code not in shown
    assert "Signed in" in visitor.page.inner_text("main")


def test_documents_are_sent_by_their_names_alone(stack, sign_in):
    """A gateway that executes known documents only serves the space as well as any other."""
    visitor = sign_in(stack.newcomer(), "/account/sessions")
    visitor.sees("This one")

    bodies = [it.post_data_json for it in visitor.requests if it.method == "POST"]

    assert len(bodies) >= 3
    assert [body for body in bodies if "query" in body] == []
    assert {len(body["extensions"]["persistedQuery"]["sha256Hash"]) for body in bodies} == {71}
