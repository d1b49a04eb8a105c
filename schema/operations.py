"""An operation that passed validation: what its executions share, found out when it is read."""

from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLScalarType,
    GraphQLSchema,
    InlineFragmentNode,
    NamedTypeNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    OperationType,
)
from graphql.execution.collect_fields import FragmentDetails

from schema.costs import Cost, Pricing
from schema.plans import Plans
from schema.scalars import text


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document, with its fragments, and plans if it can have any."""

    node: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    details: dict[str, FragmentDetails]
    plans: Plans | None
    cost: Cost

    @classmethod
    def of(
        cls, schema: GraphQLSchema, document: DocumentNode, node: OperationDefinitionNode
    ) -> "Operation":
        fragments = {
            it.name.value: it
            for it in document.definitions
            if isinstance(it, FragmentDefinitionNode)
        }
        details = {name: FragmentDetails(it, None) for name, it in fragments.items()}
        plans = None if _may_have_directives(document) else Plans(_strings(schema, node))
        return cls(node, fragments, details, plans, Pricing(schema, fragments, node).cost())

    @property
    def kind(self) -> OperationType:
        return self.node.operation

    def roots(self) -> list[str]:
        """Name the fields of the root, each as often as it is selected."""
        names, waiting = [], [self.node.selection_set]
        while waiting:
            for node in waiting.pop().selections:
                if isinstance(node, FieldNode):
                    names.append(node.name.value)
                elif isinstance(node, InlineFragmentNode):
                    waiting.append(node.selection_set)
                elif isinstance(node, FragmentSpreadNode):
                    waiting.append(self.fragments[node.name.value].selection_set)
        return names


def _strings(schema: GraphQLSchema, node: OperationDefinitionNode) -> frozenset[str]:
    """Name the variables that are a string if they are given, whichever."""
    return frozenset(
        it.variable.name.value
        for it in node.variable_definitions or ()
        if isinstance(it.type, NonNullTypeNode)
        and isinstance(it.type.type, NamedTypeNode)
        and isinstance(kind := schema.get_type(it.type.type.name.value), GraphQLScalarType)
        and kind.parse_value is text
    )


def _may_have_directives(document: DocumentNode) -> bool:
    """Whether there is an @, be it only in a string: who looks no further misses none."""
    return document.loc is None or "@" in document.loc.source.body
