"""SMTP behind one method: a message goes out, bounces, or has to wait."""

import asyncio
from dataclasses import dataclass
from typing import Protocol, Self
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from models.deliveries import Outcome
from workers.connections import FAULTS, Connection, Connections, is_answer

_DEADLINE = 30  # seconds for one dialogue; half of a mail's lease


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one attempt ended, and what the server said."""

    outcome: Outcome
    reason: str = ""


class Transport(Protocol):
    """Whatever takes a message from us."""

    async def deliver(self, message: bytes, *, sender: str, recipient: str) -> Delivery: ...


@dataclass(frozen=True, slots=True)
class Server:
    """Whom NICGATE_SMTP_URL names; `start_tls` None means: when it is offered."""

    host: str
    port: int
    user: str | None
    password: str | None
    direct_tls: bool
    start_tls: bool | None

    @classmethod
    def named(cls, url: str) -> Self:
        parts = urlsplit(url)
        direct = parts.scheme == "smtps"
        wanted = parse_qs(parts.query).get("tls", ["offered"])[0]
        return cls(
            host=parts.hostname or "localhost",
            port=parts.port or (465 if direct else 25),
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            direct_tls=direct,
            start_tls=False if direct else {"required": True, "never": False}.get(wanted),
        )


class Smtp:
    """Delivers to one server, over a set number of connections at most.

    A 5xx to RCPT TO or to the message is the recipient's answer: BOUNCED. Every other failure,
    5xx to our login or sender too, is ours to mend: FAILED.
    """

    def __init__(
        self, server: Server, *, connections: int = 8, deadline: float = _DEADLINE
    ) -> None:
        self._server = server
        self._deadline = deadline
        self._connections = Connections(self._client, limit=connections)

    async def deliver(self, message: bytes, *, sender: str, recipient: str) -> Delivery:
        try:
            async with asyncio.timeout(self._deadline), self._connections.slot():
                connection = await self._envelope(sender, recipient)
                return await self._hand_over(connection, message)
        except (aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPDataError) as refused:
            return _answered(refused.code, refused.message)
        except FAULTS as fault:
            return Delivery(Outcome.FAILED, f"{type(fault).__name__}: {fault}")

    async def close(self) -> None:
        """Close the connections that are idle."""
        await self._connections.close()

    async def _envelope(self, sender: str, recipient: str) -> Connection:
        """Name sender and recipient on a connection; the server takes both.

        Servers close a used connection when they like. Before the message is sent that says nothing
        about the mail, which starts again on a new one.
        """
        connection = await self._connections.take()
        try:
            await self._name(connection, sender, recipient)
        except FAULTS as fault:
            if not connection.uses or is_answer(fault):
                raise
            connection = await self._connections.take(fresh=True)
            await self._name(connection, sender, recipient)
        return connection

    async def _name(self, connection: Connection, sender: str, recipient: str) -> None:
        async with self._connections.kept(connection):
            await connection.client.mail(sender)
            await connection.client.rcpt(recipient)

    async def _hand_over(self, connection: Connection, message: bytes) -> Delivery:
        """Send the message; a connection lost after its final dot leaves open whether it left."""
        async with self._connections.kept(connection):
            await connection.client.data(message)
        self._connections.give_back(connection)
        return Delivery(Outcome.LEFT)

    def _client(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._server.host,
            port=self._server.port,
            username=self._server.user,
            password=self._server.password,
            use_tls=self._server.direct_tls,
            start_tls=self._server.start_tls,
            timeout=_DEADLINE,
        )


def _answered(code: int, text: str) -> Delivery:
    outcome = Outcome.BOUNCED if 500 <= code < 600 else Outcome.FAILED
    return Delivery(outcome, f"{code} {text}")
