"""Documents, each read once: a text becomes an operation, or the reasons why it cannot be one.

What is skipped for a text that was seen before: reading it, judging it and choosing its operation.
That is safe because all three depend on the text, the operation's name and the schema alone, never
on variables or on who asks. The key is the SHA-256 of the whole text; the plan of a document is
dropped together with it.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    Token,
    parse,
)

from schema import execution, limits, validation
from schema.context import Context
from schema.operations import Operation

KEPT = 256
KEPT_TEXT = 256 * 1024  # characters; read, they take up to 200 times as much memory
_SUGGESTION = re.compile(r"\s*Did you mean .*", re.DOTALL)


class UnknownOperationError(Exception):
    """The document has no operation, or none of the name that was given."""


class UntrustedDocumentError(Exception):
    """Only documents of the manifest are executed, and this is none."""


def digest(text: str) -> str:
    """Return the SHA-256 by which a document is known, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def is_digest(text: str) -> bool:
    """Whether a text could be one; other names of documents are none of ours."""
    return re.fullmatch("[0-9a-f]{64}", text) is not None


@dataclass(slots=True)
class Documents:
    """The documents of one schema: those that were read, and those that are trusted.

    `trusted` are texts by their digest; with `only_trusted` no other is executed.
    """

    schema: GraphQLSchema
    introspection: bool
    trusted: Mapping[str, str] = field(default_factory=dict)
    only_trusted: bool = False
    kept: int = KEPT
    _read: OrderedDict[tuple[str, str | None], tuple[Operation | list[GraphQLError], int]] = field(
        default_factory=OrderedDict
    )
    _length: int = 0

    def text_of(self, document_digest: str) -> str | None:
        """Return the trusted document with this digest, if there is one."""
        return self.trusted.get(document_digest)

    def read(self, text: str, name: str | None) -> Operation | list[GraphQLError]:
        """Return the operation of a text, or what is wrong with it.

        Raises UnknownOperationError, UntrustedDocumentError.
        """
        key = (digest(text), name)
        if self.only_trusted and key[0] not in self.trusted:
            raise UntrustedDocumentError
        found = self._read.get(key)
        if found is not None:
            self._read.move_to_end(key)
            return found[0]
        read = self._judged(text, name)
        self._keep(key, read, len(text))
        return read

    def _keep(
        self, key: tuple[str, str | None], read: Operation | list[GraphQLError], length: int
    ) -> None:
        """Keep what was read, and no more of others than there is room for."""
        self._read[key] = read, length
        self._length += length
        while len(self._read) > self.kept or self._length > KEPT_TEXT:
            _, (_, former) = self._read.popitem(last=False)
            self._length -= former

    async def execute(
        self, operation: Operation, *, variables: Mapping[str, Any] | None, context: Context
    ) -> ExecutionResult:
        """Execute an operation that was read here; nothing raises but a fault of ours."""
        hidden = not self.introspection
        try:
            result = await execution.execute(
                self.schema,
                operation,
                variables=variables,
                context=context,
                hide_suggestions=hidden,
            )
        except Exception as fault:  # noqa: BLE001 -- a number of 5,000 digits, say
            result = ExecutionResult(None, [_error_of(fault)])
        if operation.kind is OperationType.MUTATION:
            context.wake_workers()
        self._discreet(result.errors or [])
        return result

    def _judged(self, text: str, name: str | None) -> Operation | list[GraphQLError]:
        try:
            limits.check_length(text)
            document = _parsed(text)
            operation = _operation(document, name)
            errors = validation.faults(self.schema, document, introspection=self.introspection)
        except UnknownOperationError:
            raise
        except Exception as fault:  # noqa: BLE001 -- whatever it is, the text has caused it
            errors = [_error_of(fault)]
        if errors:
            return self._discreet([_light(error) for error in errors])
        return Operation.of(self.schema, document, operation)

    def _discreet(self, errors: list[GraphQLError]) -> list[GraphQLError]:
        """Suggest no name where names are not to be seen, not even one within a variable."""
        if not self.introspection:
            for error in errors:
                error.message = _SUGGESTION.sub("", error.message)
        return errors


def _parsed(text: str) -> DocumentNode:
    """Read a text, and unlink its tokens: each knows the next and the last, and none would go."""
    document = parse(text, max_tokens=limits.TOKENS)
    token: Token | None = document.loc.start_token if document.loc else None
    while token is not None:
        following, token.prev, token.next = token.next, None, None
        token = following
    return document


def _light(error: GraphQLError) -> GraphQLError:
    """Return an error without what it would keep alive: its document, and where it was raised."""
    cause = error.original_error
    if cause is not None:
        cause.__traceback__ = None
    return GraphQLError(
        error.message,
        source=error.source,
        positions=error.positions,
        original_error=cause,
        extensions=error.extensions,
    )


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """Choose the operation to execute (GraphQL specification, 6.1)."""
    operations = [it for it in document.definitions if isinstance(it, OperationDefinitionNode)]
    if name is None and len(operations) > 1:
        raise GraphQLError("The document has several operations: name one in operationName.")
    for operation in operations:
        if name is None or (operation.name is not None and operation.name.value == name):
            return operation
    raise UnknownOperationError


def _error_of(fault: Exception) -> GraphQLError:
    if isinstance(fault, GraphQLError):
        return fault
    return GraphQLError(str(fault), original_error=fault)
