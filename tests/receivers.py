"""The other end of a webhook: an HTTP server that answers as it was told, and keeps what came."""

import asyncio
import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks.webhooks import Webhook

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes
    address: str  # of the server, as it was connected to

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content

    def verified(self, secret: str) -> dict[str, Any]:
        """What it says, if it was signed under a secret. Raises WebhookVerificationError."""
        content: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return content


@dataclass
class Receiver:
    """What a server has received so far, and how it answers: one after the other, then the last."""

    answers: list[Answer]
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    url: str = ""
    dialogues: set[asyncio.Task[None]] = field(default_factory=set)

    def begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.dialogues.add(asyncio.create_task(self.serve(reader, writer)))

    async def end(self) -> None:
        """Leave whoever is still there."""
        for dialogue in self.dialogues:
            dialogue.cancel()
        await asyncio.gather(*self.dialogues, return_exceptions=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *lines = head.strip().split("\r\n")
        named = (it.partition(":") for it in lines)
        headers = {name.lower(): value.strip() for name, _, value in named}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        address = writer.get_extra_info("sockname")[0]
        self.received.append(Received(line.split()[1], headers, body, address))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await answer(writer)


def status(code: int, **headers: str) -> Answer:
    """Answer with a status and nothing else."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        head = "\r\n".join([f"HTTP/1.1 {code} Whatever", *lines, "content-length: 0"])
        writer.write(f"{head}\r\n\r\n".encode())
        await writer.drain()

    return answer


def after(seconds: float, then: Answer) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        await then(writer)

    return answer


def raw(content: bytes, *, times: int = 1, pause: float = 0.0) -> Answer:
    """Write bytes, again and again until the other end has enough."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        for _ in range(times):
            writer.write(content)
            await writer.drain()
            await asyncio.sleep(pause)

    return answer


async def reset(writer: asyncio.StreamWriter) -> None:
    """Break the connection off."""
    writer.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    writer.transport.abort()


async def silence(_writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.sleep(3600)


@contextlib.asynccontextmanager
async def receiving(
    *answers: Answer, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """Run a server within this loop."""
    receiver = Receiver(list(answers) or [status(204)])
    server = await asyncio.start_server(receiver.begin, host, port, ssl=tls)
    scheme = "https" if tls else "http"
    receiver.url = f"{scheme}://{host}:{server.sockets[0].getsockname()[1]}/in"
    try:
        yield receiver
    finally:
        server.close()
        await receiver.end()


@contextlib.contextmanager
def running(*answers: Answer, port: int = 0) -> Iterator[Receiver]:
    """Run a server in a thread of its own, for a test that talks to processes."""
    loop, started = asyncio.new_event_loop(), threading.Event()
    receiver = Receiver(list(answers) or [status(204)])
    stop = asyncio.Event()

    async def live() -> None:
        server = await asyncio.start_server(receiver.begin, "127.0.0.1", port)
        receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/in"
        started.set()
        await stop.wait()
        server.close()
        await receiver.end()

    thread = threading.Thread(target=loop.run_until_complete, args=(live(),))
    thread.start()
    assert started.wait(5)
    try:
        yield receiver
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
        loop.close()
