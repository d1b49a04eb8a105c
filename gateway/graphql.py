"""The /graphql endpoint: GraphQL over HTTP, from a request to an operation and back.

Strawberry's own view answers 500 to a body of `null` or of broken UTF-8 and knows one media type;
this one follows the GraphQL-over-HTTP specification and refuses before it parses.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError, OperationType
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.authentication import Authentication, language_of
from gateway.incoming import Incoming
from gateway.limits import Limits
from gateway.over_http import GRAPHQL, LEGACY, Asked, RequestError, asked, media_type, not_allowed
from models import activities, sessions
from models.database import is_outage
from models.policy import Policy
from schema import faults
from schema.context import Context
from schema.documents import (
    Documents,
    UnknownOperationError,
    UntrustedDocumentError,
    digest,
    is_digest,
)
from schema.execution import Operation


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The endpoint of one process."""

    documents: Documents
    policy: Policy
    authentication: Authentication
    limits: Limits
    wake_workers: Callable[[], None]
    is_ready: Callable[[], bool]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._respond(Incoming(scope, receive))
        await response(scope, receive, send)

    async def _respond(self, request: Incoming) -> Response:
        """Answer a request; only a fault of ours raises."""
        kind = LEGACY
        try:
            kind = media_type(request.headers.get("accept"))
            wanted = await asked(request)
            self._admit(request)
            return await self._answer(request, wanted, kind)
        except RequestError as refusal:
            return _refused(request, refusal, kind)
        except Exception as fault:
            if is_outage(fault):
                return _refused(request, _unavailable(), kind)
            raise

    def _admit(self, request: Incoming) -> None:
        if not self.is_ready():
            raise _unavailable()
        if self.authentication.is_foreign(request):
            raise RequestError(403, "A page of another site must not do this.", "FORBIDDEN")

    async def _answer(self, request: Incoming, wanted: Asked, kind: str) -> Response:
        session = await self.authentication.session(request)
        client = self.authentication.client(request)
        context = Context(
            session=session,
            client=client,
            accepted_language=language_of(request),
            request_id=request.request_id,
            policy=self.policy,
            budgets=self.limits.of(client),
            wake_workers=self.wake_workers,
        )
        with activities.caused_by(client, request.request_id):
            result = await self._execute(wanted, context, request.method)
        response = _response(result, context, kind)
        # A program that signs out by its token leaves the browser's cookie alone.
        if context.cookie or (context.cookie == "" and not self.authentication.is_bearer(request)):
            self.authentication.set_cookie(response, context.cookie)
        if context.device_cookie:
            self.authentication.set_device_cookie(response, context.device_cookie)
        if session is not None:
            sessions.note_use(session)
        return response

    async def _execute(self, asked: Asked, context: Context, method: str) -> ExecutionResult:
        operation = self._operation(asked)
        if isinstance(operation, list):
            return ExecutionResult(None, operation)
        if operation.kind is OperationType.SUBSCRIPTION:
            raise RequestError(400, "There are no subscriptions here.")
        if operation.kind is OperationType.MUTATION and method != "POST":
            raise not_allowed("Mutations go by POST.", "POST")
        return await self.documents.execute(operation, variables=asked.variables, context=context)

    def _operation(self, asked: Asked) -> Operation | list[GraphQLError]:
        text = asked.query or self.documents.text_of(asked.digest)
        if text is None:  # what clients answer with the whole document
            raise RequestError(400, "PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
        if asked.query and is_digest(asked.digest) and digest(text) != asked.digest:
            raise RequestError(400, "The SHA-256 is not the one of `query`.")
        try:
            return self.documents.read(text, asked.name)
        except UntrustedDocumentError:
            raise RequestError(
                400, "Only known documents are executed here.", "FORBIDDEN"
            ) from None
        except UnknownOperationError:
            sentence = "The document has no operation, or none of the name in operationName."
            raise RequestError(400, sentence) from None


def _response(result: ExecutionResult, context: Context, kind: str) -> Response:
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
            status = 400 if kind == GRAPHQL else 200
            del answer["data"]
    return Answer(orjson.dumps(answer), status, headers, media_type=kind)


class Answer(Response):
    """An answer whose headers are written without a look for what might be there already."""

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        said = {"content-length": str(len(self.body)), "content-type": self.media_type or LEGACY}
        said |= headers or {}
        self.raw_headers = [(name.encode(), value.encode()) for name, value in said.items()]


def _shown(error: GraphQLError, context: Context, headers: dict[str, str]) -> Any:
    shown = faults.shown(error, language=context.language, request_id=context.request_id)
    if retry_after := (shown.extensions or {}).get("retryAfter"):
        headers["retry-after"] = str(retry_after)
    return shown.formatted


def _refused(request: Incoming, refusal: RequestError, kind: str) -> Response:
    extensions = {"code": refusal.code}
    if refusal.code == "INTERNAL":
        extensions["requestId"] = request.request_id
    error = {"message": str(refusal), "extensions": extensions}
    headers = {"cache-control": "no-store", **refusal.headers}
    return Response(orjson.dumps({"errors": [error]}), refusal.status, headers, media_type=kind)


def _unavailable() -> RequestError:
    return RequestError(
        503, "The service is not available; try again in a moment.", "INTERNAL", retry_after="5"
    )
