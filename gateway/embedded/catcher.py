"""The mail catcher of `nicgate up`: a real SMTP server that keeps every mail in a file.

    python -m gateway.embedded.catcher FILE DESCRIPTOR

FILE gets one JSON object a line. DESCRIPTOR is a listening socket of the caller, who keeps it, so
that the port stays the same when this process is started again.
"""

import asyncio
import os
import re
import signal
import socket
import sys
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from pathlib import Path
from typing import Any

import orjson
from aiosmtpd.smtp import SMTP, Envelope, Session

_LARGEST = 10 * 1024 * 1024  # bytes


class Mailbox:
    """The file: ids rise and go on where they ended."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._last = _repair(file)

    def keep(self, recipients: list[str], content: bytes) -> None:
        """Append a mail, once for each recipient, all of it or nothing. Raises OSError."""
        mail = read(content)
        received = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        lines = b"".join(
            orjson.dumps({"id": number, "to": _clean(to), **mail, "receivedAt": received}) + b"\n"
            for number, to in enumerate(recipients, self._last + 1)
        )
        _append(self._file, lines)
        self._last += len(recipients)


def read(content: bytes) -> dict[str, Any]:
    """Return what a person and a test want of a mail; never fails, whatever the bytes."""
    mail = message_from_bytes(content, _class=EmailMessage, policy=policy.default)
    headers = {name: _clean(str(value)).strip() for name, value in _headers(mail)}
    found = {name.lower(): value for name, value in headers.items()}
    return {
        "subject": found.get("subject", ""),
        "text": _body(mail, "plain") or "",
        "html": _body(mail, "html"),
        "messageId": found.get("message-id", ""),
        "headers": headers,
    }


def _headers(mail: EmailMessage) -> list[tuple[str, Any]]:
    try:
        return mail.items()
    except Exception:  # noqa: BLE001 -- the parser of headers trips over some broken ones
        return [(name, re.sub(r"\s+", " ", value)) for name, value in mail.raw_items()]


def _body(mail: EmailMessage, kind: str) -> str | None:
    part = None
    try:
        part = mail.get_body((kind,))
        return None if part is None else _clean(_lines(part))
    except Exception:  # noqa: BLE001 -- an unknown charset, a broken structure
        payload = (part or mail).get_payload(decode=True)
        return _clean(payload.decode("utf-8", "replace")) if isinstance(payload, bytes) else None


def _lines(part: MIMEPart) -> str:
    """Return a text as its lines were broken; those of a flowed one end in a space (RFC 3676)."""
    text: str = part.get_content().replace("\r\n", "\n")
    if part.get_param("format") != "flowed":
        return text
    return "\n".join(line.removeprefix(" ").removesuffix(" ") for line in text.split("\n"))


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _repair(file: Path) -> int:
    """Cut off a line that was never finished; return the last id, 0 for an empty file."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(mode=0o600)
    content = file.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(file, whole)
    ids = re.findall(rb'^\{"id":(\d+),', content[:whole], re.MULTILINE)
    return max(map(int, ids), default=0)


def _append(file: Path, lines: bytes) -> None:
    # Opened each time: a person may delete the file to empty the mailbox.
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        before = os.fstat(descriptor).st_size
        if os.write(descriptor, lines) < len(lines):
            os.ftruncate(descriptor, before)
            raise OSError("The disk is full.")
    finally:
        os.close(descriptor)


class _Handler:
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(  # noqa: N802 -- aiosmtpd looks for this name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        try:
            self._mailbox.keep(envelope.rcpt_tos, envelope.original_content or b"")
        except OSError as fault:
            sys.stderr.write(f"A mail could not be kept: {fault}\n")
            return "452 4.3.1 Insufficient system storage"
        return "250 2.0.0 OK: kept"


async def serve(file: Path, listener: socket.socket) -> None:
    """Keep the mails that arrive until SIGTERM."""
    loop = asyncio.get_running_loop()
    handler = _Handler(Mailbox(file))

    def answer() -> SMTP:
        return SMTP(
            handler,
            data_size_limit=_LARGEST,
            enable_SMTPUTF8=True,
            hostname="localhost",
            loop=loop,
        )

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(answer, sock=listener)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2]))))
