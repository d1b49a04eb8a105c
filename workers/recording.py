"""What has happened outside is written down, whatever PostgreSQL says meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from models.database import is_outage

Result = TypeVar("Result")

_EVERY = 0.5  # seconds


async def until_recorded(settle: Callable[[], Awaitable[Result]]) -> Result:
    """Settle an attempt that was made, again and again while the database is away."""
    while True:
        try:
            return await settle()
        except Exception as fault:
            if not is_outage(fault):
                raise
            await asyncio.sleep(_EVERY)
