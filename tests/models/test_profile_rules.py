"""Profile rules: what forms are told is what the server checks, in JavaScript and in Python."""

from unicodedata import name

import patterns
import phonenumbers
import pytest
from factories import PASSWORD, POLICY, profile
from patterns import ELSEWHERE

from models import national_numbers, profile_rules, profiles, signups
from models.errors import Fault, FaultCode, InvalidInputError
from models.profile_rules import LegalForm
from models.signups import Signup

LISTED = ["FR", "BE", "CH", "ES", "IT", "DE", "GB", "CA", "US"]
UNLISTED = "PT"
SIGNUP = {"email", "password", "spareEmail"}
BODIES = [LegalForm.CORPORATION, LegalForm.ASSOCIATION, LegalForm.ADMINISTRATION]
# Country: what is accepted as a postal code, and what is not.
ZIPS = {
    "FR": (["59100", "01000", "98714"], ["5910", "99100", "2A004"]),
    "BE": (["1000", "9000", "4020"], ["0999", "10000", "B-1000"]),
    "CH": (["8001", "1204", "6900"], ["0800", "80011", "CH-8001"]),
    "ES": (["28013", "08001", "52006"], ["53001", "2801", "00100"]),
    "IT": (["00184", "20121", "98100"], ["0018", "001845", "V-00184"]),
    "DE": (["10115", "01067", "99998"], ["00115", "1011", "D-10115"]),
    "GB": (["SW1A 1AA", "m1 1ae", "GIR 0AA"], ["SW1A 1A", "SW1A-1AA", "1SW A1A"]),
    "CA": (["K1A 0B1", "h2y1c6", "V6B 4Y8"], ["D1A 0B1", "K1A 0B", "K1A-0B1"]),
    "US": (["10001", "94103-1234", "00501"], ["1000", "100011234", "94103-12"]),
    # What is taken where no country is listed.
    UNLISTED: (["1000-001", "0", "AB 12-3"], ["-1000", "1000-", "1000_001"]),
}
PHONES = {
    "FR": {
        "03 20 12 34 56": "+33320123456",
        "06.12.34.56.78": "+33612345678",
        "+33 (0)9 72 10 10 07": "+33972101007",
    },
    "BE": {
        "02/512.34.56": "+3225123456",
        "0470 12 34 56": "+32470123456",
        "+32 4 221 12 34": "+3242211234",
    },
    "CH": {
        "044 668 18 00": "+41446681800",
        "079 123 45 67": "+41791234567",
        "+41 22 730 51 11": "+41227305111",
    },
    "ES": {
        "912 34 56 78": "+34912345678",
        "612 34 56 78": "+34612345678",
        "0034 932 05 12 34": "+34932051234",
    },
    "IT": {
        "06 4890 1234": "+390648901234",
        "02 8646 1234": "+390286461234",
        "+39 312 345 6789": "+393123456789",
    },
    "DE": {
        "(030) 123456": "+4930123456",
        "0171 1234567": "+491711234567",
        "+49 89 6360 1234": "+498963601234",
    },
    "GB": {
        "(020) 7946 0018": "+442079460018",
        "07400 123456": "+447400123456",
        "+44 121 234 5678": "+441212345678",
    },
    "CA": {
        "1-613-555-0123": "+16135550123",
        "(416) 555-0199": "+14165550199",
        "+1 514-555-0123": "+15145550123",
    },
    "US": {
        "(212) 555-0123": "+12125550123",
        "1-415-555-0132": "+14155550132",
        "+1 907 555 0199": "+19075550199",
    },
}
# A digit too few, one too many, a range that is not given out.
WRONG_PHONES = {
    "FR": ["03 20 12 34 5", "+33 3 20 12 34 567", "00 20 12 34 56"],
    "BE": ["02/512.34.5", "0470 12 34 567", "+32 0 512 34 56 78"],
    "CH": ["044 668 18 0", "044 668 18 000", "020 123 45 67"],
    "ES": ["912 34 56 7", "+34 912 34 56 789", "212 34 56 78"],
    "IT": ["312 345 67", "6 4890 1234", "+39 12 345 6789"],
    "DE": ["(030) 1", "0171 12345", "+49 0 123456"],
    "GB": ["020 7946 001", "+44 20 7946 00188", "07400 12345"],
    "CA": ["613-555-012", "613-155-0123", "113-555-0123"],
    "US": ["212-555-012", "212-155-0123", "112-555-0123"],
}
# What has an example in every country.
SHOWN = [
    *("firstName", "lastName", "organisation"),
    *("address.line", "address.zip", "address.city", "phone"),
]
FREE_TEXT = [
    *("firstName", "lastName", "organisation"),
    *("address.line", "address.city", "address.area"),
]


def rule(country, field, form=LegalForm.INDIVIDUAL):
    return next(rule for rule in profile_rules.rules(country, form) if rule.field == field)


def judged(field, text, country, form=LegalForm.INDIVIDUAL):
    stored, faults = profiles.judge(
        profile(country=country, legalForm=form, organisation="x") | {field: text}
    )
    return stored[field], faults


async def faults_of_signup(**changes):
    asked = {"email": "alice@example.org", "password": PASSWORD, "spareEmail": None} | changes
    wanted = signups.Request(asked["email"], asked["password"], profile(), asked["spareEmail"])
    try:
        await signups.request(wanted, policy=POLICY)
    except InvalidInputError as refusal:
        return list(refusal.faults)
    return []


def test_tries_every_listed_country():
    """Whoever adds a country adds its examples and its near misses here, three of each."""
    listed = set(profile_rules.LISTED)

    assert set(LISTED) == listed
    assert set(national_numbers.COUNTRIES) == listed
    assert set(ZIPS) == listed | {UNLISTED}
    assert (set(PHONES), set(WRONG_PHONES)) == (listed, listed)
    tried = [texts for both in ZIPS.values() for texts in both]
    tried += [*PHONES.values(), *WRONG_PHONES.values()]
    assert {len(texts) for texts in tried} == {3}


@pytest.mark.parametrize("form", LegalForm)
@pytest.mark.parametrize("country", [*LISTED, *ELSEWHERE])
def test_names_every_field_once(country, form):
    """Whatever the country, a form learns of the same fields, in the order of the profile."""
    rules = profile_rules.rules(country, form)

    fields = [found.field for found in rules]
    asked = set(profiles.COLUMNS) - {"legalForm", "language"} | SIGNUP
    assert sorted(fields) == sorted(asked)


@pytest.mark.parametrize("country", [*LISTED, *ELSEWHERE])
def test_asks_little_of_a_person(country):
    """Address, password, names and country are enough for a person, in every country."""
    rules = profile_rules.rules(country, LegalForm.INDIVIDUAL)

    mandatory = [found.field for found in rules if found.mandatory]
    assert mandatory == ["email", "password", "firstName", "lastName", "country"]


@pytest.mark.parametrize("form", LegalForm)
def test_asks_bodies_for_their_name(form):
    """Every form but a person's and OTHER also needs its organisation."""
    mandatory = rule("FR", "organisation", form).mandatory

    assert mandatory is (form in BODIES)


@pytest.mark.parametrize(
    ("field", "shortest", "longest"),
    [
        ("email", None, 254),
        ("password", 12, 72),
        ("spareEmail", None, 254),
        ("firstName", 1, 100),
        ("lastName", 1, 100),
        ("country", 2, 2),
        ("organisation", None, 200),
        ("address.line", None, 200),
        ("address.zip", None, 12),
        ("address.city", None, 100),
        ("address.area", None, 100),
        ("phone", None, 32),
        ("vatNumber", None, 40),
        ("nationalIdentificationNumber", None, 40),
    ],
)
def test_says_how_long_a_field_may_be(field, shortest, longest):
    """Forms can check lengths before they ask."""
    found = rule("FR", field)

    assert (found.min_length, found.max_length) == (shortest, longest)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("email", "a" * 243 + "@example.org"),
        ("spareEmail", "a" * 243 + "@example.org"),
        ("password", "Garden-Ket-" + "ä" * 31),
    ],
)
async def test_refuses_what_is_longer_than_it_says(tables, field, text):
    """A sign-up is checked by the limits of its rules: one more is too long, and it says so."""
    longest = rule("FR", field).max_length

    faults = await faults_of_signup(**{field: text})

    assert len(text.encode()) == longest + 1
    assert faults == [Fault(field, FaultCode.TOO_LONG, longest)]


async def test_refuses_what_is_shorter_than_it_says(tables):
    """One character less than the rule asks for is too short."""
    shortest = rule("FR", "password").min_length

    faults = await faults_of_signup(password="Garden-Kettle"[: shortest - 1])

    assert faults == [Fault("password", FaultCode.TOO_SHORT, shortest)]


@pytest.mark.parametrize("field", sorted(SIGNUP))
async def test_requires_of_a_sign_up_what_it_says(tables, field):
    """What is mandatory, and only that, is missed."""
    faults = await faults_of_signup(**{field: ""})

    code = FaultCode.TOO_SHORT if field == "password" else FaultCode.REQUIRED
    missed = [(fault.field, fault.code) for fault in faults]
    assert missed == ([(field, code)] if rule("FR", field).mandatory else [])


@pytest.mark.parametrize("form", LegalForm)
@pytest.mark.parametrize("country", [*LISTED, UNLISTED])
def test_accepts_its_own_examples(country, form):
    """An example that a form shows passes its pattern and the libraries behind it."""
    examples = {
        found.field: found.example
        for found in profile_rules.rules(country, form)
        if found.example is not None and found.field not in SIGNUP
    }

    values = profile(country=country, legalForm=form) | examples
    stored, faults = profiles.judge(values)

    assert faults == []
    assert set(SHOWN) <= set(examples)
    assert all(stored[field] for field in examples)


async def test_accepts_its_own_addresses(tables):
    """The examples of a sign-up's two addresses make one sign-up."""
    examples = {field: rule("FR", field).example for field in ("email", "spareEmail")}

    faults = await faults_of_signup(**examples)

    assert faults == []
    assert await Signup.get().values("email", "spare_email") == {
        "email": examples["email"],
        "spare_email": examples["spareEmail"],
    }


@pytest.mark.parametrize(
    ("country", "text"),
    [(country, text) for country, (accepted, _) in ZIPS.items() for text in accepted],
)
def test_accepts_postal_codes(country, text):
    """A postal code is stored in capitals."""
    stored, faults = judged("address.zip", text, country)

    assert (stored, faults) == (text.upper(), [])


@pytest.mark.parametrize(
    ("country", "text"),
    [(country, text) for country, (_, refused) in ZIPS.items() for text in refused],
)
def test_refuses_postal_codes_of_no_place(country, text):
    """Near misses are refused: a digit too few, a region that is not there, a prefix."""
    stored, faults = judged("address.zip", text, country)

    assert stored is None
    assert faults == [Fault("address.zip", FaultCode.INVALID)]


@pytest.mark.parametrize(
    ("country", "text"), [(country, text) for country in PHONES for text in PHONES[country]]
)
def test_reads_phones_as_people_write_them(country, text):
    """National form is read with the country of the profile, international form with any."""
    expected = PHONES[country][text]

    here, faults = judged("phone", text, country)
    elsewhere, _ = judged("phone", expected, "JP")

    assert faults == []
    assert (here, elsewhere) == (expected, expected)


@pytest.mark.parametrize(
    ("country", "text"),
    [(country, text) for country, texts in WRONG_PHONES.items() for text in texts],
)
def test_refuses_phones_of_nobody(country, text):
    """Near misses are refused: a digit too few or too many, a range that is not given out."""
    stored, faults = judged("phone", text, country)

    assert (stored, faults) == (None, [Fault("phone", FaultCode.INVALID)])


@pytest.mark.parametrize("country", LISTED)
def test_shows_a_phone_of_the_country_itself(country):
    """Countries share prefixes: the example of one is no number of its neighbour."""
    number = phonenumbers.parse(rule(country, "phone").example, country)

    assert phonenumbers.region_code_for_number(number) == country


@pytest.mark.parametrize("field", FREE_TEXT)
@pytest.mark.parametrize(
    "sign", [pytest.param(sign, id=name(sign, "ESC")) for sign in "<\x1b\u202e"]
)
def test_refuses_signs_that_break_a_mail_or_a_screen(field, sign):
    """Markup, a terminal's commands, reversed writing: in no text that people choose."""
    stored, faults = judged(field, f"Ali{sign}ce", "FR")

    assert (stored, faults) == (None, [Fault(field, FaultCode.INVALID)])


def test_anchors_every_pattern():
    """A pattern describes the whole value, so that each language may search or match."""
    found = patterns.every()

    assert found
    assert all(pattern.startswith("^") and pattern.endswith("$") for pattern in found)


def test_writes_patterns_that_browsers_read():
    """Every pattern compiles under flag v, and judges every example as Python does."""
    texts = [text for accepted, refused in ZIPS.values() for text in (*accepted, *refused)]
    texts += [text for phones in PHONES.values() for text in (*phones, *phones.values())]
    texts += [text for phones in WRONG_PHONES.values() for text in phones]
    texts += ["", "x", "1000\n", "\u0661\u0662\u0663", "SW1A 1AA", "BG 12 34 56 C", "Zoë", "Ⅷ"]

    differing = patterns.read_differently(patterns.every(), texts)

    assert differing == []


def test_sees_every_letter_as_browsers_do():
    """No letter alone is a name for one side and blank, or forbidden, for the other."""
    points = [*range(0xD800), *range(0xE000, 0x10000), 0x1F600, 0xE0041, 0x10FFFF]
    letters = [chr(point) for point in points]

    differing = patterns.read_differently([rule("FR", "firstName").pattern], letters)

    assert [f"U+{ord(text):04X}" for _, text in differing] == []
