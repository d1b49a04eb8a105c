"""Blocks that last alike, so that how long they took tells nothing of what they did."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import timedelta

_outer: ContextVar[list[timedelta] | None] = ContextVar("outer", default=None)


@asynccontextmanager
async def in_steps_of(step: timedelta) -> AsyncIterator[None]:
    """Let a block end a multiple of `step` after its start, and not in between; zero: at once.

    A mere floor would tell again under load, when the work takes longer; here the next step hides
    it. Put a transaction inside of it, not around it: nothing is to be held while it waits. Within
    `postponed` that one waits, once it is over.
    """
    outer = _outer.get()
    if outer is not None:
        outer.append(step)
        yield
        return
    started = _now()
    yield
    await _wait(step, since=started)


@asynccontextmanager
async def postponed() -> AsyncIterator[None]:
    """Let this block end as those within it should: what it holds itself is let go before."""
    steps = [timedelta(0)]
    started, token = _now(), _outer.set(steps)
    try:
        yield
    finally:
        _outer.reset(token)
    await _wait(max(steps), since=started)


def _now() -> float:
    return time.perf_counter()  # a loop's own time may be milliseconds old, and zero apart


async def _wait(step: timedelta, *, since: float) -> None:
    if step:
        await asyncio.sleep(-(_now() - since) % step.total_seconds())
