"""A request whose headers are read once: Starlette looks through all of them for each."""

from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope

from schema.costs import Charged


class Incoming(Request):
    """A request as Starlette makes it, with its headers by name.

    `bearer` is the token of the Authorization header (RFC 6750), `raw` the body that was read,
    `charged` what a partner was charged for it.
    """

    raw = b""
    charged: Charged | None = None

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, receive)
        self._named = dict(reversed(scope["headers"]))  # of several the first, as Starlette has it
        scheme, _, token = (self.header(b"authorization") or "").partition(" ")
        self.bearer = token.strip() if scheme.lower() == "bearer" else None

    def header(self, name: bytes) -> str | None:
        """Return the value of the first header of this name, which is in lower case."""
        value = self._named.get(name)
        return None if value is None else value.decode("latin-1")

    def every(self, name: bytes) -> list[str]:
        """Return the values of all headers of this name."""
        if len(self._named) < len(self.scope["headers"]):  # some header is there several times
            return self.headers.getlist(name.decode())
        value = self.header(name)
        return [] if value is None else [value]

    @property
    def cookies(self) -> dict[str, str]:
        return super().cookies if b"cookie" in self._named else {}

    @property
    def request_id(self) -> str:
        named: str = self.scope["state"]["request_id"]
        return named

    async def body_within(self, limit: int) -> bytes | None:
        """Return the body; None once it turns out to be longer than `limit` bytes."""
        message = await self.receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            whole: bytes = message.get("body", b"")  # as most bodies come: in one piece
            return whole if len(whole) <= limit else None
        body = bytearray(_piece(message))
        while message.get("more_body") and len(body) <= limit:
            message = await self.receive()
            body += _piece(message)
        return bytes(body) if len(body) <= limit else None


def _piece(message: Message) -> bytes:
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    piece: bytes = message.get("body", b"")
    return piece
