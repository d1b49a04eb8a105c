"""What a sign-up or profile form must ask for, by country and legal form: also what is checked.

The address and the password are checked where they live; their rules say by the same limits.
Patterns are anchored and kept to what ECMAScript (flag v) and Python's `re` read alike.
"""

from dataclasses import dataclass
from enum import StrEnum

from models import credentials, email_addresses
from models.national_numbers import ANY_NUMBER, COUNTRIES, Number


class LegalForm(StrEnum):
    """What kind of person or body holds an account."""

    INDIVIDUAL = "INDIVIDUAL"
    CORPORATION = "CORPORATION"
    ASSOCIATION = "ASSOCIATION"
    ADMINISTRATION = "ADMINISTRATION"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class ProfileRule:
    """One rule of a form field; lengths in Unicode code points, a path with dots for nesting."""

    field: str
    mandatory: bool = False
    pattern: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    example: str | None = None


@dataclass(frozen=True, slots=True)
class _Country:
    zip_pattern: str
    zip_example: str
    phone_example: str
    line_example: str
    city_example: str


# No angle brackets, controls, line separators or direction overrides: names end up in mails.
_REFUSED = r"<>\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_UNSEEN = (
    r"\s\ufeff\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2060-\u2065"
    r"\u206a-\u206f\u3164\uffa0"
)
# Something that can be seen stands somewhere.
PLAIN = f"^[^{_REFUSED}]*[^{_REFUSED}{_UNSEEN}][^{_REFUSED}]*$"
_PHONE = r"^[+0-9\(][0-9\(\)\.\/ \u00a0\u202f\-]{3,30}$"
_DEFAULT = _Country(
    r"^[0-9A-Za-z](?:[0-9A-Za-z \-]{0,10}[0-9A-Za-z])?$",
    "1000",
    "+351 21 123 4567",
    "1 Example Street",
    "Lisbon",
)
# Each has its own rules, here and for its numbers.
LISTED = {
    "FR": _Country(
        r"^(?:0[1-9]|[1-8][0-9]|9[0-8])[0-9]{3}$",
        "59100",
        "03 20 12 34 56",
        "2 rue Kellermann",
        "Roubaix",
    ),
    "BE": _Country(r"^[1-9][0-9]{3}$", "1000", "02 512 34 56", "Rue de la Loi 16", "Bruxelles"),
    "CH": _Country(r"^[1-9][0-9]{3}$", "8001", "044 668 18 00", "Bahnhofstrasse 1", "Zürich"),
    "ES": _Country(
        r"^(?:0[1-9]|[1-4][0-9]|5[0-2])[0-9]{3}$",
        "28013",
        "912 34 56 78",
        "Calle Mayor 1",
        "Madrid",
    ),
    "IT": _Country(r"^[0-9]{5}$", "00184", "06 4890 1234", "Via Nazionale 1", "Roma"),
    "DE": _Country(
        r"^(?:0[1-9]|[1-9][0-9])[0-9]{3}$", "10115", "030 123456", "Invalidenstraße 1", "Berlin"
    ),
    "GB": _Country(
        r"^(?:[Gg][Ii][Rr] ?0[Aa]{2}|[A-Za-z]{1,2}[0-9][A-Za-z0-9]? ?[0-9][A-Za-z]{2})$",
        "SW1A 1AA",
        "020 7946 0018",
        "1 The Mall",
        "London",
    ),
    "CA": _Country(
        r"^[ABCEGHJ-NPRSTVXYabceghj-nprstvxy][0-9][A-Za-z] ?[0-9][A-Za-z][0-9]$",
        "K1A 0B1",
        "613 555 0123",
        "1 Wellington Street",
        "Ottawa",
    ),
    "US": _Country(
        r"^[0-9]{5}(?:-[0-9]{4})?$", "10001", "212 555 0123", "1 West 30th Street", "New York"
    ),
}

# What only a sign-up asks for.
_EMAIL = ProfileRule(
    "email", mandatory=True, max_length=email_addresses.MAX_LENGTH, example="alice@example.org"
)
_PASSWORD = ProfileRule(
    "password",
    mandatory=True,
    min_length=credentials.MIN_CHARACTERS,
    max_length=credentials.MAX_BYTES,  # a character has at least one
)
_SPARE_EMAIL = ProfileRule(
    "spareEmail", max_length=email_addresses.MAX_LENGTH, example="alice@example.net"
)
# What every country asks for alike.
_FIRST_NAME = ProfileRule(
    "firstName", mandatory=True, pattern=PLAIN, min_length=1, max_length=100, example="Alice"
)
_LAST_NAME = ProfileRule(
    "lastName", mandatory=True, pattern=PLAIN, min_length=1, max_length=100, example="Martin"
)
_COUNTRY = ProfileRule(
    "country", mandatory=True, pattern="^[A-Za-z]{2}$", min_length=2, max_length=2
)
_AREA = ProfileRule("address.area", pattern=PLAIN, max_length=100)
_BODIES = {LegalForm.CORPORATION, LegalForm.ASSOCIATION, LegalForm.ADMINISTRATION}


def rules(country: str, legal_form: LegalForm) -> list[ProfileRule]:
    """List the rules for a country (any text; an unlisted one gets the default) and a form."""
    here = LISTED.get(country, _DEFAULT)
    vat, national = numbers(country, legal_form)
    return [
        _EMAIL,
        _PASSWORD,
        _FIRST_NAME,
        _LAST_NAME,
        _COUNTRY,
        ProfileRule(
            "organisation",
            mandatory=legal_form in _BODIES,
            pattern=PLAIN,
            max_length=200,
            example="Example Ltd",
        ),
        ProfileRule("address.line", pattern=PLAIN, max_length=200, example=here.line_example),
        ProfileRule(
            "address.zip", pattern=here.zip_pattern, max_length=12, example=here.zip_example
        ),
        ProfileRule("address.city", pattern=PLAIN, max_length=100, example=here.city_example),
        _AREA,
        ProfileRule("phone", pattern=_PHONE, max_length=32, example=here.phone_example),
        _number_rule("vatNumber", vat),
        _number_rule("nationalIdentificationNumber", national),
        _SPARE_EMAIL,
    ]


def numbers(country: str, legal_form: LegalForm) -> tuple[Number, Number]:
    """Return what a VAT number and a national number are, for a country and a form."""
    known = COUNTRIES.get(country)
    if known is None:
        return ANY_NUMBER, ANY_NUMBER
    return known.vat, known.body if legal_form in _BODIES else known.person


def _number_rule(field: str, number: Number) -> ProfileRule:
    return ProfileRule(field, pattern=number.pattern, max_length=40, example=number.example)
