"""What an operation costs a partner, in points: found out from its text, before it is executed.

An operation is 1 point, and so is each field that has fields of its own. A page multiplies what is
selected of it by the rows that are asked for. A mutation is 10, one with a password or a code 50.
Fields of scalars are free. Directives and types change nothing: what may be left out counts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLCompositeType,
    GraphQLField,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_composite_type,
)

from models.pages import LONGEST
from schema.scalars import instant
from schema.sensitive_mutations import SENSITIVE

OPERATION = 1
FIELD = 1
MUTATION = 10
SENSITIVE_MUTATION = 50
_ROWS = "first"  # the argument of a page
_DIGITS = 9  # of no page are there more

Found = Iterator[tuple[GraphQLCompositeType, FieldNode]]


@dataclass(frozen=True, slots=True)
class Charged:
    """What a call was charged, and what its partner has left until `reset_at`, when all is back."""

    requested: int
    limit: int
    remaining: int
    reset_at: datetime

    def shown(self) -> dict[str, int | str]:
        """Return it as the extension `cost` of an answer."""
        return {
            "requested": self.requested,
            "limit": self.limit,
            "remaining": self.remaining,
            "resetAt": instant(self.reset_at),
        }


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list: its rows, which a variable may name, and what each of them costs."""

    rows: int
    variable: str | None
    each: "Cost"

    def of(self, variables: Mapping[str, Any]) -> int:
        rows = variables.get(self.variable, self.rows) if self.variable else self.rows
        if isinstance(rows, float) and rows.is_integer():  # which is an Int to GraphQL
            rows = int(min(rows, LONGEST))
        if type(rows) is not int:  # the operation will say so
            rows = self.rows
        # A page of nothing, or without a field, is read all the same.
        return min(max(rows, 1), LONGEST) * max(self.each.of(variables), FIELD)


@dataclass(frozen=True, slots=True)
class Cost:
    """What is the same for all variables, and the pages that depend on them."""

    points: int = 0
    pages: tuple[Page, ...] = ()

    def of(self, variables: Mapping[str, Any] | None) -> int:
        """Return the points for these variables."""
        given = variables or {}
        return self.points + sum(page.of(given) for page in self.pages)

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.points + other.points, self.pages + other.pages)


@dataclass(frozen=True, slots=True)
class Pricing:
    """Prices the operation of a document that has passed validation, which bounds its size."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    operation: OperationDefinitionNode

    def cost(self) -> Cost:
        root = self.schema.get_root_type(self.operation.operation)
        return Cost(OPERATION) + self._selection(root, self.operation.selection_set)

    def _selection(
        self, kind: GraphQLCompositeType | None, selected: SelectionSetNode | None
    ) -> Cost:
        total = Cost()
        if kind is not None and selected is not None:
            for parent, node in self._fields(kind, selected):
                total += self._field(parent, node)
        return total

    def _fields(self, kind: GraphQLCompositeType, selected: SelectionSetNode) -> Found:
        """List the fields of a selection with their types; without recursion, as they nest deep."""
        waiting = [(kind, selected)]
        while waiting:
            parent, selection = waiting.pop()
            for node in selection.selections:
                if isinstance(node, FieldNode):
                    yield parent, node
                    continue
                inline = isinstance(node, InlineFragmentNode)
                fragment: Any = node if inline else self.fragments[node.name.value]  # type: ignore[attr-defined]
                named: Any = fragment.type_condition
                known: Any = self.schema.get_type(named.name.value) if named else parent
                waiting.append((known, fragment.selection_set))

    def _field(self, parent: GraphQLCompositeType, node: FieldNode) -> Cost:
        definition = self.schema.get_field(parent, node.name.value)
        kind = get_named_type(definition.type) if definition else None
        below = Cost()
        if is_composite_type(kind):
            below = self._selection(kind, node.selection_set)
        if parent is self.schema.mutation_type and not node.name.value.startswith("__"):
            price = SENSITIVE_MUTATION if node.name.value in SENSITIVE else MUTATION
            return Cost(price) + below
        if definition is None or not is_composite_type(kind):
            return Cost()
        if _ROWS not in definition.args:
            return Cost(FIELD) + below
        page = self._page(definition, node, below)
        if page.variable or page.each.pages:
            return Cost(FIELD, (page,))
        return Cost(FIELD + page.of({}))

    def _page(self, definition: GraphQLField, node: FieldNode, each: Cost) -> Page:
        given = {it.name.value: it.value for it in node.arguments or ()}.get(_ROWS)
        rows, variable = _number(definition.args[_ROWS].default_value), None
        if isinstance(given, VariableNode):
            variable = given.name.value
            declared = {
                it.variable.name.value: it for it in self.operation.variable_definitions or ()
            }
            known = declared.get(variable)
            rows = _literal(known.default_value if known else None, rows)
        return Page(_literal(given, rows), variable, each)


def _literal(node: ValueNode | None, otherwise: int) -> int:
    if not isinstance(node, IntValueNode):
        return otherwise
    return int(node.value) if len(node.value) <= _DIGITS else LONGEST


def _number(value: Any) -> int:
    return value if type(value) is int else LONGEST
