"""The explorer in a real browser: from a sign-up to an answer, and nothing leaves the page."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest
from graphql import build_schema, parse
from graphql.execution.values import get_variable_values
from stacks import PASSWORD

from schema import limits, schema
from schema.validation import faults

HERE = Path(__file__).parent
SCHEMA = build_schema(schema.as_str())
ROOTS = [(root, name) for root in (SCHEMA.query_type, SCHEMA.mutation_type) for name in root.fields]
FORMS = [(width, scheme) for width in (320, 1280) for scheme in ("light", "dark")]


@pytest.fixture
def explore(stack, visit):
    """Open the explorer with its schema loaded."""

    def explore(**options):
        visitor = visit(f"{stack.url}/explorer", **options)
        button(visitor, "updateProfile").wait_for()
        return visitor

    return explore


@pytest.fixture(scope="module")
def axe():
    """The source of axe-core, from this folder's own lock."""
    if not shutil.which("npm"):
        pytest.skip("npm is not there")
    if subprocess.run(["npm", "ci", "--silent"], cwd=HERE, check=False).returncode:
        pytest.skip("axe-core could not be had")
    return (HERE / "node_modules" / "axe-core" / "axe.min.js").read_text()


def button(visitor, name):
    return visitor.page.get_by_role("button", name=name, exact=True)


def field(visitor, label):
    return visitor.page.get_by_label(label, exact=True)


def written(visitor):
    """The document and the variables in the editor."""
    return field(visitor, "Document").input_value(), variables(visitor)


def variables(visitor):
    return json.loads(field(visitor, "Variables, as JSON").input_value())


def give(visitor, given):
    field(visitor, "Variables, as JSON").fill(json.dumps(given))


def run(visitor):
    """Run what is in the editor; return the outcome, and the body if it is JSON."""
    with visitor.page.expect_response("**/graphql"):
        button(visitor, "Run").click()
    return answer(visitor)


def answer(visitor):
    page = visitor.page
    page.locator("[aria-busy]").wait_for(state="detached")
    body = page.locator("#body").inner_text()
    return page.locator("#outcome").inner_text(), json.loads(body) if body[:1] == "{" else body


def test_from_a_sign_up_to_an_answer(stack, explore):
    """The documents that the page writes are all that it takes; the token stays in its field."""
    alice = stack.customer(f"{uuid4().hex[:12]}@example.org")
    visitor = explore()
    button(visitor, "signup").click()
    person = {"firstName": "Alice", "lastName": "Martin", "country": "FR", "language": "EN"}
    give(visitor, {"input": person | {"email": alice.email, "password": PASSWORD}})
    _, asked = run(visitor)
    button(visitor, "confirmSignup").click()
    challenge = asked["data"]["signup"]["id"]
    code = alice.code("Confirm the creation")
    give(visitor, {"input": {"challengeId": challenge, "code": code, "transport": "TOKEN"}})
    _, opened = run(visitor)
    token = opened["data"]["confirmSignup"]["token"]
    field(visitor, "Document").fill("{ me { nicHandle } }")
    give(visitor, {})

    anonymous = run(visitor)
    field(visitor, "Bearer token or partner key").fill(token)
    signed_in = run(visitor)
    facts = visitor.page.locator("#facts").inner_text()

    nic_handle = opened["data"]["confirmSignup"]["account"]["nicHandle"]
    assert re.fullmatch(r"am\d{6,7}-OVH", nic_handle)
    assert anonymous == ("200 OK", {"data": {"me": None}})
    assert signed_in == ("200 OK", {"data": {"me": {"nicHandle": nic_handle}}})
    assert re.search(r"Time \d+ ms.*Request id \w+", " ".join(facts.split()))
    assert visitor.complaints == []
    assert [it.url for it in visitor.requests if not it.url.startswith(f"{stack.url}/")] == []
    stack.secrets.add(token)


def test_keeps_a_credential_nowhere(stack, explore):
    """Not in an address, a store, a cookie or the history of operations; a reload forgets it."""
    alice = stack.newcomer()
    visitor = explore()
    field(visitor, "Bearer token or partner key").fill(f"Bearer {alice.token}")
    run(visitor)
    sent = visitor.requests[-1]

    kept = visitor.page.evaluate(
        """async () => JSON.stringify([
          location.href, {...localStorage}, {...sessionStorage}, history.state, document.cookie,
          await indexedDB.databases(), await caches.keys(), document.body.innerText,
        ])"""
    )
    cookies = visitor.page.context.cookies()
    visitor.page.reload()

    assert sent.all_headers()["authorization"] == f"Bearer {alice.token}"
    assert "cookie" not in sent.all_headers()
    assert alice.token not in kept
    assert json.loads(kept)[1:7] == [{}, {}, None, "", [], []]
    assert cookies == []
    assert [it.url for it in visitor.requests if alice.token in it.url] == []
    assert field(visitor, "Bearer token or partner key").input_value() == ""


def test_uses_the_session_cookie_without_one(stack, explore):
    """Who signs in by COOKIE, the default, goes on as a browser does; a token leaves it out."""
    alice, bob = stack.newcomer(), stack.newcomer()
    visitor = explore()
    button(visitor, "login").click()
    give(visitor, {"input": {"identifier": alice.email, "password": PASSWORD}})
    run(visitor)
    button(visitor, "me").click()

    _, by_cookie = run(visitor)
    field(visitor, "Bearer token or partner key").fill(bob.token)
    with_cookie = visitor.requests[-1]
    _, by_token = run(visitor)

    assert "cookie" in with_cookie.all_headers()
    assert "cookie" not in visitor.requests[-1].all_headers()
    assert by_cookie["data"]["me"]["email"] == alice.email
    assert by_token["data"]["me"]["email"] == bob.email


@pytest.mark.parametrize(
    ("document", "outcome", "code"),
    [
        ("{ me { nothing } }", "400 Bad Request · 1 error", "BAD_REQUEST"),
        ("{ me {", "400 Bad Request · 1 error", "BAD_REQUEST"),
        ("mutation { cancelEmailChange { __typename } }", "200 OK · 1 error", "UNAUTHENTICATED"),
    ],
)
def test_shows_errors(explore, document, outcome, code):
    """As the gateway gave them, with the status and the number beside it."""
    visitor = explore()
    field(visitor, "Document").fill(document)

    told, body = run(visitor)

    assert told == outcome
    assert [error["extensions"]["code"] for error in body["errors"]] == [code]
    assert visitor.page.locator("#outcome").get_attribute("data-mood") == "bad"


@pytest.mark.parametrize("text", ["{", "[]", "null", '"input"', "1"])
def test_sends_no_variables_that_are_none(explore, text):
    """They are judged here, where it can be said what is wrong; nothing is sent."""
    visitor = explore()
    field(visitor, "Variables, as JSON").fill(text)

    button(visitor, "Run").click()
    visitor.sees("These are no variables")

    assert [it for it in visitor.requests if it.method == "POST"] == []


def test_tells_when_no_answer_comes(explore):
    """The gateway is away; when it is back the same operation runs."""
    visitor = explore()
    visitor.page.context.set_offline(offline=True)
    button(visitor, "Run").click()
    visitor.sees("No answer came")
    visitor.page.context.set_offline(offline=False)

    assert run(visitor)[0] == "200 OK"


def test_shows_extensions_by_themselves(explore):
    """Figures about an answer stand beside it; what is no JSON is shown as it came."""
    visitor = explore()
    cost = {"cost": {"requested": 3, "remaining": 97}}
    body = json.dumps({"data": {"me": None}, "extensions": cost})
    visitor.page.route("**/graphql", lambda route: route.fulfill(body=body))
    _, rest = run(visitor)
    extensions = json.loads(visitor.page.locator("#extensions-body").inner_text())
    visitor.page.route("**/graphql", lambda route: route.fulfill(body="<b>proxy</b>", status=502))

    told, text = run(visitor)

    assert rest == {"data": {"me": None}}
    assert extensions == cost
    assert (told, text) == ("502 Bad Gateway", "<b>proxy</b>")
    assert not visitor.page.locator("#extensions").is_visible()


def test_writes_documents(explore):
    """Each field's own: valid, within the limits, with variables that fit."""
    visitor = explore()
    wrong = {}

    for _, name in ROOTS:
        button(visitor, name).click()
        text, values = written(visitor)
        document = parse(text)
        declared = document.definitions[0].variable_definitions or ()
        given = get_variable_values(SCHEMA, declared, values)
        found = [*faults(SCHEMA, document, introspection=False), *limits.exceeded(document)]
        if found or isinstance(given, list) or f" {name}" not in text:
            wrong[name] = (text, values, found, given)

    assert wrong == {}


def test_asks_a_union_for_its_refusals(explore):
    """By their interface, so that one added later is shown; where two members differ, aliased."""
    visitor = explore()

    button(visitor, "confirmEmailChange").click()
    text, values = written(visitor)
    button(visitor, "revokeOtherSessions").click()
    without_refusals, _ = written(visitor)

    assert values == {"input": {"code": ""}}
    assert "    __typename\n    ... on EmailChange {\n" in text
    assert "    ... on UserError { message }\n" in text
    assert "    ... on InvalidCodeError { invalidCodeErrorAttemptsLeft: attemptsLeft }\n" in text
    assert "UserError" not in without_refusals
    assert "    __typename\n    ... on SessionsClosed {\n" in without_refusals


def test_remembers_what_this_tab_ran(explore):
    """Newest first, once for the same again; each comes back with its variables."""
    visitor = explore()
    button(visitor, "profileRules").click()
    give(visitor, {"country": "FR"})
    run(visitor)
    run(visitor)
    first = written(visitor)
    field(visitor, "Document").fill("{ __typename }")
    give(visitor, {})
    run(visitor)
    visitor.page.get_by_text("History").click()
    items = visitor.page.locator("#history-list button")
    listed = [text.split("\n")[0] for text in items.all_inner_texts()]

    items.nth(1).click()
    again = written(visitor)
    button(visitor, "Forget all").click()

    assert [re.split(r" ?200", text)[0] for text in listed] == ["{ __typename }", "ProfileRules"]
    assert again == first
    assert items.count() == 0


def test_lets_one_of_several_operations_be_chosen(explore):
    """The choice is there when there is one, and is what runs."""
    visitor = explore()
    choice = visitor.page.get_by_label("to run")
    before = choice.is_visible()
    field(visitor, "Document").fill(
        "# query Commented { a }\nquery One { one: __typename }\nquery Two { two: __typename }"
    )

    choice.select_option("Two")
    _, body = run(visitor)

    assert not before
    assert choice.locator("option").all_inner_texts() == ["One", "Two"]
    assert body == {"data": {"two": "Query"}}


def test_documents_the_schema(explore):
    """A search finds names and words; a type leads to the types that it names, and back."""
    visitor = explore()
    entries = visitor.page.locator("#entries")
    field(visitor, "Search").fill("national")
    found = entries.locator("li").all_inner_texts()
    field(visitor, "Search").fill("account email")
    first = entries.locator("li").first.inner_text()
    entries.get_by_role("button", name="Account", exact=True).first.click()
    account = entries.inner_text()

    entries.get_by_role("button", name="AccountState!", exact=True).click()
    state = entries.inner_text()
    button(visitor, "← Back").click()
    back = entries.inner_text()
    field(visitor, "Search").fill("nothing has this word")

    assert "Account.nationalIdentificationNumber: String" in found
    assert "NATIONAL" not in first
    assert first.startswith("Account.email: EmailAddress!")
    assert "The person or body behind a NIC-handle." in account
    assert "FROZEN" in state
    assert back == account
    assert visitor.page.locator("#found").inner_text() == "0 found"
    assert entries.locator("li").count() == 0


def test_is_used_by_keyboard_alone(explore):
    """Ctrl-Enter runs; Tab indents and, after Escape, moves on; what was written can be undone."""
    visitor = explore()
    page = visitor.page
    field(visitor, "Document").fill("")
    field(visitor, "Document").focus()
    page.keyboard.type("{")
    page.keyboard.press("Enter")
    page.keyboard.type("me {")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("id } }")
    typed = written(visitor)[0]
    with page.expect_response("**/graphql"):
        page.keyboard.press("Control+Enter")
    ran = answer(visitor)

    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    left = page.evaluate("document.activeElement.id")
    button(visitor, "me").focus()
    page.keyboard.press("Enter")
    replaced, focused = written(visitor)[0], page.evaluate("document.activeElement.id")
    page.keyboard.press("Control+z")

    assert typed == "{\n  me {\n      id } }"
    assert ran == ("200 OK", {"data": {"me": None}})
    assert left == "variables"
    assert replaced.startswith("query Me {")
    assert focused == "document"
    assert written(visitor)[0] == typed


@pytest.mark.parametrize(("width", "scheme"), FORMS)
def test_fits_every_screen(explore, width, scheme):
    """Nothing has to be moved sideways, or lies on another, with all that can be shown."""
    visitor = explore(width=width, color_scheme=scheme)
    run(visitor)
    field(visitor, "Document").fill("query One { a } query AnotherOfALongName { b }")
    choice = visitor.page.get_by_label("to run").bounding_box()
    press = button(visitor, "Run").bounding_box()
    visitor.page.get_by_role("button", name="UpdateProfileInput!").first.click()

    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width
    assert (
        choice["x"] + choice["width"] <= press["x"] or press["y"] + press["height"] <= choice["y"]
    )
    for section in visitor.page.locator("section").all():
        box = section.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


@pytest.mark.parametrize(("width", "scheme"), FORMS)
def test_is_accessible(explore, axe, width, scheme):
    """Nothing is found at the start, with an answer and history, with a search, with a type."""
    visitor = explore(width=width, color_scheme=scheme)
    page, found = visitor.page, []

    def look():
        page.evaluate(axe)
        result = page.evaluate("axe.run()")
        found.extend(
            (one["id"], node["html"]) for one in result["violations"] for node in one["nodes"]
        )

    look()
    run(visitor)
    page.get_by_text("History").click()
    field(visitor, "Variables, as JSON").fill("{")
    button(visitor, "Run").click()
    look()
    field(visitor, "Search").fill("email")
    look()
    page.locator("#entries").get_by_role("button", name="Account", exact=True).first.click()
    look()

    assert found == []
