"""Run the tests against the PostgreSQL and the Redis of Debian 12, both made for this run alone.

python tests/debian.py [ARGUMENTS OF PYTEST]

Other versions prove something else: NICGATE_TEST_MAJORS="16 7" asks for PostgreSQL 16 and Redis 7.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import Signals

from gateway.embedded.processes import Command, Identity, last_lines, spawn

ALL = ("-n", "auto", "--maxprocesses", "4", "--dist", "worksteal")
MAJORS = "15 7"  # of PostgreSQL and Redis in Debian 12
_PATIENCE = 30.0  # seconds
_FORGETFUL = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


def main(arguments: list[str]) -> int:
    """Run pytest between the start and the stop of both servers; return its exit status."""
    postgres, redis = programs(os.environ.get("NICGATE_TEST_MAJORS", MAJORS))
    for program in (postgres / "postgres", redis):
        subprocess.run([program, "--version"], check=True)
    with tempfile.TemporaryDirectory(prefix="nicgate-debian-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL refuses root, so it may have to run as nobody
        with _postgres(folder / "postgres", postgres) as url, _redis(folder, redis) as queue:
            servers = {"NICGATE_DATABASE_URL": url, "NICGATE_REDIS_URL": queue}
            words = [sys.executable, "-m", "pytest", *(arguments or ALL)]
            return subprocess.run(words, env=os.environ | servers, check=False).returncode


def programs(
    majors: str, *, home: Path = Path("/usr/lib/postgresql"), path: str | None = None
) -> tuple[Path, str]:
    """Return the folder of PostgreSQL's programs and Redis's server, both of the asked majors.

    Raises SystemExit with one line when something else is installed, or nothing.
    """
    postgres, redis = majors.split()
    server = shutil.which("redis-server", path=path)
    found = [f"PostgreSQL {folder.parent.name}" for folder in sorted(home.glob("*/bin"))]
    found += [f"Redis {_major(server)}"] if server else []
    if server and {f"PostgreSQL {postgres}", f"Redis {redis}"} <= set(found):
        return home / postgres / "bin", server
    raise SystemExit(
        f"This needs PostgreSQL {postgres} and Redis {redis}, and there is"
        f" {', '.join(found) or 'neither'}: apt-get install postgresql redis-server on Debian 12,"
        ' or name the majors to be tested: NICGATE_TEST_MAJORS="16 7".'
    )


def _major(server: str) -> str:
    told = subprocess.run([server, "--version"], capture_output=True, text=True, check=True).stdout
    said = re.search(r"\bv=(\d+)\.", told)
    return said.group(1) if said else "of no version"


@contextmanager
def _postgres(home: Path, programs: Path) -> Iterator[str]:
    home.mkdir(mode=0o700)
    identity = Identity.OWN
    if os.geteuid() == 0:
        identity = Identity.NOBODY
        shutil.chown(home, "nobody")
    log, data = home.parent / "postgres.log", str(home / "data")

    def command(program: str, *options: str) -> Command:
        words = (str(programs / program), "-D", data, *options)
        return Command(
            arguments=words,
            log=log,
            environment={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
            identity=identity,
            orphan_signal=Signals.SIGQUIT,
            folder=home,
        )

    options = ("--username=nicgate", "--auth=trust", "--encoding=UTF8", "--no-sync")
    if spawn(command("initdb", *options, "--locale=C.UTF-8")).wait(_PATIENCE) != 0:
        raise SystemExit("\n".join(last_lines(log)))
    places = ("-c", "listen_addresses=", "-c", f"unix_socket_directories={home}")
    server = command("postgres", *places, "-c", "max_connections=300", *_FORGETFUL)
    lock = home / "data" / "postmaster.pid"
    with _alive(server, lambda: lock.exists() and b"ready" in lock.read_bytes(), Signals.SIGINT):
        yield f"postgresql://nicgate@/postgres?host={home}"


@contextmanager
def _redis(folder: Path, program: str) -> Iterator[str]:
    socket = folder / "redis.sock"
    options = ("--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(folder))
    options += ("--databases", "32")  # several for each process of the run
    server = Command(arguments=(program, *options), log=folder / "redis.log")
    with _alive(server, socket.exists, Signals.SIGTERM):
        yield f"unix://{socket}"


@contextmanager
def _alive(command: Command, is_ready, stop_signal: Signals) -> Iterator[None]:
    process = spawn(command)
    try:
        give_up = time.monotonic() + _PATIENCE
        while not is_ready():
            if process.poll() is not None or time.monotonic() > give_up:
                raise SystemExit("\n".join(last_lines(command.log)))
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(stop_signal)
        process.wait(_PATIENCE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
