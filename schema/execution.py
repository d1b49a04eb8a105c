"""Execution by graphql-core, whose executor reads plain fields by their plan: see `schema.plans`.

What is skipped besides, in a document without directives: collecting the fields of the root again,
as they depend on nothing that changes; and the executor, when the root is plain as a whole.
"""

from collections.abc import Awaitable, Mapping
from typing import Any, cast

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    default_field_resolver,
    default_type_resolver,
)
from graphql.execution.collect_fields import GroupedFieldSet
from graphql.execution.values import VariableValues, get_variable_values
from strawberry.execution.is_awaitable import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from tortoise.models import Model

from schema.operations import Operation
from schema.plans import Plan, Plans, Root

_VARIABLE_ERRORS = 50  # graphql-core's own default


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

    async def _from(self, root: Root) -> Any:
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
            needed = self.operation.variable_definitions or ()
            if not (plan.rest or serially or len(needed) > len(self.plans.strings)):
                self.plans.whole = plan
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
    plans, given = operation.plans, dict(variables or {})
    context.variables = given
    if plans and plans.whole and plans.are_given(given):
        shown = plans.whole.read(context)
        if shown is not None:
            return ExecutionResult(shown, None)
    values = get_variable_values(
        schema,
        operation.node.variable_definitions or (),
        given,
        max_errors=_VARIABLE_ERRORS,
        hide_suggestions=hide_suggestions,
    )
    if isinstance(values, list):
        return ExecutionResult(None, values)
    executor = Executor.of(schema, operation, values, context, hide_suggestions=hide_suggestions)
    result = executor.execute_operation()
    if executor.is_awaitable(result):
        result = await result
    del executor.async_helpers  # they lead back to it, and it would wait for the collector
    return cast("ExecutionResult", result)


async def _later(plan: Plan, plain: dict[str, Any], rest: Awaitable[Any]) -> dict[str, Any]:
    return plan.merged(plain, await rest)
