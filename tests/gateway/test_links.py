"""The pages behind the links in mails: opening one changes nothing and tells nobody.

What they show and send is the customer space's, and tests/e2e has it.
"""

import json

import factories
import pytest

from gateway import space
from models import clock
from models.links import Link
from models.mails import Template

KINDS = ("refuse", "revert", "report")
ANSWERS = {
    "refuse": "mutation ($id: ID!, $token: String!)"
    " { refuseEmailChange(input: {emailChangeId: $id, token: $token}) { __typename } }",
    "revert": "mutation ($id: ID!, $token: String!)"
    " { revertEmailChange(input: {emailChangeId: $id, token: $token}) { __typename } }",
    "report": "mutation ($token: String!)"
    " { reportCompromise(input: {token: $token}) { __typename } }",
}


@pytest.fixture(autouse=True)
def built(tmp_path, monkeypatch):
    """A space of which these tests need its routes and pages only."""
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    for language in ("en", "fr"):
        (folder / f"{language}.html").write_text(f'<html lang="{language}">')
    paths = {kind: f"/links/{kind}" for kind in KINDS}
    (folder / "routes.json").write_text(json.dumps(paths))
    monkeypatch.setattr(space, "BUILT", folder)


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


@pytest.mark.parametrize("path", KINDS)
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
        "img-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }


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
    assert response.headers["vary"] == "Accept-Language"


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
