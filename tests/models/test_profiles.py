"""Profiles: what is stored of each field, and which faults are found."""

import time as wall

import pytest
from factories import profile

from models import profiles
from models.errors import Fault, FaultCode

# Marks of two classes in turn: composing them takes time with the square of their number.
TANGLE = "a" + "\u0301\u0316" * 30_000
FULL = {
    "firstName": "Alice",
    "lastName": "Martin",
    "organisation": "Example SARL",
    "legalForm": "CORPORATION",
    "country": "FR",
    "address.line": "2 rue Kellermann",
    "address.zip": "59100",
    "address.city": "Roubaix",
    "address.area": "Hauts-de-France",
    "phone": "+33320123456",
    "language": "FR",
    "vatNumber": "FR22424761419",
    "nationalIdentificationNumber": "424761419",
}


def faults_of(**changes):
    return profiles.judge(profile() | changes)[1]


def test_stores_a_whole_profile():
    """Each field is stored in its one form, however it was written."""
    written = FULL | {
        "firstName": "  Alice ",
        "country": "fr",
        "phone": "03.20.12.34.56",
        "vatNumber": "fr 22 424 761 419",
        "nationalIdentificationNumber": "424 761 419",
        "address.line": "2 rue Kellermann\n",
    }

    stored, faults = profiles.judge(written)

    assert faults == []
    assert stored == FULL


def test_stores_the_least():
    """What is not given is not stored."""
    stored, faults = profiles.judge(profile())

    assert faults == []
    assert {path: value for path, value in stored.items() if value is not None} == profile()
    assert set(stored) == set(profiles.COLUMNS)


@pytest.mark.parametrize(
    "name",
    [
        "Анастасия",
        "王小明",
        "O'Connor",
        "Jean-François",
        "d’Arc",
        "María José",
        "محمد",
        "Ž",
        "Nguyễn Thị",
        "X Æ A-12",
        "& Sons; {{ name }} %s ${x}",
        "' OR 1=1 --",
        pytest.param("a" * 100, id="100 letters"),
        pytest.param("𠜎" * 100, id="100 letters of two code units"),
    ],
)
def test_takes_names_of_all_scripts(name):
    """A name is what its bearer says it is."""
    stored, faults = profiles.judge(profile(firstName=name))

    assert (stored["firstName"], faults) == (name, [])


def test_composes_letters():
    """A name typed with loose accents is the same name."""
    stored, _ = profiles.judge(profile(firstName="Ame\u0301lie"))

    assert stored["firstName"] == "Amélie"


@pytest.mark.parametrize("field", ["firstName", "lastName"])
@pytest.mark.parametrize(
    ("name", "code", "limit"),
    [
        pytest.param(None, FaultCode.REQUIRED, None, id="none"),
        pytest.param("", FaultCode.REQUIRED, None, id="empty"),
        pytest.param(" \t\u00a0\u2003\n", FaultCode.REQUIRED, None, id="blank"),
        pytest.param("a" * 101, FaultCode.TOO_LONG, 100, id="101"),
        pytest.param("a" * 1001, FaultCode.TOO_LONG, 100, id="1,001"),
        pytest.param("a" * 10_000, FaultCode.TOO_LONG, 100, id="10,000"),
        pytest.param("<b>Bob</b>", FaultCode.INVALID, None, id="markup"),
        pytest.param("a > b", FaultCode.INVALID, None, id="angle"),
        pytest.param("Bob\0", FaultCode.INVALID, None, id="NUL"),
        pytest.param("Bob\ud800", FaultCode.INVALID, None, id="lone surrogate"),
        pytest.param("Bob\r\nBcc: x@y.de", FaultCode.INVALID, None, id="header"),
        pytest.param("Bo\x1b[31mb", FaultCode.INVALID, None, id="escape"),
        pytest.param("Bo\x7fb", FaultCode.INVALID, None, id="delete"),
        pytest.param("Bo\x9bb", FaultCode.INVALID, None, id="C1 control"),
        pytest.param("Bo\u2028b", FaultCode.INVALID, None, id="line separator"),
        pytest.param("\u202eboB", FaultCode.INVALID, None, id="direction override"),
        pytest.param("Bo\u2066b", FaultCode.INVALID, None, id="direction isolate"),
    ],
)
def test_refuses_what_is_no_name(field, name, code, limit):
    """Blank, too long, or with signs that could break a mail or a screen."""
    faults = faults_of(**{field: name})

    assert faults == [Fault(field, code, limit)]


@pytest.mark.parametrize("name", ["\u200b", "\ufeff", "\u2060", "\u200e\u200f", "\u00ad"])
def test_refuses_names_that_nobody_sees(name):
    """A name of nothing but invisible signs is empty to every reader."""
    faults = faults_of(firstName=name)

    assert [fault.field for fault in faults] == ["firstName"]


@pytest.mark.parametrize(
    "field",
    ["organisation", "address.line", "address.city", "address.area", "phone", "vatNumber"],
)
@pytest.mark.parametrize("text", ["", "  ", "\n\t", "\u00a0"])
def test_takes_blank_for_nothing(field, text):
    """A form sends empty fields; an optional one that is blank is not given."""
    stored, faults = profiles.judge(profile() | {field: text})

    assert (stored[field], faults) == (None, [])


@pytest.mark.parametrize(
    ("field", "longest"),
    [
        ("organisation", 200),
        ("address.line", 200),
        ("address.zip", 12),
        ("address.city", 100),
        ("address.area", 100),
        ("phone", 32),
        ("vatNumber", 40),
        ("nationalIdentificationNumber", 40),
    ],
)
@pytest.mark.parametrize("number", [0, 10_000])
def test_says_what_is_too_long(field, longest, number):
    """The refusal names the length that would have been right."""
    faults = faults_of(**{field: "1" * (longest + 1 + number)})

    assert faults == [Fault(field, FaultCode.TOO_LONG, longest)]


@pytest.mark.parametrize("field", sorted(set(FULL) - {"legalForm", "language"}))
@pytest.mark.parametrize("text", ["1\0", "\0", "1\udcff"], ids=["NUL", "only NUL", "surrogate"])
def test_refuses_what_cannot_be_stored(field, text):
    """NUL and lone surrogates are INVALID in every field."""
    faults = faults_of(**{field: text})

    assert faults == [Fault(field, FaultCode.INVALID)]


@pytest.mark.parametrize("country", ["XX", "F", "FRA", "F1", "\uff26\uff32", "ﬁ", "ß", "EU", "UK"])
def test_refuses_countries_that_are_none(country):
    """A country is a code of ISO 3166-1 in two letters of ASCII."""
    faults = faults_of(country=country)

    assert [fault.field for fault in faults] == ["country"]


@pytest.mark.parametrize(
    ("country", "phone"),
    [
        ("FR", "0320123456789"),
        ("FR", "03 20"),
        ("FR", "+33 0000000000"),
        ("FR", "03 20 12 34 56 ext. 7"),
        ("FR", "tel:+33320123456"),
        ("FR", "+33;20123456"),
        ("FR", "\u0660\u0663\u0662\u0660\u0661\u0662\u0663\u0664\u0665\u0666"),
        ("FR", "03 20 12 34 56\0"),
        ("US", "03 20 12 34 56"),
        ("ZZ", "03 20 12 34 56"),
        ("FR", "+1 555 0100"),
    ],
)
def test_refuses_what_is_no_phone(country, phone):
    """A number that nobody can call is refused."""
    faults = faults_of(country=country, phone=phone)

    assert Fault("phone", FaultCode.INVALID) in faults


@pytest.mark.parametrize(
    "phone", ["+33 3 20 12 34 56", "0033 3 20 12 34 56", "+33 (0)3 20 12 34 56", "03-20-12-34-56"]
)
def test_takes_phones_from_abroad(phone):
    """The international form is read as people write it too."""
    stored, faults = profiles.judge(profile(phone=phone))

    assert (stored["phone"], faults) == ("+33320123456", [])


def test_reports_all_faults_together():
    """Whoever fills in a form learns of everything at once."""
    faults = faults_of(
        **{
            "firstName": " ",
            "lastName": "<>",
            "legalForm": "CORPORATION",
            "address.zip": "5910",
            "address.city": "x" * 101,
            "phone": "12",
            "vatNumber": "FR41303265045",
            "nationalIdentificationNumber": "1\0",
        }
    )

    assert set(faults) == {
        Fault("firstName", FaultCode.REQUIRED),
        Fault("lastName", FaultCode.INVALID),
        Fault("organisation", FaultCode.REQUIRED),
        Fault("address.zip", FaultCode.INVALID),
        Fault("address.city", FaultCode.TOO_LONG, 100),
        Fault("phone", FaultCode.INVALID),
        Fault("vatNumber", FaultCode.INVALID),
        Fault("nationalIdentificationNumber", FaultCode.INVALID),
    }
    assert len(faults) == 8


@pytest.mark.parametrize("field", ["legalForm", "language"])
def test_needs_a_choice(field):
    """A choice cannot be taken back to nothing."""
    faults = faults_of(**{field: None})

    assert faults == [Fault(field, FaultCode.REQUIRED)]


def test_judges_long_input_quickly():
    """Anybody may send 120 kB of marks as a name; reading them must not take seconds."""
    before = wall.process_time()

    faults = faults_of(firstName=TANGLE)

    assert faults == [Fault("firstName", FaultCode.TOO_LONG, 100)]
    assert wall.process_time() - before < 0.3


def test_changes_what_is_different():
    """Of what is given, only what differs from the stored form is a change."""
    changes = {"firstName": " Alice ", "phone": "03 20 12 34 56", "address.city": "Lille"}

    changed, faults = profiles.changed(FULL, changes)

    assert (changed, faults) == ({"address.city": "Lille"}, [])


def test_clears_what_is_given_as_nothing():
    """None clears an optional field, and is a fault of a mandatory one."""
    changes = {"phone": None, "vatNumber": "  ", "organisation": None, "lastName": None}

    changed, faults = profiles.changed(FULL, changes)

    assert changed.keys() >= {"phone", "vatNumber"}
    assert (changed["phone"], changed["vatNumber"]) == (None, None)
    assert set(faults) == {
        Fault("organisation", FaultCode.REQUIRED),
        Fault("lastName", FaultCode.REQUIRED),
    }


def test_leaves_alone_what_is_not_given():
    """A rule that became stricter does not stand in the way of another field."""
    stored = FULL | {"address.zip": "of old", "phone": "of old", "lastName": "<of old>"}

    changed, faults = profiles.changed(stored, {"address.city": "Lille"})

    assert (changed, faults) == ({"address.city": "Lille"}, [])


def test_judges_again_what_follows_the_country():
    """Who moves abroad has to say the postal code and the numbers anew."""
    changed, faults = profiles.changed(FULL, {"country": "BE"})

    assert changed["country"] == "BE"
    assert set(faults) == {
        Fault("address.zip", FaultCode.INVALID),
        Fault("vatNumber", FaultCode.INVALID),
        Fault("nationalIdentificationNumber", FaultCode.INVALID),
    }


def test_moves_abroad_in_one_step():
    """The country and what follows it can be changed together; the phone stays as it is."""
    changes = {
        "country": "be",
        "address.zip": "1000",
        "vatNumber": "0428.759.497",
        "nationalIdentificationNumber": "0428.759.497",
    }

    changed, faults = profiles.changed(FULL, changes)

    assert faults == []
    assert changed == {
        "country": "BE",
        "address.zip": "1000",
        "vatNumber": "BE0428759497",
        "nationalIdentificationNumber": "0428759497",
    }


def test_judges_again_what_follows_the_legal_form():
    """A person who becomes a body needs its name and its number."""
    person = FULL | {
        "legalForm": "INDIVIDUAL",
        "organisation": None,
        "nationalIdentificationNumber": "295109912611193",
    }

    _, faults = profiles.changed(person, {"legalForm": "CORPORATION"})

    assert set(faults) == {
        Fault("organisation", FaultCode.REQUIRED),
        Fault("nationalIdentificationNumber", FaultCode.INVALID),
    }


def test_keeps_stored_forms_when_judged_again():
    """Judging what is stored already finds no fault and no difference."""
    changed, faults = profiles.changed(FULL, dict(FULL))

    assert (changed, faults) == ({}, [])
