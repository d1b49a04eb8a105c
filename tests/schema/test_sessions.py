"""Logins over GraphQL: how a session is opened, handed over, listed and closed."""

import factories
import pytest
from factories import PASSWORD

from models import accounts, sessions
from models.accounts import Account
from models.profiles import Language
from models.sessions import Session

OPENED = "... on OpenedSession { token session { id current } account { nicHandle } }"
WRONG = {
    "__typename": "InvalidCredentialsError",
    "message": "The identifier or the password is wrong.",
}


@pytest.mark.parametrize("identify", ["nic_handle", "email"])
@pytest.mark.parametrize("written", [str, str.upper])
async def test_opens_a_session(ask, alice, identify, written):
    """A NIC-handle or the primary address will do, in any letter case; TOKEN shows the token."""
    identifier = written(getattr(alice.account, identify))

    answer = await ask.mutate(
        "login", {"identifier": identifier, "password": PASSWORD, "transport": "TOKEN"}, OPENED
    )

    opened = await sessions.find(answer.result["token"])
    assert answer.result["session"] == {"id": str(opened.id), "current": True}
    assert answer.result["account"] == {"nicHandle": alice.account.nic_handle}
    assert answer.context.cookie is None


async def test_hands_the_session_over_in_a_cookie(ask, alice):
    """COOKIE is the default; the answer holds no token."""
    answer = await ask.mutate(
        "login", {"identifier": "alice@example.org", "password": PASSWORD}, OPENED
    )

    assert answer.result["token"] is None
    opened = await sessions.find(answer.context.cookie)
    assert answer.result["session"]["id"] == str(opened.id)


@pytest.mark.parametrize(
    ("identifier", "password"),
    [
        ("alice@example.org", "Garden-Kettle-42-blux"),
        ("nobody@example.org", PASSWORD),
        ("zz000000-OVH", PASSWORD),
        ("waiting@example.org", PASSWORD),
        ("not an identifier", PASSWORD),
        ("alice@example.org", ""),
        ("alice@example.org", "é" * 500),
        ("alice@example.org\0", PASSWORD),
        ("", ""),
    ],
)
async def test_gives_one_answer_to_every_failure(ask, alice, identifier, password):
    """Wrong password, unknown identifier, unconfirmed sign-up: which it is, is not said."""
    await factories.requested_signup("waiting@example.org")

    answer = await ask.mutate("login", {"identifier": identifier, "password": password}, OPENED)

    assert answer.result == WRONG
    assert answer.context.cookie is None
    assert await Session.all().count() == 1


async def test_opens_nothing_on_a_frozen_account(ask, alice):
    """A frozen account answers as with a wrong password, and its sessions read as anonymous."""
    await Account.filter(id=alice.account.id).update(state=accounts.AccountState.FROZEN)

    answer = await ask.mutate(
        "login", {"identifier": "alice@example.org", "password": PASSWORD}, OPENED
    )
    me = await ask("{ me { id } }", caller=alice)

    assert answer.result == WRONG
    assert me.result is None


async def test_refuses_in_the_browsers_language(ask, alice):
    """Nobody is signed in, and the input has no language: Accept-Language, else English."""
    values = {"identifier": "alice@example.org", "password": "wrong"}

    french = await ask.mutate("login", values, accepted=Language.FR)
    other = await ask.mutate("login", values)

    assert french.result["message"] == "L’identifiant ou le mot de passe est incorrect."
    assert other.result["message"] == "The identifier or the password is wrong."


async def test_closes_the_session_that_calls(ask, alice):
    """Logout ends this session alone and clears the cookie."""
    other = await factories.logged_in("alice@example.org")

    answer = await ask("mutation { logout }", caller=alice)

    assert answer.result is True
    assert answer.context.cookie == ""
    assert await sessions.find(alice.token) is None
    assert await sessions.find(other.token) is not None


async def test_logs_out_nobody(ask):
    """True even when there was no session."""
    answer = await ask("mutation { logout }")

    assert answer.result is True
    assert answer.context.cookie == ""


async def test_does_nothing_more_once_logged_out(ask, alice):
    """What stands behind the logout in a document is anonymous."""
    answer = await ask(
        'mutation { logout updateProfile(input: {firstName: "Eve"}) { __typename } }',
        caller=alice,
    )

    assert answer.data == {"logout": True, "updateProfile": None}
    assert answer.codes == ["UNAUTHENTICATED"]
    assert (await Account.get(id=alice.account.id)).first_name == "Alice"


async def test_lists_sessions_and_marks_the_calling_one(ask, alice):
    """Latest use first; exactly one is current."""
    other = await factories.logged_in("alice@example.org")

    answer = await ask(
        "{ me { sessions { id current ipAddress userAgent createdAt lastUsedAt expiresAt } } }",
        caller=alice,
    )

    listed = answer.result["sessions"]
    assert [(entry["id"], entry["current"]) for entry in listed] == [
        (str(other.session.id), False),
        (str(alice.session.id), True),
    ]
    assert {entry["ipAddress"] for entry in listed} == {factories.CLIENT.ip_address}
    assert {entry["userAgent"] for entry in listed} == {factories.FIREFOX}
    assert all(entry["createdAt"] == entry["lastUsedAt"] < entry["expiresAt"] for entry in listed)


async def test_marks_the_opened_session_in_its_own_answer(ask, alice):
    """To the client that logs in, the new session is the one it will call with."""
    answer = await ask.mutate(
        "login",
        {"identifier": "alice@example.org", "password": PASSWORD},
        "... on OpenedSession { session { id } account { sessions { id current } } }",
    )

    current = [entry["id"] for entry in answer.result["account"]["sessions"] if entry["current"]]
    assert current == [answer.result["session"]["id"]]


async def test_revokes_a_session_of_ones_own(ask, alice):
    """The list that comes with the answer is without it: clients' caches correct themselves."""
    other = await factories.logged_in("alice@example.org")

    answer = await ask.mutate(
        "revokeSession",
        {"sessionId": str(other.session.id)},
        "... on SessionsClosed { closedSessions account { sessions { id } } }",
        caller=alice,
    )

    assert answer.result == {
        "__typename": "SessionsClosed",
        "closedSessions": 1,
        "account": {"sessions": [{"id": str(alice.session.id)}]},
    }
    assert answer.context.cookie is None


@pytest.mark.parametrize("session_id", ["", "x", "00000000-0000-0000-0000-000000000007"])
async def test_finds_no_session_by_another_id(ask, alice, session_id):
    """An id that cannot be one of ours is simply not found."""
    answer = await ask.mutate("revokeSession", {"sessionId": session_id}, caller=alice)

    assert answer.result == {
        "__typename": "NotFoundError",
        "message": "This does not exist, or no longer.",
    }
    assert await Session.all().count() == 1


async def test_signs_out_by_revoking_its_own_session(ask, alice):
    """As logout: the cookie is cleared and the rest of the document is anonymous."""
    answer = await ask(
        "mutation ($id: ID!) { revokeSession(input: {sessionId: $id}) { __typename }"
        ' updateProfile(input: {firstName: "Eve"}) { __typename } }',
        variables={"id": str(alice.session.id)},
        caller=alice,
    )

    assert answer.data == {
        "revokeSession": {"__typename": "SessionsClosed"},
        "updateProfile": None,
    }
    assert answer.codes == ["UNAUTHENTICATED"]
    assert answer.context.cookie == ""


async def test_revokes_all_other_sessions(ask, alice):
    """How many, and the account as it is now."""
    for _ in range(2):
        await factories.logged_in("alice@example.org")

    answer = await ask.mutate(
        "revokeOtherSessions",
        None,
        "... on SessionsClosed { closedSessions account { sessions { current } } }",
        caller=alice,
    )

    assert answer.result == {
        "__typename": "SessionsClosed",
        "closedSessions": 2,
        "account": {"sessions": [{"current": True}]},
    }
