"""The page for people who write clients: an operation, its answer, and the schema to search.

All of it is our own and comes from here; it needs no foreign host. It is served where introspection
is, since whoever may ask for the schema may as well read it in comfort.
"""

from pathlib import Path

import orjson
from graphql import build_schema, introspection_from_schema
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from gateway.printed import Printed

_TEMPLATES = Path(__file__).with_name("templates")
_PARTS = ("explorer.css", "explorer.js", "explorer_documentation.js", "explorer_schema.js")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}


def routes(schema: str) -> list[Route]:
    """Return the routes of the page and of what it loads; `schema` is the printed one."""
    known: list[Printed] = []

    async def give_shape(request: Request) -> Response:
        if not known:  # the first who asks waits for it, not the start of the process
            known.append(_shape(schema))
        return await known[0].answer(request)

    return [
        _file("/explorer", "explorer.html"),
        *(_file(f"/explorer/{name}", name) for name in _PARTS),
        Route("/explorer/schema.json", give_shape),
    ]


def _shape(schema: str) -> Printed:
    """Return the schema as introspection would: the page needs no parser, and no operation."""
    shape = introspection_from_schema(build_schema(schema))
    return Printed(orjson.dumps(shape).decode(), media_type="application/json")


def _file(path: str, name: str) -> Route:
    async def give(_request: Request) -> Response:
        return FileResponse(_TEMPLATES / name, headers=_HEADERS)

    return Route(path, give)
