"""Folders for PostgreSQL: pytest's own are closed to `nobody`, as whom it may have to run."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.embedded.processes import Identity, launcher


@contextmanager
def place() -> Iterator[Path]:
    """Yield a new folder that everybody may pass through."""
    with tempfile.TemporaryDirectory(prefix="nicgate-tests-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


def close(folder: Path) -> None:
    """Let nobody else in, as /root does, unless PostgreSQL would have to run as somebody else."""
    if os.geteuid() != 0 or has_namespaces():
        folder.chmod(0o700)


def has_namespaces() -> bool:
    """Whether PostgreSQL may run in a user namespace here, as it does for root."""
    trial = (*launcher(Identity.NAMESPACE), "/bin/true")
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0
