"""What an operation costs a partner: known from its text and its variables alone."""

import pytest
from graphql import get_introspection_query, get_named_type, is_composite_type, parse
from hypothesis import given, settings
from hypothesis import strategies as st

from schema import build, schema
from schema.costs import MUTATION, SENSITIVE_MUTATION
from schema.operations import Operation
from schema.sensitive_mutations import SENSITIVE

SCHEMA = schema._schema  # noqa: SLF001
QUERY = SCHEMA.query_type
MANY = {"rows": 100}


def cost(text, **variables):
    document = parse(text)
    return Operation.of(SCHEMA, document, document.definitions[0]).cost.of(variables)


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("{ __typename }", 1),
        ("{ me { id } }", 2),
        ("{ me { id email firstName lastName state } }", 2),
        ("{ me { address { line } pendingEmailChange { id } } }", 4),
        ("{ a: me { id } b: me { id } }", 3),
        ("{ me { id } me { email } }", 3),
        ("{ me { advice } }", 2),
        ("{ partner { name key { id } budget { remaining } } }", 4),
        ('{ profileRules(country: "FR") { field pattern } }', 2),
        ("query Q { me { ... on Account { address { line } } ... { id } } }", 3),
        ("{ ...F } fragment F on Query { me { ...G ...G } } fragment G on Account { id }", 2),
        ("{ ...F ...F } fragment F on Query { me { address { line } } }", 5),
        ("{ me @skip(if: true) { id } }", 2),
    ],
)
def test_counts_what_has_fields_of_its_own(text, points):
    """One for the operation and for each such field, as often as it stands; scalars are free."""
    assert cost(text) == points


@pytest.mark.parametrize(
    ("page", "points"),
    [
        ("mails(first: 1) { edges { node { id } } }", 1 + 1 * 2),
        ("mails(first: 50) { edges { node { id } } }", 1 + 50 * 2),
        ("mails(first: 100) { edges { cursor node { id to } } pageInfo { endCursor } }", 1 + 300),
        ("mails { edges { node { id } } }", 1 + 20 * 2),
        ("a: mails { edges { cursor } } b: mails(first: 30) { edges { cursor } }", 2 + 20 + 30),
        ("mails(first: 40) { __typename }", 1 + 40),
        ("mails(first: 0) { edges { cursor } }", 1 + 1),
        ("mails(first: -7) { edges { cursor } }", 1 + 1),
        ("mails(first: 1000) { edges { cursor } }", 1 + 100),
        (f"mails(first: {'9' * 5000}) {{ edges {{ cursor }} }}", 1 + 100),
        ("mails(first: null) { edges { cursor } }", 1 + 20),
    ],
)
def test_multiplies_a_page_by_its_rows(page, points):
    """All that is selected of it, by what is asked for; what no page can have counts as its end."""
    assert cost(f"{{ me {{ {page} }} }}") == 2 + points


@pytest.mark.parametrize(
    ("declared", "variables", "rows"),
    [
        ("$rows: Int!", {"rows": 7}, 7),
        ("$rows: Int!", {}, 20),
        ("$rows: Int = 5", {}, 5),
        ("$rows: Int = 5", {"rows": 60}, 60),
        ("$rows: Int = 5", {"rows": None}, 5),
        ("$rows: Int!", {"rows": "many"}, 20),
        ("$rows: Int!", {"rows": True}, 20),
        ("$rows: Int!", {"rows": [100]}, 20),
        ("$rows: Int!", {"rows": 10**30}, 100),
        ("$rows: Int!", {"rows": 60.0}, 60),
        ("$rows: Int!", {"rows": 1e30}, 100),
        ("$rows: Int!", {"rows": 60.5}, 20),
        ("$rows: Int!", {"other": 3}, 20),
    ],
)
def test_reads_the_rows_of_a_variable(declared, variables, rows):
    """The same document costs what its variables say; what is no number is refused later anyway."""
    text = "query (%s) { me { mails(first: $rows) { edges { node { id } } } } }" % declared  # noqa: UP031

    assert cost(text, **variables) == 3 + rows * 2


@pytest.mark.parametrize("name", SCHEMA.mutation_type.fields)
def test_asks_more_for_a_mutation(name):
    """Ten, and fifty for what has a password or a code: hashing is the dearest that there is."""
    document = f"mutation {{ {name} }}"

    price = SENSITIVE_MUTATION if name in SENSITIVE else MUTATION
    assert cost(document) == 1 + price
    assert cost(f"mutation {{ ...F }} fragment F on Mutation {{ {name} __typename }}") == 1 + price


def test_counts_what_a_mutation_answers():
    """The account in its result is a field as any other."""
    text = (
        "mutation { login { ... on OpenedSession { account { id mails { edges { cursor } } } } } }"
    )

    assert cost(text) == 1 + 50 + 1 + 1 + 20


def test_asks_little_for_introspection():
    """And not nothing: it is looked up in memory, and long."""
    points = cost(get_introspection_query())

    assert 10 < points < 100
    assert cost('{ __type(name: "Account") { name } }') == 2


def test_counts_however_deep_it_is_boxed():
    """Inline fragments are no levels: a chain of fragments in such boxes may be very deep."""
    bodies = [
        f"fragment F{number} on Query {{ {'... { ' * 50} ...F{number + 1} {'} ' * 50}}}"
        for number in range(40)
    ]
    last = "fragment F40 on Query { me { id } }"

    assert cost("\n".join(["{ ...F0 }", *bodies, last])) == 2


def test_is_found_out_once():
    """A document that was seen before has its price already; only rows of variables are put in."""
    documents = build(introspection=False)
    text = "query ($rows: Int!) { me { mails(first: $rows) { edges { cursor } } } }"

    first, second = [documents.read(text, None) for _ in range(2)]

    assert first.cost is second.cost
    assert [first.cost.of({"rows": rows}) for rows in (1, 100)] == [4, 103]
    assert documents.read("{ me { mails(first: 9) { edges { cursor } } } }", None).cost.pages == ()


@st.composite
def selections(draw, kind=QUERY, levels=4):
    """A selection of a type: fields, rows where there are pages, in boxes now and then."""
    names = [
        name
        for name, field in kind.fields.items()
        if levels > 1 or not is_composite_type(get_named_type(field.type))
    ]
    chosen = draw(st.lists(st.sampled_from(names or ["__typename"]), min_size=1, max_size=4))
    parts = []
    for name in chosen:
        field = kind.fields.get(name)
        rows = draw(st.sampled_from(["", "(first: 3)", "(first: $rows)", "(first: $few)"]))
        arguments = rows if field and "first" in field.args else ""
        below = get_named_type(field.type) if field else None
        inner = draw(selections(below, levels - 1)) if is_composite_type(below) else ""
        part = f"{name}{arguments} {inner}"
        parts.append(f"... on {kind.name} {{ {part} }}" if draw(st.booleans()) else part)
    return "{ " + " ".join(parts) + " }"


HEAD = "query ($rows: Int!, $few: Int = 2)"


@settings(deadline=None)
@given(selections(), selections())
def test_never_costs_less_for_more(one, other):
    """Whatever is added, be it beside, in a fragment or in rows, does not make it cheaper."""
    both = f"{HEAD} {{ ...{one} ...{other} }}"
    spread = f"{HEAD} {{ ...F ...{other} }} fragment F on Query {one}"
    known = [cost(f"{HEAD} {part}", **MANY) for part in (one, other)]

    assert min(known) >= 1
    assert cost(both, **MANY) == sum(known) - 1
    assert cost(spread, **MANY) == cost(both, **MANY)
    by_rows = [cost(both, rows=rows) for rows in (1, 2, 50, 100, 101)]
    assert by_rows == sorted(by_rows)


@settings(deadline=None)
@given(selections(), st.dictionaries(st.sampled_from(["rows", "few"]), st.integers() | st.text()))
def test_is_never_negative(one, variables):
    """Whatever the variables are."""
    assert cost(f"{HEAD} {one}", **variables) >= 1
