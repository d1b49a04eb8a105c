"""What browsers must know: which other origins may call, and what our answers may never do."""

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

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


def headers(*, secure: bool) -> dict[str, str]:
    """Return what every answer has that does not say otherwise."""
    return _HEADERS | (_ONE_YEAR if secure else {})


def shared(app: ASGIApp, *, origins: Sequence[str]) -> ASGIApp:
    """Let pages of these origins call with their cookies."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_credentials=True,
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-type", "idempotency-key", "x-request-id"],
        expose_headers=["idempotent-replayed", "retry-after", "x-request-id"],
    )
