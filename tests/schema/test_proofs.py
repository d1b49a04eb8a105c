"""Proof of the primary address over GraphQL: a code mailed to it, typed in a session."""

from datetime import UTC, datetime, timedelta

import factories
import pytest
from factories import WRONG_CODE

from models.accounts import Account
from models.challenges import Challenge
from models.mails import Template

ACCOUNT = "... on Account { email emailProven advice }"


async def test_proves_the_new_address(ask, alice):
    """The code of the notice of acceptance shows that the new mailbox is read."""
    await factories.accepted_by_code(alice, "new@example.org")
    code = await factories.mailed_code(Template.EMAIL_CHANGE_ACCEPTED_NEW, to="new@example.org")

    answer = await ask.mutate("proveEmail", {"code": code.lower()}, ACCOUNT, caller=alice)

    assert answer.result == {
        "__typename": "Account",
        "email": "new@example.org",
        "emailProven": True,
        "advice": ["SPARE_EMAIL_MISSING"],
    }


async def test_counts_wrong_codes(ask, alice):
    """Five tries; then the code is dead, and the right one finds nothing to prove."""
    await factories.accepted_by_code(alice, "new@example.org")
    code = await factories.mailed_code(Template.EMAIL_CHANGE_ACCEPTED_NEW, to="new@example.org")

    answers = [
        await ask.mutate("proveEmail", {"code": wrong}, ACCOUNT, caller=alice)
        for wrong in ("", *[WRONG_CODE] * 5)
    ]
    late = await ask.mutate("proveEmail", {"code": code}, ACCOUNT, caller=alice)

    assert [answer.result["attemptsLeft"] for answer in answers] == [5, 4, 3, 2, 1, None]
    assert late.result["__typename"] == "NothingPendingError"
    assert not (await Account.get(id=alice.account.id)).email_proven


async def test_has_nothing_to_prove(ask, alice):
    """A proven address needs no proof."""
    answer = await ask.mutate("proveEmail", {"code": WRONG_CODE}, ACCOUNT, caller=alice)

    assert answer.result == {
        "__typename": "NothingPendingError",
        "message": "There is nothing to confirm at the moment.",
    }


@pytest.mark.parametrize("caller", ["bob", None])
async def test_takes_the_code_in_a_session_of_the_account_only(ask, alice, caller):
    """Whoever reads the mail at a mistyped address can do nothing with its code."""
    await factories.accepted_by_code(alice, "new@example.org")
    code = await factories.mailed_code(Template.EMAIL_CHANGE_ACCEPTED_NEW, to="new@example.org")
    stranger = await factories.signed_up("bob@example.org") if caller else None

    await ask.mutate("proveEmail", {"code": code}, ACCOUNT, caller=stranger)

    assert not (await Account.get(id=alice.account.id)).email_proven


async def test_mails_another_code_after_a_minute(ask, alice):
    """The account comes back as it is; a code a minute at most, and none once it is proven."""
    await factories.accepted_by_code(alice, "new@example.org")
    proven = await factories.signed_up("bob@example.org")
    account = "... on Account { email emailProven }"

    early = await ask.mutate("resendProofCode", None, account, caller=alice)
    await Challenge.all().update(created_at=datetime.now(UTC) - timedelta(minutes=2))
    answer = await ask.mutate("resendProofCode", None, account, caller=alice)
    needless = await ask.mutate("resendProofCode", None, account, caller=proven)

    assert early.result["__typename"] == "TooManyRequestsError"
    assert answer.result["emailProven"] is False
    assert Template.PROOF_CODE in await factories.mails_to("new@example.org")
    assert needless.result["__typename"] == "NothingPendingError"
