"""The /graphql endpoint: GraphQL over HTTP, from a request to an operation and back.

Strawberry's own view answers 500 to a body of `null` or of broken UTF-8 and knows one media type;
this one follows the GraphQL-over-HTTP specification and refuses before it parses.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import GraphQLError
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from strawberry import Schema
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from gateway.authentication import Authentication, language_of
from gateway.limits import Limits
from models import activities, sessions
from models.database import is_outage
from models.policy import Policy
from models.sessions import Session
from schema import faults
from schema.context import Context

MAX_BODY = 128 * 1024
_LEGACY = "application/json"
_GRAPHQL = "application/graphql-response+json"


class RequestError(Exception):
    """The request cannot become an operation; the message tells a person what to change."""

    def __init__(
        self, status: int, message: str, code: str = "BAD_REQUEST", **headers: str
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True, slots=True)
class Operation:
    """What a client asks to be executed."""

    query: str
    name: str | None
    variables: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The endpoint of one process."""

    schema: Schema
    policy: Policy
    authentication: Authentication
    limits: Limits
    wake_workers: Callable[[], None]
    is_ready: Callable[[], bool]

    async def respond(self, request: Request) -> Response:
        """Answer a request; only a fault of ours raises."""
        media_type = _LEGACY
        try:
            media_type = _media_type(request.headers.get("accept"))
            operation = await _operation(request)
            self._admit(request)
            return await self._answer(request, operation, media_type)
        except RequestError as refusal:
            return _refused(request, refusal, media_type)
        except Exception as fault:
            if is_outage(fault):
                return _refused(request, _unavailable(), media_type)
            raise

    def _admit(self, request: Request) -> None:
        if not self.is_ready():
            raise _unavailable()
        if self.authentication.is_foreign(request):
            raise RequestError(403, "A page of another site must not do this.", "FORBIDDEN")

    async def _answer(self, request: Request, operation: Operation, media_type: str) -> Response:
        session = await self.authentication.session(request)
        client = self.authentication.client(request)
        context = Context(
            session=session,
            client=client,
            accepted_language=language_of(request),
            request_id=request.state.request_id,
            policy=self.policy,
            budgets=self.limits.of(client),
            wake_workers=self.wake_workers,
        )
        with activities.caused_by(client, request.state.request_id):
            result = await self._execute(operation, context, request.method)
        response = _response(result, context, media_type)
        # A program that signs out by its token leaves the browser's cookie alone.
        if context.cookie or (context.cookie == "" and not self.authentication.is_bearer(request)):
            self.authentication.set_cookie(response, context.cookie)
        if context.device_cookie:
            self.authentication.set_device_cookie(response, context.device_cookie)
        if session is not None:
            response.background = BackgroundTask(_touch, session)
        return response

    async def _execute(
        self, operation: Operation, context: Context, method: str
    ) -> ExecutionResult:
        try:
            result = await self.schema.execute(
                operation.query,
                variable_values=operation.variables,
                context_value=context,
                operation_name=operation.name,
                allowed_operation_types=_ALLOWED[method],
            )
        except CannotGetOperationTypeError:
            sentence = "The document has no operation, or none of the name in operationName."
            raise RequestError(400, sentence) from None
        except InvalidOperationTypeError:
            if method == "POST":
                raise RequestError(400, "There are no subscriptions here.") from None
            raise _not_allowed("Mutations go by POST.", "POST") from None
        except MissingQueryError:
            raise RequestError(400, "The request has no query.") from None
        return result


_ALLOWED = {
    "GET": {OperationType.QUERY},
    "HEAD": {OperationType.QUERY},
    "POST": {OperationType.QUERY, OperationType.MUTATION},
}


async def _touch(session: Session) -> None:
    await sessions.touch(session)


def _media_type(accept: str | None) -> str:
    if accept is None:
        return _LEGACY
    # Quality values beyond presence and order are more than any GraphQL client sends.
    offers = [offer.partition(";")[0].strip().lower() for offer in accept.split(",")]
    for offer in offers:
        if offer == _GRAPHQL:
            return _GRAPHQL
        if offer in {_LEGACY, "application/*", "*/*"}:
            return _LEGACY
    raise RequestError(406, f"The answer is {_GRAPHQL} or {_LEGACY}; accept one of them.")


async def _operation(request: Request) -> Operation:
    if request.method not in _ALLOWED:
        raise _not_allowed("Queries go by GET or POST, mutations by POST.", "GET, POST")
    parameters = await _body(request) if request.method == "POST" else _query(request)
    query, name = parameters.get("query"), parameters.get("operationName")
    variables = parameters.get("variables")
    if not isinstance(query, str):
        raise RequestError(400, "`query` must be a string with a GraphQL document.")
    if not isinstance(name, str | None):
        raise RequestError(400, "`operationName` must be a string.")
    if not isinstance(variables, dict | None):
        raise RequestError(400, "`variables` must be an object.")
    if not isinstance(parameters.get("extensions"), dict | None):
        raise RequestError(400, "`extensions` must be an object.")
    return Operation(query, name, variables)


def _query(request: Request) -> dict[str, Any]:
    return {
        name: _parsed(value.encode("utf-8", "surrogatepass"), f"`{name}`")
        if name in {"variables", "extensions"}
        else value
        for name, value in request.query_params.items()
    }


async def _body(request: Request) -> dict[str, Any]:
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if media_type.strip().lower() != _LEGACY or charset not in {"", "charset=utf-8"}:
        raise RequestError(415, f"Send the request as {_LEGACY} in UTF-8.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise RequestError(413, f"A request may have {MAX_BODY} bytes.", connection="close")
    parameters = _parsed(bytes(body), "The body")
    if isinstance(parameters, list):
        raise RequestError(400, "Send one operation a request; batches are refused.")
    if not isinstance(parameters, dict):
        raise RequestError(400, "The body must be a JSON object.")
    return parameters


def _parsed(text: bytes, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise RequestError(400, f"{what} must be JSON in UTF-8.") from None


def _response(result: ExecutionResult, context: Context, media_type: str) -> Response:
    errors = result.errors or []
    answer: dict[str, Any] = {"data": result.data}
    headers = {"cache-control": "no-store"}
    status = 200
    if errors:
        executed = any(error.path for error in errors)
        outage = any(is_outage(error.original_error) for error in errors)
        if outage and not any((result.data or {}).values()):
            raise _unavailable()
        answer["errors"] = [_shown(error, context, headers) for error in errors]
        if not executed:
            # The specification's SHOULD for the older media type: clients of it read bodies only.
            status = 400 if media_type == _GRAPHQL else 200
            del answer["data"]
    return Response(orjson.dumps(answer), status, headers, media_type=media_type)


def _shown(error: GraphQLError, context: Context, headers: dict[str, str]) -> Any:
    shown = faults.shown(error, language=context.language, request_id=context.request_id)
    if retry_after := (shown.extensions or {}).get("retryAfter"):
        headers["retry-after"] = str(retry_after)
    return shown.formatted


def _refused(request: Request, refusal: RequestError, media_type: str) -> Response:
    extensions = {"code": refusal.code}
    if refusal.code == "INTERNAL":
        extensions["requestId"] = request.state.request_id
    error = {"message": str(refusal), "extensions": extensions}
    headers = {"cache-control": "no-store", **refusal.headers}
    return Response(
        orjson.dumps({"errors": [error]}), refusal.status, headers, media_type=media_type
    )


def _not_allowed(message: str, allow: str) -> RequestError:
    return RequestError(405, message, allow=allow)


def _unavailable() -> RequestError:
    return RequestError(
        503, "The service is not available; try again in a moment.", "INTERNAL", retry_after="5"
    )
