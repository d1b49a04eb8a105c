"""Top-level errors: what of an error may leave, and under which code."""

import logging
import re

from graphql import GraphQLError
from strawberry.exceptions import StrawberryInputCoercionError

from models.errors import OverloadedError, UnauthenticatedError
from models.pages import BadPageError
from models.profiles import Language
from models.scopes import ForbiddenError, NoConsentNeededError
from schema import messages

log = logging.getLogger(__name__)

# The name of a field is no value, as long as it could be one.
_NAME = r"[A-Za-z_]\w{0,39}"
_FIELD = rf"(?:required|unknown) field '{_NAME}'"
_NAMING = rf"(?:not )?to include {_FIELD}\."
_QUOTING = [
    (re.compile(pattern, re.DOTALL), rest)
    for pattern, rest in (
        (r"[,;] ?(?:but )?(?:was )?found:? .*", "."),
        (r"(cannot represent [\w -]*value): .*", r"\1."),
        (r"(Unexpected \w+) [\"'].*", r"\1."),
        (r"Value '[^']*' does not exist in", "A value does not exist in"),
        (rf"(to include {_FIELD})\..*", r"\1."),
        (rf"to include unknown field '(?!{_NAME}'\.$).*", "to include that field."),
        (rf"^Expected value of type ('[^']*')(?! {_NAMING}$).*", r"Expected a value of type \1."),
        (r"(invalid value) [\"'{\[\d-].*", r"\1."),
        (r"(with value|default value) .*", r"\1."),
    )
]


def shown(error: GraphQLError, *, language: Language, request_id: str) -> GraphQLError:
    """Return the error as the client may see it; what is no fault of the client's is masked.

    A masked one is logged in full, without the document and its variables.
    """
    cause = error.original_error
    if known := _known(error, language):
        return known
    if "code" in (error.extensions or {}):
        return error
    if error.path is None and isinstance(cause, ValueError):  # a number of 5,000 digits, say
        return _coded(error, "BAD_REQUEST", "A value in the document cannot be read.")
    if _is_of_request(error):
        return _coded(error, "BAD_REQUEST", _without_values(error.message))
    log.error(
        "internal error",
        exc_info=cause or error,
        extra={"path": ".".join(str(step) for step in error.path or [])},
    )
    return _coded(error, "INTERNAL", "Internal error.", requestId=request_id)


def _known(error: GraphQLError, language: Language) -> GraphQLError | None:
    cause, sentences = error.original_error, messages.TOP_LEVEL
    if isinstance(cause, UnauthenticatedError):
        return _coded(error, "UNAUTHENTICATED", sentences["UNAUTHENTICATED"][language])
    if isinstance(cause, OverloadedError):
        retry = cause.retry_after
        return _coded(error, "RATE_LIMITED", sentences["RATE_LIMITED"][language], retryAfter=retry)
    if isinstance(cause, ForbiddenError):
        sentence = sentences[_why(cause)][language].format(scope=cause.scope)
        return _coded(error, "FORBIDDEN", sentence, scope=cause.scope)
    if isinstance(cause, BadPageError):
        return _coded(error, "BAD_REQUEST", sentences[cause.argument][language])
    return None


def _why(cause: ForbiddenError) -> str:
    if isinstance(cause, NoConsentNeededError):
        return "FIRST_PARTY"
    return "FORBIDDEN" if cause.scope else "HOLDERS_ALONE"


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
    """Cut what graphql-core quotes of its input, which may be a password."""
    for quoting, rest in _QUOTING:
        message = quoting.sub(rest, message)
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
