"""The story of two tabs: who saves second sees what the first one saved, and decides."""

import pytest

PROFILE = "{ me { phone address { city } } }"
MOVE = 'mutation { updateProfile(input: {address: {city: "Lille"}}) { __typename } }'


@pytest.fixture
def tabs(stack, sign_in):
    """Two tabs of one browser with the same form; the other one has saved first."""
    alice = stack.newcomer()
    first = sign_in(alice, "/account/edit")
    first.types(address_city="Tourcoing", phone="03 20 12 34 56")
    alice.ask(MOVE)
    first.presses("Save")
    first.sees("Your details were changed elsewhere")
    return alice, first


def test_nothing_is_overwritten_unseen(tabs):
    """Both values stand side by side; what was typed is still in the form."""
    alice, first = tabs

    compared = first.page.locator("main table").inner_text()

    assert "Lille" in compared
    assert "Tourcoing" in compared
    assert first.holds("address.city") == "Tourcoing"
    assert alice.ask(PROFILE)["me"]["address"]["city"] == "Lille"


def test_what_was_typed_may_stand(tabs):
    """By a second, deliberate click."""
    alice, first = tabs

    first.presses("Save what I typed")
    first.sees("Your details are saved.")

    account = alice.ask(PROFILE)["me"]
    assert (account["address"]["city"], account["phone"]) == ("Tourcoing", "+33320123456")


def test_what_was_saved_may_stand(tabs):
    """The form starts anew from it."""
    alice, first = tabs

    first.presses("Drop what I typed")
    first.misses("Your details were changed elsewhere")

    assert first.holds("address.city") == "Lille"
    assert alice.ask(PROFILE)["me"]["phone"] is None
