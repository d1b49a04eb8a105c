"""A partner's request in a real browser: what it shows to whom, two buttons, and the way back."""

import pytest

LANGUAGES = {"en-GB": "EN", "fr-FR": "FR"}
STATES = "{ me { consents { edges { node { state } } } } }"
SPEAK = """mutation ($language: Language) {
  updateProfile(input: {language: $language}) { __typename }
}"""
TITLES = {"EN": "A partner’s request", "FR": "Demande d’un partenaire"}
BUTTONS = {"EN": ("Allow", "Refuse"), "FR": ("Accorder", "Refuser")}
BACK = {"EN": "Back to Panel", "FR": "Retourner chez Panel"}
DONE = {
    "EN": ("Done: it is allowed.", "Done: the request is refused."),
    "FR": ("C’est fait : l’autorisation est accordée.", "C’est fait : la demande est refusée."),
}
READ, MAIL = "read who you are", "have us mail you confirmations"


def states(customer):
    edges = customer.ask(STATES)["me"]["consents"]["edges"]
    return [edge["node"]["state"] for edge in edges]


def signs_in(visitor, customer):
    """Sign in on the page itself, which then goes on."""
    visitor.types(identifier=customer.nic_handle, password=customer.password)
    visitor.page.locator("main form button[type=submit]").click()
    visitor.page.locator(".who").wait_for()


def button(visitor, label):
    """A button by what is written on it; what is read out names the partner, too."""
    return visitor.page.locator("main").get_by_text(label, exact=True)


@pytest.mark.parametrize("liked", LANGUAGES)
@pytest.mark.parametrize("place", [0, 1], ids=["grant", "refuse"])
def test_a_request_is_shown_and_answered(stack, visit, request_consent, place, liked):
    """Sign in there; who asks for what and why; a button; the outcome, and the way back."""
    language, alice = LANGUAGES[liked], stack.newcomer()
    alice.ask(SPEAK, language=language)
    link = request_consent(alice, redirectUrl=f"{stack.url}/healthz?from=consent")
    visitor = visit(link, language=liked)

    signs_in(visitor, alice)
    visitor.is_at(TITLES[language])
    button(visitor, BUTTONS[language][place]).wait_for()
    offered = " ".join(visitor.shown)
    button(visitor, BUTTONS[language][place]).click()
    visitor.sees(DONE[language][place])
    visitor.follows(BACK[language])
    visitor.page.wait_for_url("**/healthz?from=consent")

    assert "“explain” your services." in offered
    assert "Panel" in offered
    assert states(alice) == [["GRANTED", "REFUSED"][place]]
    assert visitor.complaints == []


def test_shows_the_scopes_that_are_asked_for(stack, visit, request_consent):
    """In words, and no others; to look at it answers nothing."""
    alice = stack.newcomer()
    visitor = visit(request_consent(alice))

    signs_in(visitor, alice)
    visitor.sees(READ)

    words = " ".join(visitor.shown)
    assert MAIL in words
    assert "change your profile" not in words
    assert states(alice) == ["PENDING"]


def test_nobody_is_shown_nothing(stack, visit, request_consent):
    """Only a form to sign in."""
    visitor = visit(request_consent(stack.newcomer()))

    visitor.is_at("Sign in")

    assert "Panel" not in visitor.page.inner_text("body")


def test_another_holder_sees_nothing(stack, visit, request_consent):
    """There is no such request for them."""
    visitor = visit(request_consent(stack.newcomer()))

    signs_in(visitor, stack.newcomer())
    visitor.sees("There is no such request")

    assert "Panel" not in visitor.page.inner_text("main")


def test_settled_and_cut_off_links_say_so(stack, sign_in, request_consent):
    """What was answered takes no other answer; a link without its id is incomplete."""
    alice = stack.newcomer()
    link = request_consent(alice)
    visitor = sign_in(alice)
    visitor.page.goto(link)
    button(visitor, "Refuse").click()
    visitor.sees(DONE["EN"][1])

    visitor.page.reload()
    visitor.sees("This request no longer awaits an answer.")
    visitor.page.goto("about:blank")
    visitor.page.goto(link.partition("#")[0])

    visitor.sees("This link is incomplete.")


def test_session_that_has_ended_meanwhile(stack, sign_in, request_consent):
    """The page was open while the holder signed out elsewhere: they sign in, and it is there."""
    alice = stack.newcomer()
    link = request_consent(alice)
    visitor = sign_in(alice)
    visitor.page.goto(link)
    button(visitor, "Allow").wait_for()
    visitor.page.context.clear_cookies()

    button(visitor, "Allow").click()
    visitor.is_at("Please sign in again")
    assert states(alice) == ["PENDING"]
    visitor.types(password=alice.password)
    visitor.page.locator("main form button[type=submit]:visible").click()
    button(visitor, "Allow").click()
    visitor.sees(DONE["EN"][0])

    assert states(alice) == ["GRANTED"]


def test_a_failure_can_be_tried_again(stack, sign_in, request_consent):
    """While the gateway cannot be reached, the request and its buttons stay."""
    alice = stack.newcomer()
    link = request_consent(alice)
    visitor = sign_in(alice)
    visitor.page.goto(link)
    button(visitor, "Allow").wait_for()
    visitor.page.context.set_offline(offline=True)
    button(visitor, "Allow").click()
    visitor.sees("The server did not answer.")
    visitor.page.context.set_offline(offline=False)

    button(visitor, "Allow").click()
    visitor.sees(DONE["EN"][0])

    assert states(alice) == ["GRANTED"]


def test_what_is_allowed_is_listed_and_taken_back(stack, sign_in, request_consent, panel):
    """Among the pages of the account, answered there as well; the partner is refused then."""
    alice = stack.newcomer()
    request_consent(alice)
    visitor = sign_in(alice, "/account/consents")

    button(visitor, "Allow").click()
    visitor.sees(DONE["EN"][0])
    read = "query ($handle: NicHandle!) { account(nicHandle: $handle) { nicHandle } }"
    allowed = panel.ask(read, handle=alice.nic_handle)["account"]
    button(visitor, "Take it back").click()
    visitor.sees("Done: it is taken back")

    assert allowed == {"nicHandle": alice.nic_handle}
    assert panel.ask(read, handle=alice.nic_handle)["account"] is None
    assert states(alice) == ["REVOKED"]
    assert visitor.complaints == []
