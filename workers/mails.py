"""One mail from the outbox to the next server: claim, render, deliver, settle."""

import asyncio
import logging
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from uuid import UUID

from models import deliveries, email_addresses, mails
from models.database import is_outage
from models.deliveries import Attempt, Outcome
from models.mails import Mail, MailState
from workers import rendering
from workers.rendering import MASK, Letter
from workers.transport import Delivery, Transport

log = logging.getLogger(__name__)


EXPIRED = Delivery(Outcome.FAILED, "expired")


@dataclass(frozen=True, slots=True)
class Post:
    """How this deployment sends mail: `sender` is its From header, `origin` where links lead."""

    transport: Transport
    sender: str
    origin: str

    async def deliver(self, mail_id: UUID) -> bool:
        """Make one attempt; say whether there was one to make. Outages of PostgreSQL raise."""
        mail = await mails.claim(mail_id)
        if mail is None:
            return False
        try:
            # Out of use: a code that is dead, a notice of three days ago.
            useless = mail.expires_at <= mail.claimed_at
            delivery = EXPIRED if useless else await self._attempt(mail)
        except Exception as fault:  # whatever it is, it must not stop the other mails
            log.exception("mail not written", extra={"mail": str(mail.id)})
            delivery = Delivery(Outcome.FAILED, type(fault).__name__)
        # The server's answer must not be forgotten because this job runs out of time.
        await asyncio.shield(_settle(mail, delivery))
        return True

    async def _attempt(self, mail: Mail) -> Delivery:
        letter = rendering.render(mail, origin=self.origin)
        if not mail.subject:
            await mails.keep_rendered(mail, subject=letter.subject, text=letter.masked)
        return await self.transport.deliver(
            self._message(mail, letter),
            sender=parseaddr(self.sender)[1],
            recipient=email_addresses.wire(mail.recipient),
        )

    def _message(self, mail: Mail, letter: Letter) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"] = self.sender
        message["To"] = email_addresses.wire(mail.recipient)
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(mail.queued_at)
        # The same at every attempt, so that a mail delivered twice can be recognised.
        message["Message-ID"] = f"<{mail.id}@{parseaddr(self.sender)[1].rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834
        message.set_content(letter.text + "\n", cte="quoted-printable")
        message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
        message["Content-Language"] = mail.language.lower()  # after the content, which resets it
        return message


async def _settle(mail: Mail, delivery: Delivery) -> None:
    reason = delivery.reason
    for secret in (mail.secrets or {}).values():
        reason = reason.replace(secret, MASK)
    attempt = Attempt(mail.id, mail.attempts, delivery.outcome, " ".join(reason.split()))
    state = await _until_recorded(attempt)
    line = {"mail": str(mail.id), "template": mail.template, "attempt": mail.attempts}
    if attempt.reason:
        line["reason"] = attempt.reason
    if state is MailState.ABANDONED and delivery.outcome is Outcome.FAILED:
        log.error("mail abandoned", extra=line)
    else:
        log.info("mail %s", delivery.outcome.name.lower(), extra=line)


async def _until_recorded(attempt: Attempt) -> MailState | None:
    while True:
        try:
            return await deliveries.settle(attempt)
        except Exception as fault:
            if not is_outage(fault):
                raise
            await asyncio.sleep(0.5)
