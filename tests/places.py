"""Folders for PostgreSQL: pytest's own are closed to `nobody`, as whom it may have to run."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def place() -> Iterator[Path]:
    """Yield a new folder that everybody may pass through."""
    with tempfile.TemporaryDirectory(prefix="nicgate-tests-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder
