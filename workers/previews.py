"""Every mail there is, in every language, written for somebody who does not exist.

    python -m workers.previews ORIGIN

prints them as a JSON array, for the page of `nicgate up` that shows them (gateway/previews.py).
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from uuid import UUID

import orjson
from jinja2 import Environment, meta

from models.mails import Mail, Template
from models.profiles import Language
from models.scopes import Scope
from workers import rendering
from workers.rendering import LINKS, TEMPLATES
from workers.words import FIELDS

_TOKEN = "00000000-0000-0000-0000-000000000000.this-link-leads-nowhere"  # noqa: S105
_SECRETS = {"code": "BCDF-GHJK"} | dict.fromkeys(LINKS.keys() - {"consent"}, _TOKEN)
_PARAMS = {
    "first_name": "Désirée",
    "email": "desiree@example.org",
    "new_email": "desiree.martin@example.net",
    "lost_email": "desiree@example.com",
    "spare_email": "martin@example.com",
    "requested_at": "2026-11-23T03:46:00+00:00",
    "opened_at": "2026-11-23T03:46:00+00:00",
    "ip_address": "192.0.2.7",
    "browser": "Firefox / Linux",
    "delay": "86400",
    "accepted_by": "SILENCE",
    "reason": "ADDRESS_TAKEN",
    "partner": "Panel",
    "first_party": "",
    "scopes": list(Scope),
    "stated_reason": "To show your services in our panel.",
    "lifetime": "604800",
    "consent": str(UUID(int=0)),
    "fields": list(FIELDS),
    "reference": "BC-4711",
    "services": ["example.org, 1 year", "Web hosting"],
    "total": "12.00 EUR",
    "valid_until": "2027-11-28",
    "url": "https://hooks.example.org/nicgate",
}


def previews(origin: str) -> Iterator[dict[str, str]]:
    """Write each mail with all that its source can hold."""
    for template in Template:
        for language in Language:
            letter = rendering.render(_mail(template, language), origin=origin)
            yield {"template": template, "language": language.lower()} | asdict(letter)


def _mail(template: Template, language: Language) -> Mail:
    source = (TEMPLATES / language.lower() / f"{template}.txt").read_text("utf-8")
    # Parsed only: what it would write is written elsewhere.
    names = meta.find_undeclared_variables(Environment(autoescape=True).parse(_bare(source)))
    return Mail(
        id=UUID(int=0),
        template=template,
        language=language,
        nic_handle="dm429850-OVH",
        recipient=_PARAMS["email"],
        # A parameter that is not known here stands for itself.
        params={name: _PARAMS.get(name, name) for name in names - {"nic_handle", *_SECRETS}},
        secrets={name: secret for name, secret in _SECRETS.items() if name in names},
        queued_at=datetime.now(UTC),
    )


def _bare(source: str) -> str:
    """Return a source without the filters of its environment, which need not be known here."""
    return re.sub(r"\|\s*\w+", "", source)


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(list(previews(sys.argv[1]))))
