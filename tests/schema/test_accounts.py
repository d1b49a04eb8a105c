"""The account: read by its holder alone, and its profile changed part by part."""

import factories
import pytest
from factories import PASSWORD

from models.accounts import Account
from models.profiles import Language

EVERYTHING = """
{ me {
  nicHandle state email emailProven spareEmail spareEmailProven firstName lastName organisation
  legalForm phone language vatNumber nationalIdentificationNumber revision advice
  address { line zip city area country } pendingEmailChange { id } sessions { current }
} }
"""
PROFILE = "... on Account { firstName organisation phone language revision address { line city } }"


async def test_shows_a_holder_everything(ask, alice):
    """A fresh account: proven address, no spare one, the session of its confirmation."""
    answer = await ask(EVERYTHING, caller=alice)

    assert answer.result == {
        "nicHandle": alice.account.nic_handle,
        "state": "ACTIVE",
        "email": "alice@example.org",
        "emailProven": True,
        "spareEmail": None,
        "spareEmailProven": False,
        "firstName": "Alice",
        "lastName": "Martin",
        "organisation": None,
        "legalForm": "INDIVIDUAL",
        "phone": None,
        "language": "EN",
        "vatNumber": None,
        "nationalIdentificationNumber": None,
        "revision": 1,
        "advice": ["SPARE_EMAIL_MISSING"],
        "address": {"line": None, "zip": None, "city": None, "area": None, "country": "FR"},
        "pendingEmailChange": None,
        "sessions": [{"current": True}],
    }


async def test_gives_ids_and_instants_in_their_form(ask, alice):
    """An id is the row's UUID; an instant is UTC with milliseconds and a final Z."""
    answer = await ask("{ me { id createdAt } }", caller=alice)

    at = alice.account.created_at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    assert answer.result == {"id": str(alice.account.id), "createdAt": at}


async def test_shows_nobody_to_an_anonymous_caller(ask, alice):
    """`me` is null without a session; that is no error."""
    answer = await ask(EVERYTHING)

    assert answer.result is None


async def test_advises_most_urgent_first(ask):
    """An unproven primary address comes before an unproven spare one."""
    bob = await factories.signed_up("bob@example.org", spare_email="bob.spare@example.org")
    await factories.accepted_by_code(bob, "bob.new@example.org")

    answer = await ask("{ me { advice spareEmail } }", caller=bob)

    assert answer.result == {
        "advice": ["EMAIL_NOT_PROVEN", "SPARE_EMAIL_NOT_PROVEN"],
        "spareEmail": "bob.spare@example.org",
    }


@pytest.mark.parametrize("written", [str.lower, str.upper, str.swapcase, lambda it: f" {it} "])
async def test_finds_the_caller_by_any_writing_of_the_handle(ask, alice, written):
    """A NIC-handle is accepted in any letter case and returned in canonical form."""
    handle = alice.account.nic_handle

    answer = await ask(
        "query ($handle: NicHandle!) { account(nicHandle: $handle) { nicHandle } }",
        caller=alice,
        variables={"handle": written(handle)},
    )

    assert answer.result == {"nicHandle": handle}


@pytest.mark.parametrize(
    "handle",
    ["zz000000-OVH", "alice@example.org", "", "am１２３４５６-OVH", "am123456-OVH\0", "x" * 9999],
)
async def test_shows_no_other_account(ask, alice, handle):
    """Another's, an unknown and a malformed handle answer alike: null, as there is none."""
    bob = await factories.signed_up("bob@example.org")
    document = "query ($handle: NicHandle!) { account(nicHandle: $handle) { id } }"

    unknown = await ask(document, caller=alice, variables={"handle": handle})
    others = await ask(document, caller=alice, variables={"handle": bob.account.nic_handle})
    anonymous = await ask(document, variables={"handle": alice.account.nic_handle})

    for answer in (unknown, others, anonymous):
        assert answer.data == {"account": None}
        assert answer.errors == []


async def test_changes_what_is_given_and_keeps_the_rest(ask, alice):
    """Absent is kept; the phone is stored in E.164; the revision rises by one."""
    await ask.mutate(
        "updateProfile",
        {"organisation": "Martin SARL", "address": {"line": "1 rue X", "city": "Lille"}},
        caller=alice,
    )

    answer = await ask.mutate(
        "updateProfile",
        {"firstName": " Alix ", "phone": "03 20 12 34 56", "address": {"city": "Roubaix"}},
        PROFILE,
        caller=alice,
    )

    assert answer.result == {
        "__typename": "Account",
        "firstName": "Alix",
        "organisation": "Martin SARL",
        "phone": "+33320123456",
        "language": "EN",
        "revision": 3,
        "address": {"line": "1 rue X", "city": "Roubaix"},
    }


async def test_clears_what_is_null(ask, alice):
    """Null clears a part; a null address clears all four."""
    await ask.mutate(
        "updateProfile",
        {"organisation": "Martin SARL", "address": {"line": "1 rue X", "city": "Lille"}},
        caller=alice,
    )

    part = await ask.mutate(
        "updateProfile", {"organisation": None, "address": {"line": None}}, PROFILE, caller=alice
    )
    whole = await ask.mutate("updateProfile", {"address": None}, PROFILE, caller=alice)

    assert part.result["organisation"] is None
    assert part.result["address"] == {"line": None, "city": "Lille"}
    assert whole.result["address"] == {"line": None, "city": None}


async def test_changes_nothing_for_nothing(ask, alice):
    """An empty input, and one that says what is there already, leave the revision."""
    nothing = await ask.mutate("updateProfile", {}, PROFILE, caller=alice)
    same = await ask.mutate("updateProfile", {"firstName": "Alice"}, PROFILE, caller=alice)

    assert nothing.result["revision"] == 1
    assert same.result["revision"] == 1


@pytest.mark.parametrize("field", ["firstName", "lastName", "legalForm", "country", "language"])
async def test_keeps_what_an_account_needs(ask, alice, field):
    """Null is REQUIRED for these five, in the place of the field."""
    answer = await ask.mutate("updateProfile", {field: None, "phone": None}, caller=alice)

    assert answer.result == {
        "__typename": "InvalidInputError",
        "message": "Some fields are not valid.",
        "fields": [{"field": field, "code": "REQUIRED", "message": "This field is required."}],
    }
    assert (await Account.get(id=alice.account.id)).revision == 1


async def test_reports_every_fault_at_once(ask, alice):
    """All faults of one input stand in one answer, in the form's order; nothing is written."""
    wrong = {
        "firstName": "   ",
        "country": "ZZ",
        "phone": "12",
        "vatNumber": "!",
        "address": {"zip": "no zip at all", "city": "<b>"},
        "organisation": "x" * 201,
    }

    answer = await ask.mutate("updateProfile", wrong, caller=alice)

    assert [(fault["field"], fault["code"]) for fault in answer.result["fields"]] == [
        ("firstName", "REQUIRED"),
        ("country", "INVALID"),
        ("organisation", "TOO_LONG"),
        ("address.zip", "TOO_LONG"),
        ("address.city", "INVALID"),
        ("phone", "INVALID"),
        ("vatNumber", "INVALID"),
    ]
    stored = await Account.get(id=alice.account.id)
    assert (stored.revision, stored.first_name, stored.organisation) == (1, "Alice", None)


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "a\0b"])
async def test_refuses_what_cannot_be_stored(ask, alice, text):
    """NUL and lone surrogates are faults of their field, not of PostgreSQL."""
    values = {
        "firstName": text,
        "address": {"line": text},
        "phone": text,
        "nationalIdentificationNumber": text,
    }

    answer = await ask.mutate("updateProfile", values, caller=alice)

    assert [(fault["field"], fault["code"]) for fault in answer.result["fields"]] == [
        ("firstName", "INVALID"),
        ("address.line", "INVALID"),
        ("phone", "INVALID"),
        ("nationalIdentificationNumber", "INVALID"),
    ]
    assert (await Account.get(id=alice.account.id)).revision == 1


async def test_refuses_a_stale_revision(ask, alice):
    """Whoever read revision 1 must not overwrite revision 2; null writes regardless."""
    await ask.mutate("updateProfile", {"firstName": "Alix", "expectedRevision": 1}, caller=alice)

    stale = await ask.mutate(
        "updateProfile", {"firstName": "Alice", "expectedRevision": 1}, caller=alice
    )
    forced = await ask.mutate(
        "updateProfile", {"lastName": "Durand", "expectedRevision": None}, PROFILE, caller=alice
    )

    assert stale.result == {
        "__typename": "StaleRevisionError",
        "message": "The profile has been changed meanwhile. Reload it before you save.",
        "revision": 2,
    }
    assert (forced.result["firstName"], forced.result["revision"]) == ("Alix", 3)


async def test_speaks_the_new_language_from_the_next_request(ask, alice):
    """The language of refusals is the account's."""
    await ask.mutate("updateProfile", {"language": "FR"}, caller=alice)

    answer = await ask.mutate(
        "requestEmailChange", {"newEmail": "", "password": PASSWORD}, caller=alice
    )

    assert answer.result["message"] == "Certains champs ne sont pas valides."
    assert (await Account.get(id=alice.account.id)).language is Language.FR
