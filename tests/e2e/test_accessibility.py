"""Every route of the space, in both languages, light and dark, narrow and wide: no obstacle."""

import itertools
import json
from pathlib import Path
from uuid import uuid4

import pytest

from gateway import space

AXE = Path(space.__file__).parent / "space" / "node_modules" / "axe-core" / "axe.min.js"
ROUTES = json.loads((space.BUILT / "routes.json").read_text())
RUN = "() => axe.run().then(({violations}) => violations)"
KINDS = list(itertools.product(["EN", "FR"], ["light", "dark"], [320, 1280]))
LANGUAGES = {"EN": "en-GB", "FR": "fr-FR"}
# Routes that nobody sees who is signed in, with what is needed to see all of them.
STRANGERS = {"signup", "signupCode", "login", "lostPassword", "newPassword"}
LINKS = {"refuse", "revert", "report"}
HOLDERS = ROUTES.keys() - STRANGERS - LINKS
DRAFT = {"email": "a@example.org", "country": "FR", "legalForm": "INDIVIDUAL"}
KEEP = "([name, text]) => sessionStorage.setItem(name, text)"
BEGUN = {
    "signup": {"id": "x", "deliveredTo": "a***@example.org", "draft": DRAFT},
    "reset": {"id": "x", "identifier": "a@example.org"},
}


def faults_of(visitor, name):
    """What axe finds, and whether anything has to be moved sideways."""
    page = visitor.page
    page.locator("main h1").wait_for()
    page.locator("main .loading").wait_for(state="detached")
    page.evaluate(AXE.read_text())
    found = [
        (name, fault["id"], node["html"][:200])
        for fault in page.evaluate(RUN)
        for node in fault["nodes"]
    ]
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return [*found, *([(name, "wide", "")] if wide else [])]


def at(visitor, path):
    visitor.goes(path)
    return visitor


def settled(alice, language):
    """An account with something to show on every page."""
    alice.ask("mutation { updateProfile(input: {phone: null}) { __typename } }")
    alice.request_change(f"{uuid4().hex[:12]}@example.net")
    alice.do("cancelEmailChange")
    alice.do("setSpareEmail", spareEmail=f"{uuid4().hex[:12]}@example.net", password=alice.password)
    alice.request_change(f"{uuid4().hex[:12]}@example.net")
    document = "mutation ($language: Language) { updateProfile(input: {language: $language})"
    alice.ask(f"{document} {{ __typename }} }}", language=language)
    return alice


def test_no_route_is_left_out():
    """A new route is either for holders, who see all of theirs, or named above."""
    assert ROUTES.keys() == STRANGERS | LINKS | HOLDERS
    assert {ROUTES[name] for name in HOLDERS - {"consent"}} == {
        path for path in ROUTES.values() if path == "/" or path.startswith("/account")
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_holder_finds_no_obstacle(stack, sign_in, request_consent, kind):
    """Each page of an account, with a change and a partner's request pending, its menu open."""
    language, scheme, width = kind
    alice = settled(stack.newcomer(), language)
    paths = ROUTES | {"consent": request_consent(alice).removeprefix(stack.url)}
    options = {"language": LANGUAGES[language], "width": width, "color_scheme": scheme}
    visitor = sign_in(alice, **options)

    found = [fault for name in HOLDERS for fault in faults_of(at(visitor, paths[name]), name)]
    visitor.page.locator(".who summary").click()
    found += faults_of(visitor, "menu")

    assert found == []
    assert visitor.complaints == []


@pytest.mark.parametrize(("language", "scheme", "width"), KINDS)
def test_a_stranger_finds_no_obstacle(stack, visit, language, scheme, width):
    """Each page before the account, with faults shown, and those behind the links of mails."""
    options = {"language": LANGUAGES[language], "width": width, "color_scheme": scheme}
    visitor = visit(stack.url, **options)
    for name, value in BEGUN.items():
        visitor.page.evaluate(KEEP, [name, json.dumps(value)])

    found = []
    for name in STRANGERS:
        found += faults_of(at(visitor, ROUTES[name]), name)
        visitor.page.locator("main button[type=submit]").click()
        visitor.page.locator("main .fault").first.wait_for()
        found += faults_of(visitor, f"{name} with faults")
    for name in LINKS:
        visitor.page.goto("about:blank")
        visitor.page.goto(f"{stack.url}{ROUTES[name]}#1.2")
        found += faults_of(visitor, name)

    assert found == []
    assert visitor.complaints == []


def test_at_twice_the_size_nothing_is_cut_off(stack, sign_in, request_consent):
    """1280 pixels at 200 % are 640: every page of an account still fits."""
    alice = settled(stack.newcomer(), "FR")
    paths = ROUTES | {"consent": request_consent(alice).removeprefix(stack.url)}
    visitor = sign_in(alice, width=640, language="fr-FR")

    wide = []
    for path in (paths[name] for name in HOLDERS):
        visitor.goes(path)
        visitor.page.locator("main h1").wait_for()
        wide += [path] * visitor.page.evaluate("document.documentElement.scrollWidth > 640")

    assert wide == []


def test_a_page_that_is_none_says_so(stack, visit):
    """An address that was typed wrongly, or cut off."""
    visitor = visit(f"{stack.url}/nothing")

    visitor.is_at("This page does not exist")

    assert faults_of(visitor, "nothing") == []
