"""Top-level errors: what of an error may leave, and under which code."""

import logging

from graphql import GraphQLError
from strawberry.exceptions import StrawberryInputCoercionError

from models.errors import OverloadedError, UnauthenticatedError
from models.pages import BadPageError
from models.profiles import Language
from schema import messages

log = logging.getLogger(__name__)


def shown(error: GraphQLError, *, language: Language, request_id: str) -> GraphQLError:
    """Return the error as the client may see it; what is no fault of the client's is masked.

    A masked one is logged in full, without the document and its variables.
    """
    cause = error.original_error
    if isinstance(cause, UnauthenticatedError):
        return _coded(error, "UNAUTHENTICATED", messages.TOP_LEVEL["UNAUTHENTICATED"][language])
    if isinstance(cause, OverloadedError):
        sentence = messages.TOP_LEVEL["RATE_LIMITED"][language]
        return _coded(error, "RATE_LIMITED", sentence, retryAfter=cause.retry_after)
    if isinstance(cause, BadPageError):
        return _coded(error, "BAD_REQUEST", messages.TOP_LEVEL[cause.argument][language])
    if "code" in (error.extensions or {}):
        return error
    if _is_of_request(error):
        return _coded(error, "BAD_REQUEST", _without_values(error.message))
    log.error(
        "internal error",
        exc_info=cause or error,
        extra={"path": ".".join(str(step) for step in error.path or [])},
    )
    return _coded(error, "INTERNAL", "Internal error.", requestId=request_id)


def _is_of_request(error: GraphQLError) -> bool:
    cause = error.original_error
    if error.path is None:
        # Without a path only the document, its variables or an extension of ours can be at fault.
        return cause is None or isinstance(cause, GraphQLError)
    if isinstance(cause, StrawberryInputCoercionError):
        return True
    # A null variable for an argument with a default is found only when its field is executed.
    return isinstance(cause, GraphQLError) and cause.message.startswith("Argument '")


def _without_values(message: str) -> str:
    # graphql-core quotes what it was given, which may be a password.
    start, quoted, _ = message.partition("; found: ")
    if quoted:
        return start + "."
    opening = "Variable '$"
    if message.startswith(opening) and " has invalid value" in message:
        return message.split(" has invalid value", maxsplit=1)[0] + " has an invalid value."
    return message


def _coded(error: GraphQLError, code: str, message: str, **more: object) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions={"code": code, **more},
    )
