"""Tells when the disk under the data folder is full, and when it is not any more."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

_NEEDED = 16 * 2**20  # bytes; PostgreSQL's log grows by as much at a time
_EVERY = 2.0  # seconds


async def watch(folder: Path, say: Callable[[str], None]) -> None:
    """Return never; one line whenever it fills up or has room again."""
    was_full = False
    while True:
        if was_full is not (is_full := await asyncio.to_thread(_is_full, folder)):
            was_full = is_full
            say(
                f"The disk of {folder} is full: what cannot be kept is refused until it has room."
                if is_full
                else f"The disk of {folder} has room again."
            )
        await asyncio.sleep(_EVERY)


def _is_full(folder: Path) -> bool:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize < _NEEDED
