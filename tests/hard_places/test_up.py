"""`nicgate up` as a person has it: a process with a folder, a port and a terminal's signals."""

import os
import signal
import sys
import time

import places
import pytest
from runs import PARTS, Up, processes, running, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

FOLDER = "NICGATE_DATA_DIR must be a folder that may be written.\n"


def first_answer(up):
    """Wait for it; return how many seconds that took."""
    return until(lambda: up.get("/readyz")[0] == 200, 20)


@pytest.fixture(scope="module")
def shared():
    """One run that outlives its tests, with the seconds until its first answer."""
    with places.place() as place, running(place / "var") as up:
        up.seconds = first_answer(up)
        yield up.ready()
        up.process.send_signal(signal.SIGTERM)
        up.process.wait(10)


@pytest.fixture(scope="module")
def folder():
    """A folder that several runs use one after the other, as hard to live in as /root.

    Its path has spaces and is too long for sockets, and nobody else may enter it.
    """
    with places.place() as place:
        places.close(place)
        yield place / "a name with spaces that leaves no room for the path of a unix socket"


@pytest.fixture
def place():
    with places.place() as place:
        yield place


def test_the_first_answer_comes_within_five_seconds(shared, place):
    """Of a first start in an empty folder; the machine may be busy, so one of six counts."""
    seconds = [shared.seconds]

    while min(seconds) >= 5 and len(seconds) < 6:
        with running(place / f"var-{len(seconds)}") as up:
            seconds.append(first_answer(up))

    assert min(seconds) < 5


def test_the_addresses_are_told(shared):
    assert f"Space    http://127.0.0.1:{shared.port}/\n" in shared.output
    assert f"GraphQL  http://127.0.0.1:{shared.port}/graphql\n" in shared.output
    assert f"Mailbox  http://127.0.0.1:{shared.port}/mailbox\n" in shared.output


def test_secrets_are_for_their_owner_alone(shared):
    private = ["secret_key", "mailbox.jsonl", "logs", "postgres", "valkey"]

    assert {(shared.folder / name).stat().st_mode & 0o077 for name in private} == {0}


@pytest.mark.parametrize("part", PARTS)
def test_what_is_killed_comes_back_within_five_seconds(shared, part):
    killed = shared.pid(part)
    told = shared.output.count(f"{part} is back after")

    os.kill(killed, signal.SIGKILL)

    until(lambda: shared.pid(part) not in {None, killed}, 5)
    until(lambda: shared.get("/readyz")[0] == 200, 5)
    until(lambda: shared.output.count(f"{part} is back after") == told + 1, 5)
    assert f"{part} ended (signal SIGKILL); starting it again in 0.2 s" in shared.output


def test_a_mail_reaches_the_mailbox_at_the_same_port_after_the_catcher_was_killed(shared):
    os.kill(shared.pid("mail catcher"), signal.SIGKILL)

    shared.mail("After the kill")

    assert "After the kill" in shared.subjects()


def test_a_second_run_in_the_same_folder_is_refused(shared):
    with running(shared.folder) as second:
        assert second.process.wait(5) == 1

    assert second.output == (
        f"Another `nicgate up` runs in {shared.folder}: stop that one, or set "
        "NICGATE_DATA_DIR and NICGATE_PORT.\n"
    )
    assert shared.get("/readyz")[0] == 200


def test_a_taken_port_is_told_before_anything_starts(shared, place):
    up = Up(place / "var", shared.port)

    assert up.process.wait(5) == 1
    assert up.output == (
        f"Port {shared.port} on 127.0.0.1 is taken; stop what listens there, or set NICGATE_PORT.\n"
    )
    assert not (place / "var" / "postgres").exists()


def test_a_folder_outlives_ctrl_c_a_kill_and_an_impatient_ctrl_c(folder):
    with running(folder) as up:
        up.ready().mail("Before the stop")
        up.process.send_signal(signal.SIGINT)
        assert up.process.wait(10) == 0
        assert list(processes(folder)) == []

    with running(folder) as up:
        assert "Before the stop" in up.ready().subjects()
        assert "makes its folder" not in up.output
        up.process.kill()
        up.process.wait()
        until(lambda: list(processes(folder)) == [], 5)

    with running(folder) as up:
        assert "Before the stop" in up.ready().subjects()
        for _ in range(3):
            up.process.send_signal(signal.SIGINT)
            time.sleep(0.05)
        assert up.process.wait(10) == 0
        assert list(processes(folder)) == []


@pytest.mark.parametrize("seconds", [0.1, 0.4, 0.7, 1.2])
def test_a_stop_in_the_middle_of_the_first_start_leaves_nothing_that_blocks(place, seconds):
    with running(place / "var") as up:
        until((place / "var" / "valkey").exists, 5)
        time.sleep(seconds)
        up.process.send_signal(signal.SIGTERM)
        assert up.process.wait(10) == 0
        assert list(processes(place)) == []


def test_a_part_that_dies_again_and_again_ends_the_run_with_its_last_lines(folder, place):
    (place / "workers").mkdir()
    (place / "workers" / "__main__.py").write_text('raise SystemExit("I cannot work like this")')
    path = os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    with running(folder, PYTHONPATH=path) as up:
        assert up.process.wait(20) == 1

    assert up.output.endswith(
        "worker ended 5 times within 30 s, at last with status 1 and these lines:\n"
        "  I cannot work like this\n"
    )
    assert list(processes(folder)) == []


def test_a_failed_migration_ends_the_run_with_its_line(place):
    url = "postgresql://nobody@127.0.0.1:1/nothing"
    with running(place / "var", NICGATE_DATABASE_URL=url) as up:
        assert up.process.wait(20) == 1

    assert "\nThe migrations failed: ConnectionRefusedError: " in up.output
    assert "Traceback" not in up.output
    assert not (place / "var" / "postgres").exists()
    assert list(processes(place)) == []


@pytest.mark.parametrize(
    ("variables", "status", "line"),
    [
        (
            {"NICGATE_BCRYPT_COST": "x"},
            2,
            "NICGATE_BCRYPT_COST must be a bcrypt cost from 4 to 16.\n",
        ),
        (
            {"NICGATE_PORT": "0"},
            2,
            "NICGATE_PORT must be a port from 1 to 65535.\n",
        ),
        (
            {"NICGATE_HOST": "nowhere.invalid"},
            1,
            "NICGATE_HOST must be an address of this machine; nowhere.invalid is unknown.\n",
        ),
        (
            {"NICGATE_DATA_DIR": "/dev/null/var"},
            1,
            f"/dev/null/var cannot be used: Not a directory. {FOLDER}",
        ),
        (
            {"NICGATE_DATA_DIR": "/proc/var"},
            1,
            f"/proc/var cannot be used: No such file or directory. {FOLDER}",
        ),
    ],
)
def test_what_cannot_start_says_why_in_one_line(place, variables, status, line):
    with running(place / "var", **variables) as up:
        assert up.process.wait(10) == status

    assert up.output == line
    assert list(processes(place)) == []
