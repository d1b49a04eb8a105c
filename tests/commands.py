"""`nicgate` with its modules loaded already: a process of its own for each command, made by a fork.

To start Python and import takes each of them longer than what it does.
"""

import multiprocessing
import os
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from multiprocessing.connection import Connection
from subprocess import CompletedProcess

from gateway.__main__ import main

_LOADED = ["commands", "gateway.auditing", "gateway.operators", "gateway.partnering"]
_PATIENCE = 30.0  # seconds
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(_LOADED)


def run(words: list[str], environment: dict[str, str]) -> "CompletedProcess[str]":
    """Run a command with these words and this environment to its end."""
    ours, theirs = _forks.Pipe(duplex=False)
    process = _forks.Process(target=_run, args=(words, environment, theirs))
    process.start()
    theirs.close()
    try:
        assert ours.poll(_PATIENCE), f"{words} did not end"
        status, out, err = ours.recv()
    finally:
        process.kill()
        process.join()
        process.close()
    return CompletedProcess(words, status, out, err)


def _run(words: list[str], environment: dict[str, str], result: Connection) -> None:
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["nicgate", *words]
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        status = _status(words)
    result.send((status, out.getvalue(), err.getvalue()))


def _status(words: list[str]) -> object:
    try:
        return main(words)
    except SystemExit as fault:
        return fault.code
    except Exception:  # noqa: BLE001 -- as Python does with what nobody catches
        traceback.print_exc()
        return 1
