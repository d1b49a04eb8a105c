"""The change of the primary address over GraphQL: asked for, accepted with the code, looked at."""

from datetime import datetime, timedelta

import factories
import pytest
from factories import DELAY, PASSWORD, WRONG_CODE

from models.accounts import Account
from models.email_changes import EmailChange
from models.mails import Template

CHANGE = """... on EmailChange {
  newEmail formerEmail state acceptedBy abortReason autoAcceptAt settledAt revertibleUntil
  left: attemptsLeft
}"""
ASKED = {"newEmail": "Alice@New.example.org", "password": PASSWORD}


async def code_of(change):
    return await factories.mailed_code(
        Template.EMAIL_CHANGE_VALIDATION, to=change.former_last_proven_email
    )


async def test_opens_a_change(ask, alice):
    """PENDING with five attempts; no deadline before the mail has left."""
    answer = await ask.mutate("requestEmailChange", ASKED, CHANGE, caller=alice)

    assert answer.result == {
        "__typename": "EmailChange",
        "newEmail": "Alice@New.example.org",
        "formerEmail": "alice@example.org",
        "state": "PENDING",
        "acceptedBy": None,
        "abortReason": None,
        "autoAcceptAt": None,
        "settledAt": None,
        "revertibleUntil": None,
        "left": 5,
    }
    assert answer.wake_ups == 1


async def test_shows_the_deadline_once_the_mail_has_left(ask, alice):
    """`pendingEmailChange` is the one that awaits its answer; the clock starts with the mail."""
    change = await factories.requested_change(alice, "new@example.org")
    mail = await factories.delivered(Template.EMAIL_CHANGE_VALIDATION, to="alice@example.org")

    answer = await ask("{ me { pendingEmailChange { id state autoAcceptAt } } }", caller=alice)

    pending = answer.result["pendingEmailChange"]
    deadline = datetime.fromisoformat(pending["autoAcceptAt"])
    assert (pending["id"], pending["state"]) == (str(change.id), "PENDING")
    assert abs(deadline - mail.sent_at - timedelta(hours=24)) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("new_email", "code"),
    [
        ("", "REQUIRED"),
        ("no address", "INVALID"),
        ("new@example.org\r\nBcc: eve@example.org", "INVALID"),
        ("é@example.org", "INVALID"),
        ("a" * 300 + "@example.org", "TOO_LONG"),
        (" ALICE@example.ORG ", "SAME_AS_CURRENT"),
    ],
)
async def test_refuses_a_bad_address(ask, alice, new_email, code):
    """The fault names its field; no change is opened and nobody is told."""
    before = await factories.everything()

    answer = await ask.mutate(
        "requestEmailChange", ASKED | {"newEmail": new_email}, CHANGE, caller=alice
    )

    (fault,) = answer.result["fields"]
    assert (fault["field"], fault["code"]) == ("newEmail", code)
    assert await factories.everything() == before


async def test_asks_for_the_password_again(ask, alice):
    """A session alone moves no address."""
    before = await factories.everything()

    answer = await ask.mutate(
        "requestEmailChange", ASKED | {"password": PASSWORD + "!"}, CHANGE, caller=alice
    )

    assert answer.result == {
        "__typename": "InvalidCredentialsError",
        "message": "The password is wrong.",
    }
    assert await factories.everything() == before


async def test_allows_three_a_day(ask, alice):
    """The fourth request in 24 hours says when the next is possible."""
    first = await factories.requested_change(alice, "new1@example.org")
    for number in (2, 3):
        await factories.requested_change(alice, f"new{number}@example.org")
    before = await factories.everything()

    answer = await ask.mutate("requestEmailChange", ASKED, CHANGE, caller=alice)

    retry_at = datetime.fromisoformat(answer.result.pop("retryAt"))
    assert answer.result == {
        "__typename": "TooManyRequestsError",
        "message": "Too many requests. Try again later.",
    }
    difference = retry_at - first.requested_at - timedelta(hours=24)
    assert abs(difference) < timedelta(milliseconds=1)
    assert await factories.everything() == before


@pytest.mark.parametrize("written", [str, str.lower, lambda it: f" {it.replace('-', ' ')} "])
async def test_accepts_with_the_code(ask, alice, written):
    """DONE by CODE; the new address is not proven by that, and the former can take it back."""
    change = await factories.requested_change(alice, "new@example.org")

    answer = await ask.mutate(
        "confirmEmailChange", {"code": written(await code_of(change))}, CHANGE, caller=alice
    )
    me = await ask("{ me { email emailProven pendingEmailChange { id } } }", caller=alice)

    stored = await EmailChange.get(id=change.id)
    assert answer.result == {
        "__typename": "EmailChange",
        "newEmail": "new@example.org",
        "formerEmail": "alice@example.org",
        "state": "DONE",
        "acceptedBy": "CODE",
        "abortReason": None,
        "autoAcceptAt": None,
        "settledAt": stored.settled_at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        "revertibleUntil": stored.revertible_until.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        "left": 0,
    }
    assert me.result == {
        "email": "new@example.org",
        "emailProven": False,
        "pendingEmailChange": None,
    }


async def test_counts_wrong_codes_and_then_aborts(ask, alice):
    """The fifth wrong code answers null attempts and ends the change; the right one is late."""
    change = await factories.requested_change(alice, "new@example.org")
    code = await code_of(change)

    answers = [
        await ask.mutate("confirmEmailChange", {"code": wrong}, CHANGE, caller=alice)
        for wrong in ("no code", *[WRONG_CODE] * 5)
    ]
    late = await ask.mutate("confirmEmailChange", {"code": code}, CHANGE, caller=alice)

    assert [answer.result["__typename"] for answer in answers] == ["InvalidCodeError"] * 6
    assert [answer.result["attemptsLeft"] for answer in answers] == [5, 4, 3, 2, 1, None]
    assert late.result == {
        "__typename": "NothingPendingError",
        "message": "There is nothing to confirm at the moment.",
    }
    stored = await EmailChange.get(id=change.id)
    assert (stored.state, stored.abort_reason) == ("ABORTED", "TOO_MANY_ATTEMPTS")
    assert (await Account.get(id=alice.account.id)).email == "alice@example.org"


async def test_has_nothing_to_confirm(ask, alice):
    """Without a pending change a code is an answer to nothing."""
    answer = await ask.mutate("confirmEmailChange", {"code": WRONG_CODE}, CHANGE, caller=alice)

    assert answer.result["__typename"] == "NothingPendingError"


async def test_returns_a_change_that_came_to_nothing(ask, alice):
    """An address that another account has proven: the request never said so, acceptance does."""
    await factories.signed_up("bob@example.org")
    change = await factories.requested_change(alice, "bob@example.org")

    answer = await ask.mutate(
        "confirmEmailChange", {"code": await code_of(change)}, CHANGE, caller=alice
    )

    assert answer.result["__typename"] == "EmailChange"
    assert (answer.result["state"], answer.result["abortReason"]) == ("ABORTED", "ADDRESS_TAKEN")
    assert answer.result["acceptedBy"] is None
    assert answer.result["revertibleUntil"] is None
    assert (await Account.get(id=alice.account.id)).email == "alice@example.org"


async def test_lists_changes_newest_first(ask, alice):
    """All that were asked for, with how they ended."""
    await factories.requested_change(alice, "first@example.org")
    await factories.accepted_by_silence(alice, "second@example.org")

    answer = await ask(
        "{ me { emailChanges { edges { node { newEmail state acceptedBy abortReason } } } } }",
        caller=alice,
    )

    assert [edge["node"] for edge in answer.result["emailChanges"]["edges"]] == [
        {
            "newEmail": "second@example.org",
            "state": "DONE",
            "acceptedBy": "SILENCE",
            "abortReason": None,
        },
        {
            "newEmail": "first@example.org",
            "state": "ABORTED",
            "acceptedBy": None,
            "abortReason": "SUPERSEDED",
        },
    ]


async def test_shows_no_changes_of_others(ask, alice):
    """The list holds the account's own rows."""
    bob = await factories.signed_up("bob@example.org")
    await factories.requested_change(bob, "new@example.org")

    answer = await ask(
        "{ me { pendingEmailChange { id } emailChanges { edges { cursor } } } }", caller=alice
    )

    assert answer.result == {"pendingEmailChange": None, "emailChanges": {"edges": []}}


async def test_is_refused_by_the_link(ask, alice):
    """The token is the credential: no session is needed, and the address stays."""
    await factories.requested_change(alice, "new@example.org")
    change_id, token = await factories.mailed_link(
        Template.EMAIL_CHANGE_VALIDATION, "refuse", to="alice@example.org"
    )
    given = {"emailChangeId": str(change_id), "token": token}

    answer = await ask.mutate("refuseEmailChange", given, CHANGE)
    again = await ask.mutate("refuseEmailChange", given, CHANGE)

    assert (answer.result["state"], answer.result["left"]) == ("REFUSED", 0)
    assert again.result["__typename"] == "InvalidCodeError"
    assert (await Account.get(id=alice.account.id)).email == "alice@example.org"


async def test_is_taken_back_by_the_link(ask, alice):
    """REVERTED keeps how it was accepted; the account waits for a reset."""
    await factories.accepted_by_silence(alice, "new@example.org")
    change_id, token = await factories.mailed_link(
        Template.EMAIL_CHANGE_ACCEPTED_FORMER, "revert", to="alice@example.org"
    )
    given = {"emailChangeId": str(change_id), "token": token}

    answer = await ask.mutate("revertEmailChange", given, CHANGE)
    again = await ask.mutate("revertEmailChange", given, CHANGE)

    account = await Account.get(id=alice.account.id)
    assert (answer.result["state"], answer.result["acceptedBy"]) == ("REVERTED", "SILENCE")
    assert answer.result["revertibleUntil"] is None
    assert again.result["__typename"] == "InvalidCodeError"
    assert (account.email, account.state) == ("alice@example.org", "FROZEN")


@pytest.mark.parametrize("mutation", ["refuseEmailChange", "revertEmailChange"])
async def test_knows_no_token_for_another_change(ask, alice, mutation):
    """Id and token belong together."""
    kind = {"refuseEmailChange": "refuse", "revertEmailChange": "revert"}[mutation]
    bob = await factories.signed_up("bob@example.org")
    await factories.accepted_by_silence(bob, "bob@new.example.org")
    other = await factories.requested_change(bob, "bob@newer.example.org")
    await factories.accepted_by_silence(alice, "new@example.org")
    await factories.requested_change(alice, "newer@example.org")
    template = {
        "refuse": Template.EMAIL_CHANGE_VALIDATION,
        "revert": Template.EMAIL_CHANGE_ACCEPTED_FORMER,
    }[kind]
    _, token = await factories.mailed_link(template, kind, to="alice@example.org")

    answers = [
        await ask.mutate(mutation, {"emailChangeId": wrong, "token": token}, CHANGE)
        for wrong in (str(other.id), str(bob.account.id), "", "\0")
    ]

    assert {answer.result["__typename"] for answer in answers} == {"InvalidCodeError"}


async def test_is_cancelled(ask, alice):
    """ABORTED by its holder; a second time there is nothing."""
    await factories.requested_change(alice, "new@example.org")

    answer = await ask.mutate("cancelEmailChange", None, CHANGE, caller=alice)
    again = await ask.mutate("cancelEmailChange", None, CHANGE, caller=alice)

    assert (answer.result["state"], answer.result["abortReason"]) == ("ABORTED", "CANCELLED")
    assert again.result["__typename"] == "NothingPendingError"


async def test_mails_another_code_after_a_minute(ask, alice):
    """Not before; the refusal says when."""
    change = await factories.requested_change(alice, "new@example.org")

    early = await ask.mutate("resendEmailChangeCode", None, CHANGE, caller=alice)
    await EmailChange.filter(id=change.id).update(code_sent_at=change.requested_at - DELAY)
    answer = await ask.mutate("resendEmailChangeCode", None, CHANGE, caller=alice)

    retry_at = datetime.fromisoformat(early.result["retryAt"])
    assert retry_at - change.requested_at == pytest.approx(
        timedelta(minutes=1), abs=timedelta(milliseconds=1)
    )
    assert answer.result["state"] == "PENDING"
    assert answer.wake_ups == 1
