"""A mail server elsewhere: whoever is written to has a mailbox there, unless it was shut."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from gateway.embedded import catcher

_TAKEN = "250 OK"


class Mailboxes:
    """What the server was given, and whom it refuses with which answer."""

    def __init__(self, port: int) -> None:
        self.url = f"smtp://127.0.0.1:{port}"
        self._kept: list[dict[str, Any]] = []
        self._shut: dict[str, str] = {}
        self._refused: set[str] = set()

    def shut(self, address: str, answer: str) -> None:
        """Answer RCPT like this for an address from now on."""
        self._shut[address] = answer

    def open(self, address: str) -> None:
        del self._shut[address]

    def has_refused(self, address: str) -> bool:
        return address in self._refused

    def mails(self, to: str) -> list[dict[str, Any]]:
        """The mails that were taken for an address, newest first."""
        return [mail for mail in reversed(self._kept) if mail["to"] == to]

    async def handle_RCPT(  # noqa: N802 -- aiosmtpd looks for these names
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: object
    ) -> str:
        if address in self._shut:
            self._refused.add(address)
            return self._shut[address]
        envelope.rcpt_tos.append(address)
        return _TAKEN

    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        mail = catcher.read(envelope.original_content or b"")
        self._kept += [{"to": to, **mail} for to in envelope.rcpt_tos]
        return _TAKEN


@contextmanager
def running(port: int) -> Iterator[Mailboxes]:
    """Run the server for the length of a block, in a thread of its own."""
    mailboxes = Mailboxes(port)
    server = Controller(mailboxes, hostname="127.0.0.1", port=port)
    server.start()
    try:
        yield mailboxes
    finally:
        server.stop()
