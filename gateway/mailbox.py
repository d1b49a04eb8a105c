"""The mails that the catcher of `nicgate up` has kept: a page for people, JSON for programs."""

import re
from pathlib import Path
from typing import TypedDict

import orjson
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from models import email_addresses

_TEMPLATES = Path(__file__).with_name("templates")
_PAGE = 50
_LINK = re.compile(r"(https?://[^\s<>\"]+[^\s<>\".,;:!?)])")
_PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
PAGE_HEADERS = _PRIVATE | {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}
# A mail brings its styles along; scripts, requests and our own origin are out of its reach.
MAIL_HEADERS = _PRIVATE | {
    "Content-Security-Policy": "sandbox allow-popups allow-popups-to-escape-sandbox; "
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
}


class Message(TypedDict):
    """A mail as /mailbox/messages gives it."""

    id: int
    to: str
    subject: str
    text: str
    html: str | None
    receivedAt: str
    messageId: str


def routes(file: Path) -> list[Route]:
    """Return the routes that show the mails kept in `file`."""
    mailbox = _Mailbox(file)
    return [
        Route("/mailbox", mailbox.show),
        Route("/mailbox/mailbox.css", mailbox.style),
        Route("/mailbox/messages", mailbox.give),
        Route("/mailbox/messages/{id}/html", mailbox.show_html),
    ]


class _Mailbox:
    # Endpoints that are no coroutines run in threads: they read a file.

    def __init__(self, file: Path) -> None:
        self._file = file
        templates = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True)
        templates.filters["link"] = _link
        self._page = templates.get_template("mailbox.html")

    def show(self, request: Request) -> Response:
        to = request.query_params.get("to", "").strip()
        before = request.query_params.get("before", "")
        mails = messages(self._file, to=to)
        if before.isdecimal() and len(before) < 20:
            mails = [mail for mail in mails if mail["id"] < int(before)]
        shown, older = mails[:_PAGE], len(mails) > _PAGE
        content = self._page.render(mails=shown, older=older, to=to, before=before)
        return HTMLResponse(content, headers=PAGE_HEADERS)

    def style(self, _request: Request) -> Response:
        return FileResponse(_TEMPLATES / "mailbox.css")

    def give(self, request: Request) -> Response:
        found = messages(self._file, to=request.query_params.get("to", ""))
        return Response(orjson.dumps(found), media_type="application/json", headers=_PRIVATE)

    def show_html(self, request: Request) -> Response:
        wanted = request.path_params["id"]
        found = messages(self._file)
        html = next((mail["html"] for mail in found if str(mail["id"]) == wanted), None)
        if html is None:
            return PlainTextResponse("There is no such mail.", 404, headers=_PRIVATE)
        # Links open beside the page: within the frame nothing but the mail may be shown.
        return HTMLResponse(html + '<base target="_blank">', headers=MAIL_HEADERS)


def messages(file: Path, *, to: str = "") -> list[Message]:
    """Return the mails in `file`, the newest first; with `to`, those to this address."""
    try:
        # What stands behind the last line end is still being written.
        lines = file.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    kept = (_message(orjson.loads(line)) for line in reversed(lines))
    wanted = _spellings(to.strip())
    return [mail for mail in kept if not wanted or mail["to"].casefold() in wanted]


def _spellings(to: str) -> set[str]:
    """Return an address as it may stand in a mail: as typed, and with its domain in ASCII."""
    try:
        return {to.casefold(), email_addresses.wire(to).casefold()} if to else set()
    except email_addresses.BadAddressError:
        return {to.casefold()}


def _message(line: Message) -> Message:
    return Message(
        id=line["id"],
        to=line["to"],
        subject=line["subject"],
        text=line["text"],
        html=line["html"],
        receivedAt=line["receivedAt"],
        messageId=line["messageId"],
    )


def _link(text: str) -> Markup:
    """Escape a text and make its addresses of the web links."""
    pieces = _LINK.split(text)
    for place, piece in enumerate(pieces):
        link = Markup('<a href="{0}" target="_blank" rel="noreferrer">{0}</a>')
        pieces[place] = link.format(piece) if place % 2 else escape(piece)
    return Markup("").join(pieces)
