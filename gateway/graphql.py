"""The /graphql endpoint: GraphQL over HTTP, from a request to an operation and back.

Strawberry's own view answers 500 to a body of `null` or of broken UTF-8 and knows one media type;
this one follows the GraphQL-over-HTTP specification and refuses before it parses.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError, OperationType
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.authentication import Authentication, Caller, language_of
from gateway.idempotency import HEADER, Call, Once
from gateway.incoming import Incoming
from gateway.limits import Limits
from gateway.over_http import (
    GRAPHQL,
    LEGACY,
    Asked,
    RequestError,
    asked,
    media_type,
    not_allowed,
    unavailable,
)
from gateway.partner_budgets import PartnerBudgets
from models import activities, sessions
from models.database import is_outage
from models.partners import Access
from models.policy import Policy
from schema import costs, faults
from schema.context import Context
from schema.documents import (
    Documents,
    UnknownOperationError,
    UntrustedDocumentError,
    digest,
    is_digest,
)
from schema.operations import Operation


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The endpoint of one process."""

    documents: Documents
    policy: Policy
    authentication: Authentication
    limits: Limits
    partner_budgets: PartnerBudgets
    once: Once
    wake_workers: Callable[[], None]
    is_ready: Callable[[], bool]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._respond(Incoming(scope, receive))
        await response(scope, receive, send)

    async def _respond(self, request: Incoming) -> Response:
        """Answer a request; only a fault of ours raises."""
        kind = LEGACY
        try:
            kind = media_type(request.header(b"accept"))
            wanted = await asked(request)
            self._admit(request)
            return await self._answer(request, wanted, kind)
        except RequestError as refusal:
            return _refused(request, refusal, kind)
        except Exception as fault:
            if is_outage(fault):
                return _refused(request, unavailable(), kind)
            raise

    def _admit(self, request: Incoming) -> None:
        if not self.is_ready():
            raise unavailable()
        if self.authentication.is_foreign(request):
            raise RequestError(403, "A page of another site must not do this.", "FORBIDDEN")

    async def _answer(self, request: Incoming, wanted: Asked, kind: str) -> Response:
        partner = session = None
        if self.authentication.shows_key(request):
            partner = await self.authentication.partner(request)
        elif token := self.authentication.credential(request):
            session = await sessions.find(token)
        context = Context(
            session=session,
            caller=Caller(request, self.authentication, self.limits),
            accepted_language=language_of(request.header(b"accept-language")),
            request_id=request.request_id,
            policy=self.policy,
            wake_workers=self.wake_workers,
            partner=partner,
        )
        response = await self._execute(request, wanted, context, kind)
        if session is not None:
            sessions.note_use(session)
        return response

    async def _execute(
        self, request: Incoming, asked: Asked, context: Context, kind: str
    ) -> Response:
        if context.partner is None:
            operation = self._operation(asked)
        else:
            operation = await self._charged(request, asked, context, context.partner)
        if isinstance(operation, list):
            return self._shown(request, context, kind, ExecutionResult(None, operation))
        if operation.kind is OperationType.SUBSCRIPTION:
            raise RequestError(400, "There are no subscriptions here.")
        if operation.kind is OperationType.MUTATION:
            with activities.caused_by(context.client, request.request_id):
                return await self._mutate(request, operation, asked, context, kind)
        result = await self.documents.execute(operation, variables=asked.variables, context=context)
        return self._shown(request, context, kind, result)

    async def _mutate(
        self, request: Incoming, operation: Operation, asked: Asked, context: Context, kind: str
    ) -> Response:
        if request.method != "POST":
            raise not_allowed("Mutations go by POST.", "POST")
        execute = partial(
            self.documents.execute, operation, variables=asked.variables, context=context
        )
        shown = partial(self._shown, request, context, kind)
        if request.header(HEADER) is None:
            return shown(await execute())
        credential = self.authentication.credential(request)
        call = Call(operation, context, kind, credential, execute=execute, shown=shown)
        return await self.once.answer(request, call)

    def _shown(
        self, request: Incoming, context: Context, kind: str, result: ExecutionResult
    ) -> Response:
        response = _response(result, context, kind)
        # A program that signs out by its token leaves the browser's cookie alone.
        if context.cookie or (context.cookie == "" and request.bearer is None):
            self.authentication.set_cookie(response, context.cookie)
        if context.device_cookie:
            self.authentication.set_device_cookie(response, context.device_cookie)
        return response

    async def _charged(
        self, request: Incoming, asked: Asked, context: Context, access: Access
    ) -> Operation | list[GraphQLError]:
        """Return the operation of a partner's call, once it is charged."""
        charge = partial(self.partner_budgets.charge, request, context, access)
        try:
            operation = self._operation(asked)
        except RequestError:
            await charge(costs.OPERATION)  # what is none was read as well
            raise
        if isinstance(operation, Operation):
            await charge(operation.cost.of(asked.variables))
        else:
            await charge(costs.OPERATION)
        return operation

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
    headers: dict[str, str] = {}
    status = 200
    if errors:
        executed = any(error.path for error in errors)
        outage = any(is_outage(error.original_error) for error in errors)
        if outage and not any((result.data or {}).values()):
            raise unavailable()
        answer["errors"] = [_shown(error, context, headers) for error in errors]
        if not executed:
            # The specification's SHOULD for the older media type: clients of it read bodies only.
            status = 400 if kind == GRAPHQL else 200
            del answer["data"]
    if context.charged:
        answer["extensions"] = {"cost": context.charged.shown()}
    return Answer(orjson.dumps(answer), status, headers, kind)


class Answer(Response):
    """An answer whose headers are written without a look for what might be there already."""

    def __init__(self, body: bytes, status: int, headers: Mapping[str, str], kind: str) -> None:
        self.body, self.status_code, self.background = body, status, None
        self.raw_headers = [
            (b"content-length", b"%d" % len(body)),
            (b"content-type", kind.encode()),
        ]
        for name, value in headers.items():
            self.raw_headers.append((name.encode(), value.encode()))

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        await send({"type": "http.response.body", "body": self.body})


def _shown(error: GraphQLError, context: Context, headers: dict[str, str]) -> Any:
    shown = faults.shown(error, language=context.language, request_id=context.request_id)
    if retry_after := (shown.extensions or {}).get("retryAfter"):
        headers["retry-after"] = str(retry_after)
    return shown.formatted


def _refused(request: Incoming, refusal: RequestError, kind: str) -> Response:
    extensions: dict[str, Any] = {"code": refusal.code}
    if refusal.code == "INTERNAL":
        extensions["requestId"] = request.request_id
    if refusal.code == "RATE_LIMITED":
        extensions["retryAfter"] = int(refusal.headers["retry-after"])
    answer: dict[str, Any] = {"errors": [{"message": str(refusal), "extensions": extensions}]}
    if request.charged:
        answer["extensions"] = {"cost": request.charged.shown()}
    return Response(orjson.dumps(answer), refusal.status, refusal.headers, media_type=kind)
