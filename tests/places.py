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
    trial = (*launcher(Identity.NAMESPACE), "/bin/true")
    if os.geteuid() != 0 or subprocess.run(trial, capture_output=True, check=False).returncode == 0:
        folder.chmod(0o700)
