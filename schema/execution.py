"""Execution by graphql-core, but plain fields by a plan that is made once for each document.

What is skipped for a plain field: its arguments, path and resolve-info, and the walk from its type
to the serialiser. That is safe because it has nothing that would read them: a plain field is the
attribute of a row, without arguments, resolver, extension or permission, that a scalar or an enum
serialises. A plan is used only

* in a document without directives, where no selection depends on variables;
* for the very lists of merged fields that graphql-core collected, which are kept with the plan;
* when every value is of a type that the serialiser is known to take, and none is null that must
  not be. Else the whole selection goes to graphql-core, before any of its resolvers has run: no
  error and no null is ever written here.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from functools import partial
from operator import attrgetter
from typing import Any, cast
from uuid import UUID

from graphql import (
    DirectiveNode,
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLBoolean,
    GraphQLError,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    OperationType,
    Visitor,
    default_field_resolver,
    default_type_resolver,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
    visit,
)
from graphql.execution.collect_fields import FieldDetailsList, FragmentDetails, GroupedFieldSet
from graphql.execution.values import VariableValues, get_variable_values
from graphql.language import BREAK
from strawberry.execution.is_awaitable import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.field import StrawberryField
from tortoise.models import Model

_VARIABLE_ERRORS = 50  # graphql-core's own default
_TAKEN = (str, int, float, bool, datetime, date)
_TAKEN_WITH_KINDS = (Enum, UUID)  # asyncpg has a UUID of its own
_JSON = (str, int, float, bool)


_Root = tuple[GraphQLObjectType, GroupedFieldSet, bool]


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

    root: _Root | None = None
    whole: Plan | None = None  # of the root, when nothing is left to graphql-core
    sub_fields: dict[Any, Any] = field(default_factory=dict)
    plans: dict[int, Plan] = field(default_factory=dict)

    def of(self, executor: "Executor", kind: GraphQLObjectType, fields: GroupedFieldSet) -> Plan:
        plan = self.plans.get(id(fields))
        if plan is None or plan.parent_type is not kind:
            plan = self.plans[id(fields)] = _Planner(executor, self).plan(kind, fields)
        return plan


@dataclass(frozen=True, slots=True)
class _Planner:
    """Finds out which fields of a document are plain."""

    executor: "Executor"
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
        if definition is None or definition.args or node.arguments:
            return None
        ours = (definition.extensions or {}).get("strawberry-definition")
        if type(ours) is not StrawberryField or not ours.is_basic_field:
            return None
        if ours.default_resolver is not getattr or not hasattr(definition.resolve, "_is_default"):
            return None  # what reads it is not what strawberry gives to plain fields
        outputs = self._outputs(definition.type, details)
        return None if outputs is None else (attrgetter(ours.python_name), outputs)

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
    if issubclass(kind, Exception) or (hasattr(kind, "__await__") and not issubclass(kind, Model)):
        raise _NotPlainError
    is_one = wanted.is_type_of

    def output(row: Any) -> Any:
        if is_one and is_one(row, cast("Any", None)) is not True:
            raise _NotPlainError
        return plan.shown(row)

    return output


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation that has passed validation, with what its executions share."""

    node: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    details: dict[str, FragmentDetails]
    plans: Plans | None

    @classmethod
    def of(cls, document: DocumentNode, node: OperationDefinitionNode) -> "Operation":
        fragments = {
            it.name.value: it
            for it in document.definitions
            if isinstance(it, FragmentDefinitionNode)
        }
        details = {name: FragmentDetails(it, None) for name, it in fragments.items()}
        plans = None if _has_directives(document) else Plans()
        return cls(node, fragments, details, plans)

    @property
    def kind(self) -> OperationType:
        return self.node.operation


def is_awaitable(value: Any) -> bool:
    """Whether a value has to be awaited; a row could be, and would give itself."""
    return not isinstance(value, Model) and optimized_is_awaitable(value)


class Executor(StrawberryGraphQLCoreExecutionContext):
    """The executor of strawberry, with the plans of a document if it can have any."""

    plans: Plans | None = None

    @classmethod
    def of(
        cls,
        schema: GraphQLSchema,
        operation: Operation,
        values: VariableValues,
        context: Any,
        *,
        hide_suggestions: bool,
    ) -> "Executor":
        executor = cls(
            schema,
            operation.fragments,
            operation.details,
            context,  # the root, too: what a request is about
            context,
            operation.node,
            values,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            is_awaitable=is_awaitable,
            hide_suggestions=hide_suggestions,
        )
        if operation.plans is not None:
            executor.plans = operation.plans
            executor._relevant_sub_fields = operation.plans.sub_fields
        return executor

    def execute_operation(self, serially: bool | None = None) -> Any:  # noqa: FBT001
        """Begin with the root fields that were collected before, if they were."""
        if self.plans is None or self.plans.root is None:
            return super().execute_operation(serially)
        return self._from(self.plans.root)

    async def _from(self, root: _Root) -> Any:
        try:
            kind, fields, serially = root
            data: Any = self.execute_root_grouped_field_set(
                kind, self.root_value, fields, serially, None
            )
            if self.is_awaitable(data):
                data = await data
        except GraphQLError as error:
            self.collected_errors.add(error, None)
            data = None
        return self.build_response(data)

    def execute_collected_root_fields(self, *collected: Any) -> Any:
        if self.plans is not None:
            # Kept, as the plans of all that lies below are found by the very lists of fields.
            kind, _, fields, serially, _ = collected
            self.plans.root = kind, fields, serially
            plan = self.plans.of(self, kind, fields)
            self.plans.whole = None if plan.rest or serially else plan
        return super().execute_collected_root_fields(*collected)

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Any,
        grouped_field_set: GroupedFieldSet,
        position_context: Any,
    ) -> Any:
        stock, selected = super().execute_fields, grouped_field_set
        plan = self.plans.of(self, parent_type, selected) if self.plans else None
        shown = plan.read(source_value) if plan and plan.plain else None
        if plan is None or shown is None:
            return stock(parent_type, source_value, path, selected, position_context)
        if not plan.rest:
            return shown
        rest = stock(parent_type, source_value, path, plan.rest, position_context)
        return plan.merged(shown, rest) if isinstance(rest, dict) else _later(plan, shown, rest)


async def execute(
    schema: GraphQLSchema,
    operation: Operation,
    *,
    variables: Mapping[str, Any] | None,
    context: Any,
    hide_suggestions: bool,
) -> ExecutionResult:
    """Execute an operation as graphql-core does; the errors of variables are a result, too."""
    values = get_variable_values(
        schema,
        operation.node.variable_definitions or (),
        dict(variables or {}),
        max_errors=_VARIABLE_ERRORS,
        hide_suggestions=hide_suggestions,
    )
    if isinstance(values, list):
        return ExecutionResult(None, values)
    plans = operation.plans
    shown = plans.whole.read(context) if plans and plans.whole else None
    if shown is not None:
        return ExecutionResult(shown, None)
    executor = Executor.of(schema, operation, values, context, hide_suggestions=hide_suggestions)
    result = executor.execute_operation()
    if executor.is_awaitable(result):
        result = await result
    return cast("ExecutionResult", result)


async def _later(plan: Plan, plain: dict[str, Any], rest: Awaitable[Any]) -> dict[str, Any]:
    return plan.merged(plain, await rest)


class _Directives(Visitor):
    found = False

    def enter_directive(self, _node: DirectiveNode, *_: Any) -> Any:
        self.found = True
        return BREAK


def _has_directives(document: DocumentNode) -> bool:
    visitor = _Directives()
    visit(document, visitor)
    return visitor.found
