"""The SMTP server of the suite: it takes mail or ails on command, and notes what it took.

A dialogue can be held at a stage, so that a test knows where a worker stands when it strikes.
"""

import asyncio
import re
import time
from dataclasses import dataclass, field
from email import message_from_bytes
from enum import StrEnum, auto
from pathlib import Path

_SLOWNESS = 0.7  # seconds before each answer
_ADDRESS = re.compile(rb"<([^>]*)>")
_PROC = Path("/proc")


class Mode(StrEnum):
    """How the server does."""

    ACCEPT = auto()
    REFUSE_FOR_A_WHILE = auto()
    REFUSE = auto()
    HANG = auto()
    CUT_IN_DATA = auto()
    CUT_AFTER_DOT = auto()
    SLOW = auto()


class Stage(StrEnum):
    """Where a dialogue may be held: nothing said yet, the text awaited, the text here."""

    GREETING = auto()
    DATA = auto()
    DOT = auto()


@dataclass
class Receipt:
    """One mail that came whole; `unknown` when its sender may not know that it did."""

    at: float
    recipient: str
    message_id: str
    text: str
    port: int
    unknown: bool = False


@dataclass(eq=False)
class Dialogue:
    """One connection, and the recipient it is about."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    recipient: str = ""
    forgiven: bool = False

    @property
    def port(self) -> int:
        port: int = self.writer.get_extra_info("peername")[1]
        return port

    async def say(self, line: str) -> None:
        self.writer.write(line.encode() + b"\r\n")
        await self.writer.drain()

    def cut(self) -> None:
        self.writer.transport.abort()


class _Cut(Exception):  # noqa: N818 -- not an error but an end
    """This dialogue is over."""


@dataclass
class PostOffice:
    """The server, on a port that it keeps while it is closed."""

    mode: Mode = Mode.ACCEPT
    hold_at: Stage | None = None
    receipts: list[Receipt] = field(default_factory=list)
    refusals: list[tuple[float, str]] = field(default_factory=list)
    dawdle_for: set[str] = field(default_factory=set)
    held: set[Dialogue] = field(default_factory=set)
    port: int = 0

    def __post_init__(self) -> None:
        self._let_go = asyncio.Event()
        self._open: set[Dialogue] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Go away, with every connection; a mail that waits for its answer gets none."""
        if self._server:
            self._server.close()
            self._server = None
        self.hang_up()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def release(self) -> None:
        """Let every dialogue that is held go on."""
        self.hold_at = None
        self.held.clear()
        self._let_go.set()
        self._let_go = asyncio.Event()

    def hang_up(self) -> None:
        """Close every connection, as servers do with idle ones: the next dialogue is a new one."""
        for dialogue in list(self._open):
            dialogue.cut()

    def mails_to(self, address: str) -> list[Receipt]:
        """Return the mails that came to an address, newest first."""
        return [it for it in reversed(self.receipts) if it.recipient == address]

    def refused(self, address: str) -> bool:
        return any(refused == address for _, refused in self.refusals)

    def forgive(self, ports: set[int]) -> None:
        """Note that whoever had these connections died, or slept, and may not know their end.

        What is under way there may have been said already, and not been read here yet.
        """
        for receipt in self.receipts:
            receipt.unknown |= receipt.port in ports
        for dialogue in self._open:
            dialogue.forgiven |= dialogue.port in ports

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dialogue = Dialogue(reader, writer)
        self._open.add(dialogue)
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            await self._pass(dialogue, Stage.GREETING)
            await self._say(dialogue, "220 the suite's")
            while True:
                await self._command(dialogue, await self._line(dialogue))
        except (_Cut, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(dialogue)
            self.held.discard(dialogue)
            self._tasks.discard(task)
            dialogue.cut()

    async def _line(self, dialogue: Dialogue) -> bytes:
        line = await dialogue.reader.readline()
        if not line:
            raise _Cut
        return line

    async def _command(self, dialogue: Dialogue, line: bytes) -> None:
        match line[:4].upper():
            case b"EHLO":
                await self._say(dialogue, "250-the suite's\r\n250 8BITMIME")
            case b"RCPT":
                found = _ADDRESS.search(line)
                dialogue.recipient = found[1].decode() if found else ""
                await self._recipient(dialogue)
            case b"DATA":
                await self._data(dialogue)
            case b"QUIT":
                await self._say(dialogue, "221 Bye")
                raise _Cut
            case _:
                await self._say(dialogue, "250 OK")

    async def _recipient(self, dialogue: Dialogue) -> None:
        if self.mode is Mode.REFUSE_FOR_A_WHILE:
            await self._say(dialogue, "450 4.2.0 Come back later")
        elif self.mode is Mode.REFUSE:
            self.refusals.append((time.time(), dialogue.recipient))
            await self._say(dialogue, "550 5.1.1 Nobody of that name")
        else:
            await self._say(dialogue, "250 OK")

    async def _data(self, dialogue: Dialogue) -> None:
        if dialogue.recipient in self.dawdle_for:
            self.dawdle_for.discard(dialogue.recipient)
            await asyncio.sleep(1.5)
        await self._pass(dialogue, Stage.DATA)
        await self._say(dialogue, "354 Go on")
        if self.mode is Mode.CUT_IN_DATA:
            await self._line(dialogue)
            raise _Cut
        text = (await dialogue.reader.readuntil(b"\r\n.\r\n"))[:-3]
        mail = message_from_bytes(text)
        body = mail.get_payload(0).get_payload(decode=True).decode()  # type: ignore[union-attr]
        receipt = Receipt(
            time.time(), dialogue.recipient, str(mail["Message-ID"]), body, dialogue.port
        )
        self.receipts.append(receipt)
        if self.mode in {Mode.CUT_AFTER_DOT, Mode.HANG}:
            receipt.unknown = True
        if dialogue.forgiven:
            receipt.unknown, dialogue.forgiven = True, False
        if self.mode is Mode.CUT_AFTER_DOT:
            raise _Cut
        await self._pass(dialogue, Stage.DOT)
        await self._say(dialogue, "250 2.0.0 Taken")

    async def _say(self, dialogue: Dialogue, line: str) -> None:
        if self.mode is Mode.HANG:
            await asyncio.Event().wait()
        if self.mode is Mode.SLOW:
            await asyncio.sleep(_SLOWNESS)
        await dialogue.say(line)

    async def _pass(self, dialogue: Dialogue, stage: Stage) -> None:
        if self.hold_at is stage:
            self.held.add(dialogue)
            await self._let_go.wait()


def ports_of(process: int) -> set[int]:
    """List the local TCP ports of a process's connections."""
    inodes = set()
    for link in (_PROC / str(process) / "fd").iterdir():
        try:
            target = str(link.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    rows = [line.split() for line in (_PROC / "net" / "tcp").read_text().splitlines()[1:]]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[9] in inodes}
