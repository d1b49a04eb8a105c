"""What every operation passes besides its resolvers."""

from collections.abc import Iterator

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)
from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

# Every mutation that takes a password or a code, or has a code mailed to a stranger.
SENSITIVE = frozenset(
    {
        "signup",
        "confirmSignup",
        "login",
        "requestEmailChange",
        "confirmEmailChange",
        "proveEmail",
        "setSpareEmail",
        "proveSpareEmail",
        "removeSpareEmail",
        "requestPasswordReset",
        "resetPassword",
        "changePassword",
    }
)


def repeated_secrets(document: DocumentNode) -> list[GraphQLError]:
    """Refuse an operation with two of the mutations that are worth repeating to an attacker.

    Aliases and fragments count; each selection is looked at once, whatever spreads it.
    """
    fragments = {
        node.name.value: node.selection_set
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    counts: dict[str, int] = {}
    sentence = "Only one mutation with a password or a code may stand in an operation."
    return [
        GraphQLError(sentence, node)
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
        and node.operation.value == "mutation"
        and _sensitive(node.selection_set, fragments, counts) > 1
    ]


def _sensitive(
    selected: SelectionSetNode, fragments: dict[str, SelectionSetNode], counts: dict[str, int]
) -> int:
    """Count up to two: more would double with each fragment that is spread twice."""
    found = 0
    for node in selected.selections:
        if isinstance(node, FieldNode):
            found += node.name.value in SENSITIVE
        elif isinstance(node, InlineFragmentNode):
            found += _sensitive(node.selection_set, fragments, counts)
        elif isinstance(node, FragmentSpreadNode) and node.name.value in fragments:
            name = node.name.value
            if name not in counts:
                counts[name] = 0  # a circle, which another rule refuses, ends here
                counts[name] = _sensitive(fragments[name], fragments, counts)
            found += counts[name]
    return min(found, 2)


class OneOperation(SchemaExtension):
    """Refuse a document of several operations that does not say which one is meant.

    Strawberry would run the first (GraphQL specification, 6.1: this is a request error).
    """

    def on_parse(self) -> Iterator[None]:
        yield
        document = self.execution_context.graphql_document
        # The public property falls back to the name of the first operation.
        chosen = self.execution_context._provided_operation_name  # noqa: SLF001
        if document is None or chosen is not None:
            return
        definitions = document.definitions
        if sum(isinstance(node, OperationDefinitionNode) for node in definitions) > 1:
            raise GraphQLError("The document has several operations: name one in operationName.")


class WakeWorkers(SchemaExtension):
    """Wake the workers after a mutation: there may be mail to send. No resolver can forget it."""

    def on_execute(self) -> Iterator[None]:
        yield
        if self.execution_context.operation_type is OperationType.MUTATION:
            self.execution_context.context.wake_workers()
