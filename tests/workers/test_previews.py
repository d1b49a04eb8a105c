"""The previews of mails: all of them, as they are sent."""

import re
from uuid import UUID

import pytest

from models.mails import Template
from models.profiles import Language
from workers import previews

ORIGIN = "https://account.example.org"


@pytest.fixture(scope="module")
def written():
    return list(previews.previews(ORIGIN))


def test_there_is_one_of_every_mail_in_every_language(written):
    """In the order of the story, the languages beside each other."""
    wanted = [(template, language.lower()) for template in Template for language in Language]

    assert [(mail["template"], mail["language"]) for mail in written] == wanted


def test_none_has_a_hole(written):
    """What a source asks for that no sample knows stands for itself, so that it is seen."""
    strange = [
        (mail["template"], word)
        for mail in written
        for word in re.findall(r"\b[a-z]+_[a-z_]+\b", mail["text"])
    ]

    assert strange == []


def test_links_lead_nowhere(written):
    """They look like those of a mail, and no account has them."""
    found = {link for mail in written for link in re.findall(r"https?://\S+", mail["text"])}
    links = {link for link in found if "hooks.example.org" not in link}

    ends = {link.partition("#")[2].removeprefix(str(UUID(int=0))) for link in links}
    assert ends == {".this-link-leads-nowhere", ""}  # a consent has no token
    assert all(link.startswith(f"{ORIGIN}/links/") for link in links)
