"""The transaction of an operation, and savepoints within it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from tortoise.transactions import in_transaction


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
    async with AsyncExitStack() as stack:
        stack.push_async_exit(opening)
        yield
