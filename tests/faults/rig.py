"""All of nicgate in processes of its own: two gateways, three workers, and what they stand on."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import factories
import httpx2
import receivers
from faults.postoffice import PostOffice, ports_of
from receivers import Receiver
from stacks import free_port

from gateway.embedded import processes
from gateway.embedded.postgres import Cluster
from gateway.embedded.processes import Command, python
from gateway.embedded.valkey import Store
from models import database
from models.settings import DatabaseSettings

BRISK = 3  # seconds of silence that accept a change which was asked for at the first gateway
CALM = 3600  # and at the second
LEASE = 60  # seconds

# What the tables do not keep: every move of a state, as it happened.
WITNESS = """
CREATE TABLE witness (
  kind text, id uuid, former text, present text, at timestamptz DEFAULT clock_timestamp());
CREATE FUNCTION testify() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO witness VALUES (TG_TABLE_NAME, NEW.id, OLD.state, NEW.state); RETURN NULL;
END $$;
CREATE TRIGGER testify AFTER UPDATE ON mails FOR EACH ROW
  WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION testify();
CREATE TRIGGER testify AFTER UPDATE ON email_changes FOR EACH ROW
  WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION testify();
CREATE TRIGGER testify AFTER UPDATE ON webhook_deliveries FOR EACH ROW
  WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION testify();
"""


async def until(look: Callable[[], Any], seconds: float, what: str) -> Any:
    """Look again and again until there is something; fail after so many seconds."""
    give_up = time.monotonic() + seconds
    while True:
        found = look()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        if time.monotonic() > give_up:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        await asyncio.sleep(0.05)


class UnansweredError(Exception):
    """Nobody said what became of an operation: 503, or no gateway at the other end."""


@dataclass(frozen=True)
class Promise:
    """A mutation was answered with success, which owes this mail."""

    story: str
    template: str
    recipient: str


class Process:
    """One process that can be killed, put to sleep, and started again."""

    def __init__(self, command: Callable[[], Command]) -> None:
        self._command = command
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._child
        return self._child.pid

    def start(self) -> None:
        self._child = processes.spawn(self._command())

    def send(self, number: signal.Signals) -> None:
        assert self._child
        self._child.send_signal(number)

    def lives(self) -> bool:
        return self._child is not None and self._child.poll() is None

    async def end(self, number: signal.Signals, patience: float = 10) -> None:
        """Send a signal, and wait until the process is gone."""
        if not self.lives():
            return
        self.send(number)
        await until(lambda: not self.lives(), patience, "an end")


class Rig:
    """The processes, the mail server, the catalog, and what was promised to whom."""

    def __init__(self, folder: Path, *, environments: list[dict[str, str]] | None = None) -> None:
        self.folder = folder
        self.office = PostOffice()
        self.cluster = Cluster(folder / "postgres", log=folder / "postgres.log", durable=False)
        self.database_url = self.cluster.url
        self.store = Store(folder / "valkey", log=folder / "valkey.log")
        self.postgres = Process(self.cluster.command)
        self.valkey = Process(self.store.command)
        self.ports = [free_port(), free_port()]
        self.gateways = [Process(self._gateway(number)) for number in range(2)]
        extra = environments or [{}, {}, {}]
        self.workers = [Process(self._worker(number, it)) for number, it in enumerate(extra)]
        self.dead: set[Process] = set()
        self.promises: list[Promise] = []
        self.complaints: list[str] = []
        self.poison: set[str] = set()
        self.background: list[asyncio.Future[None]] = []
        # Where a partner is told of all that happens; closed, the door keeps whoever knocks.
        self.hooks = Receiver([])
        self.door = asyncio.Event()
        self.secret = ""
        self._held = AsyncExitStack()
        self._client = httpx2.AsyncClient(timeout=8)
        self._catalog: asyncpg.Connection | None = None
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Start everything; ready when both gateways say so."""
        await self.office.open()
        self.folder.chmod(0o711)
        self.store.prepare()
        self.valkey.start()
        commands = self.cluster.prepare()
        for command in commands:
            process = processes.spawn(command)
            status = await asyncio.to_thread(process.wait, 30)
            assert status == 0, processes.last_lines(command.log)
        if commands:
            self.cluster.keep()
        await self.start_postgres()
        await database.migrate(DatabaseSettings(database_url=self.database_url))
        await self.sql(WITNESS)
        await self.employ()
        await until(lambda: self.store.is_ready(0), 10, "Valkey")
        for process in (*self.gateways, *self.workers):
            process.start()
        await self.ready()

    async def stop(self) -> None:
        """Stop everything, whatever state it is in."""
        if self._catalog:
            await closed(self._catalog)
        parts = (*self.gateways, *self.workers, self.valkey)
        for process in parts:
            if process.lives():
                process.send(signal.SIGKILL)
        for process in parts:
            await until(lambda process=process: not process.lives(), 10, "a killed process")
        await self.postgres.end(signal.SIGQUIT)
        await self.office.close()
        await self._held.aclose()
        await self._client.aclose()
        self.cluster.clean()
        self.store.clean()

    async def employ(self) -> None:
        """Create a partner with a webhook at a server of this process."""

        async def answer(writer: asyncio.StreamWriter) -> None:
            await self.door.wait()
            await receivers.status(204)(writer)

        self.door.set()
        self.hooks = await self._held.enter_async_context(receivers.receiving(answer))
        async with database.opened(DatabaseSettings(database_url=self.database_url)):
            partner = await factories.access("Witness", first_party=True)
            policy = replace(factories.POLICY, webhook_loopback=True)
            issued = await factories.webhook(partner, self.hooks.url, policy=policy)
        self.secret = issued.secret

    async def start_postgres(self) -> None:
        self.postgres.start()
        await until(lambda: self.cluster.is_ready(self.postgres.pid), 30, "PostgreSQL")

    async def ready(self, seconds: float = 30) -> None:
        """Wait until every gateway that lives is ready."""

        async def look() -> bool:
            return not any(await self.missing())

        await until(look, seconds, "readiness")

    async def missing(self) -> list[list[str]]:
        """Ask every living gateway what it misses."""
        answers = []
        for gateway, port in zip(self.gateways, self.ports, strict=True):
            if gateway in self.dead:
                continue
            try:
                answer = await self._client.get(f"http://127.0.0.1:{port}/readyz")
            except httpx2.HTTPError as fault:
                answers.append([type(fault).__name__])
            else:
                answers.append(answer.json()["missing"])
        return answers

    async def ask(
        self, document: str, *, session: str = "", at: int = 0, **variables: object
    ) -> dict[str, Any]:
        """Send one operation to a gateway, or to the other one when that is dead.

        Raises UnansweredError; any answer but data, and 503 with Retry-After, is a breach.
        """
        headers = {"authorization": f"Bearer {session}"} if session else {}
        body = {"query": document, "variables": variables}
        for number in (at, 1 - at):
            if self.gateways[number] in self.dead:
                continue
            try:
                answer = await self._client.post(
                    f"http://127.0.0.1:{self.ports[number]}/graphql", json=body, headers=headers
                )
            except httpx2.HTTPError as fault:
                raise UnansweredError(type(fault).__name__) from None
            if answer.status_code == 503 and "retry-after" in answer.headers:
                raise UnansweredError("503")
            if answer.status_code != 200 or "errors" in answer.json():
                raise AssertionError(f"answered {answer.status_code}: {answer.text[:300]}")
            data: dict[str, Any] = answer.json()["data"]
            return data
        raise UnansweredError("no gateway")

    async def sql(self, statement: str, *values: object) -> list[Any]:
        """Read the catalog."""
        async with self._turn:
            for _ in range(2):
                try:
                    if self._catalog is None or self._catalog.is_closed():
                        self._catalog = await self.connect()
                    if not values and ";" in statement:
                        await self._catalog.execute(statement)
                        return []
                    return list(await self._catalog.fetch(statement, *values))
                except Exception as fault:
                    if not database.is_outage(fault):
                        raise
                    if self._catalog:
                        self._catalog.terminate()
                    self._catalog = None
            return []

    async def connect(self) -> asyncpg.Connection:
        """Open a connection of one's own; whoever asks closes it."""
        return await asyncpg.connect(**database.credentials(self.database_url))

    def promised(self, story: str, template: str, recipient: str) -> None:
        self.promises.append(Promise(story, template, recipient))

    def kill(self, process: Process) -> None:
        """SIGKILL for good; the mails that were in its hands are forgiven a second copy."""
        if process in self.workers:
            self.office.forgive(ports_of(process.pid))
        process.send(signal.SIGKILL)
        self.dead.add(process)

    def sleep(self, process: Process) -> None:
        """SIGSTOP; its mails are forgiven too, as it may sleep past its lease."""
        if process in self.workers:
            self.office.forgive(ports_of(process.pid))
        process.send(signal.SIGSTOP)

    def wake(self, process: Process) -> None:
        process.send(signal.SIGCONT)

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something happen meanwhile; the end of the row waits for it."""
        self.background.append(asyncio.ensure_future(work))

    def living_workers(self) -> list[Process]:
        return [worker for worker in self.workers if worker not in self.dead]

    def _environment(self, **ours: object) -> dict[str, str]:
        # PYTHONPATH is the suite's: a folder `schema` of the tests is not the schema.
        plain = {
            name: it
            for name, it in os.environ.items()
            if not name.startswith("NICGATE_") and name != "PYTHONPATH"
        }
        settings = {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.store.url,
            "SMTP_URL": f"smtp://127.0.0.1:{self.office.port}?tls=never",
            "SECRET_KEY": "a key for tests only",
            "PUBLIC_URL": "http://gateway.test",
            "BCRYPT_COST": 4,
            "WEBHOOK_LOOPBACK": "true",
        }
        return plain | {f"NICGATE_{name}": str(it) for name, it in (settings | ours).items()}

    def _gateway(self, number: int) -> Callable[[], Command]:
        def command() -> Command:
            delay = (BRISK, CALM)[number]
            return Command(
                arguments=python("-m", "gateway", "serve"),
                log=self.folder / f"gateway-{number}.log",
                environment=self._environment(PORT=self.ports[number], AUTO_ACCEPT_AFTER=delay),
            )

        return command

    def _worker(self, number: int, extra: dict[str, str]) -> Callable[[], Command]:
        def command() -> Command:
            return Command(
                arguments=python("-m", "workers"),
                log=self.folder / f"worker-{number}.log",
                environment=self._environment() | extra,
            )

        return command


async def closed(connection: asyncpg.Connection) -> None:
    with suppress(Exception):
        await connection.close(timeout=2)
