"""Passwords over GraphQL: lost and reset with a mailed code, or changed with the current one."""

import factories
import pytest
from factories import PASSWORD, WRONG_CODE

from models import sessions
from models.mails import Template
from models.sessions import Session

CHALLENGE = "... on Challenge { id deliveredTo expiresAt }"
CHANGED = "... on PasswordChanged { closedSessions account { nicHandle email } }"
NEW_PASSWORD = "Another-Teapot-17-red"


async def asked(ask, identifier="alice@example.org", **more):
    """The id of a challenge and the code that was mailed with it."""
    given = {"identifier": identifier} | more
    answer = await ask.mutate("requestPasswordReset", given, CHALLENGE)
    code = await factories.mailed_code(Template.PASSWORD_RESET, to="alice@example.org")
    return answer.result["id"], code


@pytest.mark.parametrize(
    ("identifier", "delivered_to"),
    [
        ("alice@example.org", "a***@example.org"),
        ("nobody@example.org", "n***@example.org"),
        ("zz000000-OVH", "***"),
        ("no identifier at all", "***"),
    ],
)
async def test_answers_the_same_to_everybody(ask, alice, identifier, delivered_to):
    """What was typed decides the answer, never what the database holds."""
    answer = await ask.mutate("requestPasswordReset", {"identifier": identifier}, CHALLENGE)

    assert answer.result["__typename"] == "Challenge"
    assert answer.result["deliveredTo"] == delivered_to
    assert answer.wake_ups == 1


async def test_says_no_address_of_a_nic_handle(ask, alice):
    """A NIC-handle is no secret: who types it learns nothing of where the mail went."""
    answer = await ask.mutate(
        "requestPasswordReset", {"identifier": alice.account.nic_handle}, CHALLENGE
    )

    assert answer.result["deliveredTo"] == "***"
    assert Template.PASSWORD_RESET in await factories.mails_to("alice@example.org")


@pytest.mark.parametrize("identifier", ["", "   ", "\n"])
async def test_asks_for_an_identifier(ask, alice, identifier):
    """An empty field is a slip of the form, and no secret."""
    before = await factories.everything()

    answer = await ask.mutate("requestPasswordReset", {"identifier": identifier}, CHALLENGE)

    (fault,) = answer.result["fields"]
    assert (fault["field"], fault["code"]) == ("identifier", "REQUIRED")
    assert await factories.everything() == before


@pytest.mark.parametrize(("deliver_to", "address"), [("PRIMARY", "alice"), ("SPARE", "spare")])
async def test_writes_to_the_address_that_was_asked_for(ask, alice, deliver_to, address):
    """The last proven primary address, or the proven spare one."""
    await factories.with_spare(alice, "spare@example.org")
    given = {"identifier": "alice@example.org", "deliverTo": deliver_to}

    await ask.mutate("requestPasswordReset", given, CHALLENGE)

    told = [
        name
        for name in ("alice", "spare")
        if Template.PASSWORD_RESET in await factories.mails_to(f"{name}@example.org")
    ]
    assert told == [address]


async def test_sets_a_password_with_the_mailed_code(ask, alice):
    """Every session closes, also the one that makes the call."""
    challenge_id, code = await asked(ask)
    given = {"challengeId": challenge_id, "code": code.lower(), "newPassword": NEW_PASSWORD}

    answer = await ask.mutate("resetPassword", given, CHANGED, caller=alice)

    account = {"nicHandle": alice.account.nic_handle, "email": "alice@example.org"}
    assert answer.result == {
        "__typename": "PasswordChanged",
        "closedSessions": 1,
        "account": account,
    }
    assert await sessions.find(alice.token) is None


@pytest.mark.parametrize("removes", [True, False])
async def test_drops_the_spare_address_if_asked_to(ask, alice, removes):
    """Only then: it is the holder's other way in."""
    await factories.with_spare(alice, "spare@example.org")
    challenge_id, code = await asked(ask)
    given = {"challengeId": challenge_id, "code": code, "newPassword": NEW_PASSWORD}

    answer = await ask.mutate(
        "resetPassword",
        given | {"removeSpareEmail": removes},
        "... on PasswordChanged { account { spareEmail } }",
    )

    kept = None if removes else "spare@example.org"
    assert answer.result["account"] == {"spareEmail": kept}


async def test_counts_wrong_codes(ask, alice):
    """Five tries; then the code is dead, and nothing was changed."""
    challenge_id, code = await asked(ask)
    given = {"challengeId": challenge_id, "newPassword": NEW_PASSWORD}

    answers = [
        await ask.mutate("resetPassword", given | {"code": typed}, CHANGED)
        for typed in ("no code", *[WRONG_CODE] * 5, code)
    ]

    assert [answer.result["attemptsLeft"] for answer in answers] == [5, 4, 3, 2, 1, None, None]
    assert await sessions.find(alice.token) is not None


async def test_judges_the_new_password(ask, alice):
    """The fault names its field, and the code stays good."""
    challenge_id, code = await asked(ask)
    given = {"challengeId": challenge_id, "code": code, "newPassword": "short"}

    refused = await ask.mutate("resetPassword", given, CHANGED)
    done = await ask.mutate("resetPassword", given | {"newPassword": NEW_PASSWORD}, CHANGED)

    (fault,) = refused.result["fields"]
    assert (fault["field"], fault["code"]) == ("newPassword", "TOO_SHORT")
    assert done.result["__typename"] == "PasswordChanged"


async def test_changes_a_password_with_the_current_one(ask, alice):
    """Every other session closes; the one that makes the call stays."""
    other = await factories.logged_in("alice@example.org")
    given = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}

    answer = await ask.mutate("changePassword", given, CHANGED, caller=alice)

    assert answer.result["closedSessions"] == 1
    assert await sessions.find(alice.token) is not None
    assert await sessions.find(other.token) is None


async def test_names_the_password_that_is_the_same(ask, alice):
    """The sentence speaks of the password, in the account's language."""
    given = {"currentPassword": PASSWORD, "newPassword": PASSWORD}

    answer = await ask.mutate("changePassword", given, CHANGED, caller=alice)

    (fault,) = answer.result["fields"]
    assert (fault["field"], fault["code"]) == ("newPassword", "SAME_AS_CURRENT")
    assert fault["message"] == "This password is already the account’s."


@pytest.mark.parametrize(
    ("current", "new", "kind"),
    [
        (NEW_PASSWORD, NEW_PASSWORD, "InvalidCredentialsError"),
        ("", NEW_PASSWORD, "InvalidCredentialsError"),
        (PASSWORD, PASSWORD, "InvalidInputError"),
        (PASSWORD, "password1234", "InvalidInputError"),
    ],
)
async def test_refuses_a_change(ask, alice, current, new, kind):
    """A wrong password, the same again, a weak one: nothing happens."""
    other = await factories.logged_in("alice@example.org")
    before = await factories.everything()
    given = {"currentPassword": current, "newPassword": new}

    answer = await ask.mutate("changePassword", given, CHANGED, caller=alice)

    assert answer.result["__typename"] == kind
    assert await factories.everything() == before
    assert await Session.filter(id=other.session.id).exists()
