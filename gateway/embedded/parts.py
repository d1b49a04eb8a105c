"""The parts of `nicgate up`: how each is started, known to be ready, and stopped.

The seconds of the stops are counted from the beginning of the whole stop; the last one ends before
the tenth.
"""

import http.client
import socket
import time
from collections.abc import Callable
from pathlib import Path
from signal import SIGINT, SIGQUIT, SIGTERM

from gateway.embedded import postgres, valkey
from gateway.embedded.postgres import Cluster
from gateway.embedded.processes import Command, python
from gateway.embedded.supervisor import Part
from gateway.embedded.valkey import Store


def database(cluster: Cluster) -> Part:
    """Describe PostgreSQL; its last resort leaves a recovery to the next start."""
    return Part(
        name=postgres.PART,
        command=cluster.command,
        is_ready=cluster.is_ready,
        stop=((SIGINT, 8.2), (SIGQUIT, 8.8)),
        busy=postgres.BUSY,
    )


def queue(store: Store) -> Part:
    """Describe Valkey."""
    return Part(
        name=valkey.PART, command=store.command, is_ready=store.is_ready, stop=((SIGTERM, 7.1),)
    )


def catcher(file: Path, listener: socket.socket, *, log: Path) -> Part:
    """Describe the mail catcher; the socket stays with us, so that its port is kept."""
    module = ("-m", "gateway.embedded.catcher", str(file), str(listener.fileno()))
    command = Command(arguments=python(*module), log=log, descriptors=(listener.fileno(),))

    def is_ready(_process: int) -> bool:
        try:
            with socket.create_connection(listener.getsockname(), timeout=0.25) as client:
                return client.recv(3) == b"220"
        except OSError:
            return False

    return Part(
        name="mail catcher", command=lambda: command, is_ready=is_ready, stop=((SIGTERM, 6.8),)
    )


def worker(*, log: Path) -> Part:
    """Describe the worker; a second of life is all it can show."""
    command = Command(arguments=python("-m", "workers"), log=log)
    return Part(
        name="worker", command=lambda: command, is_ready=_Survival(), stop=((SIGTERM, 6.5),)
    )


def gateway(host: str, port: int, *, log: Path, say: Callable[[str], None]) -> Part:
    """Describe the gateway; `say` hears what /readyz misses if that takes long."""
    command = Command(arguments=python("-m", "gateway", "serve"), log=log)
    return Part(
        name="gateway",
        command=lambda: command,
        is_ready=_Readiness(host, port, say),
        stop=((SIGTERM, 5.3),),
    )


class _Survival:
    def __init__(self) -> None:
        self._process = 0
        self._until = 0.0

    def __call__(self, process: int) -> bool:
        if process != self._process:
            self._process, self._until = process, time.monotonic() + 1
        return time.monotonic() > self._until


class _Readiness:
    def __init__(self, host: str, port: int, say: Callable[[str], None]) -> None:
        self._address = (host.strip("[]"), port)
        self._say = say
        self._process = 0
        self._speak_at = 0.0

    def __call__(self, process: int) -> bool:
        if process != self._process:
            self._process, self._speak_at = process, time.monotonic() + 10
        connection = http.client.HTTPConnection(*self._address, timeout=1)
        try:
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            missing = "" if answer.status == 200 else answer.read(400).decode(errors="replace")
        except (OSError, http.client.HTTPException) as fault:
            missing = f"no answer yet ({fault})"
        finally:
            connection.close()
        if missing and time.monotonic() > self._speak_at:
            self._speak_at = time.monotonic() + 30
            self._say(f"  still waiting for /readyz: {missing}")
        return not missing
