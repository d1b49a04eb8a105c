"""What every request gets: an id in the answer and in each log line, and a line of its own."""

import logging
import re
import time
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

    A fault that comes this far is logged, and answered without a word of what it was.

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
        started, status = time.perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except ClientDisconnect:
            status = 499  # nobody is there to read an answer
        except Exception:
            log.exception("internal error")
            if status:  # too late for another answer: let the server cut it off
                raise
            await _internal_error(request_id)(scope, receive, send_with_id)
        finally:
            line = {
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "milliseconds": round((time.perf_counter() - started) * 1000, 1),
            }
            log.info("request", extra=line)


def _internal_error(request_id: str) -> JSONResponse:
    extensions = {"code": "INTERNAL", "requestId": request_id}
    return JSONResponse({"errors": [{"message": "Internal error.", "extensions": extensions}]}, 500)
