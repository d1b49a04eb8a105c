"""What browsers must know: which other origins may call, and what our answers may never do."""

from collections.abc import Sequence

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# For answers that do not say otherwise: a page brings a policy of its own.
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_ONE_YEAR = {"strict-transport-security": "max-age=31536000"}


class SecurityHeaders:
    """Add to every answer what it does not say itself."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self.app = app
        self.headers = _HEADERS | (_ONE_YEAR if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, sealed)


def rules(*, origins: Sequence[str], secure: bool) -> list[Middleware]:
    """Return the middleware for browsers; pages of these origins may call with their cookies."""
    seal = Middleware(SecurityHeaders, secure=secure)
    if not origins:
        return [seal]
    cors = Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_credentials=True,
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-type", "x-request-id"],
        expose_headers=["retry-after", "x-request-id"],
    )
    return [seal, cors]
