"""A request whose headers are read once: Starlette looks through all of them for each."""

from functools import cached_property
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message


class _Read(Headers):
    """The same headers, found by name."""

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        super().__init__(raw=raw)
        self._found = dict(reversed(raw))  # of several the first counts, as it does there

    def __getitem__(self, key: str) -> str:
        return self._found[key.lower().encode("latin-1")].decode("latin-1")

    def get(self, key: str, default: Any = None) -> Any:
        value = self._found.get(key.lower().encode("latin-1"))
        return default if value is None else value.decode("latin-1")

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.lower().encode("latin-1") in self._found


class Incoming(Request):
    """A request as Starlette makes it, but for the headers."""

    @cached_property
    def headers(self) -> Headers:
        return _Read(self.scope["headers"])

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
