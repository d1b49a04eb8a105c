"""The README names what there is: every setting, files that exist, code that is run."""

import re

import pytest
import readme

from models.settings import PREFIX, EmbeddedSettings, Settings


def test_every_variable_is_explained():
    """The table of the environment has every setting, and none that is not there."""
    settings = {*Settings.model_fields, *EmbeddedSettings.model_fields} - {"mailbox_file"}

    table = readme.README.read_text().partition("\n| variable |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(NICGATE_\w+)`", table)) == {
        PREFIX + name.upper() for name in settings
    }


def test_every_path_is_there():
    """What the README links to exists."""
    links = re.findall(r"\]\((?!http|#)([^)]+)\)", readme.README.read_text())

    assert links
    assert [link for link in links if not (readme.README.parent / link).exists()] == []


@pytest.mark.parametrize(
    ("kind", "ending"), [("graphql", ".graphql"), ("python", ".py"), ("typescript", ".ts")]
)
def test_shows_clients_what_is_run(kind, ending):
    """A piece of code for clients stands like this in the file that was named last before it."""
    section = readme.section("For those who write clients")
    (piece,) = [found for found in readme.BLOCK.finditer(section) if found[1] == kind]

    links = re.findall(rf"\]\((tests/clients/\S+{ending})\)", section[: piece.start()])

    assert piece[2] in (readme.README.parent / links[-1]).read_text()
