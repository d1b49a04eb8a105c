"""HTTP to servers that others name: only to public addresses, and only to those that were checked.

Names are resolved here, once for each connection, and what is connected to is the address that was
found good: a name that means another place the second time leads nowhere. Nothing is redirected,
no proxy and no cookie is taken from the environment, and of an answer no more than its head is
read.
"""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpcore2
from httpcore2 import AsyncNetworkBackend, AsyncNetworkStream

from models.webhooks import Answer, AttemptError, addresses

Resolve = Callable[[str, int], Awaitable[list[str]]]

_DEADLINE = 15.0  # seconds for a whole exchange; a quarter of a lease
_PATIENCE = 4.0  # seconds for one of several addresses
_ADDRESSES = 3  # that are tried
_LISTENING = {429, 503}  # statuses whose Retry-After counts


class NameNotFoundError(Exception):
    """Nobody knows an address of this name."""


class AddressRefusedError(Exception):
    """The name leads to an address that is not of the public Internet."""


_ERRORS: dict[type[Exception], AttemptError] = {
    TimeoutError: AttemptError.TIMED_OUT,
    httpcore2.TimeoutException: AttemptError.TIMED_OUT,
    NameNotFoundError: AttemptError.NAME_NOT_FOUND,
    AddressRefusedError: AttemptError.ADDRESS_REFUSED,
    httpcore2.NetworkError: AttemptError.CONNECTION_FAILED,
    httpcore2.ProtocolError: AttemptError.PROTOCOL_VIOLATED,
}


@dataclass(frozen=True, slots=True)
class Network(AsyncNetworkBackend):
    """Connections to public addresses; `loopback` lets those of this machine pass, for tests."""

    resolve: Resolve
    loopback: bool
    inner: AsyncNetworkBackend

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 -- the interface of httpcore2
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        """Connect to the first address that answers.

        Raises NameNotFoundError; AddressRefusedError, if any address of the name is refused.
        """
        found = await self.resolve(host, port)
        if not all(addresses.is_allowed(address, loopback=self.loopback) for address in found):
            raise AddressRefusedError
        *others, last = found[:_ADDRESSES]
        for address in others:
            try:
                return await self.inner.connect_tcp(
                    address, port, _PATIENCE, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await self.inner.connect_tcp(last, port, timeout, local_address, socket_options)

    async def connect_unix_socket(self, *_given: Any, **_options: Any) -> AsyncNetworkStream:
        raise AddressRefusedError


class Client:
    """Posts messages; whatever goes wrong at the other end is an answer, too."""

    def __init__(
        self,
        *,
        loopback: bool = False,
        deadline: float = _DEADLINE,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._deadline = deadline
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls or httpcore2.default_ssl_context(),
            max_connections=None,
            # A name is looked at anew each time, and no answer is read to its end.
            max_keepalive_connections=0,
            network_backend=Network(resolve or resolved, loopback, httpcore2.AnyIOBackend()),
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Make one exchange, within the deadline."""
        began = time.monotonic()
        status, pause, error = None, None, None
        try:
            async with (
                asyncio.timeout(self._deadline),
                self._pool.stream(
                    "POST", url, headers=list(headers.items()), content=body
                ) as response,
            ):
                status = response.status
                told = {name.lower(): value for name, value in response.headers}
                if status in _LISTENING:
                    pause = retry_after(told.get(b"retry-after", b"").decode("latin-1"))
        except Exception as fault:
            error = None if status else _error_of(fault)
            if not (status or error):
                raise
        return Answer(status, error, pause, round((time.monotonic() - began) * 1000))

    async def close(self) -> None:
        await self._pool.aclose()


async def resolved(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of a name, in its order. Raises NameNotFoundError.

    In a thread of its own, which nobody waits for: a name whose servers are silent would else take
    one of a few threads from all other names, for half a minute.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def hand_over(found: list[str]) -> None:
        if not answer.done():  # nobody waits any more
            answer.set_result(found)

    def ask() -> None:
        found: list[str] = []
        try:
            known = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(str(entry[4][0]) for entry in known))
        except (OSError, UnicodeError):
            pass
        try:
            loop.call_soon_threadsafe(hand_over, found)
        except RuntimeError:  # the loop is closed: nobody wants to know any more
            return

    threading.Thread(target=ask, name=f"resolve {host}", daemon=True).start()
    addresses_found = await answer
    if not addresses_found:
        raise NameNotFoundError
    return addresses_found


def retry_after(text: str) -> timedelta | None:
    """Read a Retry-After header: seconds, or a date. None for nothing that lies ahead."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        wait = timedelta(seconds=min(int(text[:12]), 10**9))
    else:
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, TypeError):
            return None
        # RFC 9110 has GMT only; a date without a zone is read so.
        wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)
    return wait if wait > timedelta(0) else None


def _error_of(fault: Exception) -> AttemptError | None:
    """Say in a word why there was no answer; None for what is a fault of ours."""
    causes: list[BaseException] = [fault]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return AttemptError.TLS_FAILED
    return next((error for kinds, error in _ERRORS.items() if isinstance(fault, kinds)), None)
