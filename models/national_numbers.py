"""VAT and national numbers of the listed countries: their form, an example, their check digits."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from stdnum.be import nn as be_person
from stdnum.be import vat as be_vat
from stdnum.ca import bn as ca_business
from stdnum.ca import sin as ca_person
from stdnum.ch import ssn as ch_person
from stdnum.ch import uid as ch_body
from stdnum.ch import vat as ch_vat
from stdnum.de import handelsregisternummer as de_register
from stdnum.de import idnr as de_person
from stdnum.de import vat as de_vat
from stdnum.es import nif as es_nif
from stdnum.exceptions import ValidationError
from stdnum.fr import nir as fr_person
from stdnum.fr import siren as fr_siren
from stdnum.fr import siret as fr_siret
from stdnum.fr import tva as fr_vat
from stdnum.gb import vat as gb_vat
from stdnum.it import codicefiscale as it_person
from stdnum.it import iva as it_vat
from stdnum.us import ein as us_employer
from stdnum.us import ssn as us_person


class _Standard(Protocol):
    def validate(self, number: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Number:
    """One kind of number; `read` returns its stored form, or None when it is none."""

    pattern: str
    example: str | None
    read: Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class CountryNumbers:
    """The numbers that one country gives to persons and to bodies."""

    vat: Number
    person: Number
    body: Number


def _as_written(text: str) -> str | None:
    return text.upper()


def _without_spaces(text: str) -> str | None:
    return text.upper().replace(" ", "")


def _by(*standards: _Standard, prefix: str = "") -> Callable[[str], str | None]:
    def read(text: str) -> str | None:
        for standard in standards:
            try:
                return prefix + standard.validate(text.upper())
            except ValidationError:
                continue
        return None

    return read


ANY_NUMBER = Number(r"^[0-9A-Za-z](?:[0-9A-Za-z \.\/\-]{0,38}[0-9A-Za-z])?$", None, _as_written)

COUNTRIES = {
    "FR": CountryNumbers(
        vat=Number(
            r"^(?:[Ff][Rr])? ?[0-9A-Za-z]{2}(?: ?[0-9]{3}){3}$",
            "FR40303265045",
            _by(fr_vat, prefix="FR"),
        ),
        person=Number(
            r"^[12] ?[0-9]{2} ?[0-9]{2} ?[0-9][0-9ABab](?: ?[0-9]{3}){2} ?[0-9]{2}$",
            "2 95 10 99 126 111 93",
            _by(fr_person),
        ),
        body=Number(
            r"^[0-9]{3} ?[0-9]{3} ?[0-9]{3}(?: ?[0-9]{5})?$",
            "732 829 320 00074",
            _by(fr_siret, fr_siren),
        ),
    ),
    "BE": CountryNumbers(
        vat=Number(
            r"^(?:[Bb][Ee])? ?[01]?[0-9]{3}[\. ]?[0-9]{3}[\. ]?[0-9]{3}$",
            "BE0428759497",
            _by(be_vat, prefix="BE"),
        ),
        person=Number(
            r"^[0-9]{2}[\. ]?[0-9]{2}[\. ]?[0-9]{2}[\- ]?[0-9]{3}[\. ]?[0-9]{2}$",
            "85.07.30-033 28",
            _by(be_person),
        ),
        body=Number(r"^[01]?[0-9]{3}[\. ]?[0-9]{3}[\. ]?[0-9]{3}$", "0428.759.497", _by(be_vat)),
    ),
    "CH": CountryNumbers(
        vat=Number(
            r"^[Cc][Hh][Ee][\- ]?[0-9]{3}[\. ]?[0-9]{3}[\. ]?[0-9]{3} ?"
            r"(?:MWST|TVA|IVA|TPV|mwst|tva|iva|tpv)$",
            "CHE-107.787.577 IVA",
            _by(ch_vat),
        ),
        person=Number(
            r"^756\.?[0-9]{4}\.?[0-9]{4}\.?[0-9]{2}$", "756.9217.0769.85", _by(ch_person)
        ),
        body=Number(
            r"^[Cc][Hh][Ee][\- ]?[0-9]{3}[\. ]?[0-9]{3}[\. ]?[0-9]{3}$",
            "CHE-100.155.212",
            _by(ch_body),
        ),
    ),
    "ES": CountryNumbers(
        vat=Number(
            r"^(?:[Ee][Ss])?[\- ]?[0-9A-Za-z][\- ]?[0-9]{7}[\- ]?[0-9A-Za-z]$",
            "ESB58378431",
            _by(es_nif, prefix="ES"),
        ),
        person=Number(r"^[0-9A-Za-z][\- ]?[0-9]{7}[\- ]?[A-Za-z]$", "54362315-K", _by(es_nif)),
        body=Number(r"^[A-Za-z][\- ]?[0-9]{7}[\- ]?[0-9A-Za-z]$", "B-58378431", _by(es_nif)),
    ),
    "IT": CountryNumbers(
        vat=Number(r"^(?:[Ii][Tt])? ?[0-9]{11}$", "IT00743110157", _by(it_vat, prefix="IT")),
        person=Number(
            r"^[A-Za-z]{6}[0-9A-Za-z]{2}[A-Za-z][0-9A-Za-z]{2}[A-Za-z][0-9A-Za-z]{3}[A-Za-z]$",
            "RCCMNL83S18D969H",
            _by(it_person),
        ),
        body=Number(r"^[0-9]{11}$", "00743110157", _by(it_vat)),
    ),
    "DE": CountryNumbers(
        vat=Number(r"^(?:[Dd][Ee])? ?[0-9]{9}$", "DE136695976", _by(de_vat, prefix="DE")),
        person=Number(
            r"^[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}$", "36 574 261 809", _by(de_person)
        ),
        body=Number(
            r"^[A-Za-z\u00c0-\u024f \.\-\(\)]{2,30} (?:HRA|HRB|GnR|VR|PR) [0-9]{1,6}[ A-Z]{0,3}$",
            "Aachen HRA 11223",
            _by(de_register),
        ),
    ),
    "GB": CountryNumbers(
        vat=Number(
            r"^(?:[Gg][Bb])? ?[0-9A-Za-z]{3} ?[0-9]{2}[0-9 ]{0,9}$",
            "GB980780684",
            _by(gb_vat, prefix="GB"),
        ),
        # No library checks these two: neither has a check digit.
        person=Number(
            r"^(?!BG|GB|KN|NK|NT|TN|ZZ)[ABCEGHJ-PRSTW-Z][ABCEGHJ-NPRSTW-Z]"
            r"(?: ?[0-9]{2}){3} ?[A-D]$",
            "AB 12 34 56 C",
            _without_spaces,
        ),
        body=Number(r"^(?:[0-9]{8}|[A-Z]{2}[0-9]{6})$", "03977902", _as_written),
    ),
    "CA": CountryNumbers(
        vat=Number(
            r"^[0-9]{5} ?[0-9]{4} ?[Rr][Tt] ?[0-9]{4}$", "123026635RT0001", _by(ca_business)
        ),
        person=Number(r"^[0-9]{3}[\- ]?[0-9]{3}[\- ]?[0-9]{3}$", "123-456-782", _by(ca_person)),
        body=Number(r"^[0-9]{9}$", "123026635", _by(ca_business)),
    ),
    # There is no VAT in the United States; forms that ask for it mean the employer's number.
    "US": CountryNumbers(
        vat=Number(r"^[0-9]{2}-?[0-9]{7}$", "91-1144442", _by(us_employer)),
        person=Number(r"^[0-9]{3}-?[0-9]{2}-?[0-9]{4}$", "536-90-4399", _by(us_person)),
        body=Number(r"^[0-9]{2}-?[0-9]{7}$", "91-1144442", _by(us_employer)),
    ),
}
