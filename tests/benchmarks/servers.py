"""The servers that are measured, each a process of its own, and what the processor did for them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
_PATIENCE = 30  # seconds
_IDLE = 0.05  # seconds of a processor in one


@dataclass(frozen=True)
class Server:
    """A running server: where it listens, and its processes."""

    name: str
    port: int
    pid: int
    started_in: float

    @property
    def pids(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]

    def busy(self) -> float:
        """The seconds of processor time that its processes have had."""
        texts = [Path(f"/proc/{pid}/stat").read_text() for pid in self.pids]
        stats = [text.rpartition(")")[2].split() for text in texts]
        return sum(int(it[11]) + int(it[12]) for it in stats) / os.sysconf("SC_CLK_TCK")

    def rest(self) -> None:
        """Wait until it has nothing to do any more."""
        before = -1.0
        while self.busy() - before > _IDLE:
            before = self.busy()
            time.sleep(1)

    def memory(self) -> float:
        """The resident memory of its largest process, in MiB."""
        texts = [Path(f"/proc/{pid}/status").read_text() for pid in self.pids]
        return max(int(text.partition("VmRSS:")[2].split()[0]) for text in texts) / 1024


def gateway_environment(database_url: str, redis_url: str) -> dict[str, str]:
    return {
        "NICGATE_DATABASE_URL": database_url,
        "NICGATE_REDIS_URL": redis_url,
        "NICGATE_SMTP_URL": "smtp://127.0.0.1:25",
        "NICGATE_SECRET_KEY": "a key for figures only",
        "NICGATE_TRUSTED_PROXIES": "1",  # the generator is many clients
    }


@contextmanager
def gateway(environment: Mapping[str, str], logs: Path, *, workers: int = 1) -> Iterator[Server]:
    """Run the gateway as shipped."""
    port = _free_port()
    command = [sys.executable, "-P", "-m", "gateway", "serve"]
    if workers > 1:
        command += ["--workers", str(workers)]
    with _running("gateway", command, {**environment, "NICGATE_PORT": str(port)}, port, logs) as it:
        yield it


@contextmanager
def beside(name: str, environment: Mapping[str, str], logs: Path) -> Iterator[Server]:
    """Run one of the servers of this folder by the same server program as the gateway."""
    port = _free_port()
    command = [sys.executable, "-m", "uvicorn", f"{name}_server:create_app", "--factory"]
    command += ["--app-dir", str(HERE), "--port", str(port), "--loop", "uvloop"]
    command += ["--http", "httptools", "--no-access-log", "--log-level", "warning"]
    with _running(name, command, environment, port, logs) as it:
        yield it


@contextmanager
def _running(
    name: str, command: list[str], environment: Mapping[str, str], port: int, logs: Path
) -> Iterator[Server]:
    # The folders of the tests have the names of packages.
    left_out = ("NICGATE_", "PYTHONPATH")
    ours = {key: text for key, text in os.environ.items() if not key.startswith(left_out)}
    with (logs / f"{name}.log").open("a") as log:
        started, started_in = time.monotonic(), 0.0
        process = subprocess.Popen(command, env=ours | dict(environment), stderr=log)
        try:
            for path in ("/healthz", "/readyz"):
                while not _answers(port, path):
                    assert process.poll() is None, f"{name} ended: {log.name}"
                    assert time.monotonic() - started < _PATIENCE, f"{name} does not answer"
                    time.sleep(0.005)
                started_in = started_in or time.monotonic() - started
            yield Server(name, port, process.pid, started_in)
        finally:
            process.terminate()
            process.wait(20)


def _answers(port: int, path: str) -> bool:
    """Whether there is an answer; what is none of the gateway knows neither path, and says so."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as asking:
            asking.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            return b" 503 " not in asking.recv(13)
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        return asking.getsockname()[1]
