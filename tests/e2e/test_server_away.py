"""The story of a server that goes away and comes back: nothing that was typed is lost."""

import pytest
import stacks


@pytest.fixture(scope="module")
def frail(tmp_path_factory):
    with stacks.running(tmp_path_factory.mktemp("away") / "var") as running:
        yield running


def test_away_and_back(frail, sign_in):
    """The page says so, tries by itself, and what failed can be sent again as it stands."""
    alice = frail.newcomer()
    visitor = sign_in(alice, "/account/edit")
    visitor.types(address_city="Roubaix")

    frail.stop()
    visitor.presses("Save")
    visitor.sees("The server did not answer. Nothing is lost")
    visitor.sees("The server cannot be reached.")
    kept = visitor.holds("address.city")
    keys = {it.headers["idempotency-key"] for it in updates(visitor)}
    frail.start()
    visitor.misses("The server cannot be reached.")
    visitor.presses("Save")
    visitor.sees("Your details are saved.")

    assert kept == "Roubaix"
    assert {it.headers["idempotency-key"] for it in updates(visitor)} == keys
    assert alice.ask("{ me { address { city } } }")["me"]["address"]["city"] == "Roubaix"


def test_a_page_that_could_not_be_read_is_read_when_it_can_be(frail, sign_in):
    """Without a reload."""
    alice = frail.newcomer()
    visitor = sign_in(alice, "/account")
    visitor.page.context.set_offline(offline=True)

    visitor.page.get_by_role("link", name="Sessions").first.click()
    visitor.sees("The server did not answer.")
    visitor.page.context.set_offline(offline=False)

    visitor.sees("This one")


def updates(visitor):
    return [it for it in visitor.requests if "UpdateProfile" in (it.post_data or "")]
