"""The profile of an account: what its holder may change at will, judged field by field.

Fields go by the path of the input they come in: `firstName`, `address.zip`.
"""

import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum

import phonenumbers

from models import countries, profile_rules
from models.errors import Fault, FaultCode
from models.profile_rules import LegalForm, ProfileRule

MAX_CHARACTERS = 1000
_NORMALISED = 2 * MAX_CHARACTERS

Values = Mapping[str, str | None]


class Language(StrEnum):
    """The languages that mails and refusals are written in."""

    FR = "FR"
    EN = "EN"


# Input path -> column of `accounts`. The order is the order of the form.
COLUMNS = {
    "firstName": "first_name",
    "lastName": "last_name",
    "organisation": "organisation",
    "legalForm": "legal_form",
    "country": "country",
    "address.line": "address_line",
    "address.zip": "address_zip",
    "address.city": "address_city",
    "address.area": "address_area",
    "phone": "phone",
    "language": "language",
    "vatNumber": "vat_number",
    "nationalIdentificationNumber": "national_identification_number",
}
_ENUMS = {"legalForm", "language"}
_DEPEND_ON_COUNTRY = {"address.zip", "vatNumber", "nationalIdentificationNumber"}


def judge(values: Values) -> tuple[dict[str, str | None], list[Fault]]:
    """Return the stored form of each field of a whole profile, and every fault found."""
    cleaned = {path: _clean(values.get(path)) for path in COLUMNS}
    country = (cleaned["country"] or "").upper()
    legal_form = LegalForm(cleaned["legalForm"] or LegalForm.INDIVIDUAL)
    stored: dict[str, str | None] = {path: cleaned[path] for path in _ENUMS}
    faults = [
        Fault(path, FaultCode.REQUIRED)
        for path in COLUMNS
        if path in _ENUMS and cleaned[path] is None
    ]
    for rule in profile_rules.rules(country, legal_form):
        if rule.field not in COLUMNS:  # only a sign-up asks for it
            continue
        value, fault = _read(rule, values.get(rule.field), cleaned[rule.field])
        if fault is None and value is not None:
            value, fault = _normal(rule.field, value, country, legal_form)
        stored[rule.field] = value
        faults += [fault] if fault else []
    return stored, faults


def changed(current: Values, changes: Values) -> tuple[dict[str, str | None], list[Fault]]:
    """Return what changes of a stored profile, and the faults of what was given.

    A field that was not given is judged again only where its rule follows the country or the
    legal form, and these change.
    """
    stored, faults = judge({**current, **changes})
    judged = set(changes)
    if {"country", "legalForm"} & judged:
        judged |= _DEPEND_ON_COUNTRY | {"organisation"}
    return (
        {
            path: value
            for path, value in stored.items()
            if path in judged and value != current[path]
        },
        [fault for fault in faults if fault.field in judged],
    )


def _clean(text: str | None) -> str | None:
    # Normalising takes time that grows with the square of the length; too long is too long.
    if text is None or len(text) > _NORMALISED:
        return text
    return unicodedata.normalize("NFC", text.strip()) or None


def _read(rule: ProfileRule, raw: str | None, value: str | None) -> tuple[str | None, Fault | None]:
    if raw is not None and not is_storable(raw):
        return None, Fault(rule.field, FaultCode.INVALID)
    if value is None:
        return None, Fault(rule.field, FaultCode.REQUIRED) if rule.mandatory else None
    longest = rule.max_length or MAX_CHARACTERS
    if len(value) > longest:
        return None, Fault(rule.field, FaultCode.TOO_LONG, longest)
    if rule.pattern and not re.fullmatch(rule.pattern, value):
        return None, Fault(rule.field, FaultCode.INVALID)
    return value, None


def _normal(
    path: str, value: str, country: str, legal_form: LegalForm
) -> tuple[str | None, Fault | None]:
    stored: str | None = value
    if path == "country":
        stored = country if country in countries.CODES else None
    elif path == "phone":
        stored = _e164(value, country)
    elif path == "vatNumber":
        stored = profile_rules.numbers(country, legal_form)[0].read(value)
    elif path == "nationalIdentificationNumber":
        stored = profile_rules.numbers(country, legal_form)[1].read(value)
    elif path == "address.zip":
        stored = value.upper()
    return stored, None if stored else Fault(path, FaultCode.INVALID)


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can hold the text: no NUL, no lone surrogate."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _e164(text: str, country: str) -> str | None:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number) or number.extension:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
