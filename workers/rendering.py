"""Mails in words: one source a mail and language; its text and its HTML both come from it.

The first line of a source is the subject, blank lines part the paragraphs. A paragraph that is a
code or a link stands alone on its line.
"""

import re
import textwrap
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from models.mails import Mail
from models.profiles import Language
from models.scopes import IN_WORDS, Scope
from workers.words import FIELDS

TEMPLATES = Path(__file__).parent / "templates"
MASK = "****"

_STRICT: dict[str, Any] = {
    "loader": FileSystemLoader(TEMPLATES),
    "undefined": StrictUndefined,
}

_WRAP = textwrap.TextWrapper(76, break_long_words=False, break_on_hyphens=False)
_MONTHS = {
    Language.FR: [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    Language.EN: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
}
_SPANS = {
    Language.FR: (
        (86400, "jour", "jours"),
        (3600, "heure", "heures"),
        (60, "minute", "minutes"),
        (1, "seconde", "secondes"),
    ),
    Language.EN: (
        (86400, "day", "days"),
        (3600, "hour", "hours"),
        (60, "minute", "minutes"),
        (1, "second", "seconds"),
    ),
}
_DAY = 86400  # seconds


# What is a link, and what its button says.
LINKS = {
    "consent": {Language.FR: "Voir la demande", Language.EN: "See the request"},
    "refuse": {Language.FR: "Refuser le changement", Language.EN: "Refuse the change"},
    "revert": {Language.FR: "Reprendre mon compte", Language.EN: "Take my account back"},
    "report": {Language.FR: "Ce n’était pas moi", Language.EN: "This was not me"},
}


# The links that are no secrets: whoever follows one must be signed in.
_OPEN_LINKS = {"consent"}


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph of a mail; a code is set apart, a link has the label of its button."""

    text: str
    is_code: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail in words; `masked` is its text as the holder's history shows it."""

    subject: str
    text: str
    html: str
    masked: str


def render(mail: Mail, *, origin: str) -> Letter:
    """Write a mail; `origin` is where its links lead.

    Raises jinja2.TemplateError when its source or a parameter is missing.
    """
    links = {name: text for name, text in mail.params.items() if name in _OPEN_LINKS}
    secrets = {
        name: f"{origin}/links/{name}#{secret}" if name in LINKS else secret
        for name, secret in (links | (mail.secrets or {})).items()
    }
    subject, paragraphs = _write(mail, secrets)
    _, masked = _write(mail, dict.fromkeys(secrets, MASK))
    html = _layout().render(
        subject=subject,
        paragraphs=paragraphs,
        language=mail.language.lower(),
        heading=mail.heading,
    )
    return Letter(subject, _text(paragraphs), html, _text(masked))


def _write(mail: Mail, secrets: dict[str, str]) -> tuple[str, list[Paragraph]]:
    source = _source(mail.language, mail.template)
    written = source.render(mail.params | secrets, nic_handle=mail.nic_handle)
    subject, *paragraphs = [part for part in re.split(r"\n\s*\n", written.strip()) if part.strip()]
    names = {secret: name for name, secret in secrets.items()}
    lines = [" ".join(part.split()) for part in paragraphs]
    return f"[{mail.heading}] {subject}", [
        _paragraph(line, names.get(line), mail.language) for line in lines
    ]


def _paragraph(line: str, secret: str | None, language: Language) -> Paragraph:
    if secret in LINKS:
        return Paragraph(line, label=LINKS[secret][language])
    return Paragraph(line, is_code=secret is not None)


def _text(paragraphs: list[Paragraph]) -> str:
    return "\n\n".join(_WRAP.fill(paragraph.text) for paragraph in paragraphs)


def _moment(text: str, language: Language) -> str:
    at = datetime.fromisoformat(text).astimezone(UTC)
    word = "à" if language is Language.FR else "at"
    return f"{_day(at, language)} {word} {at:%H:%M} UTC"


def _day(at: date, language: Language) -> str:
    return f"{at.day} {_MONTHS[language][at.month - 1]} {at.year}"


def _span(seconds: str, language: Language) -> str:
    total = int(seconds)
    # One day is 24 hours: it is no day of the calendar that is meant.
    units = [unit for unit in _SPANS[language] if unit[0] < _DAY or total > _DAY]
    size, one, many = next(unit for unit in units if total % unit[0] == 0)
    count = total // size
    return f"{count} {one if count == 1 else many}"


@cache
def _source(language: Language, template: str) -> Template:
    # No autoescape: this makes the text; the layout escapes it for the HTML.
    environment = Environment(**_STRICT, autoescape=False)  # noqa: S701
    environment.filters["moment"] = lambda text: _moment(text, language)
    environment.filters["span"] = lambda seconds: _span(seconds, language)
    environment.filters["day"] = lambda text: _day(date.fromisoformat(text), language)
    environment.filters["scope"] = lambda text: IN_WORDS[Scope(text)][language]
    environment.filters["field"] = lambda path: FIELDS[path][language]
    return environment.get_template(f"{language.lower()}/{template}.txt")


@cache
def _layout() -> Template:
    return Environment(**_STRICT, autoescape=True).get_template("layout.html")
