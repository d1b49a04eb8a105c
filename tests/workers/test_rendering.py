"""Every mail in both languages: its words, its codes, and nothing that a stranger put in."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import factories
import jinja2
import pytest
from letters import Words
from mailed import SECRETS, TO_PARTNERS

from models import compromises
from models.email_changes import EmailChange, EmailChangeAbortReason
from models.mails import Mail, Template
from models.profiles import COLUMNS, Language
from models.scopes import IN_WORDS, Scope
from workers import rendering
from workers.rendering import LINKS
from workers.words import FIELDS

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
    "partner": "Panel & fils",
    "first_party": "",
    "scopes": [str(scope) for scope in Scope],
    "stated_reason": "To show your services.",
    "lifetime": "604800",
    "consent": "5f0c5d1e-7c55-4b7e-8a50-6b0f0c5b7a01",
    "fields": list(COLUMNS),
    "reference": "BC-4711",
    "services": ["example.org, 1 year", "Web hosting"],
    "total": "12.00 EUR",
    "valid_until": "2027-11-28",
    "url": "https://hooks.example.org/nicgate?a=b&c=d",
}
ALICE, MINUTE = "alice@example.org", timedelta(minutes=1)
CODE = "BCDF-GHJK"
OPEN_LINK = f"{ORIGIN}/links/consent#{PARAMS['consent']}"
WITH_CODE = {template for template, names in SECRETS.items() if "code" in names}
WITH_LINK = {template for template, names in SECRETS.items() if set(names) & LINKS.keys()}
TOLD_EVERYWHERE = {Template.FROZEN, Template.UNFROZEN, Template.PASSWORD_CHANGED}
# Why a change was dropped, in words of the mail that says so.
WHY = {
    EmailChangeAbortReason.CANCELLED: {
        Language.EN: "was withdrawn in your customer space",
        Language.FR: "a été retirée depuis votre espace client",
    },
    EmailChangeAbortReason.TOO_MANY_ATTEMPTS: {
        Language.EN: "Five wrong validation codes",
        Language.FR: "Cinq codes de validation erronés",
    },
    EmailChangeAbortReason.CREDENTIALS_CHANGED: {
        Language.EN: "The password of the account was changed",
        Language.FR: "Le mot de passe du compte a été changé",
    },
    EmailChangeAbortReason.ADDRESS_TAKEN: {
        Language.EN: "belongs to another account",
        Language.FR: "appartient à un autre compte",
    },
    EmailChangeAbortReason.NOTICE_NOT_DELIVERED: {
        Language.EN: "We could not send you the validation code",
        Language.FR: "Nous n’avons pas réussi à vous envoyer le code",
    },
}
# A newer request has a mail of its own, and a report one that says what became of the account.
UNMAILED = {EmailChangeAbortReason.SUPERSEDED, EmailChangeAbortReason.REPORTED}
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
        nic_handle="" if template in TO_PARTNERS else "dm429850-OVH",
        recipient="desiree@example.org",
        params=PARAMS | params,
        secrets=secrets_of(template) if secrets is None else secrets,
        queued_at=datetime.now(UTC),
    )


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("template", Template)
def test_says_the_same_in_text_and_html(template, language):
    """Both parts come from one source; the subject begins with whom it is about."""
    heading = PARAMS["partner"] if template in TO_PARTNERS else "dm429850-OVH"
    codes = {name: text for name, text in secrets_of(template).items() if name == "code"}

    letter = rendering.render(mail(template, language, secrets=codes), origin=ORIGIN)

    html = " ".join(Words(letter.html).text.split())
    text = letter.text.replace(OPEN_LINK, LINKS["consent"][language])
    assert letter.subject.startswith(f"[{heading}] ")
    assert "\n" not in letter.subject
    assert " ".join(text.split()) in html
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
def test_a_request_of_a_partner_has_a_link_that_is_no_secret(language):
    """Whoever follows it must be signed in; it can be written again, and is masked like others."""
    letter = rendering.render(mail(Template.CONSENT_REQUESTED, language), origin=ORIGIN)

    assert letter.text.splitlines().count(OPEN_LINK) == 1
    assert Words(letter.html).links == [(OPEN_LINK, "button", LINKS["consent"][language])]
    assert letter.masked == letter.text.replace(OPEN_LINK, "****")


@pytest.mark.parametrize("language", Language)
def test_a_request_of_a_partner_says_all_that_it_asks_for(language):
    """Each scope in words, the reason as the partner's own, and what silence is here."""
    letter = rendering.render(mail(Template.CONSENT_REQUESTED, language), origin=ORIGIN)

    words = " ".join(letter.text.split())
    quoted = {
        Language.FR: "« To show your services. »",
        Language.EN: "“To show your services.”",
    }
    silence = {
        Language.FR: "dans les 7 jours, la demande expire : ici, le silence vaut refus",
        Language.EN: "within 7 days the request expires: here, silence is a no",
    }
    assert [scope for scope in Scope if f"– {IN_WORDS[scope][language]}" not in words] == []
    assert letter.text.split("\n\n").count(quoted[language]) == 1
    assert silence[language] in words
    assert "links/report" not in letter.text


@pytest.mark.parametrize("language", Language)
def test_a_change_by_a_partner_names_its_fields(language):
    """In words; one of the house needs no consent that could be taken back."""
    told = Template.PROFILE_UPDATED_BY_PARTNER
    letter = rendering.render(mail(told, language, fields=["phone", "address.city"]), origin=ORIGIN)
    house = rendering.render(mail(told, language, first_party="yes"), origin=ORIGIN)

    fields = {Language.FR: "téléphone, ville.", Language.EN: "phone number, city."}
    assert fields[language] in " ".join(letter.text.split())
    assert (len(letter.text.split("\n\n")), len(house.text.split("\n\n"))) == (4, 3)


def test_knows_the_words_of_every_field():
    """None that a partner may change goes unnamed."""
    assert set(FIELDS) == set(COLUMNS)
    assert all(set(words) == set(Language) for words in [*FIELDS.values(), *IN_WORDS.values()])
    assert set(IN_WORDS) == set(Scope)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("template", [Template.ORDER_CONFIRMATION, Template.RENEWAL_CONFIRMATION])
def test_a_confirmation_says_what_was_ordered(template, language):
    """Its reference, each service on its line, the total if there is one, and the NIC-handle."""
    letter = rendering.render(mail(template, language), origin=ORIGIN)
    free = rendering.render(mail(template, language, total=""), origin=ORIGIN)

    day = {Language.FR: "28 novembre 2027", Language.EN: "28 November 2027"}[language]
    assert "BC-4711" in letter.subject
    assert {"– example.org, 1 year", "– Web hosting"} <= set(letter.text.splitlines())
    assert "12.00 EUR" in letter.text
    assert len(free.text.split("\n\n")) == len(letter.text.split("\n\n")) - 1
    assert letter.text.count("dm429850-OVH") == 2
    assert (day in " ".join(letter.text.split())) is (template == Template.RENEWAL_CONFIRMATION)
    assert "http" not in letter.text


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


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("reason", [it for it in EmailChangeAbortReason if it not in UNMAILED])
def test_says_why_a_change_was_dropped(reason, language):
    """Each reason that is mailed is said in both languages, and no other with it."""
    dropped = mail(Template.EMAIL_CHANGE_ABORTED, language, reason=reason)

    letter = rendering.render(dropped, origin=ORIGIN)

    text = " ".join(letter.text.split())
    assert [it for it, words in WHY.items() if words[language] in text] == [reason]


async def test_mails_no_reason_but_those(time, alice):
    """The two that are not mailed are indeed not: a newer request, and a report."""
    await factories.requested_change(alice, "first@new.example")
    time.advance(MINUTE)
    await factories.requested_change(alice, "second@new.example")
    _, report = await factories.mailed_link(Template.EMAIL_CHANGE_VALIDATION, "report", to=ALICE)
    await compromises.report(report)

    ended = await EmailChange.all().values_list("abort_reason", flat=True)

    assert set(ended) == UNMAILED
    assert await Mail.filter(template=Template.EMAIL_CHANGE_ABORTED).count() == 0


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
        (Language.EN, "172800", "within 2 days of this e-mail"),
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
