"""The transaction of an operation, savepoints within it, and one around several of them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field

from tortoise.transactions import in_transaction


@dataclass(slots=True)
class Whole:
    """A transaction around operations; `kept` counts those that have ended and not been undone.

    `later` is done when it has ended.
    """

    kept: int = 0
    later: list[Callable[[], Awaitable[None]]] = field(default_factory=list)


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
    whole = Whole()
    async with transaction():
        token = _whole.set(whole)
        try:
            yield whole
        finally:
            _whole.reset(token)
    for work in whole.later:
        await work()


def is_around() -> bool:
    """Whether there is a transaction around operations.

    Who took another connection there would wait for one with all that is locked.
    """
    return _whole.get() is not None


async def afterwards(work: Callable[[], Awaitable[None]]) -> None:
    """Do what must hold no lock until the end of a transaction around operations: after it."""
    whole = _whole.get()
    if whole is None:
        await work()
    else:
        whole.later.append(work)
