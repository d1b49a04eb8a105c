"""The customer space: one application in the browser, served at its own routes and nowhere else.

`make space` builds it; what is built lies in space/dist and goes with the package:

    en.html, fr.html   the page, to whom likes which language
    assets/            what it loads, under names that change with it; also as .br and .gz
    routes.json        the paths of its router
    documents.json     the operations it may send, by their SHA-256 (see gateway/trusted.py)

The links in mails lead here as well. Mail scanners open them, so opening one changes nothing; the
token stands in the fragment, which never reaches a server, a log or a Referer.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gateway.authentication import language_of
from models.profiles import Language

BUILT = Path(__file__).parent / "space" / "dist"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = {"Cache-Control": "no-cache", "Content-Security-Policy": _POLICY, "Vary": "Accept-Language"}
# A page behind a link of a mail is kept by no cache and listed by no search engine.
_LINK = _PAGE | {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
_ASSET = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'",
    "Vary": "Accept-Encoding",
}
_KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_CODINGS = {"br": ".br", "gzip": ".gz"}
_LINKS = "/links/"
_MISSING = "The customer space is not built here: `make space` builds it.\n"


@dataclass(frozen=True, slots=True)
class _Content:
    """What a path answers with, and the tag by which a browser knows that it has it."""

    body: bytes
    kind: str
    tag: str

    @classmethod
    def of(cls, file: Path, kind: str) -> "_Content":
        body = file.read_bytes()
        return cls(body, kind, f'"{hashlib.sha256(body).hexdigest()[:32]}"')

    def answer(self, request: Request, headers: dict[str, str]) -> Response:
        tagged = headers | {"ETag": self.tag}
        known = request.headers.get("if-none-match", "")
        if self.tag in {tag.strip().removeprefix("W/") for tag in known.split(",")}:
            return Response(status_code=304, headers=tagged)
        return Response(self.body, headers=tagged, media_type=self.kind)


def documents() -> dict[str, str]:
    """Return the operations of the space by their names; none when it is not built."""
    try:
        texts: dict[str, str] = orjson.loads((BUILT / "documents.json").read_bytes())
    except FileNotFoundError:
        return {}
    return texts


def found() -> "Space | None":
    """Return the space as it is built, if it is."""
    return Space() if (BUILT / "routes.json").exists() else None


def routes(space: "Space | None") -> list[Route]:
    """Return the routes of the space; without it, of a sentence that says how to get it."""
    if space is None:
        return [Route(path, _missing) for path in ("/", _LINKS + "{kind}")]
    paths: dict[str, str] = orjson.loads((BUILT / "routes.json").read_bytes())
    return [
        *(Route(path, space.page) for path in paths.values()),
        Route("/assets/{name}", space.asset),
    ]


class Space:
    """All files, read once: they are some hundred kilobytes, and change with the package only."""

    def __init__(self) -> None:
        self._pages = {
            language: _Content.of(BUILT / f"{language.lower()}.html", "text/html")
            for language in Language
        }
        self._assets = {
            file.name: _Content.of(file, _KINDS.get(Path(_plain(file.name)).suffix, "text/plain"))
            for file in (BUILT / "assets").iterdir()
        }

    async def page(self, request: Request) -> Response:
        content = self._pages[language_of(request.headers.get("accept-language")) or Language.EN]
        is_link = request.url.path.startswith(_LINKS)
        return content.answer(request, _LINK if is_link else _PAGE)

    async def nowhere(self, request: Request, _fault: Exception) -> Response:
        """Answer for a page that is none: to a person by the space, which says so."""
        if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse("Not Found", 404)
        response = await self.page(request)
        response.status_code = 404
        return response

    async def asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._assets or _plain(name) != name:
            return PlainTextResponse("Not Found", 404)
        coding = self._coding(request, name)
        if coding is None:
            return self._assets[name].answer(request, _ASSET)
        content = self._assets[name + _CODINGS[coding]]
        return content.answer(request, _ASSET | {"Content-Encoding": coding})

    def _coding(self, request: Request, name: str) -> str | None:
        offers = request.headers.get("accept-encoding", "").lower().split(",")
        # Who takes a coding with some weight takes it; whoever bars it says `;q=0`.
        taken = {offer.partition(";")[0].strip() for offer in offers if not _is_barred(offer)}
        found = [coding for coding in _CODINGS if coding in taken]
        return next((coding for coding in found if name + _CODINGS[coding] in self._assets), None)


def _plain(name: str) -> str:
    return name.removesuffix(".br").removesuffix(".gz")


def _is_barred(offer: str) -> bool:
    return re.search(r";\s*q=0(?:\.0*)?\s*$", offer) is not None


async def _missing(request: Request) -> Response:
    known = {route.path for route in request.app.routes if isinstance(route, Route)}
    pages = ("/schema.graphql", "/explorer", "/mailbox")
    shown = ["/graphql", *(path for path in pages if path in known)]
    directory = "nicgate, an account gateway\n\n" + "\n".join(shown) + "\n\n" + _MISSING
    is_link = request.url.path.startswith(_LINKS)
    return PlainTextResponse(_MISSING if is_link else directory, 503 if is_link else 200)
