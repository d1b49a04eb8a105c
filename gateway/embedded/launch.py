"""Becomes another program that ends when its parent ends; run by its path, never imported.

    python -I -S launch.py PARENT SIGNAL IDENTITY FOLDER COMMAND...

PARENT is the process id of whoever starts it, SIGNAL the number that COMMAND gets when PARENT is
gone. IDENTITY says as whom COMMAND runs: `own`, `namespace` (not root, in a user namespace in
which our files are its own) or `nobody`. FOLDER, if not empty, is where it runs.
"""

import ctypes
import os
import pwd
import sys
import time
from pathlib import Path

CANNOT = 125
_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1


def main(parent: str, signal_number: str, identity: str, folder: str, *command: str) -> None:
    """Take the identity, tie the life to the parent's, and become the command."""
    os.umask(0o077)
    if sys.platform != "linux":
        _watch(int(parent), int(signal_number))
    if identity == "namespace":
        _enter_namespace()
    elif identity == "nobody":
        _become_nobody()
    if sys.platform == "linux":
        # Only now: the kernel forgets the signal when the user changes.
        _call("prctl", _PR_SET_PDEATHSIG, int(signal_number))
    if os.getppid() != int(parent):
        sys.exit(CANNOT)
    if folder:
        os.chdir(folder)
    os.execv(command[0], command)  # noqa: S606 -- the command comes from our own caller


def _call(function: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


def _enter_namespace() -> None:
    user, group = os.geteuid(), os.getegid()
    # Somebody with a name: initdb asks for it.
    inside = next(known for known in pwd.getpwall() if known.pw_uid != 0)
    _call("unshare", _CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{inside.pw_uid} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{inside.pw_gid} {group} 1")


def _become_nobody() -> None:
    nobody = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)


def _watch(parent: int, signal_number: int) -> None:
    """Stand in for prctl where there is none: a second process looks after both."""
    command = os.getpid()
    if os.fork() != 0:
        return
    os.closerange(0, 1024)
    while os.getppid() == command and _lives(parent):
        time.sleep(0.1)
    if os.getppid() == command:
        os.kill(command, signal_number)
    os._exit(0)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (LookupError, StopIteration, OSError) as fault:
        sys.stderr.write(f"{' '.join(sys.argv[3:6])}: {fault}\n")
        sys.exit(CANNOT)
