"""The transaction of an operation, savepoints within it, and one around several of them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass

from tortoise.transactions import in_transaction


@dataclass(slots=True)
class Whole:
    """A transaction around operations; `kept` counts those that have ended and not been undone."""

    kept: int = 0


_whole: ContextVar[Whole | None] = ContextVar("whole", default=None)


@asynccontextmanager
async def transaction() -> AsyncIterator[None]:
    """Commit what the block does, or undo it if it raises; within another one, a savepoint.

    The ORM's own keeps the connection of a transaction that could not begin, and leaves the task in
    it: each lost connection would be missing for good, and whoever tried again would fail for ever.
    """
    opening = in_transaction()
    try:
        await opening.__aenter__()
    except BaseException as fault:
        with suppress(Exception):  # there is nothing to undo, which it says; it lets go
            await opening.__aexit__(type(fault), fault, fault.__traceback__)
        raise
    whole = _whole.get()
    before = whole.kept if whole else 0
    try:
        async with AsyncExitStack() as stack:
            stack.push_async_exit(opening)
            yield
    except BaseException:
        if whole:
            whole.kept = before  # savepoints within it are undone with it
        raise
    if whole:
        whole.kept = before + 1


@asynccontextmanager
async def around() -> AsyncIterator[Whole]:
    """Let operations be savepoints of one transaction: all that they do is committed, or nothing.

    Each still keeps or undoes what is its own.
    """
    async with transaction():
        whole = Whole()
        token = _whole.set(whole)
        try:
            yield whole
        finally:
            _whole.reset(token)
