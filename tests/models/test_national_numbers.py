"""VAT and national numbers: three real forms of each are accepted, three near misses refused."""

import re

import patterns
import pytest

from models import national_numbers, profile_rules
from models.profile_rules import LegalForm

# Country and kind: what is accepted, with the form it is stored in, and what is not.
NUMBERS = {
    ("FR", "vat"): (
        {
            "FR40303265045": "FR40303265045",
            "fr 22 424 761 419": "FR22424761419",
            "K7 399 859 412": "FRK7399859412",
        },
        ["FR41303265045", "FR4030326504", "DE136695976"],
    ),
    ("FR", "person"): (
        {
            "2 95 10 99 126 111 93": "295109912611193",
            "184127645108946": "184127645108946",
            "2 69 05 49 588 157 80": "269054958815780",
        },
        ["2 95 10 99 126 111 94", "3 95 10 99 126 111 93", "2 95 10 99 126 111"],
    ),
    ("FR", "body"): (
        {
            "732 829 320 00074": "73282932000074",
            "424 761 419": "424761419",
            "552100554": "552100554",
        },
        ["732 829 320 00075", "424 761 418", "7328293200007"],
    ),
    ("BE", "vat"): (
        {
            "BE0428759497": "BE0428759497",
            "be 0403.170.701": "BE0403170701",
            "0202 239 951": "BE0202239951",
        },
        ["BE0428759498", "BE428759", "FR0428759497"],
    ),
    ("BE", "person"): (
        {
            "85.07.30-033 28": "85073003328",
            "93.05.18-223.61": "93051822361",
            "85073003328": "85073003328",
        },
        ["85.07.30-033 29", "85.13.30-033 28", "85.07.30-033"],
    ),
    ("BE", "body"): (
        {
            "0428.759.497": "0428759497",
            "0403170701": "0403170701",
            "202.239.951": "0202239951",
        },
        ["0428.759.498", "2428.759.497", "0428.759.49"],
    ),
    ("CH", "vat"): (
        {
            "CHE-107.787.577 IVA": "CHE107787577IVA",
            "CHE-116.281.710 MWST": "CHE116281710MWST",
            "che107787577tva": "CHE107787577TVA",
        },
        ["CHE-107.787.578 IVA", "CHE-107.787.577", "CHE-107.787.577 VAT"],
    ),
    ("CH", "person"): (
        {
            "756.9217.0769.85": "7569217076985",
            "756.1234.5678.97": "7561234567897",
            "7569217076985": "7569217076985",
        },
        ["756.9217.0769.84", "757.9217.0769.85", "756.9217.0769"],
    ),
    ("CH", "body"): (
        {
            "CHE-100.155.212": "CHE100155212",
            "CHE-107.787.577": "CHE107787577",
            "che 116 281 710": "CHE116281710",
        },
        ["CHE-100.155.213", "CHE-100.155.21", "CH-100.155.212"],
    ),
    ("ES", "vat"): (
        {"ESB58378431": "ESB58378431", "A-28015865": "ESA28015865", "esa15075062": "ESA15075062"},
        ["ESB58378430", "ESB5837843", "PTB58378431"],
    ),
    ("ES", "person"): (
        {"54362315-K": "54362315K", "12345678z": "12345678Z", "X-1234567-L": "X1234567L"},
        ["54362315-Z", "1234567Z", "X-1234567-A"],
    ),
    ("ES", "body"): (
        {"B-58378431": "B58378431", "A28015865": "A28015865", "a-15075062": "A15075062"},
        ["B-58378430", "B-5837843", "58378431"],
    ),
    ("IT", "vat"): (
        {
            "IT00743110157": "IT00743110157",
            "it 00488410010": "IT00488410010",
            "00905811006": "IT00905811006",
        },
        ["IT00743110158", "IT0074311015", "FR00743110157"],
    ),
    ("IT", "person"): (
        {
            "RCCMNL83S18D969H": "RCCMNL83S18D969H",
            "RSSMRA85T10A562S": "RSSMRA85T10A562S",
            "mrtmtt25d09f205z": "MRTMTT25D09F205Z",
        },
        ["RCCMNL83S18D969G", "RCCMNL83Z18D969H", "RCCMNL83S18D969"],
    ),
    ("IT", "body"): (
        {
            "00743110157": "00743110157",
            "00488410010": "00488410010",
            "00905811006": "00905811006",
        },
        ["00743110158", "0743110157", "IT0743110157"],
    ),
    ("DE", "vat"): (
        {
            "DE136695976": "DE136695976",
            "de 129273398": "DE129273398",
            "129274202": "DE129274202",
        },
        ["DE136695978", "DE13669597", "AT136695976"],
    ),
    ("DE", "person"): (
        {
            "36 574 261 809": "36574261809",
            "86095742719": "86095742719",
            "47 036 892 816": "47036892816",
        },
        ["36 574 261 890", "36554266806", "3657426180"],
    ),
    ("DE", "body"): (
        {
            "Aachen HRA 11223": "Aachen HRA 11223",
            "Berlin (Charlottenburg) HRB 158244 B": "Berlin (Charlottenburg) HRB 158244 B",
            "München HRB 42243": "München HRB 42243",
        },
        ["Aachen HRC 11223", "Atlantis HRA 11223", "HRA 11223"],
    ),
    ("GB", "vat"): (
        {"GB980780684": "GB980780684", "gb 220 4302 31": "GB220430231", "GBGD001": "GBGD001"},
        ["GB802311781", "GB98078068", "FR980780684"],
    ),
    ("GB", "person"): (
        {"AB 12 34 56 C": "AB123456C", "JG103759A": "JG103759A", "CE 123456 D": "CE123456D"},
        ["BG 12 34 56 C", "AB 12 34 56 E", "DB 12 34 56 C"],
    ),
    ("GB", "body"): (
        {"03977902": "03977902", "SC095000": "SC095000", "00445790": "00445790"},
        ["3977902", "S0095000", "SC95000"],
    ),
    ("CA", "vat"): (
        {
            "123026635RT0001": "123026635RT0001",
            "12302 6635 RT 0001": "123026635RT0001",
            "100000009rt0002": "100000009RT0002",
        },
        ["123026636RT0001", "123026635RC", "123026635RT001"],
    ),
    ("CA", "person"): (
        {"123-456-782": "123456782", "130 692 544": "130692544", "523763415": "523763415"},
        ["123-456-783", "123-456-78", "023-456-784"],
    ),
    ("CA", "body"): (
        {"123026635": "123026635", "119220002": "119220002", "103684148": "103684148"},
        ["123026636", "12302663", "123-026-635"],
    ),
    ("US", "vat"): (
        {"91-1144442": "911144442", "942404110": "942404110", "13-0871985": "130871985"},
        ["07-1144442", "91-114444", "911-144442"],
    ),
    ("US", "person"): (
        {"536-90-4399": "536904399", "536904398": "536904398", "123-45-6780": "123456780"},
        ["666-90-4399", "000-12-3456", "536-90-439"],
    ),
    ("US", "body"): (
        {"91-1144442": "911144442", "942404110": "942404110", "13-0871985": "130871985"},
        ["07-1144442", "91-114444", "911-144442"],
    ),
}


def number(country, kind):
    form = LegalForm.CORPORATION if kind == "body" else LegalForm.INDIVIDUAL
    vat, national = profile_rules.numbers(country, form)
    return vat if kind == "vat" else national


def read(country, kind, text):
    rule = number(country, kind)
    return rule.read(text) if re.fullmatch(rule.pattern, text) else None


@pytest.mark.parametrize(
    ("country", "kind", "text", "stored"),
    [
        (country, kind, text, stored)
        for (country, kind), (accepted, _) in NUMBERS.items()
        for text, stored in accepted.items()
    ],
)
def test_accepts_real_forms(country, kind, text, stored):
    """As people write it, and in the form it is stored in: both give the stored form."""
    as_written = read(country, kind, text)

    as_stored = read(country, kind, stored)

    assert (as_written, as_stored) == (stored, stored)


@pytest.mark.parametrize(
    ("country", "kind", "text"),
    [
        (country, kind, text)
        for (country, kind), (_, refused) in NUMBERS.items()
        for text in refused
    ],
)
def test_refuses_near_misses(country, kind, text):
    """A wrong check digit, a digit too few, another country's number."""
    stored = read(country, kind, text)

    assert stored is None


def test_covers_every_listed_country():
    """Whoever adds a country adds its examples here."""
    listed = {
        (country, kind)
        for country in national_numbers.COUNTRIES
        for kind in ("vat", "person", "body")
    }

    covered = set(NUMBERS)

    assert covered == listed
    assert {len(texts) for both in NUMBERS.values() for texts in both} == {3}


def test_writes_patterns_that_browsers_read():
    """Every pattern of a form judges every number, and what it is stored as, as Python does."""
    texts = [text for accepted, _ in NUMBERS.values() for it in accepted.items() for text in it]
    texts += [text for _, refused in NUMBERS.values() for text in refused]

    differing = patterns.read_differently(patterns.every(), texts)

    assert differing == []


@pytest.mark.parametrize(("country", "kind"), NUMBERS)
def test_shows_an_example_that_it_accepts(country, kind):
    """The example of a form is not refused by the same form."""
    example = number(country, kind).example

    stored = read(country, kind, example)

    assert stored is not None


@pytest.mark.parametrize("form", [LegalForm.ASSOCIATION, LegalForm.ADMINISTRATION])
def test_asks_every_body_for_the_number_of_a_body(form):
    """A person's number is not asked of an association or an administration."""
    _, asked = profile_rules.numbers("FR", form)

    assert asked == number("FR", "body")


@pytest.mark.parametrize("form", [LegalForm.INDIVIDUAL, LegalForm.OTHER])
def test_asks_a_person_for_the_number_of_a_person(form):
    """Who is no body is a person."""
    _, asked = profile_rules.numbers("FR", form)

    assert asked == number("FR", "person")


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("PT 501 442 600", "PT 501 442 600"),
        ("x1/2-3.4", "X1/2-3.4"),
        ("-123", None),
        ("123-", None),
        ("1" * 41, None),
        ("\u0661\u0662\u0663", None),
        ("<b>1</b>", None),
        ("12\n34", None),
    ],
)
def test_takes_any_number_elsewhere(text, stored):
    """For a country that is not listed, letters and digits are taken as they are."""
    read_as = read("PT", "person", text)

    assert read_as == stored
