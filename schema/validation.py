"""Whether a document may be executed: its size first, then GraphQL's rules."""

from typing import Any

from graphql import (
    BREAK,
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OverlappingFieldsCanBeMergedRule,
    ValidationContext,
    specified_rules,
    validate,
)
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from schema import limits, sensitive_mutations

ERRORS = 10  # each may quote the whole of an argument
# In graphql-core's own units, some 12 ms: 40 fragments may have four fields in common.
COMPARISONS = 12_000


class MergeableFields(OverlappingFieldsCanBeMergedRule):
    """Compare the fields of one name in pairs, as the specification asks, up to an end.

    500 fields of one name make 125,000 pairs: graphql-core takes most of a second for them.
    """

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.rule_context.remaining_complexity_budget = COMPARISONS

    def enter_selection_set(self, *node: Any) -> Any:
        try:
            super().enter_selection_set(*node)
        except ValidationAbortedError:
            self.report_error(GraphQLError("A document may not select one name that often."))
            return BREAK
        return None


_RULES: tuple[type[ASTValidationRule], ...] = (
    *(it for it in specified_rules if it is not OverlappingFieldsCanBeMergedRule),
    MergeableFields,
    MaybeNullValidationRule,
    OneOfInputValidationRule,
)


def faults(
    schema: GraphQLSchema, document: DocumentNode, *, introspection: bool
) -> list[GraphQLError]:
    """Say what is wrong with a document; without introspection no name is shown or suggested."""
    # What is too large is not looked at any closer: most of the rules take longer.
    if refused := _refused(document):
        return refused
    rules = _RULES if introspection else (*_RULES, NoSchemaIntrospectionCustomRule)
    return validate(schema, document, rules, ERRORS, hide_suggestions=not introspection)


def _refused(document: DocumentNode) -> list[GraphQLError]:
    try:
        return limits.exceeded(document) or sensitive_mutations.repeated(document)
    except RecursionError:  # inline fragments are no levels, but nest as deep as a document is long
        return [GraphQLError("The document is nested too deeply.")]
