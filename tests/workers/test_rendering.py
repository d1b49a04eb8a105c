"""Every mail in both languages: its words, its codes, and nothing that a stranger put in."""

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import factories
import jinja2
import pytest
from factories import CLIENT, POLICY

from models import email_changes, passwords, proofs, spare_emails
from models.mails import Mail, MailState, Template
from models.passwords import MailDestination
from models.policy import DAY
from models.profiles import Language
from models.sessions import Opened
from workers import rendering
from workers.rendering import LINKS

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
ALICE, MINUTE = "alice@example.org", timedelta(minutes=1)
CODE = "BCDF-GHJK"
# What each mail may carry, as the operations issue it.
SECRETS = dict.fromkeys(Template, ("report",)) | {
    Template.CREATION: ("code",),
    Template.ACCOUNT_EXISTS: (),
    Template.EMAIL_CHANGE_VALIDATION: ("code", "refuse", "report"),
    Template.EMAIL_CHANGE_TOLD_NEW: (),
    Template.EMAIL_CHANGE_ACCEPTED_FORMER: ("revert", "report"),
    Template.EMAIL_CHANGE_ACCEPTED_UNPROVEN: (),
    Template.EMAIL_CHANGE_ACCEPTED_NEW: ("code",),
    Template.PROOF_CODE: ("code",),
    Template.PASSWORD_RESET: ("code", "report"),
    Template.SPARE_EMAIL_PROOF: ("code",),
    Template.FROZEN: (),
    Template.ADDRESS_CLAIMED: (),
}
WITH_CODE = {template for template, names in SECRETS.items() if "code" in names}
WITH_LINK = {template for template, names in SECRETS.items() if set(names) & LINKS.keys()}
TOLD_EVERYWHERE = {Template.FROZEN, Template.UNFROZEN, Template.PASSWORD_CHANGED}
TO_UNPROVEN = {
    Template.CREATION,
    Template.EMAIL_CHANGE_TOLD_NEW,
    Template.EMAIL_CHANGE_ACCEPTED_NEW,
    Template.EMAIL_CHANGE_ACCEPTED_UNPROVEN,
    Template.PROOF_CODE,
    Template.SPARE_EMAIL_PROOF,
}


def secrets_of(template: Template) -> dict[str, str]:
    """Every secret of a mail; a link's is its id and its token."""
    token = "Tk-_" * 10 + "xyz"
    return {
        name: CODE if name == "code" else f"{uuid4()}.{name}{token}" for name in SECRETS[template]
    }


def mail(
    template: Template,
    language: Language = Language.EN,
    *,
    secrets: dict[str, str] | None = None,
    **params: str,
) -> Mail:
    return Mail(
        id=uuid4(),
        template=template,
        language=language,
        nic_handle="dm429850-OVH",
        recipient="desiree@example.org",
        params=PARAMS | params,
        secrets=secrets_of(template) if secrets is None else secrets,
        queued_at=datetime.now(UTC),
    )


class Words(HTMLParser):
    """What a person reads of an HTML page, which tags stand around it, and where its links lead."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.links: list[tuple[str, str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "a":
            self.links.append((dict(attrs)["href"], dict(attrs)["class"], ""))

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] == ["a"]:
            href, look, label = self.links[-1]
            self.links[-1] = (href, look, label + data.strip())
        if self.tags and self.tags[-1] != "style":
            self.text += data


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("template", Template)
def test_says_the_same_in_text_and_html(template, language):
    """Both parts come from one source; the subject begins with the NIC-handle."""
    codes = {name: text for name, text in secrets_of(template).items() if name == "code"}

    letter = rendering.render(mail(template, language, secrets=codes), origin=ORIGIN)

    html = " ".join(Words(letter.html).text.split())
    assert letter.subject.startswith("[dm429850-OVH] ")
    assert "\n" not in letter.subject
    assert " ".join(letter.text.split()) in html
    assert "{" not in letter.text


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("template", sorted(WITH_CODE))
def test_codes_stand_alone_on_a_line(template, language):
    """The text part has the code on a line of its own, the HTML sets it apart."""
    letter = rendering.render(mail(Template(template), language), origin=ORIGIN)

    assert letter.text.splitlines().count(CODE) == 1
    assert letter.text.count(CODE) == 1
    assert f'<p class="code">{CODE}</p>' in letter.html


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("template", sorted(WITH_LINK))
def test_links_stand_alone_on_a_line_and_are_buttons(template, language):
    """No mail program breaks a link of the text part; the HTML says what pressing it does."""
    secrets = secrets_of(Template(template))
    links = {
        f"{ORIGIN}/links/{name}#{secrets[name]}": LINKS[name][language]
        for name in secrets
        if name in LINKS
    }

    letter = rendering.render(mail(Template(template), language, secrets=secrets), origin=ORIGIN)

    lines = letter.text.splitlines()
    assert [lines.count(link) for link in links] == [1] * len(links)
    assert letter.text.count(f"{ORIGIN}/links/") == len(links)
    buttons = [(link, "button", label) for link, label in links.items()]
    assert sorted(Words(letter.html).links) == sorted(buttons)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("template", sorted(WITH_CODE | WITH_LINK))
def test_the_history_masks_every_secret(template, language):
    """Where a code or a link stood, the account's holder reads four stars, and all else."""
    secrets = secrets_of(Template(template))

    letter = rendering.render(mail(Template(template), language, secrets=secrets), origin=ORIGIN)

    masked = letter.text
    for name, secret in secrets.items():
        written = f"{ORIGIN}/links/{name}#{secret}" if name in LINKS else secret
        masked = masked.replace(written, "****")
    assert letter.masked == masked
    assert letter.masked.splitlines().count("****") == len(secrets)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("template", sorted(WITH_LINK))
def test_goes_without_links_that_are_gone(template, language):
    """A notice whose links are gone is sent all the same, and promises none."""
    secrets = secrets_of(Template(template))
    kept = {name: text for name, text in secrets.items() if name == "code"}

    letter = rendering.render(mail(Template(template), language, secrets=kept), origin=ORIGIN)

    whole = rendering.render(mail(Template(template), language, secrets=secrets), origin=ORIGIN)
    paragraphs, all_paragraphs = letter.text.split("\n\n"), whole.text.split("\n\n")
    gone = len(secrets) - len(kept)
    assert "links/" not in letter.html
    assert len(all_paragraphs) - len(paragraphs) == 2 * gone  # each with the words before it
    assert set(paragraphs) <= set(all_paragraphs)


@pytest.mark.parametrize("language", Language)
def test_goes_without_a_code_that_is_void(language):
    """The new address is told all the same, and nothing asks for a code that opens nothing."""
    without = mail(Template.EMAIL_CHANGE_ACCEPTED_NEW, language, secrets={})

    letter = rendering.render(without, origin=ORIGIN)

    assert len(letter.text.split("\n\n")) == 2
    assert "code" not in letter.text
    assert letter.masked == letter.text


@pytest.mark.parametrize("language", Language)
def test_an_address_that_was_proven_before_gets_a_link_for_a_code(language):
    """A spare address that became the primary one has power, and nothing to prove."""
    proven = mail(Template.EMAIL_CHANGE_ACCEPTED_NEW, language, secrets={"report": "id.token"})

    letter = rendering.render(proven, origin=ORIGIN)

    assert f"\n{ORIGIN}/links/report#id.token" in letter.text
    assert CODE not in letter.text


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("template", sorted(TOLD_EVERYWHERE))
def test_an_unproven_address_learns_the_fact_and_no_more(template, language):
    """What also goes to an unproven primary address needs neither a name nor a link."""
    bare = mail(Template(template), language, secrets={})
    bare.params = {}

    letter = rendering.render(bare, origin=ORIGIN)

    assert "dm429850-OVH" in letter.text
    assert "http" not in letter.text


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


Issued = dict[str, set[str]]


async def look(issued: Issued) -> None:
    """Note which secrets are waiting to be sent, and see that each mail can be written."""
    for queued in await Mail.filter(state=MailState.QUEUED):
        issued.setdefault(queued.template, set()).update(queued.secrets or ())
        rendering.render(queued, origin=ORIGIN)


async def every_ending_of_a_change(alice: Opened, time: Any, issued: Issued) -> None:
    """Withdrawn, refused, accepted twice, and both of these undone."""
    await factories.requested_change(alice, "first@new.example")
    await look(issued)
    await email_changes.cancel(await factories.session_of(alice))
    time.advance(MINUTE)
    await factories.requested_change(alice, "second@new.example")
    validation, former = Template.EMAIL_CHANGE_VALIDATION, Template.EMAIL_CHANGE_ACCEPTED_FORMER
    await email_changes.refuse(*await factories.mailed_link(validation, "refuse", to=ALICE))
    time.advance(MINUTE)
    await factories.accepted_by_code(alice, "third@new.example")
    await look(issued)
    revert = await factories.mailed_link(former, "revert", to=ALICE)
    time.advance(DAY)
    await proofs.resend(await factories.session_of(alice), policy=POLICY)
    await look(issued)
    await factories.accepted_by_code(alice, "fourth@new.example")
    await look(issued)
    await email_changes.revert(*revert)


async def reset(time: Any, issued: Issued) -> Opened:
    """The password is set anew, and is what it was."""
    time.advance(DAY)
    challenge = await passwords.request_reset(
        ALICE, deliver_to=MailDestination.PRIMARY, client=CLIENT, policy=POLICY
    )
    await look(issued)
    code = await factories.mailed_code(Template.PASSWORD_RESET, to=ALICE)
    await passwords.reset(
        challenge.id, code, factories.PASSWORD, remove_spare_email=False, policy=POLICY
    )
    return await factories.logged_in(ALICE)


async def test_shows_what_the_operations_issue(time, alice):
    """No secret is made that its mail does not show, and no mail waits for one in vain."""
    issued: Issued = {}
    await factories.requested_signup(ALICE)
    await factories.with_spare(alice, "spare@example.org")
    await look(issued)

    await every_ending_of_a_change(alice, time, issued)
    await look(issued)
    session = await factories.session_of(await reset(time, issued))
    await look(issued)
    await spare_emails.remove(session, factories.PASSWORD, policy=POLICY)
    bob = await factories.signed_up("bob@example.org")
    await factories.accepted_by_code(bob, "carol@example.org")
    await factories.signed_up("carol@example.org")
    await look(issued)

    assert issued == {template: set(names) for template, names in SECRETS.items()}
