"""Folders for Unix sockets, whose paths may not be long."""

import hashlib
import re
import shutil
import tempfile
from pathlib import Path

# Linux takes 107 bytes, macOS 103.
_LIMIT = 90
# The path stands in URLs, and in a setting of PostgreSQL that knows commas and quotes.
_PLAIN = re.compile(r"[A-Za-z0-9._/-]+")


def folder(home: Path, socket: str) -> Path:
    """Name the folder for `socket`: within `home`, or under the temp dir if that is too long."""
    near = home / "socket"
    if _fits(near / socket):
        return near
    name = f"nicgate-{hashlib.sha256(bytes(home)).hexdigest()[:16]}"
    far = Path(tempfile.gettempdir()) / name
    return far if _fits(far / socket) else Path("/tmp") / name  # noqa: S108 -- made private below


def make(path: Path) -> None:
    """Make the folder, empty and for us alone. Raises OSError when somebody else's stands there."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)


def remove(path: Path) -> None:
    """Remove the folder and what its server has left there."""
    shutil.rmtree(path, ignore_errors=True)


def _fits(path: Path) -> bool:
    return len(bytes(path)) <= _LIMIT and _PLAIN.fullmatch(str(path)) is not None
