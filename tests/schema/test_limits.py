"""What a document may ask for at most: refused before anything is executed, in linear time."""

import time

import pytest
from graphql import get_introspection_query


def nested(levels):
    """A document of so many levels; below `me` the fields need not exist."""
    return "{ me " + "{ a " * (levels - 1) + "}" * (levels - 1) + " }"


def doubled(fragments, leaf="id"):
    """Each fragment spreads the next twice: 2 to the power of `fragments` fields in few bytes."""
    bodies = [
        f"fragment F{number} on Account {{ ...F{number + 1} ...F{number + 1} }}"
        for number in range(fragments)
    ]
    last = f"fragment F{fragments} on Account {{ {leaf} }}"
    return "\n".join(["{ me { ...F0 } }", *bodies, last])


def aliased(count):
    return "{ " + " ".join(f"a{number}: me {{ id }}" for number in range(count)) + " }"


def spread(fragments):
    """A document with so many fragments of one field each."""
    names = [f"F{number}" for number in range(fragments)]
    bodies = [f"fragment {name} on Account {{ id }}" for name in names]
    return "{ me { " + " ".join(f"...{name}" for name in names) + " } } " + " ".join(bodies)


async def refusals(ask, document):
    """The sentences about limits among the errors of a document."""
    answer = await ask(document)
    assert set(answer.codes) <= {"BAD_REQUEST"}
    return [it["message"] for it in answer.errors if it["message"].startswith("A document may")]


@pytest.mark.parametrize(
    ("document", "refused"),
    [
        (nested(10), []),
        (nested(11), ["A document may be 10 levels deep."]),
        (nested(60), ["A document may be 10 levels deep."]),
        (aliased(15), []),
        (aliased(16), ["A document may have 15 aliases."]),
        (spread(50), []),
        (spread(51), ["A document may have 50 fragments."]),
        ("{ me { " + "id " * 499 + "} }", []),
        ("{ me { " + "id " * 500 + "} }", ["fields"]),
        (doubled(8), []),
        (doubled(9), ["fields"]),
        (doubled(40), ["fields"]),
        (doubled(4, leaf="a: id"), ["A document may have 15 aliases."]),
        (doubled(3, leaf="a: id"), []),
        ("{ me { ...A } } fragment A on Account { ...B } fragment B on Account { ...A }", []),
        ("{ me { ...Unknown } }", []),
    ],
    ids=str,
)
async def test_limits_a_document(ask, document, refused):
    """Fragments count where they are spread; one too many is refused, the last is not."""
    fields = "A document may have 500 fields, counted where they are spread."

    sentences = await refusals(ask, document)

    assert sentences == [fields if it == "fields" else it for it in refused]


@pytest.mark.parametrize("levels", [5, 11])
async def test_counts_levels_through_fragments(ask, levels):
    """Hiding levels in a fragment, named or inline, does not help."""
    body = "{ a " * levels + "}" * levels
    documents = (
        "{ me { ...F } } fragment F on Account " + body,
        "{ me { ... on Account " + body + " } }",
    )

    found = [await refusals(ask, document) for document in documents]

    deep = ["A document may be 10 levels deep."] if levels == 11 else []
    assert found == [deep, deep]


async def test_lets_tools_ask_for_the_schema(ask):
    """The introspection query of clients is deeper than any query about an account."""
    document = get_introspection_query(
        descriptions=True,
        specified_by_url=True,
        directive_is_repeatable=True,
        input_value_deprecation=True,
    )

    assert (await ask(document)).errors == []


async def test_limits_introspection(ask):
    """Deeper than any tool asks; and what stands beside it has its own limit."""
    deep = "{ __schema { types " + "{ ofType " * 19 + "{ name }" + "}" * 19 + " } }"
    mixed = "{ __typename __schema { types { name } } me { mails { edges { node { id } } } } }"

    assert await refusals(ask, deep) == ["A document may be 10 levels deep."]
    assert await refusals(ask, mixed) == []


@pytest.mark.parametrize("document", [doubled(49), nested(600), aliased(400)], ids=len)
async def test_refuses_at_once(ask, document):
    """A limit that takes time is an attack of its own."""
    started = time.perf_counter()

    answer = await ask(document)

    assert time.perf_counter() - started < 0.1
    assert set(answer.codes) == {"BAD_REQUEST"}


async def test_keeps_what_it_has_judged(ask, monkeypatch):
    """The same document is validated once: the rule is one class, made once."""
    judged = []
    monkeypatch.setattr(
        "schema.limits.Limits.enter_document", lambda *_: judged.append(None), raising=True
    )
    document = '{ me { id } profileRules(country: "FR") { field } }'

    for _ in range(3):
        await ask(document)

    assert len(judged) == 1
