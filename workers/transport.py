"""SMTP behind one method: a message goes out, bounces, or has to wait."""

import asyncio
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Protocol
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


class Smtp:
    """The server of NICGATE_SMTP_URL.

    A 5xx to RCPT TO or to the message is the recipient's answer: BOUNCED. Every other failure,
    5xx to our login or sender too, is ours to mend: FAILED.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or "localhost"
        self._direct_tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._direct_tls else 25)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        wanted = parse_qs(parts.query).get("tls", ["offered"])[0]
        self._start_tls = {"required": True, "never": False}.get(wanted)
        if self._direct_tls:
            self._start_tls = False

    async def deliver(self, message: EmailMessage, *, sender: str, recipient: str) -> Delivery:
        try:
            async with asyncio.timeout(_DEADLINE), self._client() as server:
                await server.send_message(message, sender=sender, recipients=[recipient])
        except aiosmtplib.SMTPRecipientsRefused as refused:
            return _answered(refused.recipients[0].code, refused.recipients[0].message)
        except aiosmtplib.SMTPDataError as refused:
            return _answered(refused.code, refused.message)
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ssl.SSLError) as fault:
            return Delivery(Outcome.FAILED, f"{type(fault).__name__}: {fault}")
        return Delivery(Outcome.LEFT)

    def _client(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            use_tls=self._direct_tls,
            start_tls=self._start_tls,
            timeout=_DEADLINE,
        )


def _answered(code: int, text: str) -> Delivery:
    outcome = Outcome.BOUNCED if 500 <= code < 600 else Outcome.FAILED
    return Delivery(outcome, f"{code} {text}")
