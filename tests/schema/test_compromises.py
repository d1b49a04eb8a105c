"""This was not me, over GraphQL: the token of a mail is the credential."""

import factories
import pytest

from models import sessions
from models.accounts import Account
from models.mails import Template

REPORTED = "... on CompromiseReported { nicHandle closedSessions }"


async def test_freezes_the_account(ask, alice):
    """Without a session; every session closes and the change that was told of is aborted."""
    change = await factories.requested_change(alice, "thief@example.org")
    _, token = await factories.mailed_link(
        Template.EMAIL_CHANGE_VALIDATION, "report", to="alice@example.org"
    )

    answer = await ask.mutate("reportCompromise", {"token": token}, REPORTED)

    assert answer.result == {
        "__typename": "CompromiseReported",
        "nicHandle": alice.account.nic_handle,
        "closedSessions": 1,
    }
    await change.refresh_from_db()
    assert (change.state, change.abort_reason) == ("ABORTED", "REPORTED")
    assert await sessions.find(alice.token) is None


@pytest.mark.parametrize(
    "bad",
    [
        lambda _: "",
        lambda token: token[:-1],
        lambda token: token + token,
        lambda token: token.swapcase(),
        lambda token: "00000000-0000-0000-0000-000000000007." + token,
        lambda _: "\0",
        lambda _: "é" * 43,
    ],
)
async def test_knows_no_other_token(ask, alice, bad):
    """Truncated, doubled, garbled: one answer, and nothing happens."""
    await factories.requested_change(alice, "thief@example.org")
    _, token = await factories.mailed_link(
        Template.EMAIL_CHANGE_VALIDATION, "report", to="alice@example.org"
    )

    answer = await ask.mutate("reportCompromise", {"token": bad(token)}, REPORTED)

    assert answer.result == {
        "__typename": "InvalidCodeError",
        "message": "This code is not valid. Check it, or ask for a new one.",
        "attemptsLeft": None,
    }
    assert (await Account.get(id=alice.account.id)).state == "ACTIVE"
