"""The links of real mails in a real browser: a sentence, a button, and the outcome in its place."""

from uuid import uuid4

import pytest
from stacks import Stack

LANGUAGES = {"en-GB": "en", "fr-FR": "fr"}
ABOUT = {
    "refuse": "Change of your e-mail address",
    "revert": "Your e-mail address has changed",
    "report": "Change of your e-mail address",
}
# What the page says before, on its button, and after.
WORDS = {
    ("refuse", "en"): ("will stay what it is", "Refuse the change", "the change is refused"),
    ("refuse", "fr"): (
        "restera celle qu’elle est",
        "Refuser le changement",
        "le changement est refusé",
    ),
    ("revert", "en"): (
        "will return to the e-mail address that received this link",
        "Take my account back",
        "the account is back at the address that received this link",
    ),
    ("revert", "fr"): (
        "reviendra à l’adresse e-mail qui a reçu ce lien",
        "Reprendre mon compte",
        "le compte est revenu à l’adresse qui a reçu ce lien",
    ),
    ("report", "en"): (
        "All sessions of your account will be closed",
        "Block my account",
        "the account is blocked",
    ),
    ("report", "fr"): (
        "Toutes les sessions de votre compte seront fermées",
        "Bloquer mon compte",
        "le compte est bloqué",
    ),
}
NEXT = {"en": "Choose a new password", "fr": "Choisir un nouveau mot de passe"}
SPENT = {"en": "This link has been used", "fr": "Ce lien a déjà servi"}
SETTLED = "This change no longer awaits an answer."
INCOMPLETE = "This link is incomplete."


def linked(stack: Stack, kind: str):
    """A customer and the address of a link that they find in their mail."""
    alice = stack.newcomer()
    alice.request_change(f"{uuid4().hex[:12]}@example.org")
    if kind == "revert":
        alice.do("confirmEmailChange", code=alice.code("Change of your e-mail address"))
    return alice, stack.link(kind, alice.email, about=ABOUT[kind])


@pytest.mark.parametrize("liked", LANGUAGES)
@pytest.mark.parametrize("kind", ABOUT)
def test_a_link_is_opened_pressed_and_spent(stack, visit, kind, liked):
    """One sentence and one button; then the outcome alone; the same link once more says: spent."""
    before, button, after = WORDS[kind, LANGUAGES[liked]]
    alice, link = linked(stack, kind)

    visitor = visit(link, language=liked)
    offered, was_signed_in = visitor.shown, alice.is_signed_in()
    visitor.presses(button)
    visitor.sees(after)
    told, address = visitor.shown, visitor.page.url
    visitor.page.reload()
    visitor.sees(after)
    again = visit(link, language=liked)
    again.presses(button)
    again.sees(SPENT[LANGUAGES[liked]])
    again.page.reload()
    again.sees(SPENT[LANGUAGES[liked]])

    heading, sentence, label = offered
    assert was_signed_in
    assert before in sentence
    assert label == button
    assert told[0] == heading
    assert after in told[1]
    assert told[2:] == ([] if kind == "refuse" else [NEXT[LANGUAGES[liked]]])
    assert address == f"{stack.url}/links/{kind}"
    assert len(again.shown) == 2
    assert visitor.complaints + again.complaints == []
    if kind == "refuse":
        assert alice.me()["emailChanges"][0]["state"] == "REFUSED"
    else:
        assert not alice.is_signed_in()


@pytest.mark.parametrize("kind", ABOUT)
def test_nobody_else_learns_of_it(stack, visit, kind):
    """Every request stays at home; no address of one and no Referer has the token."""
    _, link = linked(stack, kind)
    token = link.rpartition(".")[2]

    visitor = visit(link)
    visitor.page.locator("main button").click()
    visitor.sees("Done:")

    asked = [request.url for request in visitor.requests]
    headers = [request.all_headers() for request in visitor.requests]
    (answer,) = [request for request in visitor.requests if request.method == "POST"]
    assert [url for url in asked if not url.startswith(f"{stack.url}/")] == []
    paths = {url.removeprefix(stack.url).partition("#")[0] for url in asked}
    assert paths >= {f"/links/{kind}", "/graphql"}
    assert all(path.startswith("/assets/") for path in paths - {f"/links/{kind}", "/graphql"})
    assert [it for it in headers if token in str(it)] == []
    assert [it["referer"] for it in headers if it.get("referer")] == []
    assert token in (answer.post_data or "")
    assert "cookie" not in answer.all_headers()


def test_whoever_is_signed_in_sends_no_cookie(stack, sign_in):
    """The token alone counts: the page is the same for everybody, and tells nobody who reads it."""
    alice, link = linked(stack, "refuse")
    visitor = sign_in(alice)
    visitor.requests.clear()

    visitor.page.goto(link)
    visitor.presses("Refuse the change")
    visitor.sees("Done:")

    (answer,) = [request for request in visitor.requests if request.method == "POST"]
    assert "cookie" not in answer.all_headers()
    assert alice.nic_handle not in visitor.page.inner_text("body")


def test_opening_alone_does_nothing(stack, visit):
    """A scanner with a whole browser opens the page and leaves; the link stays good."""
    alice, link = linked(stack, "refuse")

    scanner = visit(link)
    scanner.page.wait_for_load_state("networkidle")

    assert {request.method for request in scanner.requests} == {"GET"}
    assert alice.me()["pendingEmailChange"] is not None
    assert stack.press(link)["state"] == "REFUSED"


def test_a_change_that_was_settled_meanwhile(stack, visit):
    """The link is good, but there is nothing left to refuse."""
    alice, link = linked(stack, "refuse")
    alice.do("cancelEmailChange")

    visitor = visit(link)
    visitor.page.locator("main button").click()
    visitor.sees(SETTLED)

    assert len(visitor.shown) == 2


@pytest.mark.parametrize("rest", ["", "#", "#only-an-id", "#a.b.c"])
def test_a_link_that_was_cut_off(stack, visit, rest):
    """It says so at once, and offers no button that could not work."""
    visitor = visit(f"{stack.url}/links/revert{rest}")

    visitor.sees(INCOMPLETE)

    assert len(visitor.shown) == 2


def test_the_next_link_in_the_same_window(stack, visit):
    """Only what stands behind the # differs: the page starts anew all the same."""
    _, first = linked(stack, "refuse")
    _, second = linked(stack, "refuse")
    visitor = visit(first.partition("#")[0])
    visitor.sees(INCOMPLETE)

    for link in (first, second):
        visitor.page.goto(link)
        visitor.page.locator("main button").click()
        visitor.sees("Done:")

    assert len(visitor.shown) == 2


def test_a_failure_can_be_tried_again(stack, visit):
    """While the gateway cannot be reached, the button stays, and so does the token."""
    _, link = linked(stack, "refuse")
    visitor = visit(link)
    visitor.page.context.set_offline(offline=True)
    visitor.page.locator("main button").click()
    visitor.sees("That did not work.")
    visitor.page.context.set_offline(offline=False)

    visitor.page.locator("main button").click()
    visitor.sees("Done:")

    assert len(visitor.shown) == 2


def test_without_scripts(stack, visit):
    """The page says what is missing, rather than to offer a button that does nothing."""
    visitor = visit(f"{stack.url}/links/refuse#1.2", java_script_enabled=False)

    assert visitor.shown[1:] == ["This page needs JavaScript to send your answer."]


@pytest.mark.parametrize("kind", ABOUT)
@pytest.mark.parametrize("width", [320, 1000])
def test_fits_every_screen(stack, visit, kind, width):
    """Nothing has to be moved sideways, and the button is large enough for a thumb."""
    visitor = visit(f"{stack.url}/links/{kind}#1.2", language="fr-FR", width=width)

    box = visitor.page.locator("main button").bounding_box()
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width
    assert box
    assert box["height"] >= 44
    assert box["x"] + box["width"] <= width
