"""Budgets and devices as a client meets them over HTTP."""

import factories
import pytest
from factories import PASSWORD

from models.mails import Mail, Template
from models.sessions import Session

PUBLIC = "https://account.example.org"
LOGIN = """mutation ($input: LoginInput!) {
  login(input: $input) { __typename ... on OpenedSession { token } }
}"""
SPARE = """mutation ($input: RemoveSpareEmailInput!) {
  removeSpareEmail(input: $input) { __typename }
}"""
RESET = "mutation { requestPasswordReset(input: {identifier: %s}) { __typename } }"


async def login(
    client, password=PASSWORD, *, to="alice@example.org", transport="COOKIE", **headers
):
    values = {"identifier": to, "password": password, "transport": transport}
    return await client.graphql(LOGIN, {"input": values}, **headers)


def outcome(answer):
    """The type of the result, or the code of the error."""
    content = answer.json()
    if "errors" in content:
        return content["errors"][0]["extensions"]["code"]
    (result,) = content["data"].values()
    return result["__typename"]


WRONG, OPENED, LIMITED = "InvalidCredentialsError", "OpenedSession", "RATE_LIMITED"


async def test_says_when_to_try_again(client):
    """Retry-After and `retryAfter` tell the same; the right password has to wait as well."""
    await factories.signed_up("alice@example.org")
    failures = [outcome(await login(client, "wrong")) for _ in range(6)]

    answer = await login(client)

    (error,) = answer.json()["errors"]
    seconds = error["extensions"]["retryAfter"]
    assert failures == [WRONG] * 6
    assert answer.json()["data"] == {"login": None}
    assert (answer.status_code, answer.headers["retry-after"]) == (200, str(seconds))
    assert error["extensions"]["code"] == LIMITED
    assert 55 <= seconds <= 60
    assert await Session.all().count() == 1


async def test_answers_known_and_unknown_identifiers_alike(client):
    """How soon a pair is exhausted does not tell who has an account."""
    await factories.signed_up("alice@example.org")

    answers = {
        to: [outcome(await login(client, "wrong", to=to)) for _ in range(8)]
        for to in ("alice@example.org", "nobody@example.org")
    }

    assert set(map(tuple, answers.values())) == {(*[WRONG] * 6, *[LIMITED] * 2)}


async def test_clears_the_pair_and_never_the_address(client):
    """The peers' hole: with one account of one's own, endless guesses at all others."""
    await factories.signed_up("alice@example.org")
    outcomes = []

    for number in range(12):
        outcomes += [
            outcome(await login(client, "wrong", to=f"customer{number}-{again}@example.org"))
            for again in range(4)
        ]
        outcomes.append(outcome(await login(client)))

    assert outcomes == ([WRONG] * 4 + [OPENED]) * 12
    assert outcome(await login(client, "wrong", to="last@example.org")) == LIMITED
    assert outcome(await login(client)) == LIMITED


async def test_makes_one_attempt_of_two_ways_to_write_an_identifier(client):
    """Letter case and blanks do not make new pairs."""
    alice = await factories.signed_up("alice@example.org")
    handle = alice.account.nic_handle
    ways = [handle, handle.upper(), f" {handle.lower()} "] * 2

    outcomes = [outcome(await login(client, "wrong", to=way)) for way in ways]

    assert outcomes == [WRONG] * 6
    assert outcome(await login(client, "wrong", to=handle)) == LIMITED


@pytest.mark.parametrize(
    ("proxies", "forwarded", "shared"),
    [
        (0, "198.51.100.{}", True),
        (1, "198.51.100.{}", False),
        (1, "2001:db8::{}", True),
        (1, "2001:db8:0:{}::1", False),
    ],
    ids=["invented", "proxied", "one /64", "several /64"],
)
async def test_knows_clients_behind_as_many_proxies_as_it_was_told(
    serve, proxies, forwarded, shared
):
    """A header that anybody may send makes no new client."""
    async with serve(trusted_proxies=proxies) as client:
        outcomes = [
            outcome(await login(client, "wrong", x_forwarded_for=forwarded.format(number)))
            for number in range(1, 8)
        ]

    assert outcomes == [WRONG] * 6 + [LIMITED if shared else WRONG]


async def test_counts_guesses_of_a_session_at_its_password(serve):
    """A stolen session does not guess on, from whatever address; the holder's own one may."""
    async with serve(trusted_proxies=1) as client:
        alice = await factories.signed_up("alice@example.org")
        holder = await factories.logged_in("alice@example.org")

        async def remove(opened, number):
            return await client.graphql(
                SPARE,
                {"input": {"password": "wrong"}},
                authorization=f"Bearer {opened.token}",
                x_forwarded_for=f"198.51.100.{number}",
            )

        outcomes = [outcome(await remove(alice, number)) for number in range(7)]

        assert outcomes == [WRONG] * 6 + [LIMITED]
        assert outcome(await remove(holder, 1)) == WRONG


async def test_bounds_how_often_one_client_asks_for_resets(client):
    """Whoever tries sixty identifiers a minute has tried enough, known or not."""
    await factories.signed_up("alice@example.org")

    outcomes = [
        outcome(await client.graphql(RESET % f'"customer{number}@example.org"'))
        for number in range(60)
    ]

    assert outcomes == ["Challenge"] * 60
    assert outcome(await client.graphql(RESET % '"alice@example.org"')) == LIMITED
    assert await Mail.filter(template=Template.PASSWORD_RESET).count() == 0


async def test_holds_without_redis(serve, redis):
    """No Redis: the limits are the same, and nothing fails."""
    redis.cut()
    async with serve(redis_url=redis.url) as client:
        await factories.signed_up("alice@example.org")

        outcomes = [outcome(await login(client, "wrong")) for _ in range(7)]

        assert outcomes == [WRONG] * 6 + [LIMITED]
        assert outcome(await login(client, to="bob@example.org")) == WRONG


@pytest.mark.parametrize(
    ("public_url", "base_url", "name", "secure"),
    [
        (PUBLIC, PUBLIC, "__Host-nicgate_device", ["secure"]),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", "nicgate_device", []),
    ],
)
async def test_lets_the_browser_be_known_again(serve, public_url, base_url, name, secure):
    """A cookie of 400 days, out of reach of scripts; it outlives the logout."""
    async with serve(public_url=public_url, base_url=base_url) as client:
        await factories.signed_up("alice@example.org")
        first = await login(client)
        await client.graphql("mutation { logout }")
        await login(client)

        (cookie,) = [it for it in first.headers.get_list("set-cookie") if it.startswith(name)]
        parts = [part.lower() for part in cookie.split("; ")[1:]]
        assert sorted(parts) == ["httponly", "max-age=34560000", "path=/", "samesite=lax", *secure]
        assert await Mail.filter(template=Template.LOGIN_NOTIFICATION).count() == 1


async def test_gives_programs_no_cookie(client):
    """A bearer token is all that a program keeps."""
    await factories.signed_up("alice@example.org")

    answer = await login(client, transport="TOKEN")

    assert outcome(answer) == OPENED
    assert answer.headers.get_list("set-cookie") == []
