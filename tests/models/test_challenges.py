"""Codes: how they read, what they are bound to, how often and how long they may be tried."""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from factories import POLICY, WRONG_CODE

from models import challenges
from models.challenges import Challenge, Purpose
from models.policy import Policy

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
DAY = timedelta(days=1)
KEYS = POLICY.secret_keys


async def issued(*, account=None, purpose=Purpose.EMAIL_PROOF, at=NOON):
    return await challenges.issue(
        purpose,
        address_key="new@example.org",
        account_id=account and account.id,
        at=at,
        lifetime=DAY,
        keys=KEYS,
    )


@pytest.mark.parametrize(
    "text",
    [
        "BCDF-GHJK",
        "bcdf-ghjk",
        "bCdFgHjK",
        "  BCDF GHJK\r\n",
        "B-C-D-F-G-H-J-K",
        "b c d f  -  g h j k",
        "BCDF\tGHJK",
        pytest.param("BCDF\u2011GHJK", id="hyphen that does not break"),
        pytest.param("BCDF\u2013GHJK", id="dash of a word processor"),
        pytest.param("BCDF\u2212GHJK", id="minus sign"),
        pytest.param("BCDF\u00a0GHJK", id="blank that does not break"),
    ],
)
def test_reads_codes_as_people_type_them(text):
    """Case, blanks and dashes do not matter."""
    code = challenges.parse(text)

    assert code == "BCDFGHJK"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("BCDFGHJ", id="7 letters"),
        pytest.param("BCDFGHJKL", id="9 letters"),
        pytest.param("ACDF-GHJK", id="vowel"),
        pytest.param("BCDF-GHJ1", id="digit"),
        pytest.param("BCDF_GHJK", id="underscore"),
        pytest.param("\u0412CDF-GHJK", id="Cyrillic letter"),
        pytest.param("ＢＣＤＦＧＨＪＫ", id="full-width letters"),
        pytest.param("BCDF-GHJ\u212a", id="Kelvin sign"),
        pytest.param("BCDF-GH\u017fK", id="long s"),
        pytest.param("B\u0301CDF-GHJK", id="accent"),
        pytest.param("BCDF-GHJK\0", id="NUL"),
        pytest.param("\ud800BCDFGHJK", id="lone surrogate"),
        pytest.param("\u202eBCDFGHJK", id="direction override"),
        pytest.param("B" * 10_000, id="10,000 letters"),
        pytest.param("BCDF-GHJK" + " " * 10_000, id="10,000 blanks"),
        pytest.param("BCDF-GHJK\nBCDF-GHJK", id="two codes"),
    ],
)
def test_reads_nothing_else(text):
    """A text that cannot be a code is none."""
    code = challenges.parse(text)

    assert code is None


def test_draws_codes_of_eight_letters():
    """Codes have no vowels and no digits, and do not repeat."""
    codes = {challenges.new_code() for _ in range(1000)}

    assert len(codes) == 1000
    assert all(re.fullmatch("[BCDFGHJKLMNPQRSTVWXZ]{8}", code) for code in codes)


def test_shows_codes_in_two_groups():
    """What is shown is what is read."""
    shown = challenges.shown("BCDFGHJK")

    assert shown == "BCDF-GHJK"
    assert challenges.parse(shown) == "BCDFGHJK"


@pytest.mark.parametrize(
    ("code", "purpose", "same_row", "key", "right"),
    [
        pytest.param("BCDFGHJK", Purpose.SIGNUP, True, b"key", True, id="right"),
        pytest.param("BCDFGHJL", Purpose.SIGNUP, True, b"key", False, id="other code"),
        pytest.param("BCDFGHJK", Purpose.EMAIL_PROOF, True, b"key", False, id="other purpose"),
        pytest.param("BCDFGHJK", Purpose.SIGNUP, False, b"key", False, id="other row"),
        pytest.param("BCDFGHJK", Purpose.SIGNUP, True, b"yek", False, id="other key"),
    ],
)
def test_binds_codes(code, purpose, same_row, key, right):
    """A digest stands for one code, of one purpose and row, under the server's key."""
    row_id = uuid4()
    stored = challenges.digest("BCDFGHJK", Purpose.SIGNUP, row_id, b"key")

    found = challenges.is_right(code, stored, purpose, row_id if same_row else uuid4(), [key])

    assert len(stored) == 32
    assert found is right


def test_accepts_every_key_of_a_rotation():
    """The first key signs; codes of the others still count."""
    row_id = uuid4()
    stored = challenges.digest("BCDFGHJK", Purpose.SIGNUP, row_id, b"old")

    found = [
        challenges.is_right("BCDFGHJK", stored, Purpose.SIGNUP, row_id, keys)
        for keys in ([b"new", b"old"], [b"old"], [b"new"], [])
    ]

    assert found == [True, True, False, False]


@pytest.mark.parametrize(
    ("attempts_left", "at", "is_open"),
    [
        (5, NOON - INSTANT, True),
        (1, NOON - INSTANT, True),
        (0, NOON - INSTANT, False),
        (5, NOON, False),
        (5, NOON + INSTANT, False),
    ],
)
def test_is_open_before_its_end(attempts_left, at, is_open):
    """A challenge takes codes until its last try or its last instant."""
    challenge = Challenge(attempts_left=attempts_left, expires_at=NOON)

    found = challenge.is_open(at)

    assert found is is_open


async def test_keeps_no_code(alices_account):
    """Only the digest of a code is stored."""
    challenge, code = await issued(account=alices_account)

    row = await Challenge.get(id=challenge.id).values()
    letters = code.replace("-", "")
    assert (row["purpose"], row["attempts_left"]) == (Purpose.EMAIL_PROOF, 5)
    assert (row["created_at"], row["expires_at"]) == (NOON, NOON + DAY)
    assert row["digest"] == challenges.digest(letters, Purpose.EMAIL_PROOF, challenge.id, KEYS[0])
    assert letters not in str(row)


async def test_signs_with_the_first_key(alices_account):
    """New codes are of the newest key, so that the older ones can be dropped one day."""
    rotated = Policy(secret_keys=(b"new", b"old"))
    challenge, code = await challenges.issue(
        Purpose.EMAIL_PROOF,
        address_key="new@example.org",
        account_id=alices_account.id,
        at=NOON,
        lifetime=DAY,
        keys=rotated.secret_keys,
    )

    refused = await challenges.check(challenge, code, [b"old"])
    accepted = await challenges.check(challenge, code, [b"new"])

    assert refused.attempts_left == 4
    assert accepted is None


async def test_is_used_up_by_its_code(alices_account):
    """The right code ends the challenge."""
    challenge, code = await issued(account=alices_account)

    refused = await challenges.check(challenge, code.lower(), KEYS)

    assert refused is None
    assert await Challenge.all().count() == 0


async def test_counts_tries(alices_account):
    """Each wrong code costs one of five tries, and the last refusal says that it was the last."""
    challenge, _ = await issued(account=alices_account)

    left = [(await challenges.check(challenge, WRONG_CODE, KEYS)).attempts_left for _ in range(5)]

    assert left == [4, 3, 2, 1, None]
    assert (await Challenge.get(id=challenge.id)).attempts_left == 0


async def test_does_not_count_slips(alices_account):
    """A text that cannot be a code costs no try."""
    challenge, _ = await issued(account=alices_account)

    refused = await challenges.check(challenge, "BCDF-GHJ", KEYS)

    assert refused.attempts_left == 5
    assert (await Challenge.get(id=challenge.id)).attempts_left == 5


async def test_ends_the_codes_of_one_account_and_purpose(alices_account):
    """Voiding leaves alone what is for another purpose, and nobody's challenges."""
    await issued(account=alices_account)
    kept = {
        (await issued(account=alices_account, purpose=Purpose.EMAIL_CHANGE))[0].id,
        (await issued(purpose=Purpose.SIGNUP))[0].id,
    }

    await challenges.void(alices_account.id, Purpose.EMAIL_PROOF, at=NOON)

    assert set(await Challenge.all().values_list("id", flat=True)) == kept


async def test_removes_what_is_past_its_age(tables):
    """A challenge may go once its last instant has passed."""
    await issued(at=NOON - DAY - INSTANT)
    young, _ = await issued(at=NOON - DAY)

    removed = await challenges.remove_expired(NOON)

    assert removed == 1
    assert await Challenge.all().values_list("id", flat=True) == [young.id]
