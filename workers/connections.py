"""Connections to the mail server, used again and again: opening one costs more than a mail.

opened ── a mail ──▶ idle ── the next one ──▶ …    idle ── 100 mails · 10 s · server gone ──▶ closed
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import aiosmtplib

_USES = 100  # mails; many servers take no more over one connection
_IDLE = 10.0  # seconds; shorter than the patience of servers
_FAREWELL = 2.0  # seconds
_GOING_AWAY = 421

FAULTS = (aiosmtplib.SMTPException, OSError, TimeoutError)


@dataclass(eq=False, slots=True)
class Connection:
    """One connection, and how many mails went over it."""

    client: aiosmtplib.SMTP
    uses: int = 0
    idle_since: float = 0.0


class Connections:
    """At most so many at once; whoever wants one more waits."""

    def __init__(self, make: Callable[[], aiosmtplib.SMTP], *, limit: int) -> None:
        self._make = make
        self._slots = asyncio.Semaphore(limit)
        self._idle: list[Connection] = []
        self._leaving: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for the right to one connection."""
        async with self._slots:
            yield

    async def take(self, *, fresh: bool = False) -> Connection:
        """Return an idle connection that the server has not closed, or else a new one."""
        while self._idle and not fresh:
            connection = self._idle.pop()  # the youngest: the others may grow old and go
            if connection.client.is_connected:
                return connection
            connection.client.close()
        connection = Connection(self._make())
        try:
            await connection.client.connect()
        except BaseException:
            connection.client.close()
            raise
        return connection

    @asynccontextmanager
    async def kept(self, connection: Connection) -> AsyncIterator[None]:
        """Close the connection when the block fails, unless the server only refused this mail."""
        try:
            yield
        except BaseException as fault:
            if is_answer(fault) and await _is_reset(connection):
                self.give_back(connection)
            else:
                connection.client.close()
            raise

    def give_back(self, connection: Connection) -> None:
        """Keep a connection for the next mail."""
        connection.uses += 1
        if connection.uses >= _USES or not connection.client.is_connected:
            self._leave(connection)
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.append(connection)
        loop.call_later(_IDLE, self._expire, connection, connection.idle_since)

    async def close(self) -> None:
        """Say goodbye on every idle connection."""
        while self._idle:
            self._leave(self._idle.pop())
        if self._leaving:
            await asyncio.wait(self._leaving)

    def _expire(self, connection: Connection, since: float) -> None:
        if connection in self._idle and connection.idle_since == since:
            self._idle.remove(connection)
            self._leave(connection)

    def _leave(self, connection: Connection) -> None:
        leaving = asyncio.get_running_loop().create_task(_quit(connection))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)


def is_answer(fault: BaseException) -> bool:
    """Whether the server spoke of the recipient or the message; 421 is said of the connection."""
    refusals = (aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPDataError)
    return isinstance(fault, refusals) and fault.code != _GOING_AWAY


async def _is_reset(connection: Connection) -> bool:
    """Drop the envelope of a refused mail."""
    with suppress(*FAULTS):
        await connection.client.rset()
        return True
    return False


async def _quit(connection: Connection) -> None:
    with suppress(*FAULTS):
        async with asyncio.timeout(_FAREWELL):
            await connection.client.quit()
    connection.client.close()
