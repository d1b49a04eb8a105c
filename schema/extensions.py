"""What every operation passes besides its resolvers."""

from collections.abc import Iterator

from graphql import GraphQLError, OperationDefinitionNode
from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType


class OneOperation(SchemaExtension):
    """Refuse a document of several operations that does not say which one is meant.

    Strawberry would run the first (GraphQL specification, 6.1: this is a request error). Stands
    behind the validation cache, whose verdict holds for every choice of operation.
    """

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        document = context.graphql_document
        if document and context.operation_name is None and not context.pre_execution_errors:
            operations = [
                node for node in document.definitions if isinstance(node, OperationDefinitionNode)
            ]
            if len(operations) > 1:
                context.pre_execution_errors = [
                    GraphQLError("The document has several operations: name one in operationName.")
                ]
        yield


class WakeWorkers(SchemaExtension):
    """Wake the workers after a mutation: there may be mail to send. No resolver can forget it."""

    def on_execute(self) -> Iterator[None]:
        yield
        if self.execution_context.operation_type is OperationType.MUTATION:
            self.execution_context.context.wake_workers()
