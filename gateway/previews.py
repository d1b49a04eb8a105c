"""Every mail there is, for whoever writes or reviews them; only in `nicgate up`.

The words are the workers', whom the gateway knows by name only: a process of theirs writes them,
at each look, so that a changed source shows. The page and all mails on it are one look.
"""

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TypedDict

import orjson
from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from gateway.mailbox import MAIL_HEADERS, PAGE_HEADERS

_TEMPLATES = Path(__file__).with_name("templates")
_SECONDS = 30
_ONE_LOOK = 10.0  # seconds


class Preview(TypedDict):
    """One mail in one language."""

    template: str
    language: str
    subject: str
    text: str
    html: str


def routes(origin: str) -> list[Route]:
    """Return the routes of the page and of each mail on it."""
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True)
    page, written = environment.get_template("previews.html"), _Written(origin)

    # Endpoints that are no coroutines run in threads: they wait for a process.
    def show(_request: Request) -> Response:
        return HTMLResponse(page.render(mails=written.recently()), headers=PAGE_HEADERS)

    def show_html(request: Request) -> Response:
        wanted = request.path_params
        for mail in written.recently():
            if (mail["template"], mail["language"]) == (wanted["template"], wanted["language"]):
                return HTMLResponse(mail["html"], headers=MAIL_HEADERS)
        return PlainTextResponse("There is no such mail.", 404, headers=PAGE_HEADERS)

    return [
        Route("/mailbox/templates", show),
        Route("/mailbox/templates/{language}/{template}", show_html),
    ]


class _Written:
    """What was written in the last seconds, for all threads."""

    def __init__(self, origin: str) -> None:
        self._command = (sys.executable, "-P", "-m", "workers.previews", origin)
        self._turn = threading.Lock()
        self._mails: list[Preview] = []
        self._until = 0.0

    def recently(self) -> list[Preview]:
        with self._turn:
            if time.monotonic() > self._until:
                self._mails = self._anew()
                self._until = time.monotonic() + _ONE_LOOK
            return self._mails

    def _anew(self) -> list[Preview]:
        written = subprocess.run(self._command, capture_output=True, check=True, timeout=_SECONDS)  # noqa: S603
        mails: list[Preview] = orjson.loads(written.stdout)
        return mails
