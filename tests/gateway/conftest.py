"""The gateway's application over ASGI, with its lifespan, PostgreSQL and Valkey of this run."""

import asyncio
import logging
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    redirect_stderr,
)
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import commands
import httpx2
import orjson
import pytest
from anyio import to_thread
from databases import Kept, empty_tables
from factories import FIREFOX
from redis.asyncio import Redis
from starlette.applications import Starlette

from gateway.app import create_app
from models import database, logs
from models.settings import DatabaseSettings, Settings

PEER = ("192.0.2.7", 40000)
# What GraphQL clients of today say: a document that cannot be executed is 400 to them.
ACCEPT = "application/graphql-response+json, application/json;q=0.9, */*;q=0.1"


class Client(httpx2.AsyncClient):
    """A client of /graphql; it keeps cookies as a browser would. `app` is what it calls."""

    app: Starlette

    async def graphql(
        self, query: str, variables: dict[str, Any] | None = None, **headers: str
    ) -> httpx2.Response:
        """POST an operation; headers by keyword, `sec_fetch_site="none"`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = {"query": query, "variables": variables}
        return await self.post("/graphql", json=body, headers=named)


Journal = Callable[[], list[dict[str, Any]]]
Serve = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def serve(
    kept: Kept,
    shared_database: DatabaseSettings,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Serve:
    """Serve the application on empty tables; by keyword, other settings than usual."""
    monkeypatch.setattr(database, "opened", kept.lent)

    @asynccontextmanager
    async def serve(peer=PEER, *, base_url="http://gateway.test", is_ready=True, **changes):
        settings = Settings(
            **{
                "database_url": shared_database.database_url,
                "pool_size": shared_database.pool_size,
                "redis_url": redis_url,
                "smtp_url": "smtp://127.0.0.1:1",
                "secret_key": "a key for tests only",
                "bcrypt_cost": 4,
                "introspection": True,
            }
            | changes
        )
        app = create_app(settings)
        transport = httpx2.ASGITransport(app=app, client=peer)
        async with (
            app.router.lifespan_context(app),
            Client(
                transport=transport,
                base_url=base_url,
                headers={"user-agent": FIREFOX, "accept": ACCEPT},
            ) as client,
        ):
            client.app = app
            if is_ready:
                await _until_ready(client)
                await empty_tables()
                await forget_attempts(redis_url)
            try:
                yield client
            finally:
                logs.request_id.set("")  # tests share a task; requests to a real server do not

    return serve


@pytest.fixture
async def client(serve: Serve) -> AsyncIterator[Client]:
    """A client of the application as it is usually served."""
    async with serve() as client:
        yield client


@dataclass
class Server:
    """A server of this run behind a socket of its own, which can be taken away and given back."""

    url: str
    socket: Path
    target: Path

    def cut(self) -> None:
        self.socket.unlink()

    def mend(self) -> None:
        self.socket.symlink_to(self.target)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name: the path of a socket may have some 100 bytes."""
    with tempfile.TemporaryDirectory(prefix="nicgate-") as name:
        yield Path(name)


@pytest.fixture
def postgres(shared_database: DatabaseSettings, folder: Path) -> Server:
    """The database of `serve`; when it is cut, connections that are open stay so."""
    url = shared_database.database_url.get_secret_value()
    home, name = database.credentials(url)["host"], ".s.PGSQL.5432"
    server = Server(url.replace(home, str(folder)), folder / name, Path(home) / name)
    server.mend()
    return server


@pytest.fixture
def redis(redis_url: str, folder: Path) -> Server:
    """The Valkey of this run."""
    target = Path(redis_url.removeprefix("unix://").partition("?")[0])
    socket = folder / target.name
    server = Server(redis_url.replace(str(target), str(socket)), socket, target)
    server.mend()
    return server


@pytest.fixture
def journal() -> Iterator[Journal]:
    """The lines that a process of ours would have logged since the last look."""
    with _journal("info") as lines:
        yield lines


@pytest.fixture
def full_journal() -> Iterator[Journal]:
    """The same with all that a process says when it is asked to say everything."""
    with _journal("debug") as lines:
        yield lines


@contextmanager
def _journal(level: str) -> Iterator[Journal]:
    root, stream = logging.getLogger(), StringIO()
    before = root.handlers[:], root.level
    # Not to be closed by the configuration: they are pytest's.
    root.handlers[:] = []
    with redirect_stderr(stream):
        logs.configure(level)

    def lines() -> list[dict[str, Any]]:
        written = stream.getvalue()
        stream.seek(0)
        stream.truncate()
        return [orjson.loads(line) for line in written.splitlines()]

    yield lines
    root.handlers[:], root.level = before


async def forget_attempts(redis_url: str) -> None:
    """Give every client its budgets anew: what others spent is not the subject."""
    async with Redis.from_url(redis_url) as valkey:
        if names := await valkey.keys("nicgate:budget:*"):
            await valkey.delete(*names)


async def _until_ready(client: Client) -> None:
    async with asyncio.timeout(10):
        while (await client.get("/graphql?query={__typename}")).status_code == 503:  # noqa: ASYNC110 -- it tells nobody
            await asyncio.sleep(0.005)


@pytest.fixture
def nicgate(tables):
    """Run a command on the database of the test."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith("NICGATE_")}
    url = tables.database_url.get_secret_value()

    async def run(*words, **variables):
        environment = ours | {"NICGATE_DATABASE_URL": url} | variables
        return await to_thread.run_sync(commands.run, [str(word) for word in words], environment)

    return run
