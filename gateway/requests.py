"""What every request gets: an id, a line in the log, security headers, an answer to a fault.

One layer, where several would each wrap every answer.
"""

import itertools
import logging
import os
import re
import time
from collections.abc import Mapping
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models import logs

log = logging.getLogger(__name__)

# Ids need not be random, only never the same: a number of this process, which is.
_PROCESS, _NUMBERS = os.urandom(10).hex(), itertools.count(1)
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Envelope:
    """Wraps all of the application.

    Takes the caller's X-Request-Id when it is harmless, else makes one, and adds to each answer the
    headers that it does not have itself. The log line has the path without its query: a GET carries
    variables there.
    """

    def __init__(self, app: ASGIApp, *, headers: Mapping[str, str]) -> None:
        self.app = app
        self.headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _id_of(scope)
        logs.request_id.set(request_id)
        answer = _Answer(send, [(b"x-request-id", request_id.encode()), *self.headers])
        scope.setdefault("state", {}).update(request_id=request_id, answer=answer)
        started = time.perf_counter()
        try:
            await self.app(scope, receive, answer.send)
        except ClientDisconnect:
            answer.status = 499  # nobody is there to read an answer
        finally:
            del scope["state"]["answer"]  # it leads back to the scope, and would live on with it
            _log(scope, answer.status, time.perf_counter() - started)


class Faults:
    """Log a fault that comes this far, and answer it without a word of what it was.

    Stands innermost, so that this answer passes all that others pass on their way out.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except ClientDisconnect:
            raise
        except Exception:
            if scope["type"] != "http":
                raise
            log.exception("internal error")
            if scope["state"]["answer"].status:  # too late: let the server cut it off
                raise
            await _internal_error(scope["state"]["request_id"])(scope, receive, send)


class _Answer:
    """The way back to the client: notes the status, adds headers."""

    __slots__ = ("_headers", "_send", "status")

    def __init__(self, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        self.status = 0
        self._send = send
        self._headers = headers

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            said: list[Any] = list(message.get("headers", ()))
            names = {name for name, _ in said}  # in lower case, as ASGI has them
            said += [header for header in self._headers if header[0] not in names]
            message["headers"] = said
        await self._send(message)


def _id_of(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given: str = value.decode("latin-1")
            return given if _ID.fullmatch(given) else _new_id()
    return _new_id()


def _new_id() -> str:
    return f"{_PROCESS}{next(_NUMBERS):012x}"


def _log(scope: Scope, status: int, seconds: float) -> None:
    logs.tell(
        log,
        "request",
        method=scope["method"],
        path=scope["path"],
        status=status,
        milliseconds=round(seconds * 1000, 1),
    )


def _internal_error(request_id: str) -> JSONResponse:
    extensions = {"code": "INTERNAL", "requestId": request_id}
    return JSONResponse({"errors": [{"message": "Internal error.", "extensions": extensions}]}, 500)
