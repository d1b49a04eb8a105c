"""PostgreSQL and Valkey for the length of a block: what the tests stand on."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import Signals

from gateway.embedded import processes
from gateway.embedded.postgres import Cluster
from gateway.embedded.processes import Command
from gateway.embedded.valkey import Store
from gateway.listening import StartError

_PATIENCE = 30.0  # seconds


@contextmanager
def running(folder: Path, *, durable: bool = True) -> Iterator[tuple[str, str]]:
    """Yield the URLs of a PostgreSQL and of a Valkey that keep their data in `folder`.

    Enter it in the main thread: the servers end with the thread that started them. Raises
    StartError, OSError.
    """
    cluster = Cluster(folder / "postgres", log=folder / "postgres.log", durable=durable)
    store = Store(folder / "valkey", log=folder / "valkey.log")
    store.prepare()
    try:
        with _alive(store.command(), store.is_ready, Signals.SIGTERM):
            _make(cluster)
            with _alive(cluster.command(), cluster.is_ready, Signals.SIGINT):
                yield cluster.url, store.url
    finally:
        cluster.clean()
        store.clean()


def _make(cluster: Cluster) -> None:
    commands = cluster.prepare()
    for command in commands:
        since = processes.size(command.log)
        if processes.spawn(command).wait(_PATIENCE) != 0:
            raise StartError("\n".join(processes.last_lines(command.log, since=since)))
    if commands:
        cluster.keep()


@contextmanager
def _alive(
    command: Command, is_ready: Callable[[int], bool], stop_signal: Signals
) -> Iterator[None]:
    since = processes.size(command.log)
    process = processes.spawn(command)
    try:
        give_up = time.monotonic() + _PATIENCE
        while not is_ready(process.pid):
            if process.poll() is not None or time.monotonic() > give_up:
                raise StartError("\n".join(processes.last_lines(command.log, since=since)))
            time.sleep(0.01)
        yield
    finally:
        _stop(process, stop_signal)


def _stop(process: subprocess.Popen[bytes], stop_signal: Signals) -> None:
    process.send_signal(stop_signal)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
