"""Texts that stay as they are while a process runs; who has one asks whether it still holds."""

import hashlib
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response


class Printed:
    """A text and the tag that clients know it by.

    They may keep it, and ask each time (`no-cache`): a new version of ours is seen at once, and
    what is the same is not sent again.
    """

    def __init__(
        self, text: str, *, media_type: str = "text/plain", headers: Mapping[str, str] | None = None
    ) -> None:
        self._content = text.encode()
        self._media_type = media_type
        self._tag = f'"{hashlib.sha256(self._content).hexdigest()[:32]}"'
        self._headers = {"Cache-Control": "no-cache", "ETag": self._tag, **(headers or {})}

    async def answer(self, request: Request) -> Response:
        if self._is_known_to(request):
            return Response(status_code=304, headers=self._headers)
        return Response(self._content, headers=self._headers, media_type=self._media_type)

    def _is_known_to(self, request: Request) -> bool:
        named = ",".join(request.headers.getlist("if-none-match")).split(",")
        return any(tag.strip().removeprefix("W/") in {self._tag, "*"} for tag in named)
