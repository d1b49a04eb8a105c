"""Plans: how the plain fields of a document are read, found out once.

What is skipped for a plain field: its arguments, path and resolve-info, and the walk from its type
to the serialiser. That is safe because it has nothing that would read them: a plain field is the
attribute of a row, without arguments, resolver, extension or permission, that a scalar or an enum
serialises, or whose own selection is plain as a whole. So is a field of the root that names a
reader for its one argument, if a variable gives it that any string may be. A plan is used only

* in a document without directives, where no selection depends on variables;
* for the very lists of merged fields that graphql-core collected, which are kept with the plan;
* when every value is of a type that the serialiser is known to take, and none is null that must
  not be. Else the whole selection goes to graphql-core, before any of its resolvers has run: no
  error and no null is ever written here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from functools import partial
from operator import attrgetter
from typing import Any, cast
from uuid import UUID

from graphql import (
    FieldNode,
    GraphQLBoolean,
    GraphQLField,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
    VariableNode,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from strawberry.types.field import StrawberryField
from tortoise.models import Model

Root = tuple[GraphQLObjectType, GroupedFieldSet, bool]

READER = "reader"  # in the metadata of a field: reads it of the Context and a string
_TAKEN = (str, int, float, bool, datetime, date)
_TAKEN_WITH_KINDS = (Enum, UUID)  # asyncpg has a UUID of its own
_JSON = (str, int, float, bool)


class _NotPlainError(Exception):
    """A value that the plan leaves to graphql-core."""


class _Outputs(dict[type, Callable[[Any], Any] | None]):
    """How the values of a field leave, by the type that they have; None: as they are."""

    def __init__(self, output_for: Callable[[type], Callable[[Any], Any] | None]) -> None:
        super().__init__()
        self._output_for = output_for

    def __missing__(self, kind: type) -> Callable[[Any], Any] | None:
        self[kind] = output = self._output_for(kind)
        return output

    def of(self, value: Any) -> Any:
        output = self[type(value)]
        return value if output is None else output(value)


@dataclass(frozen=True, slots=True)
class Plan:
    """How one selection of an object type is read: its plain fields, and the rest.

    `fields` are what graphql-core collected; they are kept so that no other list gets their place.
    """

    parent_type: GraphQLObjectType
    fields: GroupedFieldSet
    plain: list[tuple[str, Callable[[Any], Any], _Outputs]]
    rest: GroupedFieldSet

    def read(self, row: Any) -> dict[str, Any] | None:
        """Return the plain fields of a row; None when graphql-core has to see to all of them."""
        try:
            return self.shown(row)
        except Exception:  # noqa: BLE001 -- whatever it is, graphql-core raises it at its place
            return None

    def shown(self, row: Any) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for name, value_of, outputs in self.plain:
            value = value_of(row)
            output = outputs[type(value)]
            shown[name] = value if output is None else output(value)
        return shown

    def merged(self, plain: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
        """Put both parts into the order of the document."""
        known = plain | rest
        return {name: known[name] for name in self.fields if name in known}


@dataclass(slots=True)
class Plans:
    """All that the executions of one document without directives have in common."""

    strings: frozenset[str]  # variables that are one if they are given, whichever
    root: Root | None = None
    whole: Plan | None = None  # of the root, when nothing is left to graphql-core
    sub_fields: dict[Any, Any] = field(default_factory=dict)
    plans: dict[int, Plan] = field(default_factory=dict)

    def are_given(self, variables: Mapping[str, Any]) -> bool:
        return not self.strings or all(type(variables.get(name)) is str for name in self.strings)

    def of(self, executor: Executor[Any], kind: GraphQLObjectType, fields: GroupedFieldSet) -> Plan:
        plan = self.plans.get(id(fields))
        if plan is None or plan.parent_type is not kind:
            plan = self.plans[id(fields)] = _Planner(executor, self).plan(kind, fields)
        return plan


@dataclass(frozen=True, slots=True)
class _Planner:
    """Finds out which fields of a document are plain."""

    executor: Executor[Any]
    plans: Plans

    def plan(self, kind: GraphQLObjectType, fields: GroupedFieldSet) -> Plan:
        steps = {name: self._step(kind, details) for name, details in fields.items()}
        plain = [(name, *step) for name, step in steps.items() if step]
        return Plan(kind, fields, plain, {name: fields[name] for name in fields if not steps[name]})

    def _step(
        self, kind: GraphQLObjectType, details: FieldDetailsList
    ) -> tuple[Callable[[Any], Any], _Outputs] | None:
        """Say how a field is read if it is a plain one."""
        node = details[0].node
        if node.name.value == "__typename":
            return (lambda _row: kind.name), _Outputs(lambda _kind: None)
        definition = self.executor.schema.get_field(kind, node.name.value)
        value_of = self._reader(definition, node) if definition else None
        if definition is None or value_of is None:
            return None
        outputs = self._outputs(definition.type, details)
        return None if outputs is None else (value_of, outputs)

    def _reader(self, definition: GraphQLField, node: FieldNode) -> Callable[[Any], Any] | None:
        ours = (definition.extensions or {}).get("strawberry-definition")
        if type(ours) is not StrawberryField or ours.extensions:
            return None
        read, given = ours.metadata.get(READER), [it.value for it in node.arguments or ()]
        if read and len(given) == len(definition.args) == 1:
            name = given[0].name.value if isinstance(given[0], VariableNode) else None
            known = name in self.plans.strings
            return (lambda root: read(root, root.variables[name])) if known else None
        if definition.args or not ours.is_basic_field or ours.default_resolver is not getattr:
            return None
        # Else what reads it is not what strawberry gives to plain fields.
        is_plain = hasattr(definition.resolve, "_is_default")
        return attrgetter(ours.python_name) if is_plain else None

    def _outputs(self, wanted: GraphQLOutputType, details: FieldDetailsList) -> _Outputs | None:
        nullable, inner = not is_non_null_type(wanted), get_nullable_type(wanted)
        output_for: Callable[[type], Callable[[Any], Any] | None]
        if is_leaf_type(inner):
            output_for = partial(_leaf, inner)
        elif is_list_type(inner) and (items := self._outputs(inner.of_type, details)) is not None:
            output_for = partial(_list, items)
        elif is_object_type(inner) and (below := self._below(inner, details)) is not None:
            output_for = partial(_row, inner, below)
        else:
            return None
        outputs = _Outputs(output_for)
        if nullable:
            outputs[type(None)] = None
        return outputs

    def _below(self, kind: GraphQLObjectType, details: FieldDetailsList) -> Plan | None:
        """Return the plan of a selection that is plain as a whole."""
        fields = self.executor.collect_subfields(kind, details).grouped_field_set
        plan = self.plans.of(self.executor, kind, fields)
        return None if plan.rest else plan


def _leaf(leaf: GraphQLLeafType, kind: type) -> Callable[[Any], Any] | None:
    if kind not in _TAKEN and not issubclass(kind, _TAKEN_WITH_KINDS):
        raise _NotPlainError
    serialise = leaf.coerce_output_value
    if (kind is str and (serialise is str or leaf is GraphQLString)) or (
        kind is bool and leaf is GraphQLBoolean
    ):
        return None
    if issubclass(kind, Enum):
        names = {member: serialise(member) for member in cast("type[Enum]", kind)}
        if all(type(name) is str for name in names.values()):
            return names.__getitem__

    def output(value: Any) -> Any:
        shown = serialise(value)
        if type(shown) not in _JSON:
            raise _NotPlainError
        return shown

    return output


def _list(items: _Outputs, kind: type) -> Callable[[Any], Any]:
    if kind not in {list, tuple}:
        raise _NotPlainError
    return lambda values: [items.of(value) for value in values]


def _row(wanted: GraphQLObjectType, plan: Plan, kind: type) -> Callable[[Any], Any]:
    is_promise = hasattr(kind, "__await__") and not issubclass(kind, Model)
    if kind is type(None) or issubclass(kind, Exception) or is_promise:
        raise _NotPlainError
    is_one = wanted.is_type_of

    def output(row: Any) -> Any:
        if is_one and is_one(row, cast("Any", None)) is not True:
            raise _NotPlainError
        return plan.shown(row)

    return output
