"""Planned fields against graphql-core: whatever is asked, both say the same."""

import asyncio
from dataclasses import dataclass
from typing import Any

import graphql
import pytest
from graphql import (
    NoUnusedFragmentsRule,
    NoUnusedVariablesRule,
    parse,
    specified_rules,
    validate,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from things import SCHEMA, Found, Row

from schema import execution
from schema.documents import Documents
from schema.execution import is_awaitable
from schema.operations import Operation

PLAIN = {
    "Thing": [
        "id",
        "name",
        "nick",
        "colour",
        "size",
        "weight",
        "born",
        "fine",
        "secret",
        "words",
        "handle",
        "half",
    ],
    "Inner": ["id", "name", "fine", "size"],
    "Page": ["total"],
}
BELOW = {
    "Thing": {"inner": "Inner", "later": "Thing", "several": "Thing", "either": "Either"},
    "Inner": {"parent": "Thing"},
    "Page": {"rows": "Thing", "holes": "Thing", "first": "Thing", "odd": "Thing", "sure": "Thing"},
}
VARIABLES = (
    '$yes: Boolean = true, $no: Boolean!, $n: Int = 3, $m: Int, $h: Handle!, $i: Handle! = "abc"'
)


@dataclass
class Nobody:
    """The context, which is the root, too."""

    me: Any = None
    variables: Any = None

    def wake_workers(self) -> None:
        """Nobody sleeps."""


NOBODY = Nobody()


def said(result):
    """Data in its order, and the errors in any: fields that wait may fail in another one."""
    errors = [(it.path, it.message, it.locations) for it in result.errors or []]
    return repr(result.data), sorted(errors, key=repr)


async def stock(document, variables, context):
    """What graphql-core says with strawberry's executor."""
    result = graphql.execute(
        SCHEMA,
        document,
        root_value=context,
        context_value=context,
        variable_values=variables,
        executor_class=StrawberryGraphQLCoreExecutionContext,
        is_awaitable=is_awaitable,
    )
    return said(await result if is_awaitable(result) else result)


async def planned(operation, variables, context=NOBODY):
    """What the executor with plans says."""
    return said(
        await execution.execute(
            SCHEMA, operation, variables=variables, context=context, hide_suggestions=False
        )
    )


directives = st.sampled_from(
    [
        "",
        "",
        "",
        "",
        "@include(if: $yes)",
        "@skip(if: $no)",
        "@include(if: false)",
        "@skip(if: $yes)",
    ]
)


@st.composite
def selections(draw, kind, depth, plain_only):
    """A selection set of a type: fields, aliases, fragments of every kind, directives."""
    if kind == "Either":
        thing, inner = (draw(selections(it, depth - 1, plain_only)) for it in ("Thing", "Inner"))
        return f"__typename ... on Thing {{ {thing} }} ... on Inner {{ {inner} }}"
    parts = []
    for _ in range(draw(st.integers(1, 5))):
        what = draw(
            st.sampled_from(["plain", "plain", "plain", "typename", "below", "inline", "named"])
        )
        sign = "" if plain_only else draw(directives)
        alias = draw(st.sampled_from(["", "", "", "other_"]))
        if what == "plain" or (depth <= 0 and what in {"below", "inline"}):
            name = draw(st.sampled_from(PLAIN[kind]))
            parts.append(f"{aliased(alias, name)}{name} {sign}")
        elif what == "typename":
            parts.append(f"{aliased(alias, 'kind')}__typename {sign}")
        elif what == "below":
            name, below = draw(st.sampled_from(list(BELOW[kind].items())))
            selected = draw(selections(below, depth - 1, plain_only))
            parts.append(f"{draw(called(name))} {sign} {{ {selected} }}")
        elif what == "inline":
            parts.append(
                f"... on {kind} {sign} {{ {draw(selections(kind, depth - 1, plain_only))} }}"
            )
        else:
            parts.append(f"...{draw(st.sampled_from('AB'))}{kind} {sign}")
    return " ".join(parts)


def aliased(alias, name):
    return f"{alias}{name}: " if alias else ""


@st.composite
def called(draw, name):
    """A field with the arguments that it may have, under a name that goes with them."""
    argument = {"later": "by", "several": "count"}.get(name)
    value = draw(st.sampled_from(["", "1", "$n", "$m", "5"])) if argument else ""
    return f"{name}_{value.strip('$')}: {name}({argument}: {value})" if value else name


ROOTS = {
    "query": {
        "one: thing(number: $n)": "Thing",
        "thing": "Thing",
        "many: things(numbers: [1, $n, 4])": "Thing",
        "page": "Page",
        "other: page(number: $n)": "Page",
        "me": "Page",
        "kept(handle: $h)": "Thing",
        "also: kept(handle: $i)": "Thing",
        'last: kept(handle: "four")': "Thing",
    },
    "mutation": {"touch(number: 5)": "Thing", "again: touch(number: 3)": "Thing"},
}


@st.composite
def texts(draw):
    """A document with all the fragments that it may spread, most of the time a valid one."""
    plain_only, kind = draw(st.booleans()), draw(st.sampled_from(list(ROOTS)))
    fields = draw(st.lists(st.sampled_from(list(ROOTS[kind])), min_size=1, max_size=3))
    parts = [f"{it} {{ {draw(selections(ROOTS[kind][it], 3, plain_only))} }}" for it in fields]
    parts += draw(st.sampled_from([[], ["__typename"], ["version"] if kind == "query" else []]))
    fragments = [
        f"fragment {name}{of} on {of} {{ {draw(selections(of, 0, plain_only))} }}"
        for of in PLAIN
        for name in "AB"
    ]
    return f"{kind} ({VARIABLES}) {{ {' '.join(parts)} }} {' '.join(fragments)}"


HANDLES = st.sampled_from(["", "a", "abc", "abcdefg", "elsewhere", "\ud800", 7, None, ["a"]])
values = st.fixed_dictionaries(
    {"no": st.booleans(), "h": HANDLES},
    optional={
        "i": HANDLES,
        "yes": st.sampled_from([True, False, None]),
        "n": st.sampled_from([0, 3, 7, 2**31, "x", None]),
        "m": st.sampled_from([1, None]),
    },
)

# A fragment that nobody spreads, or a variable that nobody uses, is no reason not to compare.
RULES = [it for it in specified_rules if it not in (NoUnusedFragmentsRule, NoUnusedVariablesRule)]
# As a cache that is too small: a plan must not outlive its document, nor serve another.
KEPT: list[Operation] = []


async def compare(text, *several):
    """Both say the same, for each set of variables and each time."""
    document = parse(text)
    operation = Operation.of(SCHEMA, document, document.definitions[0])
    KEPT[:] = [*KEPT[-2:], operation]
    for variables in [*several, *several]:
        for context in (Nobody(), Nobody(Found(3)), Nobody(Found(6))):
            expected = await stock(document, variables, context)
            assert await planned(operation, variables, context) == expected


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(text=texts(), first=values, second=values)
def test_says_what_graphql_core_says(text, first, second):
    """Whatever is selected, by whatever fragments, under whatever conditions, with what faults."""
    if validate(SCHEMA, parse(text), RULES):
        assert isinstance(Documents(SCHEMA, introspection=True).read(text, None), list)
    else:
        asyncio.run(compare(text, first, second))


KEPT_BY = "query ($h: Handle!) { kept(handle: $h) { id fine name } me { total } }"
INNER = " fragment F on Thing { inner { id } }"
FIXED = {
    "a condition that changes": (
        "query ($x: Boolean!) { thing { id name @include(if: $x) } }",
        {"x": True},
        {"x": False},
    ),
    "a fragment at two places, one with more": (
        "{ one: thing { ...F inner { fine } } two: thing { ...F } }" + INNER,
    ),
    "a permission": ("{ thing { id secret name } }",),
    "a value that no serialiser takes": ("{ things(numbers: [2, 3, 5]) { id size weight nick } }",),
    "an enum that is none": ("{ thing(number: 14) { id colour } }",),
    "null where none may be": ("{ thing(number: 5) { id name } things(numbers: [5]) { name } }",),
    "null below": ("{ thing(number: 1) { fine inner { name parent { id name } } } }",),
    "a row that raises": ("{ thing(number: 2) { id nick later { nick } } }",),
    "a plain field of the root": ("{ version __typename thing { __typename id } }",),
    "a union": ("{ thing { either { __typename ... on Inner { id } ... on Thing { nick } } } }",),
    "a list with nulls": ("{ thing { several(count: 3) { id several { words } } } }",),
    "fields that wait between plain ones": (
        "{ thing { id later { name later { fine } } colour later { born } weight } }",
    ),
    "a number that is none": (
        "query ($n: Int!) { thing(number: $n) { id } }",
        {"n": "x"},
        {"n": 10**400},
    ),
    "plain all the way": ("{ me { total rows { id fine } holes { born } first { __typename } } }",),
    "plain but for one": ("{ me { rows { id } first { id inner { id } } } page { total } }",),
    "a row of another type": ("{ me { odd { id } total } a: page(number: 2) { odd { id } } }",),
    "one fragment, plain here and not there": (
        "{ me { first { ...G } rows { ...G later { id } } } } fragment G on Thing { id fine }",
    ),
    "no row where one must be": ("{ me { total sure { __typename } } page(number: 2) { total } }",),
    "two selections of the same names": (
        "{ me { first { id } } page { first { fine } } a: thing { x: id } b: thing { x: fine } }",
    ),
    "what a serialiser says nothing of": ("{ things(numbers: [1, 2, 3, 4]) { half } }",),
    "an error and a promise for a value": ("{ things(numbers: [0, 1, 2, 3]) { handle id } }",),
    "a reader": (KEPT_BY, *({"h": it} for it in ("a", "abc", "", "elsewhere", 7, None)), {}),
    "a reader of two variables": (
        "query ($h: Handle!, $n: Int!) { kept(handle: $h) { id } page(number: $n) { total } }",
        {"h": "a", "n": 1},
        {"h": "a", "n": "x"},
        {"h": 1, "n": 1},
    ),
    "a reader of a default": (
        'query ($i: Handle! = "abc") { kept(handle: $i) { id } }',
        {},
        {"i": "a"},
        {"i": None},
    ),
    "a variable that nobody reads": (
        "query ($n: Int!) { me { total } }",
        {"n": "x"},
        {"n": 1},
    ),
    "a reader of what may be null": (
        'query ($i: Handle = "abc") { kept(handle: $i) { id } }',
        {"i": "a"},
        {"i": None},
        {},
    ),
    "one field under two names": ("{ thing { id other: id name other_name: name } }",),
}


@pytest.mark.parametrize("name", FIXED)
async def test_says_the_same_where_plans_went_wrong(name):
    """What a plan by a field's name, or by its first node, answers wrongly."""
    text, *several = FIXED[name]
    await compare(text, *(several or [{}]))


async def test_plans_what_is_plain():
    """Else the comparison would be one of graphql-core with itself."""
    document = parse("{ thing { id later { fine __typename } born } }")
    operation = Operation.of(SCHEMA, document, document.definitions[0])

    await planned(operation, {})

    plans = {
        plan.parent_type.name: ([name for name, *_ in plan.plain], list(plan.rest))
        for plan in operation.plans.plans.values()
        if plan.fields.keys() != {"fine", "__typename"}
    }
    assert plans == {"Query": ([], ["thing"]), "Thing": (["id", "born"], ["later"])}


async def test_plans_what_a_reader_finds():
    """Without coercion and executor, as nothing is left for them to find wrong."""
    document = parse(KEPT_BY)
    operation = Operation.of(SCHEMA, document, document.definitions[0])

    await planned(operation, {"h": "a"})

    assert [name for name, *_ in operation.plans.whole.plain] == ["kept", "me"]


async def test_keeps_no_more_with_each_execution():
    """A thousand executions have the plans of one."""
    document = parse("{ thing { id later { several { id } } } things(numbers: [1, 2]) { name } }")
    operation = Operation.of(SCHEMA, document, document.definitions[0])
    await planned(operation, {})
    kept = len(operation.plans.plans), len(operation.plans.sub_fields)

    for _ in range(100):
        await planned(operation, {})

    assert (len(operation.plans.plans), len(operation.plans.sub_fields)) == kept


async def test_answers_each_document_with_its_own():
    """In a cache of one place, too, where memory is used again and again."""
    documents = Documents(SCHEMA, introspection=True, kept=1)
    names = ["id", "name", "colour", "fine"]
    for number in range(200):
        name = names[number % 4]
        read = documents.read(f"mutation {{ touch(number: 2) {{ a: {name} }} }} # {number}", None)

        result = await documents.execute(read, variables=None, context=Nobody())

        row = Row(4)
        expected = {"id": str(row.id), "name": row.name, "colour": "RED", "fine": True}
        assert result.data == {"touch": {"a": expected[name]}}
