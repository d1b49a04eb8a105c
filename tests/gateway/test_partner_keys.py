"""Calls by a partner's key: who it is, from where, and nothing that a browser adds."""

from datetime import timedelta

import factories
import pytest
from factories import PASSWORD

from models import clock, partners
from models.consents import Consent
from models.devices import Device
from models.partners import KeyTerms, PartnerKey
from models.scopes import Scope
from models.sessions import Session

WHO = "{ partner { name firstParty scopes key { id networks expiresAt lastUsedAt } } me { id } }"
ACCOUNT = "query ($h: NicHandle!) { account(nicHandle: $h) { nicHandle firstName } }"
LOGIN = """mutation ($input: LoginInput!) {
  login(input: $input) { __typename ... on OpenedSession { token } }
}"""
INPUT = {"input": {"identifier": "alice@example.org", "password": PASSWORD}}
REVOKE = """mutation ($id: ID!) {
  revokeConsent(input: {consentId: $id}) { ... on Consent { state } }
}"""
WRITE = """mutation ($h: NicHandle!) {
  updateProfile(nicHandle: $h, input: {firstName: "Alix"}) { __typename }
}"""
NO_KEY = "This is no key, or one that is not valid any more."


def by(key):
    return {"authorization": f"Bearer {key}"}


def error(response):
    (found,) = response.json()["errors"]
    return response.status_code, found["extensions"]["code"], found["message"]


@pytest.fixture
async def key(client):
    """A partner's key; the client is the application's."""
    return await factories.partner("Panel", Scope.ACCOUNT_READ, Scope.PROFILE_WRITE)


async def test_says_who_calls(client, key):
    """The partner, what it may hold, and its key without the secret; it is nobody's session."""
    response = await client.graphql(WHO, **by(key))

    data = response.json()["data"]
    assert data["me"] is None
    assert data["partner"] == {
        "name": "Panel",
        "firstParty": False,
        "scopes": ["account:read", "profile:write"],
        "key": {
            "id": key.split("_")[1],
            "networks": [],
            "expiresAt": None,
            "lastUsedAt": None,
        },
    }
    assert key.split("_", 2)[2] not in response.text
    again = await client.graphql(WHO, **by(key))
    assert again.json()["data"]["partner"]["key"]["lastUsedAt"] is not None


async def expire():
    await PartnerKey.all().update(expires_at=await clock.now() - timedelta(milliseconds=1))


async def revoke_partner():
    await partners.revoke("Panel")


async def revoke_key():
    await partners.revoke("Panel", (await PartnerKey.get()).id)


@pytest.mark.parametrize("ending", [expire, revoke_partner, revoke_key])
@pytest.mark.parametrize("document", ["{ __typename }", WHO, WRITE, "mutation { logout }"])
async def test_key_that_has_ended_reads_nothing(client, key, ending, document):
    """Whatever is asked, by whichever end: 401 before anything is executed."""
    await ending()

    response = await client.graphql(document, {"h": "am123456-OVH"}, **by(key))

    assert error(response) == (401, "UNAUTHENTICATED", NO_KEY)
    assert response.headers["www-authenticate"] == "Bearer"
    assert "data" not in response.json()


@pytest.mark.parametrize("document", ["{ __typename }", WHO, WRITE, "mutation { logout }"])
async def test_key_from_elsewhere_reads_nothing(serve, document):
    """A right key from a wrong network: 403, which its owner can act on."""
    async with serve(peer=("198.51.100.1", 40000)) as client:
        key = await factories.partner(terms=KeyTerms(networks=["192.0.2.0/24"]))

        response = await client.graphql(document, {"h": "am123456-OVH"}, **by(key))
        wrong = await client.graphql(document, {"h": "am123456-OVH"}, **by(key[:-1]))

        sentence = "This key may not be used from this address."
        assert error(response) == (403, "FORBIDDEN", sentence)
        assert error(wrong) == (401, "UNAUTHENTICATED", NO_KEY)
        assert (await PartnerKey.get()).last_used_at is None


@pytest.mark.parametrize(
    ("peer", "forwarded", "status"),
    [
        ("10.0.0.1", "192.0.2.7", 200),
        ("10.0.0.1", "198.51.100.1", 403),
        ("10.0.0.1", "192.0.2.7, 198.51.100.1", 403),
        ("10.0.0.1", "198.51.100.1, ::ffff:192.0.2.7", 200),
        ("192.0.2.7", "nonsense", 200),
    ],
)
async def test_counts_the_address_behind_our_proxies(serve, peer, forwarded, status):
    """What a client writes into the header itself opens no network."""
    async with serve(peer=(peer, 40000), trusted_proxies=1) as client:
        key = await factories.partner(terms=KeyTerms(networks=["192.0.2.0/24"]))

        response = await client.graphql(WHO, x_forwarded_for=forwarded, **by(key))

        assert response.status_code == status


@pytest.mark.parametrize(
    "odd",
    [
        b"nck_",
        b"nck_\x00",
        b"nck_abcdefghijkm_\x00",
        b"nck_\xff\xfe_x",
        b"nck_abcdefghijkm_\xc3\xa9",
        b"nck_" + b"x" * 5000,
        b"nck_abcdefghijkm_x, Bearer nck_abcdefghijkm_y",
        b"nck_%00",
    ],
)
async def test_odd_bytes_are_no_key(client, key, odd):
    """With a NUL, not in UTF-8, endless, two in one header: 401, and no fault of ours."""
    response = await client.graphql("{ __typename }", authorization=b"Bearer " + odd)

    assert error(response) == (401, "UNAUTHENTICATED", NO_KEY)


@pytest.mark.parametrize("place", [5, 16, 17, 30, -1])
async def test_changed_letter_is_no_key(client, key, place):
    """In the id, between, or in the secret."""
    letters = list(key)
    letters[place] = "x" if letters[place] != "x" else "y"

    response = await client.graphql("{ __typename }", **by("".join(letters)))

    assert error(response) == (401, "UNAUTHENTICATED", NO_KEY)


async def test_takes_one_header(client, key):
    """Two keys, a key beside a session's token or another scheme, in either order: refused."""
    alice = await factories.signed_up("alice@example.org")
    other = await factories.partner("Other")
    pairs = [(key, other), (key, key), (key, alice.token), (alice.token, key)]
    headers = [[f"Bearer {it}" for it in pair] for pair in pairs]
    headers += [["Basic YTpi", f"Bearer {key}"], [f"Bearer {key}", "Basic YTpi"]]

    for values in headers:
        response = await client.post(
            "/graphql",
            json={"query": WHO},
            headers=[("authorization", value) for value in values],
        )
        assert error(response) == (400, "BAD_REQUEST", "Send one Authorization header.")


async def test_ignores_cookies_beside_a_key(client, key):
    """Neither the session nor the device of the browser that they came from is known."""
    await factories.signed_up("alice@example.org")
    await client.graphql(LOGIN, INPUT)
    assert (await client.graphql("{ me { id } }")).json()["data"]["me"] is not None
    assert len(client.cookies) == 2
    devices = await Device.all().count()

    me = await client.graphql("{ me { id } partner { name } }", **by(key))
    login = await client.graphql(LOGIN, INPUT | {"token": None}, **by(key))

    assert me.json()["data"] == {"me": None, "partner": {"name": "Panel"}}
    assert login.json()["data"]["login"]["__typename"] == "OpenedSession"
    assert await Device.all().count() == devices + 1
    assert "nicgate_session" not in me.headers.get("set-cookie", "")


async def test_foreign_pages_may_call_by_key(client, key):
    """No browser adds a key by itself: an Origin tells nothing against it."""
    response = await client.graphql(WHO, origin="https://panel.example.org", **by(key))

    assert response.json()["data"]["partner"]["name"] == "Panel"


async def test_signs_nobody_out(client, key):
    """A browser's session outlives what a partner does beside it."""
    await factories.signed_up("alice@example.org")
    await client.graphql(LOGIN, INPUT)
    open_sessions = await Session.all().count()

    response = await client.graphql("mutation { logout }", **by(key))

    assert response.json()["data"] == {"logout": True}
    assert "set-cookie" not in response.headers
    assert await Session.all().count() == open_sessions


async def test_revoking_is_effective_at_the_next_request(client, key):
    """Over HTTP, from reading and writing to nothing."""
    alice = await factories.signed_up("alice@example.org")
    access = await factories.admitted(key)
    consent = await factories.consented(alice, access, Scope.ACCOUNT_READ, Scope.PROFILE_WRITE)
    handle = {"h": alice.account.nic_handle}
    read = [await client.graphql(ACCOUNT, handle, **by(key))]
    written = [await client.graphql(WRITE, handle, **by(key))]

    await client.graphql(REVOKE, {"id": str(consent.id)}, **by(alice.token))

    read.append(await client.graphql(ACCOUNT, handle, **by(key)))
    written.append(await client.graphql(WRITE, handle, **by(key)))
    assert [it.json()["data"]["account"] for it in read] == [
        {"nicHandle": alice.account.nic_handle, "firstName": "Alice"},
        None,
    ]
    assert [it.json()["data"]["updateProfile"]["__typename"] for it in written] == [
        "Account",
        "NotFoundError",
    ]
    assert (await Consent.get()).last_used_at is not None


async def test_no_log_has_the_key(client, key, full_journal):
    """Right or wrong, with a fault or without."""
    await client.graphql(WHO, **by(key))
    await client.graphql("{ no }", **by(key))
    await client.graphql(WHO, **by(key[:-1]))

    lines = [line for line in full_journal() if not line["logger"].startswith("http")]
    assert [line["status"] for line in lines if line["event"] == "request"] == [200, 400, 401]
    assert [line for line in lines if key.split("_", 2)[2][:20] in str(line)] == []
