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
from operator import attrgetter
from typing import Any, cast
from uuid import UUID

from graphql import (
    DirectiveNode,
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLBoolean,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    OperationType,
    Visitor,
    default_field_resolver,
    default_type_resolver,
    get_nullable_type,
    is_leaf_type,
    is_non_null_type,
    visit,
)
from graphql.execution.collect_fields import FieldDetailsList, FragmentDetails, GroupedFieldSet
from graphql.execution.values import VariableValues, get_variable_values
from graphql.language import BREAK
from strawberry.execution.is_awaitable import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.field import StrawberryField

_VARIABLE_ERRORS = 50  # graphql-core's own default
_TAKEN = (str, int, float, bool, datetime, date, UUID)
_JSON = (str, int, float, bool)


class _NotPlainError(Exception):
    """A value that the plan leaves to graphql-core."""


class _Outputs(dict[type, Callable[[Any], Any] | None]):
    """How values of a leaf type leave, by the exact type that they have; None: as they are."""

    def __init__(self, leaf: GraphQLLeafType, *, nullable: bool) -> None:
        super().__init__()
        self._leaf = leaf
        if nullable:
            self[type(None)] = None
        if leaf is GraphQLString:
            self[str] = None
        elif leaf is GraphQLBoolean:
            self[bool] = None

    def __missing__(self, kind: type) -> Callable[[Any], Any]:
        if kind not in _TAKEN and not issubclass(kind, Enum):
            raise _NotPlainError
        serialise = self._leaf.coerce_output_value

        def output(value: Any) -> Any:
            shown = serialise(value)
            if type(shown) not in _JSON:
                raise _NotPlainError
            return shown

        self[kind] = output
        return output


@dataclass(frozen=True, slots=True)
class Plan:
    """How one selection of an object type is read: its plain fields, and the rest.

    `fields` are what graphql-core collected; they are kept so that no other list gets their place.
    """

    parent_type: GraphQLObjectType
    fields: GroupedFieldSet
    plain: list[tuple[str, Callable[[Any], Any], _Outputs]]
    constants: dict[str, str]
    rest: GroupedFieldSet

    @property
    def is_of_use(self) -> bool:
        return bool(self.plain or self.constants)

    def read(self, row: Any) -> dict[str, Any] | None:
        """Return the plain fields of a row; None when graphql-core has to see to all of them."""
        try:
            shown: dict[str, Any] = {}
            for name, value_of, outputs in self.plain:
                value = value_of(row)
                output = outputs[type(value)]
                shown[name] = value if output is None else output(value)
        except Exception:  # noqa: BLE001 -- whatever it is, graphql-core raises it at its place
            return None
        return shown

    def merged(self, plain: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
        """Put both parts into the order of the document."""
        known = plain | self.constants | rest
        return {name: known[name] for name in self.fields if name in known}


@dataclass(slots=True)
class Plans:
    """All that the executions of one document without directives have in common."""

    root: GroupedFieldSet | None = None
    sub_fields: dict[Any, Any] = field(default_factory=dict)
    plans: dict[int, Plan] = field(default_factory=dict)

    def of(self, schema: GraphQLSchema, kind: GraphQLObjectType, fields: GroupedFieldSet) -> Plan:
        plan = self.plans.get(id(fields))
        if plan is None or plan.parent_type is not kind:
            plan = self.plans[id(fields)] = _plan(schema, kind, fields)
        return plan


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
            None,
            context,
            operation.node,
            values,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            is_awaitable=optimized_is_awaitable,
            hide_suggestions=hide_suggestions,
        )
        if operation.plans is not None:
            executor.plans = operation.plans
            executor._relevant_sub_fields = operation.plans.sub_fields
        return executor

    def execute_collected_root_fields(self, *collected: Any) -> Any:
        if self.plans is not None:
            kind, row, fields, *rest = collected
            # The lists of the first time: what was kept of them is found again.
            self.plans.root = self.plans.root or fields
            collected = (kind, row, self.plans.root, *rest)
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
        plan = self.plans.of(self.schema, parent_type, selected) if self.plans else None
        shown = plan.read(source_value) if plan and plan.is_of_use else None
        if plan is None or shown is None:
            return stock(parent_type, source_value, path, selected, position_context)
        if not plan.rest:
            return plan.merged(shown, {}) if plan.constants else shown
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
    executor = Executor.of(schema, operation, values, context, hide_suggestions=hide_suggestions)
    result = executor.execute_operation()
    if executor.is_awaitable(result):
        result = await result
    return cast("ExecutionResult", result)


async def _later(plan: Plan, plain: dict[str, Any], rest: Awaitable[Any]) -> dict[str, Any]:
    return plan.merged(plain, await rest)


def _plan(schema: GraphQLSchema, kind: GraphQLObjectType, fields: GroupedFieldSet) -> Plan:
    plain: list[tuple[str, Callable[[Any], Any], _Outputs]] = []
    constants: dict[str, str] = {}
    rest: GroupedFieldSet = {}
    for name, details in fields.items():
        if details[0].node.name.value == "__typename":
            constants[name] = kind.name
        elif step := _plain(schema, kind, details):
            plain.append((name, *step))
        else:
            rest[name] = details
    return Plan(kind, fields, plain, constants, rest)


def _plain(
    schema: GraphQLSchema, kind: GraphQLObjectType, details: FieldDetailsList
) -> tuple[Callable[[Any], Any], _Outputs] | None:
    """Say how a field is read if it is a plain one."""
    node = details[0].node
    definition = schema.get_field(kind, node.name.value)
    if definition is None or definition.args or node.arguments:
        return None
    ours = (definition.extensions or {}).get("strawberry-definition")
    leaf = get_nullable_type(definition.type)
    if type(ours) is not StrawberryField or not ours.is_basic_field or not is_leaf_type(leaf):
        return None
    if ours.default_resolver is not getattr or not getattr(
        definition.resolve, "_is_default", False
    ):
        return None
    nullable = not is_non_null_type(definition.type)
    return attrgetter(ours.python_name), _Outputs(leaf, nullable=nullable)


class _Directives(Visitor):
    found = False

    def enter_directive(self, _node: DirectiveNode, *_: Any) -> Any:
        self.found = True
        return BREAK


def _has_directives(document: DocumentNode) -> bool:
    visitor = _Directives()
    visit(document, visitor)
    return visitor.found
