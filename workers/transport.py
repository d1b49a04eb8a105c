"""SMTP behind one method: a message goes out, bounces, or has to wait."""

import asyncio
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Protocol, Self
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from models.deliveries import Outcome

_DEADLINE = 30  # seconds for one dialogue; half of a mail's lease


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one attempt ended, and what the server said."""

    outcome: Outcome
    reason: str = ""


class Transport(Protocol):
    """Whatever takes a message from us."""

    async def deliver(self, message: EmailMessage, *, sender: str, recipient: str) -> Delivery: ...


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


@dataclass(frozen=True, slots=True)
class Smtp:
    """Delivers to one server.

    A 5xx to RCPT TO or to the message is the recipient's answer: BOUNCED. Every other failure,
    5xx to our login or sender too, is ours to mend: FAILED.
    """

    server: Server

    async def deliver(self, message: EmailMessage, *, sender: str, recipient: str) -> Delivery:
        try:
            async with asyncio.timeout(_DEADLINE), self._client() as dialogue:
                await dialogue.send_message(message, sender=sender, recipients=[recipient])
        except aiosmtplib.SMTPRecipientsRefused as refused:
            return _answered(refused.recipients[0].code, refused.recipients[0].message)
        except aiosmtplib.SMTPDataError as refused:
            return _answered(refused.code, refused.message)
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ssl.SSLError) as fault:
            return Delivery(Outcome.FAILED, f"{type(fault).__name__}: {fault}")
        return Delivery(Outcome.LEFT)

    def _client(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self.server.host,
            port=self.server.port,
            username=self.server.user,
            password=self.server.password,
            use_tls=self.server.direct_tls,
            start_tls=self.server.start_tls,
            timeout=_DEADLINE,
        )


def _answered(code: int, text: str) -> Delivery:
    outcome = Outcome.BOUNCED if 500 <= code < 600 else Outcome.FAILED
    return Delivery(outcome, f"{code} {text}")
