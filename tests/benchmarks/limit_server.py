"""The limit: what the same answers cost without GraphQL and without an ORM.

Starlette and asyncpg, one statement, the same as the gateway's; the answer is put together by hand.
No limits, no log, no headers: all that a server could leave out is left out.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from models import database, tokens
from models.sessions.table import FIND

_MAILS = (
    "SELECT id, template, subject, text, state, attempts, queued_at, sent_at, recipient FROM mails"
    " WHERE account_id = $1 ORDER BY queued_at DESC, id DESC LIMIT 51"
)


def small(row: asyncpg.Record) -> dict[str, object]:
    return {"nicHandle": row["nic_handle"], "email": row["email"], "firstName": row["first_name"]}


def full(row: asyncpg.Record) -> dict[str, object]:
    return {
        "id": str(row["id"]),
        "nicHandle": row["nic_handle"],
        "state": row["state"],
        "email": row["email"],
        "emailProven": row["email_key"] == row["last_proven_email_key"],
        "spareEmail": row["spare_email"],
        "firstName": row["first_name"],
        "lastName": row["last_name"],
        "organisation": row["organisation"],
        "legalForm": row["legal_form"],
        "phone": row["phone"],
        "language": row["language"],
        "vatNumber": row["vat_number"],
        "revision": row["revision"],
        "createdAt": _instant(row["created_at"]),
    }


def _instant(value):
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _mail(row: asyncpg.Record) -> dict[str, object]:
    return {
        "cursor": str(row["id"]),
        "node": {
            "id": str(row["id"]),
            "subject": row["subject"],
            "text": row["text"],
            "state": row["state"],
            "queuedAt": _instant(row["queued_at"]),
            "to": row["recipient"],
        },
    }


class Limit:
    """The pool, and an answer for each case."""

    def __init__(self) -> None:
        self.pool: asyncpg.Pool | None = None

    async def me_small(self, request: Request) -> Response:
        return _answer(small(await self._found(request)))

    async def me_full(self, request: Request) -> Response:
        return _answer(full(await self._found(request)))

    async def mails(self, request: Request) -> Response:
        row = await self._found(request)
        rows = await self.pool.fetch(_MAILS, row["id"])
        page = {"hasNextPage": len(rows) > 50}
        return _answer({"mails": {"edges": [_mail(it) for it in rows[:50]], "pageInfo": page}})

    async def _found(self, request: Request) -> asyncpg.Record:
        await request.body()
        token = request.headers["authorization"].removeprefix("Bearer ")
        return await self.pool.fetchrow(FIND, tokens.digest(token))


def _answer(data: dict[str, object]) -> Response:
    return Response(orjson.dumps({"data": data}), media_type="application/json")


async def _nothing(_connection: object) -> None:
    """As the gateway's pool: no round trip to reset a connection."""


def create_app() -> Starlette:
    limit = Limit()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        where = database.credentials(os.environ["NICGATE_DATABASE_URL"])
        async with asyncpg.create_pool(**where, min_size=1, max_size=10, reset=_nothing) as pool:
            limit.pool = pool
            yield

    routes = [
        Route("/me_small", limit.me_small, methods=["POST"]),
        Route("/me_full", limit.me_full, methods=["POST"]),
        Route("/account", limit.me_full, methods=["POST"]),
        Route("/mails", limit.mails, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)
