"""Child processes: what to run, where its output goes, and that it never outlives us."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from signal import Signals

_LAUNCHER = Path(__file__).with_name("launch.py")
_LARGE = 10 * 1024 * 1024


class Identity(StrEnum):
    """As whom a command runs."""

    OWN = "own"
    NAMESPACE = "namespace"
    NOBODY = "nobody"


@dataclass(frozen=True, kw_only=True)
class Command:
    """A program, and all that its run depends on."""

    arguments: tuple[str, ...]
    log: Path
    # None hands down our own environment.
    environment: Mapping[str, str] | None = None
    identity: Identity = Identity.OWN
    # Where it runs; None stands for where we do.
    folder: Path | None = None
    # What the process gets when we are gone.
    orphan_signal: Signals = Signals.SIGKILL
    stdin: Path = field(default=Path(os.devnull))
    descriptors: tuple[int, ...] = ()


def python(*arguments: str) -> tuple[str, ...]:
    """Our own interpreter; -P, since a folder `models` of the caller is not ours."""
    return (sys.executable, "-P", *arguments)


def spawn(command: Command) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own; it ends when the calling *thread* ends.

    Call it from the main thread. Raises OSError.
    """
    command.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    rotate(command.log)
    with command.stdin.open("rb") as stdin, command.log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 -- every command is our own
            launcher(command.identity, command.orphan_signal, command.folder) + command.arguments,
            stdin=stdin,
            stdout=log,
            stderr=log,
            env=command.environment,
            pass_fds=command.descriptors,
            start_new_session=True,
        )


def launcher(
    identity: Identity, orphan_signal: Signals = Signals.SIGKILL, folder: Path | None = None
) -> tuple[str, ...]:
    """Return the words that stand before a command to give it an identity and our lifetime."""
    options = (str(os.getpid()), str(int(orphan_signal)), identity.value, str(folder or ""))
    return (sys.executable, "-I", "-S", str(_LAUNCHER), *options)


def rotate(log: Path) -> None:
    """Move the lines of a large log aside; a process that appends to it does not notice."""
    if log.exists() and log.stat().st_size > _LARGE:
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        os.truncate(log, 0)


def size(log: Path) -> int:
    """Return how many bytes a log holds by now."""
    return log.stat().st_size if log.exists() else 0


def last_lines(log: Path, *, since: int = 0, count: int = 10) -> list[str]:
    """Return the last lines that were added to a log since it was `since` bytes long."""
    if size(log) < since:
        since = 0
    with log.open("rb") as content:
        content.seek(max(since, size(log) - 16_384))
        return content.read().decode(errors="replace").splitlines()[-count:]


def describe(status: int) -> str:
    """Say how a process ended."""
    if status >= 0:
        return f"status {status}"
    return f"signal {next((known.name for known in Signals if known == -status), -status)}"
