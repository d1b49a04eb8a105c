"""Whether this process lives and can work: /healthz and /readyz."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse

from models import database

log = logging.getLogger(__name__)

_PATIENCE = 2  # seconds a part may take to answer


class Readiness:
    """What is missing; the gateway answers GraphQL once the database was seen to be up to date."""

    def __init__(self, ping_queue: Callable[[], Awaitable[object]]) -> None:
        self._ping_queue = ping_queue
        self._migrated = False

    def is_migrated(self) -> bool:
        return self._migrated

    async def look(self) -> None:
        """Look once: a process that starts beside others must not answer that it cannot yet."""
        await self._missing_in_database()

    async def watch(self) -> None:
        """Wait for the newest migration."""
        told = False
        while not self._migrated:
            missing = await self._missing_in_database()
            if missing and not told:
                log.warning("waiting for the database", extra={"missing": missing})
                told = True
            await asyncio.sleep(0 if self._migrated else 0.5)

    async def missing(self) -> list[str]:
        """Name what keeps this process from its work."""
        database_parts, queue_parts = await asyncio.gather(
            self._missing_in_database(), self._missing_in_queue()
        )
        return [*database_parts, *queue_parts]

    async def _missing_in_database(self) -> list[str]:
        try:
            async with asyncio.timeout(_PATIENCE):
                behind = await database.missing_migrations()
        except Exception:  # noqa: BLE001 -- whatever it is, the database does not answer
            return ["database"]
        self._migrated = self._migrated or not behind
        return ["migrations"] if behind else []

    async def _missing_in_queue(self) -> list[str]:
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._ping_queue()
        except Exception:  # noqa: BLE001 -- whatever it is, the queue does not answer
            return ["queue"]
        return []

    async def readyz(self, _request: Request) -> JSONResponse:
        missing = await self.missing()
        return JSONResponse(
            {"ready": not missing, "missing": missing},
            503 if missing else 200,
            {"cache-control": "no-store"},
        )


async def healthz(_request: Request) -> JSONResponse:
    return JSONResponse({"alive": True}, headers={"cache-control": "no-store"})
