"""Who is calling: cookies and bearer tokens, foreign pages, and the address behind proxies."""

from contextlib import asynccontextmanager

import factories
import pytest
from factories import PASSWORD

from models import sessions
from models.accounts import Account
from models.sessions import Session

PUBLIC = "https://account.example.org"
LOGIN = """mutation ($input: LoginInput!) {
  login(input: $input) { __typename ... on OpenedSession { token } }
}"""
INPUT = {"input": {"identifier": "alice@example.org", "password": PASSWORD}}
RENAME = 'mutation { updateProfile(input: {firstName: "Eve"}) { __typename } }'


@asynccontextmanager
async def signed_in(serve, base_url=PUBLIC, **settings):
    """A browser that Alice has signed in with, and the answer that gave it its cookie."""
    async with serve(base_url=base_url, **settings) as client:
        await factories.signed_up("alice@example.org")
        answer = await client.graphql(LOGIN, INPUT)
        assert answer.json() == {"data": {"login": {"__typename": "OpenedSession", "token": None}}}
        yield client, answer


async def first_name():
    return (await Account.get()).first_name


def attributes(answer):
    """The parts of the session cookie that was set, without the token's text."""
    cookies = answer.headers.get_list("set-cookie")
    (cookie,) = [it for it in cookies if "nicgate_session" in it.partition("=")[0]]
    pair, *rest = cookie.split("; ")
    name, _, value = pair.partition("=")
    return name, value, sorted(part.lower() for part in rest)


async def test_keeps_the_session_in_a_cookie_out_of_reach_of_scripts(serve):
    """Under https: Secure, and a prefix that binds the cookie to this host."""
    async with signed_in(serve, public_url=PUBLIC) as (client, answer):
        me = await client.graphql("{ me { email } }")

        name, token, parts = attributes(answer)
        assert name == "__Host-nicgate_session"
        assert parts == ["httponly", "max-age=7776000", "path=/", "samesite=lax", "secure"]
        assert await sessions.find(token) is not None
        assert me.json() == {"data": {"me": {"email": "alice@example.org"}}}


async def test_leaves_secure_and_prefix_away_under_http(serve):
    """On a machine of one's own there is no TLS; a Secure cookie would never come back."""
    async with signed_in(serve, "http://127.0.0.1:8000") as (client, answer):
        me = await client.graphql("{ me { email } }")

        name, _, parts = attributes(answer)
        assert name == "nicgate_session"
        assert parts == ["httponly", "max-age=7776000", "path=/", "samesite=lax"]
        assert me.json()["data"]["me"] is not None


async def test_reads_no_cookie_without_its_prefix_under_https(serve):
    """A neighbour's subdomain or a plain page could have set that one."""
    async with serve(base_url=PUBLIC, public_url=PUBLIC) as client:
        alice = await factories.signed_up("alice@example.org")

        me = await client.graphql("{ me { email } }", cookie=f"nicgate_session={alice.token}")

        assert me.json() == {"data": {"me": None}}


async def test_clears_the_cookie_at_logout(serve):
    """The browser forgets it, and the session is over for whoever kept a copy."""
    async with signed_in(serve, public_url=PUBLIC) as (client, login):
        answer = await client.graphql("mutation { logout }")
        me = await client.graphql("{ me { email } }")

        name, value, parts = attributes(answer)
        assert (name, value.strip('"')) == ("__Host-nicgate_session", "")
        assert parts == ["httponly", "max-age=0", "path=/", "samesite=lax", "secure"]
        assert me.json() == {"data": {"me": None}}
        assert await sessions.find(attributes(login)[1]) is None


async def test_logs_out_nobody(client):
    """True even when there was none."""
    answer = await client.graphql("mutation { logout }")

    assert answer.json() == {"data": {"logout": True}}


@pytest.mark.parametrize("token", ["", "x", "é", "a" * 5000, "\t", '"', "a b"])
async def test_takes_an_unknown_token_for_none(client, token):
    """A cookie or bearer token that opens nothing is an anonymous call, no error."""
    by_bearer = await client.graphql("{ me { id } }", authorization=f"Bearer {token}".encode())
    by_cookie = await client.graphql("{ me { id } }", cookie=f"nicgate_session={token}".encode())

    assert by_bearer.json() == by_cookie.json() == {"data": {"me": None}}


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
async def test_counts_the_bearer_token_before_the_cookie(serve, scheme):
    """Both at once: the token that the program chose, not what the browser added."""
    async with signed_in(serve, public_url=PUBLIC) as (client, _):
        bob = await factories.signed_up("bob@example.org")

        bobs = await client.graphql("{ me { email } }", authorization=scheme + bob.token)
        nobodys = await client.graphql("{ me { email } }", authorization=scheme + "unknown")

        assert bobs.json() == {"data": {"me": {"email": "bob@example.org"}}}
        assert nobodys.json() == {"data": {"me": None}}


async def test_ignores_other_schemes(serve):
    """A proxy's Basic login says nothing about ours."""
    async with signed_in(serve, public_url=PUBLIC) as (client, _):
        me = await client.graphql("{ me { email } }", authorization="Basic YTpi")

        assert me.json() == {"data": {"me": {"email": "alice@example.org"}}}


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://account.example.org"},
        {"origin": "https://account.example.org.evil.example"},
        {"origin": "https://account.example.org:8443"},
        {"origin": ""},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": PUBLIC, "sec_fetch_site": "cross-site"},
        {"origin": "https://evil.example", "sec_fetch_site": "same-origin"},
    ],
)
@pytest.mark.parametrize("document", [RENAME, "{ me { email } }"])
async def test_refuses_a_foreign_page_that_rides_on_the_cookie(serve, headers, document):
    """FORBIDDEN, before anything is executed."""
    async with signed_in(serve, public_url=PUBLIC) as (client, _):
        answer = await client.graphql(document, **headers)

        assert answer.status_code == 403
        (error,) = answer.json()["errors"]
        assert error["extensions"] == {"code": "FORBIDDEN"}
        assert await first_name() == "Alice"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": PUBLIC},
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
        {"origin": PUBLIC, "sec_fetch_site": "same-origin"},
    ],
)
async def test_lets_its_own_pages_ride_on_the_cookie(serve, headers):
    """The own origin, and programs that send neither header."""
    async with signed_in(serve, public_url=PUBLIC) as (client, _):
        answer = await client.graphql(RENAME, **headers)

        assert answer.json() == {"data": {"updateProfile": {"__typename": "Account"}}}


@pytest.mark.parametrize(
    ("base_url", "origin"),
    [
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://192.0.2.99:8000", "http://192.0.2.99:8000"),
        ("http://alias.example.org", "https://alias.example.org"),
    ],
)
async def test_takes_the_host_of_the_request_for_its_own(serve, base_url, origin):
    """A name or address besides NICGATE_PUBLIC_URL, with a proxy that ends TLS or without."""
    async with signed_in(serve, base_url) as (client, _):
        answer = await client.graphql(RENAME, origin=origin)

        assert answer.json() == {"data": {"updateProfile": {"__typename": "Account"}}}


@pytest.mark.parametrize("public_url", ["https://Account.Example.org", f"{PUBLIC}:443"])
async def test_compares_origins_as_browsers_write_them(serve, public_url):
    """Lower case and no default port, however the setting is written."""
    async with signed_in(serve, public_url=public_url) as (client, _):
        answer = await client.graphql(RENAME, origin=PUBLIC, host="inner.test")

        assert answer.json() == {"data": {"updateProfile": {"__typename": "Account"}}}


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"origin": "null"}])
async def test_lets_foreign_pages_call_without_a_cookie(serve, headers):
    """Nobody's rights are ridden on: anonymous calls, and bearer tokens that a page holds."""
    async with serve(public_url=PUBLIC) as client:
        alice = await factories.signed_up("alice@example.org")

        anonymous = await client.graphql("{ me { email } }", **headers)
        bearer = await client.graphql(RENAME, authorization=f"Bearer {alice.token}", **headers)

        assert anonymous.json() == {"data": {"me": None}}
        assert bearer.json() == {"data": {"updateProfile": {"__typename": "Account"}}}


async def test_takes_no_form_of_a_foreign_page(serve):
    """What a page can send without a preflight is never an operation."""
    async with signed_in(serve, public_url=PUBLIC) as (client, _):
        answer = await client.post(
            "/graphql",
            content=b'{"query": "mutation { logout }"}',
            headers={"content-type": "text/plain"},
        )

        assert answer.status_code == 415
        assert await Session.all().count() == 2


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, ["203.0.113.9"], "192.0.2.7"),
        (1, [], "192.0.2.7"),
        (1, ["203.0.113.9"], "203.0.113.9"),
        (1, ["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        (1, ["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
        (2, ["198.51.100.1, 203.0.113.9,10.0.0.1"], "203.0.113.9"),
        (2, ["203.0.113.9"], "192.0.2.7"),
        (1, ["2001:DB8::1"], "2001:db8::1"),
        (1, ["::ffff:203.0.113.9"], "203.0.113.9"),
        (1, ["unknown"], "192.0.2.7"),
        (1, ["203.0.113.9:4711"], "192.0.2.7"),
        (1, [""], "192.0.2.7"),
        (1, ["a" * 5000], "192.0.2.7"),
        (10, [", " * 500], "192.0.2.7"),
    ],
)
async def test_believes_as_many_proxies_as_it_was_told(serve, proxies, forwarded, address):
    """The n-th entry of X-Forwarded-For from the right; with fewer entries, the peer."""
    async with serve(trusted_proxies=proxies) as client:
        await factories.signed_up("alice@example.org")
        before = await Session.all().count()
        headers = [("x-forwarded-for", entry) for entry in forwarded]

        answer = await client.post(
            "/graphql", json={"query": LOGIN, "variables": INPUT}, headers=headers
        )

        opened = await Session.all().order_by("-created_at").first()
        assert answer.json()["data"]["login"]["__typename"] == "OpenedSession"
        assert await Session.all().count() == before + 1
        assert opened.ip_address == address


@pytest.mark.parametrize("entry", ["fe80::1%eth0", "fe80::1%" + "z" * 200])
async def test_survives_an_address_with_an_interface(serve, entry):
    """A scoped IPv6 address is one, however long the name of its interface."""
    async with serve(trusted_proxies=1) as client:
        await factories.signed_up("alice@example.org")

        answer = await client.graphql(LOGIN, INPUT, x_forwarded_for=entry)

        assert answer.json() == {"data": {"login": {"__typename": "OpenedSession", "token": None}}}


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        (("2001:db8::7", 1), "2001:db8::7"),
        (("::ffff:192.0.2.7", 1), "192.0.2.7"),
        (None, "0.0.0.0"),
    ],
)
async def test_writes_down_every_kind_of_peer(serve, peer, address):
    """IPv6, IPv4 in IPv6, an interface's own address, a Unix socket."""
    async with serve(peer) as client:
        await factories.signed_up("alice@example.org")

        await client.graphql(LOGIN, INPUT)

        opened = await Session.all().order_by("-created_at").first()
        assert opened.ip_address == address


@pytest.mark.parametrize("agent", ["", "x" * 5000, "é\x7f<script>"])
async def test_keeps_what_the_client_calls_itself(client, agent):
    """The first 300 characters; whatever they are, they break nothing."""
    await factories.signed_up("alice@example.org")

    answer = await client.graphql(LOGIN, INPUT, user_agent=agent.encode("latin-1"))

    opened = await Session.all().order_by("-created_at").first()
    assert answer.json()["data"]["login"]["__typename"] == "OpenedSession"
    assert opened.user_agent == agent[:300]


async def test_logs_in_over_http(client):
    """The token of TOKEN opens `me`."""
    alice = await factories.signed_up("alice@example.org")
    values = {
        "identifier": alice.account.nic_handle.upper(),
        "password": PASSWORD,
        "transport": "TOKEN",
    }

    login = await client.graphql(LOGIN, {"input": values})
    token = login.json()["data"]["login"]["token"]
    me = await client.graphql("{ me { email } }", authorization=f"Bearer {token}")

    assert me.json() == {"data": {"me": {"email": "alice@example.org"}}}
    assert "set-cookie" not in login.headers
