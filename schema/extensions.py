"""What every operation passes besides its resolvers."""

from collections.abc import Iterator

from graphql import GraphQLError, OperationDefinitionNode
from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType


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
