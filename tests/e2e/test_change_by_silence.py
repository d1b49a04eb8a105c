"""The story of a change that nobody answers: the page that waits for it learns of it by itself."""

from uuid import uuid4

import pytest
import stacks


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    """A stack in which silence is consent after some seconds."""
    folder = tmp_path_factory.mktemp("silence") / "var"
    with stacks.running(folder, AUTO_ACCEPT_AFTER=6) as running:
        yield running


def test_silence_accepts_while_the_page_waits(hasty, sign_in):
    """A clock runs down; then the page says what happened, without a click or a reload."""
    alice, new_email = hasty.newcomer(), f"{uuid4().hex[:12]}@example.net"
    visitor = sign_in(alice, "/account/email")
    visitor.types(newEmail=new_email, password=alice.password)
    visitor.presses("Send me the code")

    visitor.sees("accepted by itself in")
    clock = visitor.page.get_by_role("timer").inner_text()
    visitor.sees(f"your address is now {new_email}")
    visitor.types(code=alice.code("This address is now", at=new_email))
    visitor.presses("Confirm my address")
    visitor.sees("Your address is confirmed.")

    assert clock in {f"{seconds} s" for seconds in range(1, 7)}
    assert "Nobody answered in time" in visitor.page.inner_text("main")
    alice.log_in(alice.nic_handle)
    assert alice.me()["emailChanges"][0]["acceptedBy"] == "SILENCE"
