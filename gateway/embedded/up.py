"""`nicgate up`: the whole gateway on this machine, from one command.

lock · port ──┬─▶ Valkey
              ├─▶ PostgreSQL ──▶ migrations ──▶ mail catcher, worker
              └─▶ gateway, which is loaded meanwhile
"""

import asyncio
import fcntl
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gateway.embedded import packages, parts, postgres, room
from gateway.embedded.postgres import Cluster
from gateway.embedded.processes import Command, python
from gateway.embedded.supervisor import Part, Supervisor
from gateway.embedded.valkey import Store
from gateway.listening import StartError, listen, reachable
from models.settings import PREFIX, EmbeddedSettings, Settings

_PATIENCE = 600  # seconds in which PostgreSQL must have made its folder and begun to answer


def up(settings: EmbeddedSettings) -> None:
    """Run everything until SIGINT or SIGTERM. Raises SettingsError, StartError."""
    home = settings.data_dir.absolute()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _locked(home):
            for free in listen(settings.host, settings.port):
                free.close()
            run = _Run(settings, home.resolve())
            os.environ.update(run.environment())
            # A wrong setting is told here, not by a part that dies of it.
            Settings.load()
            asyncio.run(run.live())
    except OSError as fault:
        raise StartError(_explain(fault, home)) from None


def _explain(fault: OSError, home: Path) -> str:
    place = Path(os.fsdecode(fault.filename or home))
    said = f"{place} cannot be used: {fault.strerror or fault}."
    # An interpreter that this user may not run, or a full /tmp, is no fault of the folder.
    ours = place.is_relative_to(home) or home.is_relative_to(place)
    return f"{said} {PREFIX}DATA_DIR must be a folder that may be written." if ours else said


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    with (home / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError(
                f"Another `nicgate up` runs in {home}: stop that one, or set "
                f"{PREFIX}DATA_DIR and {PREFIX}PORT."
            ) from None
        yield


class _Run:
    """One run of everything; a URL in the settings replaces the part of its name."""

    def __init__(self, settings: EmbeddedSettings, home: Path) -> None:
        self._home = home
        self._port = settings.port
        self._host = reachable(settings.host)
        self._has_secret = settings.secret_key is not None
        self._mails = home / "mailbox.jsonl"
        self._cluster = self._store = self._listener = None
        if settings.database_url is None:
            self._cluster = Cluster(home / "postgres", log=self._log("postgres"))
        if settings.redis_url is None:
            self._store = Store(home / "valkey", log=self._log("valkey"))
        if settings.smtp_url is None:
            packages.folder("aiosmtpd", instead=f"{PREFIX}SMTP_URL")
            self._listener = socket.create_server(("127.0.0.1", 0))

    def environment(self) -> dict[str, str]:
        """Return what the children need beside our own environment. Raises OSError."""
        found = {
            "INTROSPECTION": os.environ.get(f"{PREFIX}INTROSPECTION") or "true",
            "PUBLIC_URL": os.environ.get(f"{PREFIX}PUBLIC_URL") or self._origin,
            "MAILBOX_FILE": str(self._mails) if self._listener else "",
        }
        if not self._has_secret:
            found["SECRET_KEY"] = _kept_secret(self._home / "secret_key")
        if self._cluster:
            found["DATABASE_URL"] = self._cluster.url
        if self._store:
            found["REDIS_URL"] = self._store.url
        if self._listener:
            found["SMTP_URL"] = f"smtp://127.0.0.1:{self._listener.getsockname()[1]}"
        # The last words of a part that dies must not stay in a buffer.
        return {"PYTHONUNBUFFERED": "1"} | {PREFIX + name: found[name] for name in found}

    async def live(self) -> None:
        """Start all, keep it alive until a signal comes, stop all. Raises StartError, OSError."""
        supervisor = Supervisor(_say)
        stopping = _stop_on_signals(supervisor)
        try:
            await self._start(supervisor)
            await _together(supervisor.watch(), room.watch(self._home, _say))
        except asyncio.CancelledError:
            if not stopping.is_set():
                raise
        finally:
            stopping.set()
            _say("Stopping ...")
            await supervisor.stop()
            for server in (self._cluster, self._store):
                if server:
                    server.clean()
        _say("Stopped; everything is kept for the next start.")

    async def _start(self, supervisor: Supervisor) -> None:
        _say(f"nicgate keeps its data in {self._home}")
        # All at once: each takes longer to load than to do its part, and waits for what it needs.
        await _together(
            self._start_queue(supervisor),
            self._start_database(supervisor),
            self._prepare_tables(supervisor),
            _start(supervisor, self._gateway()),
        )
        self._tell_addresses()

    async def _start_queue(self, supervisor: Supervisor) -> None:
        if self._store:
            self._store.prepare()
            await _start(supervisor, parts.queue(self._store))

    async def _start_database(self, supervisor: Supervisor) -> None:
        if self._cluster:
            await _timed(postgres.PART, self._open(self._cluster, supervisor), "ready")

    async def _open(self, cluster: Cluster, supervisor: Supervisor) -> None:
        commands = cluster.prepare()
        if commands:
            _say(f"  {postgres.PART:<14} makes its folder, this once")
        for command in commands:
            lines = await supervisor.run(command)
            if lines:
                raise StartError(f"PostgreSQL cannot make its folder: {_main(lines)}")
        if commands:
            cluster.keep()
        await supervisor.start(parts.database(cluster))

    async def _prepare_tables(self, supervisor: Supervisor) -> None:
        """Migrate, and let begin what nobody waits for at the first answer."""
        await _timed("migrations", self._migrate(supervisor), "done")
        await _together(*(_start(supervisor, part) for part in self._posts()))

    async def _migrate(self, supervisor: Supervisor) -> None:
        words = ("migrate", "--wait", str(_PATIENCE if self._cluster else 0))
        command = Command(arguments=python("-m", "gateway", *words), log=self._log("migrate"))
        lines = await supervisor.run(command)
        if lines:
            raise StartError(lines[-1])

    def _gateway(self) -> Part:
        return parts.gateway(self._host, self._port, log=self._log("gateway"), say=_say)

    def _posts(self) -> list[Part]:
        worker = parts.worker(log=self._log("worker"))
        if not self._listener:
            return [worker]
        return [parts.catcher(self._mails, self._listener, log=self._log("catcher")), worker]

    def _tell_addresses(self) -> None:
        _say("")
        _say(f"Space    {self._origin}/")
        _say(f"GraphQL  {self._origin}/graphql")
        if self._listener:
            _say(f"Mailbox  {self._origin}/mailbox")
        if self._cluster:
            _say(f"Database {self._cluster.url}")
        _say(f"Logs     {self._home / 'logs'}")
        _say("")
        _say("Ctrl-C stops all of it.")

    @property
    def _origin(self) -> str:
        return f"http://{self._host}:{self._port}"

    def _log(self, name: str) -> Path:
        return self._home / "logs" / f"{name}.log"


def _stop_on_signals(supervisor: Supervisor) -> asyncio.Event:
    """Let the first signal cancel this task, and any signal hurry a stop that is under way."""
    stopping = asyncio.Event()
    task = asyncio.current_task()

    def stop() -> None:
        if stopping.is_set():
            supervisor.hurry()
        elif task:
            stopping.set()
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup has had SIGHUP ignored, and means it.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            loop.add_signal_handler(number, stop)
    return stopping


async def _together(*steps: Coroutine[Any, Any, None]) -> None:
    """Take steps at the same time; when one fails the others end before that is told."""
    tasks = [asyncio.create_task(step) for step in steps]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _start(supervisor: Supervisor, part: Part) -> None:
    await _timed(part.name, supervisor.start(part), "ready")


async def _timed(name: str, step: Awaitable[None], word: str) -> None:
    began = time.monotonic()
    await step
    _say(f"  {name:<14} {word} ({time.monotonic() - began:.1f} s)")


def _kept_secret(file: Path) -> str:
    """Return the secret of this folder, made at the first start. Raises OSError."""
    if not file.exists():
        new = file.with_suffix(".new")
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)
        new.write_text(secrets.token_urlsafe(32))
        # In one move: half a secret would be refused for ever.
        new.rename(file)
    return file.read_text().strip()


def _main(lines: list[str]) -> str:
    """Return the line that says what went wrong."""
    return next((line for line in lines if "error:" in line or "FATAL:" in line), lines[-1])


def _say(line: str) -> None:
    # Whoever read our output may have left; the parts run on.
    with suppress(OSError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
