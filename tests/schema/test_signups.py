"""Sign-up over GraphQL: one answer for every address, and the session that the code opens."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import factories
import pytest
from factories import PASSWORD

from models.accounts import Account
from models.challenges import Challenge
from models.mails import Mail, Template
from models.profiles import Language
from models.sessions import Session
from models.signups import Signup

FORM = {
    "email": "Dana@Example.org",
    "password": PASSWORD,
    "firstName": "Dana",
    "lastName": "Moreau",
    "country": "FR",
}
CHALLENGE = "... on Challenge { id deliveredTo expiresAt }"
OPENED = """... on OpenedSession {
  token session { current ipAddress userAgent } account { nicHandle email emailProven }
}"""


async def test_mails_a_code(ask):
    """Five fields are enough; the answer names the masked address that was typed, and 7 days."""
    answer = await ask.mutate("signup", FORM, CHALLENGE)

    challenge = await Challenge.get()
    assert answer.result == {
        "__typename": "Challenge",
        "id": str(challenge.id),
        "deliveredTo": "D***@Example.org",
        "expiresAt": challenge.expires_at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
    }
    lifetime = challenge.expires_at - datetime.now(UTC)
    assert timedelta(days=7) - lifetime < timedelta(minutes=1)
    assert await factories.mails_to("Dana@Example.org") == [Template.CREATION]
    assert answer.wake_ups == 1


async def test_answers_the_same_for_a_known_address(ask):
    """Only the mail tells that there is an account."""
    await factories.signed_up("dana@example.org")

    known = await ask.mutate("signup", FORM, CHALLENGE)
    new = await ask.mutate("signup", FORM | {"email": "Dora@Example.org"}, CHALLENGE)

    assert known.result.keys() == new.result.keys()
    assert known.result["__typename"] == new.result["__typename"] == "Challenge"
    assert known.result["deliveredTo"] == new.result["deliveredTo"] == "D***@Example.org"
    assert await factories.mails_to("Dana@Example.org") == [Template.ACCOUNT_EXISTS]


async def test_keeps_every_part_of_the_form(ask):
    """Optional parts reach the account; null means absent here."""
    form = FORM | {
        "legalForm": "CORPORATION",
        "organisation": "Moreau SARL",
        "language": "EN",
        "address": {"line": "1 rue X", "zip": "59100", "city": "Roubaix", "area": None},
        "phone": "03 20 12 34 56",
        "vatNumber": None,
        "spareEmail": "dana.spare@example.org",
    }
    challenge = await ask.mutate("signup", form, CHALLENGE)
    code = await factories.mailed_code(Template.CREATION, to="Dana@Example.org")

    answer = await ask.mutate(
        "confirmSignup",
        {"challengeId": challenge.result["id"], "code": code},
        """... on OpenedSession { account {
          legalForm organisation language phone vatNumber spareEmail spareEmailProven
          address { line zip city area country } } }""",
    )

    assert answer.result["account"] == {
        "legalForm": "CORPORATION",
        "organisation": "Moreau SARL",
        "language": "EN",
        "phone": "+33320123456",
        "vatNumber": None,
        "spareEmail": "dana.spare@example.org",
        "spareEmailProven": False,
        "address": {
            "line": "1 rue X",
            "zip": "59100",
            "city": "Roubaix",
            "area": None,
            "country": "FR",
        },
    }


async def test_reports_every_fault_of_the_form(ask):
    """Address, spare address, profile and password are judged together; nothing is written."""
    form = FORM | {
        "email": "no address",
        "spareEmail": "none either",
        "lastName": "",
        "legalForm": "ASSOCIATION",
        "password": "short",
    }

    answer = await ask.mutate("signup", form, CHALLENGE)

    assert {(fault["field"], fault["code"]) for fault in answer.result["fields"]} == {
        ("email", "INVALID"),
        ("spareEmail", "INVALID"),
        ("lastName", "REQUIRED"),
        ("organisation", "REQUIRED"),
        ("password", "TOO_SHORT"),
    }
    assert await Signup.all().count() == await Mail.all().count() == 0
    assert await Challenge.all().count() == 0


@pytest.mark.parametrize(
    ("password", "code", "sentence"),
    [
        ("eleven char", "TOO_SHORT", "At least 12 characters are needed."),
        ("passwordpassword", "TOO_COMMON", "This password is too easy to guess."),
        ("é" * 36 + "!", "TOO_LONG", "This password exceeds 72 bytes; accented letters take two."),
        ("a quiet NUL \0 in here", "INVALID", "This value is not valid."),
    ],
)
async def test_judges_the_password(ask, password, code, sentence):
    """Length in characters below, in bytes above, and an estimator between."""
    answer = await ask.mutate("signup", FORM | {"language": "EN", "password": password}, CHALLENGE)

    assert answer.result["fields"] == [{"field": "password", "code": code, "message": sentence}]
    assert await Signup.all().count() == 0


@pytest.mark.parametrize("text", ["dana\ud800@example.org", "\udfff", "dana@\ud800.org"])
async def test_refuses_an_address_that_is_no_text(ask, text):
    """A lone surrogate is a fault of its field like any other."""
    form = FORM | {"email": text, "spareEmail": text, "password": text * 12}

    answer = await ask.mutate("signup", form, CHALLENGE)

    assert {(fault["field"], fault["code"]) for fault in answer.result["fields"]} >= {
        ("email", "INVALID"),
        ("spareEmail", "INVALID"),
    }
    assert "password" in {fault["field"] for fault in answer.result["fields"]}
    assert await Signup.all().count() == 0


@pytest.mark.parametrize(
    ("accepted", "language", "message"),
    [
        (None, "FR", "Certains champs ne sont pas valides."),
        (None, "EN", "Some fields are not valid."),
        (Language.EN, "FR", "Some fields are not valid."),
        (Language.FR, "EN", "Certains champs ne sont pas valides."),
    ],
)
async def test_refuses_in_the_callers_language(ask, accepted, language, message):
    """Accept-Language counts before the input's language."""
    form = FORM | {"firstName": "", "language": language}

    answer = await ask.mutate("signup", form, CHALLENGE, accepted=accepted)

    assert answer.result["message"] == message


async def test_opens_account_and_session_in_a_cookie(ask):
    """COOKIE, the default, shows no token; the address is proven by the code."""
    challenge = await factories.requested_signup("dana@example.org")
    code = await factories.mailed_code(Template.CREATION, to="dana@example.org")

    answer = await ask.mutate(
        "confirmSignup", {"challengeId": str(challenge.id), "code": code}, OPENED
    )

    account = await Account.get()
    assert answer.result == {
        "__typename": "OpenedSession",
        "token": None,
        "session": {
            "current": True,
            "ipAddress": factories.CLIENT.ip_address,
            "userAgent": factories.FIREFOX,
        },
        "account": {
            "nicHandle": account.nic_handle,
            "email": "dana@example.org",
            "emailProven": True,
        },
    }
    assert answer.context.cookie is not None
    assert len(answer.context.cookie) == 43


@pytest.mark.parametrize("written", [str.lower, lambda it: it.replace("-", ""), " ".join])
async def test_takes_a_code_as_people_type_it(ask, written):
    """Letter case, spaces and dashes do not matter; TOKEN returns the token and sets no cookie."""
    challenge = await factories.requested_signup("dana@example.org")
    code = await factories.mailed_code(Template.CREATION, to="dana@example.org")

    answer = await ask.mutate(
        "confirmSignup",
        {"challengeId": str(challenge.id), "code": written(code), "transport": "TOKEN"},
        OPENED,
    )

    assert len(answer.result["token"]) == 43
    assert answer.context.cookie is None


async def test_counts_a_wrong_code(ask):
    """A wrong code costs an attempt, a text that cannot be one costs none."""
    challenge = await factories.requested_signup("dana@example.org")

    async def left(code):
        values = {"challengeId": str(challenge.id), "code": code}
        return (await ask.mutate("confirmSignup", values, OPENED)).result["attemptsLeft"]

    answers = [await left(code) for code in ("12345678", "BBBB-BBBB", "", "BBBB-BBBB")]

    assert answers == [5, 4, 4, 3]
    assert await Account.all().count() == await Session.all().count() == 0


@pytest.mark.parametrize("challenge_id", [str(UUID(int=7)), "no id", "", "0", "\0", "9" * 400])
async def test_finds_no_unknown_challenge(ask, challenge_id):
    """An unknown id and one that cannot be ours are invalid codes that nothing can mend."""
    answer = await ask.mutate(
        "confirmSignup", {"challengeId": challenge_id, "code": "BBBB-BBBB"}, OPENED
    )

    assert answer.result == {
        "__typename": "InvalidCodeError",
        "message": "This code is not valid. Check it, or ask for a new one.",
        "attemptsLeft": None,
    }


async def test_says_when_the_address_was_proven_by_another(ask):
    """Whoever proves an address first has it; the code of the other opens nothing."""
    waiting = await factories.requested_signup("dana@example.org")
    code = await factories.mailed_code(Template.CREATION, to="dana@example.org")
    eve = await factories.signed_up("eve@example.org")
    await factories.accepted_by_code(eve, "dana@example.org")
    await factories.proven(eve)
    before = await factories.everything()

    answer = await ask.mutate(
        "confirmSignup", {"challengeId": str(waiting.id), "code": code}, OPENED
    )

    assert answer.result == {
        "__typename": "AddressTakenError",
        "message": "This e-mail address already belongs to another account.",
    }
    assert answer.context.cookie is None
    assert await factories.everything() == before
