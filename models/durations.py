"""Blocks that last alike, so that how long they took tells nothing of what they did."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta


@asynccontextmanager
async def in_steps_of(step: timedelta) -> AsyncIterator[None]:
    """Let a block end a multiple of `step` after its start, and not in between; zero: at once.

    A mere floor would tell again under load, when the work takes longer; here the next step hides
    it. Put a transaction inside of it, not around it: nothing is to be held while it waits.
    """
    now = asyncio.get_running_loop().time
    started = now()
    yield
    if step:
        await asyncio.sleep(-(now() - started) % step.total_seconds())
