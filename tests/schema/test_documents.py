"""Documents that are read once: what is kept of them, and how much."""

import pytest

from schema import build, documents
from schema.documents import Documents
from schema.operations import Operation

ME = "query Me { me { id } } query You { me { email } }"


@pytest.fixture
def reading(monkeypatch):
    """Documents of a process of its own, with room for three, and a thousand characters."""
    monkeypatch.setattr(documents, "KEPT_TEXT", 1000)
    return Documents(build(introspection=True).schema, introspection=True, kept=3)


def test_reads_a_text_once(reading):
    """The same text is the same operation; another name in it, or another space, is another."""
    first, again = reading.read(ME, "Me"), reading.read(ME, "Me")

    assert isinstance(first, Operation)
    assert again is first
    assert reading.read(ME, "You") is not first
    assert reading.read(ME + " ", "Me") is not first


def test_keeps_the_latest(reading):
    """What was asked for last stays; what was not makes room."""
    first = reading.read("{ me { id } } # 0", None)
    second = reading.read("{ me { id } } # 1", None)
    for number in range(2, 6):
        reading.read(f"{{ me {{ id }} }} # {number}", None)
        assert reading.read("{ me { id } } # 0", None) is first

    assert reading.read("{ me { id } } # 1", None) is not second


def test_keeps_so_much_text(reading):
    """However few there are: read, a text takes a hundred times its own memory."""
    texts = [f"{{ me {{ id }} }} # {number} {'x' * 400}" for number in range(3)]
    first, *_, last = [reading.read(text, None) for text in texts]

    assert reading.read(texts[2], None) is last
    assert reading.read(texts[0], None) is not first


def test_keeps_no_text_that_is_too_long(reading):
    """Whatever was kept before makes room, and comes back."""
    long = "{ me { id } } # " + "x" * 2000

    assert reading.read(long, None) is not reading.read(long, None)
    assert reading.read("{ me { id } }", None) is reading.read("{ me { id } }", None)


def test_keeps_nothing_of_an_error_but_what_it_says(reading):
    """Not the document, nor the frames in which it was found."""
    errors = reading.read("{ me { nothing } }", None)

    assert [(error.nodes, error.__traceback__) for error in errors] == [(None, None)]
    assert [(it.line, it.column) for it in errors[0].locations] == [(1, 8)]


def test_lets_go_of_the_tokens(reading):
    """Linked to each other they would stay until everything is looked through."""
    operation = reading.read("{ me { id email } }", None)

    assert operation.node.loc.start_token.next is None
    assert operation.node.loc.end_token.prev is None
