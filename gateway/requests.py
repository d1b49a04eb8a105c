"""What every request gets: an id in the answer and in each log line, and a line of its own."""

import logging
import re
import time
from collections.abc import Mapping
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog import contextvars

log = logging.getLogger(__name__)

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestIds:
    """Take the caller's X-Request-Id when it is harmless, else make one; log the request.

    The line has the path without its query: a GET carries variables there.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        contextvars.clear_contextvars()
        contextvars.bind_contextvars(request_id=request_id)
        answer = _Answer(send, {"x-request-id": request_id})
        started = time.perf_counter()
        try:
            await self.app(scope, receive, answer)
        except ClientDisconnect:
            answer.status = 499  # nobody is there to read an answer
        finally:
            _log(scope, answer.status, time.perf_counter() - started)


class Faults:
    """Log a fault that comes this far, and answer it without a word of what it was.

    Stands innermost, so that this answer passes all that others pass on their way out.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            await self.app(scope, receive, answer)
        except ClientDisconnect:
            raise
        except Exception:
            log.exception("internal error")
            if answer.status:  # too late for another answer: let the server cut it off
                raise
            await _internal_error(scope["state"]["request_id"])(scope, receive, answer)


class _Answer:
    """The way back to the client: notes the status, adds headers."""

    def __init__(self, send: Send, headers: Mapping[str, str] | None = None) -> None:
        self.status = 0
        self._send = send
        self._headers = headers or {}

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message).update(self._headers)
        await self._send(message)


def _log(scope: Scope, status: int, seconds: float) -> None:
    line = {"method": scope["method"], "path": scope["path"], "status": status}
    log.info("request", extra=line | {"milliseconds": round(seconds * 1000, 1)})


def _internal_error(request_id: str) -> JSONResponse:
    extensions = {"code": "INTERNAL", "requestId": request_id}
    return JSONResponse({"errors": [{"message": "Internal error.", "extensions": extensions}]}, 500)
