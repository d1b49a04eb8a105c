"""A worker process: `python -m workers [--check]`, which is what `nicgate worker` becomes."""

import asyncio
import gc
import sys

import uvloop

from models import logs
from models.settings import Settings, SettingsError


def work() -> int:
    """Run until told to stop, and return the exit status."""
    try:
        settings = Settings.load()
    except SettingsError as fault:
        sys.stderr.write(f"{fault}\n")
        return 2
    logs.configure(settings.log_level)
    gc.disable()  # until all is imported, which stays

    from workers import main  # noqa: PLC0415

    if "--check" in sys.argv:
        return 0 if asyncio.run(main.is_working(settings)) else 1
    gc.freeze()  # what is there now stays: collections need not walk it
    gc.enable()
    uvloop.run(main.run(settings))
    return 0


if __name__ == "__main__":
    sys.exit(work())
