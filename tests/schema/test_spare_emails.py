"""The spare address over GraphQL: recorded, proven, removed."""

import factories
import pytest
from factories import PASSWORD, WRONG_CODE

from models.mails import Template

SPARE = "... on Account { spareEmail spareEmailProven advice }"
GIVEN = {"spareEmail": "Spare@example.org", "password": PASSWORD}


async def test_counts_once_proven(ask, alice):
    """Recorded, then proven with the code that was mailed to it."""
    recorded = await ask.mutate("setSpareEmail", GIVEN, SPARE, caller=alice)
    code = await factories.mailed_code(Template.SPARE_EMAIL_PROOF, to="Spare@example.org")

    proven = await ask.mutate("proveSpareEmail", {"code": code}, SPARE, caller=alice)

    assert recorded.result == {
        "__typename": "Account",
        "spareEmail": "Spare@example.org",
        "spareEmailProven": False,
        "advice": ["SPARE_EMAIL_NOT_PROVEN"],
    }
    assert proven.result == recorded.result | {"spareEmailProven": True, "advice": []}


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("", "REQUIRED"),
        ("no address", "INVALID"),
        ("ALICE@example.org", "SAME_AS_CURRENT"),
        ("a" * 300 + "@example.org", "TOO_LONG"),
    ],
)
async def test_refuses_a_bad_address(ask, alice, address, code):
    """The fault names its field; nobody is told."""
    before = await factories.everything()

    answer = await ask.mutate("setSpareEmail", GIVEN | {"spareEmail": address}, caller=alice)

    (fault,) = answer.result["fields"]
    assert (fault["field"], fault["code"]) == ("spareEmail", code)
    assert await factories.everything() == before


@pytest.mark.parametrize("mutation", ["setSpareEmail", "removeSpareEmail"])
async def test_asks_for_the_password_again(ask, alice, mutation):
    """A session alone moves no spare address."""
    await factories.with_spare(alice, "older@example.org")
    before = await factories.everything()
    given = {"password": PASSWORD + "!"}
    given |= {"spareEmail": "new@example.org"} if mutation == "setSpareEmail" else {}

    answer = await ask.mutate(mutation, given, caller=alice)

    assert answer.result["__typename"] == "InvalidCredentialsError"
    assert await factories.everything() == before


async def test_mails_no_second_code_within_a_minute(ask, alice):
    """The refusal says when the next is possible."""
    await ask.mutate("setSpareEmail", GIVEN, caller=alice)

    answer = await ask.mutate("setSpareEmail", GIVEN, caller=alice)

    assert answer.result["__typename"] == "TooManyRequestsError"
    assert answer.result["retryAt"].endswith("Z")


async def test_counts_wrong_codes(ask, alice):
    """Five tries; then there is nothing to prove any more."""
    await ask.mutate("setSpareEmail", GIVEN, caller=alice)

    answers = [
        await ask.mutate("proveSpareEmail", {"code": typed}, caller=alice)
        for typed in ("", *[WRONG_CODE] * 5)
    ]
    late = await ask.mutate("proveSpareEmail", {"code": WRONG_CODE}, caller=alice)

    assert [answer.result["attemptsLeft"] for answer in answers] == [5, 4, 3, 2, 1, None]
    assert late.result["__typename"] == "NothingPendingError"


async def test_removes_it(ask, alice):
    """The proven address is told, and counts no more."""
    await factories.with_spare(alice, "spare@example.org")

    answer = await ask.mutate("removeSpareEmail", {"password": PASSWORD}, SPARE, caller=alice)

    assert answer.result == {
        "__typename": "Account",
        "spareEmail": None,
        "spareEmailProven": False,
        "advice": ["SPARE_EMAIL_MISSING"],
    }
    assert Template.SPARE_EMAIL_REMOVED in await factories.mails_to("spare@example.org")
