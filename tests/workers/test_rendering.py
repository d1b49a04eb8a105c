"""Every mail in both languages: its words, its codes, and nothing that a stranger put in."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from uuid import uuid4

import jinja2
import pytest

from models.mails import Mail, Template
from models.profiles import Language
from workers import rendering

ORIGIN = "https://account.example.org"
PARAMS = {
    "first_name": "Désirée",
    "email": "restored@example.org",
    "new_email": "new@example.org",
    "lost_email": "lost@example.org",
    "requested_at": "2026-11-23T03:46:00+00:00",
    "opened_at": "2026-11-23T03:46:00+00:00",
    "ip_address": "192.0.2.7",
    "browser": "Firefox / Linux",
    "delay": "86400",
    "spare_email": "spare@example.org",
    "accepted_by": "SILENCE",
    "reason": "ADDRESS_TAKEN",
}
WITH_CODE = {
    Template.CREATION,
    Template.EMAIL_CHANGE_VALIDATION,
    Template.EMAIL_CHANGE_ACCEPTED_NEW,
    Template.PROOF_CODE,
    Template.SPARE_EMAIL_PROOF,
    Template.PASSWORD_RESET,
}
TO_UNPROVEN = {
    Template.CREATION,
    Template.EMAIL_CHANGE_TOLD_NEW,
    Template.EMAIL_CHANGE_ACCEPTED_NEW,
    Template.EMAIL_CHANGE_ACCEPTED_UNPROVEN,
    Template.PROOF_CODE,
    Template.SPARE_EMAIL_PROOF,
}


def mail(template: Template, language: Language = Language.EN, **params: str) -> Mail:
    return Mail(
        id=uuid4(),
        template=template,
        language=language,
        nic_handle="dm429850-OVH",
        recipient="desiree@example.org",
        params=PARAMS | params,
        secrets={"code": "BCDF-GHJK"} if template in WITH_CODE else {},
        queued_at=datetime.now(UTC),
    )


class Words(HTMLParser):
    """What a person reads of an HTML page, and which tags stand around it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] != "style":
            self.text += data


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("template", Template)
def test_says_the_same_in_text_and_html(template, language):
    """Both parts come from one source; the subject begins with the NIC-handle."""
    letter = rendering.render(mail(template, language), origin=ORIGIN)

    html = " ".join(Words(letter.html).text.split())
    assert letter.subject.startswith("[dm429850-OVH] ")
    assert "\n" not in letter.subject
    assert " ".join(letter.text.split()) in html
    assert "{" not in letter.text


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("template", sorted(WITH_CODE))
def test_codes_stand_alone_on_a_line_and_are_masked_in_the_history(template, language):
    """The text part has the code on a line of its own, the history has **** there."""
    letter = rendering.render(mail(Template(template), language), origin=ORIGIN)

    assert letter.text.splitlines().count("BCDF-GHJK") == 1
    assert '<p class="code">BCDF-GHJK</p>' in letter.html
    assert letter.masked == letter.text.replace("BCDF-GHJK", "****")


@pytest.mark.parametrize("template", sorted(TO_UNPROVEN))
def test_mails_to_unproven_addresses_name_no_person_and_no_place(template):
    """Power follows proof: no link, no IP, no other address, no name."""
    letter = rendering.render(mail(Template(template)), origin=ORIGIN)

    for told in ("Désirée", "new@example.org", "192.0.2.7", "http"):
        assert told not in letter.text


def test_markup_in_a_name_stays_text():
    """Names refuse angle brackets; should one get by, the HTML shows it and does not obey it."""
    letter = rendering.render(
        mail(Template.ACCOUNT_EXISTS, first_name="<script>alert(1)</script>"), origin=ORIGIN
    )

    assert "script" not in Words(letter.html).tags
    assert "<script>alert(1)</script>" in Words(letter.html).text


def test_a_name_is_not_a_template():
    """What a customer typed is never run as a template."""
    letter = rendering.render(
        mail(Template.ACCOUNT_EXISTS, first_name="{{ 6 * 7 }}"), origin=ORIGIN
    )

    assert "Hello {{ 6 * 7 }}," in letter.text


@pytest.mark.parametrize(
    ("language", "seconds", "words"),
    [
        (Language.EN, "86400", "within 24 hours of this e-mail"),
        (Language.EN, "3600", "within 1 hour of this e-mail"),
        (Language.EN, "5400", "within 90 minutes of this e-mail"),
        (Language.EN, "3", "within 3 seconds of this e-mail"),
        (Language.FR, "86400", "dans les 24 heures qui suivent cet e-mail"),
    ],
)
def test_delays_are_said_in_the_largest_whole_unit(language, seconds, words):
    """The mail says how long silence takes to become consent, and no date."""
    letter = rendering.render(
        mail(Template.EMAIL_CHANGE_VALIDATION, language, delay=seconds), origin=ORIGIN
    )

    assert words in " ".join(letter.text.split())


def test_instants_are_said_in_the_holders_language():
    """Times are UTC and written out."""
    letter = rendering.render(mail(Template.EMAIL_CHANGE_VALIDATION, Language.FR), origin=ORIGIN)

    assert "le 23 novembre 2026 à 03:46 UTC" in " ".join(letter.text.split())


def test_a_missing_parameter_is_an_error():
    """A mail with a hole in it is never sent."""
    poison = mail(Template.ACCOUNT_EXISTS)
    poison.params = {}

    with pytest.raises(jinja2.UndefinedError):
        rendering.render(poison, origin=ORIGIN)
