"""The pages behind the links in mails: opening one changes nothing and tells nobody."""

import json
import re

import factories
import pytest
from graphql import parse, validate

from models import clock
from models.links import Link
from models.mails import Template
from schema import schema

SCHEMA = schema._schema  # noqa: SLF001 -- graphql-core validates against its own kind

KINDS = ("refuse", "revert", "report")
PARTS = ("links.js", "links.css")
SENTENCES = {
    ("refuse", "en"): "The primary e-mail address of your account will stay what it is",
    ("refuse", "fr"): "L’adresse e-mail principale de votre compte restera celle qu’elle est",
    ("revert", "en"): "Your account will return to the e-mail address that received this link",
    ("revert", "fr"): "Votre compte reviendra à l’adresse e-mail qui a reçu ce lien",
    ("report", "en"): "All sessions of your account will be closed",
    ("report", "fr"): "Toutes les sessions de votre compte seront fermées",
}
ANSWERS = {
    "refuse": "mutation ($id: ID!, $token: String!)"
    " { refuseEmailChange(input: {emailChangeId: $id, token: $token}) { __typename } }",
    "revert": "mutation ($id: ID!, $token: String!)"
    " { revertEmailChange(input: {emailChangeId: $id, token: $token}) { __typename } }",
    "report": "mutation ($token: String!)"
    " { reportCompromise(input: {token: $token}) { __typename } }",
}


async def live_link(kind):
    """The id and the token of a link that awaits its answer."""
    alice = await factories.signed_up("alice@example.org")
    change = await factories.requested_change(alice, "new@example.org")
    if kind == "revert":
        await factories.confirmed(alice, change)
        told = Template.EMAIL_CHANGE_ACCEPTED_FORMER
    else:
        told = Template.EMAIL_CHANGE_VALIDATION
    link_id, token = await factories.mailed_link(told, kind, to="alice@example.org")
    return str(link_id), token


def directives(response):
    policy = response.headers["content-security-policy"]
    return dict(directive.strip().split(" ", 1) for directive in policy.split(";"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {}),
        ("HEAD", {}),
        ("GET", {"sec-purpose": "prefetch"}),
        ("GET", {"sec-purpose": "prefetch;prerender", "purpose": "prefetch"}),
    ],
    ids=["get", "head", "prefetch", "prerender"],
)
async def test_opening_a_page_changes_nothing(client, kind, method, headers):
    """Mail scanners and browsers open links before their reader does; the link stays live."""
    _, token = await live_link(kind)
    before = await factories.everything()

    response = await client.request(method, f"/links/{kind}", headers=headers)

    assert response.status_code == 200
    assert await factories.everything() == before
    unspent = Link.filter(spent_at__isnull=True, expires_at__gt=await clock.now())
    assert await unspent.filter(purpose=kind.upper()).exists()
    assert token not in response.text


@pytest.mark.parametrize("kind", KINDS)
async def test_a_scanner_that_sends_the_whole_address_changes_nothing(client, kind):
    """Some put what stands behind the # into the path or the query: that is no answer either."""
    link_id, token = await live_link(kind)
    before = await factories.everything()

    asked = await client.get(f"/links/{kind}?{link_id}.{token}")
    lost = await client.get(f"/links/{kind}/{link_id}.{token}")
    posted = await client.post(f"/links/{kind}", data={"id": link_id, "token": token})

    assert (asked.status_code, lost.status_code, posted.status_code) == (200, 404, 405)
    assert await factories.everything() == before


@pytest.mark.parametrize("path", [*KINDS, *PARTS, "unknown"])
async def test_nothing_is_kept_and_nothing_is_told(client, path):
    """No cache keeps a page, no Referer tells of it, no search engine lists it."""
    response = await client.get(f"/links/{path}")

    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-robots-tag"] == "noindex"
    assert directives(response) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }


@pytest.mark.parametrize("path", [*KINDS, *PARTS])
async def test_asks_no_other_origin(client, path):
    """Nothing on a page has an address of its own origin, or of a foreign one."""
    response = await client.get(f"/links/{path}")

    assert response.status_code == 200
    assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+|url\(|@import", response.text) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_has_no_script_or_style_of_its_own(client, kind):
    """What the policy would not run does not stand there; what the page loads is there."""
    response = await client.get(f"/links/{kind}")

    loaded = re.findall(r"(?:src|href)=\"([^\"]*)\"", response.text)
    assert sorted(loaded) == ["/links/links.css", "/links/links.js"]
    assert re.findall(r"<style|style=|\son\w+=|<script>", response.text) == []
    answers = [await client.get(path) for path in sorted(loaded)]
    assert [answer.headers["content-type"].partition(";")[0] for answer in answers] == [
        "text/css",
        "text/javascript",
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("liked", "language"),
    [
        ("fr", "fr"),
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("en-GB,en;q=0.9,fr;q=0.8", "en"),
        ("en;q=0.5,fr;q=0.7", "fr"),
        ("fr;q=0,en", "en"),
        ("de", "en"),
        ("", "en"),
    ],
    ids=["fr", "canada", "britain", "weights", "no-fr", "german", "none"],
)
async def test_speaks_the_language_of_the_browser(client, kind, liked, language):
    """French to whoever likes it best, else English; a cache is told what it depends on."""
    response = await client.get(f"/links/{kind}", headers={"accept-language": liked})

    assert f'<html lang="{language}">' in response.text
    shown = [key for key, sentence in SENTENCES.items() if sentence in response.text]
    assert shown == [(kind, language)]
    assert response.headers["vary"] == "Accept-Language"


@pytest.mark.parametrize("kind", KINDS)
async def test_has_one_sentence_and_one_button(client, kind):
    """Nothing that could be pressed by mistake, and nothing that could be sent without a script."""
    response = await client.get(f"/links/{kind}")

    assert response.text.count("<button") == 1
    assert response.text.count('id="sentence"') == 1
    assert re.findall(r"<(?:form|input|a|img|iframe)\b", response.text) == []


@pytest.mark.parametrize("path", ["unknown", "REFUSE", "links.html", "%2e%2e"])
async def test_there_is_no_other_page(client, path):
    """Three kinds, and no way to other files."""
    response = await client.get(f"/links/{path}")

    assert response.status_code == 404
    assert response.text in {"", "Not Found"}


@pytest.mark.parametrize("kind", KINDS)
async def test_no_log_has_the_token(client, full_journal, kind):
    """The page never gets it; the mutation gets it and keeps it to itself, also when it fails."""
    link_id, token = await live_link(kind)
    answer = {"id": link_id, "token": token}

    await client.get(f"/links/{kind}")
    answered = await client.graphql(ANSWERS[kind], answer)
    spent = await client.graphql(ANSWERS[kind], answer)
    malformed = await client.graphql(ANSWERS[kind].replace("{ __typename }", "{ no }"), answer)
    by_get = {"query": ANSWERS[kind], "variables": json.dumps(answer)}
    refused = await client.get("/graphql", params=by_get)

    lines = [line for line in full_journal() if not line["logger"].startswith("http")]
    assert list(answered.json()["data"].values()) != list(spent.json()["data"].values())
    assert (malformed.status_code, refused.status_code) == (400, 405)
    assert [line["path"] for line in lines if line["event"] == "request"] == [
        f"/links/{kind}",
        *["/graphql"] * 4,
    ]
    assert [line for line in lines if token in str(line)] == []


async def test_the_script_asks_what_the_schema_has(client):
    """Its mutations are valid, and it has a sentence for each outcome that they can have."""
    script = (await client.get("/links/links.js")).text
    page = (await client.get("/links/refuse")).text
    mutations = [parse(text) for text in re.findall(r"`(mutation[^`]+)`", script)]
    known = dict(re.findall(r'^  (\w+): "(\w+)",$', script, re.MULTILINE))

    faults = [fault for mutation in mutations for fault in validate(SCHEMA, mutation)]
    results = {f"{name}Result" for name in ("AnswerEmailChange", "ReportCompromise")}
    possible = {str(one) for result in results for one in SCHEMA.type_map[result].types}

    assert len(mutations) == len(KINDS)
    assert faults == []
    assert set(known) == possible
    assert set(known.values()) | {"failed", "incomplete"} == set(
        re.findall(r'data-outcome="(\w+)"', page)
    )
