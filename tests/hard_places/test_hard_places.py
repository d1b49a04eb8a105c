"""`nicgate up` where it is hard to live: it works, or ends with one line that says why.

A folder closed to others, its path long and with spaces, is where test_up.py runs; what is here
needs another user or a mount, in a namespace of its own. Where the right to that is missing, the
end of the run says what was left out.
"""

import os
import pwd
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import places
import pytest
from runs import processes, running, until

ROOT = Path(__file__).parents[2]
NAMESPACE = ("unshare", "--mount")
OTHER = 65534
AS_OTHER = ("setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups")
IS_ROOT = os.geteuid() == 0
FOLDER = "NICGATE_DATA_DIR must be a folder that may be written.\n"


@cache
def may_mount():
    trial = (*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt")
    return IS_ROOT and subprocess.run(trial, capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
needs_mounts = pytest.mark.usefixtures("mounts")


def lacking(right):
    """Leave a test out for want of a right; the end of the run says so."""
    pytest.skip(f"needs {right}")


@pytest.fixture
def mounts():
    if not may_mount():
        lacking("root, with the right to mount")


@pytest.fixture
def place():
    with places.place() as place:
        yield place


def after(*steps):
    """Words that take steps in a mount namespace of their own, and become what follows them."""
    return (*NAMESPACE, "sh", "-c", "\n".join(["set -e", *steps, 'exec "$@"']), "sh")


def as_other(place):
    """Words that become another user, who reaches our code even if it lies under /root."""
    needed = {Path(name).resolve() for name in (sys.base_prefix, sys.prefix, ROOT)}
    above = {folder for path in needed for folder in path.parents}
    closed = sorted(folder for folder in above if not folder.stat().st_mode & 0o001)
    stashed = {path: place / f"stash-{number}" for number, path in enumerate(sorted(needed))}
    for stash in stashed.values():
        stash.mkdir()
    words = {
        path: (shlex.quote(str(path)), shlex.quote(str(stash))) for path, stash in stashed.items()
    }
    return (
        *after(
            *(f"mount --bind {path} {stash}" for path, stash in words.values()),
            *(f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(str(path))}" for path in closed[:1]),
            *(f"mkdir -p {path}; mount --bind {stash} {path}" for path, stash in words.values()),
        ),
        *AS_OTHER,
    )


def last_words(up):
    """What the run says when it has stopped: a single line."""
    (line,) = up.output.rpartition("Stopping ...\n")[2].splitlines()
    return line


@needs_mounts
def test_another_user_with_spaces_in_a_very_long_path(place):
    """All of it runs as that user, and a SIGKILL of the supervisor leaves no process."""
    folder = place / "a folder with spaces" / ("x" * 107)
    folder.mkdir(parents=True)
    shutil.chown(folder, OTHER)
    with running(folder, words=as_other(place)) as up:
        up.ready()
        assert up.get("/readyz")[0] == 200
        users = {Path(f"/proc/{pid}").stat().st_uid for pid, _ in processes(folder)}

        up.process.kill()
        up.process.wait()

        until(lambda: list(processes(folder)) == [], 5)
    assert users == {OTHER}


def test_a_folder_of_somebody_else_is_told(place):
    """Who may not write there learns where, why, and what to set."""
    folder = place / "var"
    folder.mkdir()
    folder.chmod(0o555)
    if IS_ROOT and not may_mount():
        lacking("the right to mount: root may write everywhere, unless it becomes another user")
    with running(folder, words=as_other(place) if IS_ROOT else ()) as up:
        assert up.process.wait(10) == 1

    assert up.output == f"{folder / 'lock'} cannot be used: Permission denied. {FOLDER}"


def test_root_at_home():
    """The folder is where root keeps a clone, which nobody else may enter: all of it runs."""
    if not (IS_ROOT and places.has_namespaces()):
        lacking("root, with user namespaces")
    home = pwd.getpwuid(os.geteuid()).pw_dir
    with tempfile.TemporaryDirectory(prefix=".nicgate-tests-", dir=home) as name:
        folder = Path(name) / "var"
        with running(folder) as up:
            up.ready()
            assert up.get("/readyz")[0] == 200

            up.process.terminate()

            assert up.process.wait(10) == 0
        assert list(processes(folder)) == []


@needs_mounts
@pytest.mark.parametrize("missing", ["lock", "deeper"])
def test_a_read_only_disk_is_told(place, missing):
    """Even root cannot write there, neither into the folder nor to make it."""
    mounted = place / "disk"
    mounted.mkdir()
    folder = mounted if missing == "lock" else mounted / missing
    words = after(f"mount -t tmpfs -o ro tmpfs {mounted}")
    with running(folder, words=words) as up:
        assert up.process.wait(10) == 1

    assert up.output == f"{mounted / missing} cannot be used: Read-only file system. {FOLDER}"
    assert list(processes(place)) == []


@needs_mounts
@pytest.mark.parametrize("size", ["4k", "8m", "44m"])
def test_a_full_disk_is_told(place, size):
    """Whether it is full at the first file, in the middle of the cluster or at its end."""
    folder = place / "disk"
    folder.mkdir()
    with running(folder, words=after(f"mount -t tmpfs -o size={size} tmpfs {folder}")) as up:
        assert up.process.wait(30) == 1

    assert "No space left on device" in last_words(up)
    assert "Traceback" not in up.output
    assert list(processes(place)) == []


def sign_up(up):
    """Ask for an account; return the status, Retry-After, and the answer."""
    document = """mutation { signup(input: {
      email: "alice@example.org", password: "Garden-Kettle-42-blue"
      firstName: "Alice", lastName: "Martin", country: "FR"
    }) { __typename } }"""
    return up.post("/graphql", {"query": document})


def fill(folder):
    """Leave no byte free."""
    with (folder / "filler").open("wb", buffering=0) as filler:
        for size in (2**20, 2**12):
            with suppress(OSError):
                while True:
                    filler.write(bytes(size))


@needs_mounts
def test_a_disk_that_fills_up_is_told_and_mended(place):
    """What cannot be kept is refused with 503, and works again by itself when there is room."""
    folder = place / "disk"
    folder.mkdir()
    with running(folder, words=after(f"mount -t tmpfs -o size=120m tmpfs {folder}")) as up:
        up.ready()
        seen_by_it = Path(f"/proc/{up.process.pid}/root{folder}")
        assert sign_up(up)[0] == 200

        fill(seen_by_it)

        until(lambda: f"The disk of {folder} is full" in up.output, 10)
        answers = [sign_up(up) for _ in range(30)]
        (seen_by_it / "filler").unlink()
        until(lambda: f"The disk of {folder} has room again." in up.output, 10)
        until(lambda: "Challenge" in sign_up(up)[2], 30)
        assert up.process.poll() is None
    refused = [(retry_after, text) for status, retry_after, text in answers if status != 200]
    assert refused
    assert all(retry_after == "5" and "INTERNAL" in text for retry_after, text in refused)
    assert all("Challenge" in text for status, _, text in answers if status == 200)


@needs_mounts
def test_root_without_user_namespaces_in_a_closed_folder_is_told_what_to_do(place):
    """PostgreSQL would have to run as nobody, who does not get there."""
    place.chmod(0o700)
    (place / "root").mkdir()
    # The kernel gives no user namespace to a process in a chroot.
    words = (*after(f"mount --rbind / {place / 'root'}"), "chroot", str(place / "root"))
    with running(place / "var", words=words) as up:
        assert up.process.wait(10) == 1

    said = last_words(up)
    assert said.startswith("PostgreSQL refuses root, user namespaces are not to be had here, and ")
    assert said.endswith(": run `nicgate up` as another user, or set NICGATE_DATABASE_URL.")
    assert list(processes(place)) == []
