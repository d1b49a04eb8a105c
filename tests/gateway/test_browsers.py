"""What browsers are told: who else may call, and what an answer may never do."""

import factories
import pytest

from models import sessions

PANEL = "https://panel.example.org"
ME = "{ me { email } }"


def preflight(origin):
    return {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type, authorization",
    }


@pytest.mark.parametrize("path", ["/", "/graphql", "/healthz", "/schema.graphql", "/nothing"])
async def test_seals_every_answer(client, path):
    """No frame, no script, no guessing of types; the address of no page leaves."""
    response = await client.get(path)

    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cross-origin-resource-policy"] == "same-origin"
    assert response.headers["cross-origin-opener-policy"] == "same-origin"


@pytest.fixture
def broken(monkeypatch):
    """A fault of ours outside of any operation: the answer is 500."""

    async def fail(*_arguments, **_options):
        raise RuntimeError("planted")

    monkeypatch.setattr(sessions, "find", fail)


@pytest.mark.parametrize(("origin", "may_read"), [(PANEL, True), ("https://evil.example", False)])
async def test_seals_the_answer_to_a_fault(serve, broken, origin, may_read):
    """A page of the list reads a 500 as it reads any answer; no other does, and nobody keeps it."""
    async with serve(cors_origins=PANEL, public_url="https://account.example.org") as client:
        response = await client.graphql(ME, origin=origin, authorization="Bearer planted")

    assert response.status_code == 500
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-request-id"]
    assert "strict-transport-security" in response.headers
    assert (response.headers.get("access-control-allow-origin") == PANEL) is may_read


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/graphql?query={nothing}", {}, 400),
        ("GET", "/graphql", {"accept": "text/html"}, 406),
        ("PUT", "/graphql", {}, 405),
        ("POST", "/graphql", {}, 415),
        ("POST", "/graphql", {"content-type": "application/json"}, 400),
        ("GET", "/nothing", {}, 404),
        ("DELETE", "/healthz", {}, 405),
        ("GET", "/healthz", {}, 200),
    ],
)
async def test_lets_nobody_keep_an_answer(client, method, path, headers, status):
    """Refusals least of all: what was refused now may be allowed in a moment."""
    response = await client.request(method, path, headers=headers)

    assert response.status_code == status
    assert response.headers["cache-control"] == "no-store"


async def test_lets_nobody_keep_that_it_is_away(serve, postgres):
    """503 is for now: from the endpoint as from the probe."""
    postgres.cut()
    async with serve(database_url=postgres.url, is_ready=False) as client:
        answers = [await client.graphql(ME), await client.get("/readyz")]

    assert [answer.status_code for answer in answers] == [503, 503]
    assert [answer.headers["cache-control"] for answer in answers] == ["no-store", "no-store"]


@pytest.mark.parametrize("path", ["/explorer"])
async def test_lets_pages_run_our_own_script_only(client, path):
    """A page says what it needs, and that alone: no inline script, no other origin."""
    policy = (await client.get(path)).headers["content-security-policy"]

    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize(("origin", "told"), [("https://account.example.org", True), ("", False)])
async def test_asks_for_tls_where_there_is_tls(serve, origin, told):
    """A year of https for a deployment that has it; a run on one machine stays http."""
    async with serve(public_url=origin) as client:
        response = await client.get("/healthz")

    assert ("strict-transport-security" in response.headers) is told


async def test_is_closed_to_other_origins(client):
    """Without the setting no page of another origin reads an answer, or may send one."""
    asked = await client.options("/graphql", headers=preflight(PANEL))
    answered = await client.graphql(ME, origin=PANEL)

    assert asked.status_code == 405
    assert not [name for name in asked.headers if name.startswith("access-control")]
    assert not [name for name in answered.headers if name.startswith("access-control")]


async def test_opens_to_the_origins_of_the_setting(serve):
    """A page of the panel calls with its cookies, and may read what the headers tell it."""
    async with serve(cors_origins=f"{PANEL}, https://other.example.org:8443") as client:
        asked = await client.options("/graphql", headers=preflight(PANEL))
        answered = await client.graphql(ME, origin=PANEL)

    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == PANEL
    assert asked.headers["access-control-allow-credentials"] == "true"
    assert {"GET", "POST"} == set(asked.headers["access-control-allow-methods"].split(", "))
    assert answered.headers["access-control-allow-origin"] == PANEL
    assert "origin" in answered.headers["vary"].lower()
    exposed = answered.headers["access-control-expose-headers"]
    assert exposed == "idempotent-replayed, retry-after, x-request-id"
    allowed = asked.headers["access-control-allow-headers"].lower().split(", ")
    assert {"authorization", "content-type", "idempotency-key"} <= set(allowed)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", PANEL + ".evil.example", "*"])
async def test_stays_closed_to_all_others(serve, origin):
    """An origin is on the list, letter by letter, or it is not."""
    async with serve(cors_origins=PANEL) as client:
        asked = await client.options("/graphql", headers=preflight(origin))
        answered = await client.graphql(ME, origin=origin)

    assert asked.status_code == 400
    assert "access-control-allow-origin" not in asked.headers
    assert "access-control-allow-origin" not in answered.headers


@pytest.mark.parametrize(
    ("origin", "status"), [(PANEL, 200), ("https://evil.example", 403), ("null", 403)]
)
async def test_takes_cookies_from_pages_of_the_list(serve, origin, status):
    """What would be a forged request from anywhere else is the panel's daily call."""
    async with serve(cors_origins=PANEL) as client:
        alice = await factories.signed_up("alice@example.org")
        response = await client.graphql(
            ME,
            origin=origin,
            sec_fetch_site="same-site",
            cookie=f"nicgate_session={alice.token}",
        )

    assert response.status_code == status
