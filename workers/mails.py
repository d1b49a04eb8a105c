"""One mail from the outbox to the next server: claim, render, deliver, settle."""

import asyncio
import logging
from dataclasses import dataclass
from email.utils import parseaddr
from uuid import UUID

from models import deliveries, email_addresses, mails
from models.deliveries import Attempt, Outcome
from models.mails import Mail, MailState
from workers import messages, recording, rendering
from workers.rendering import MASK, Letter
from workers.transport import Delivery, Transport

log = logging.getLogger(__name__)


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
        letter = None
        try:
            # Out of use: a code that is dead, a notice of three days ago.
            useless = mail.expires_at <= (mail.claimed_at or mail.due_at)
            letter = None if useless else rendering.render(mail, origin=self.origin)
            delivery = await self._send(mail, letter) if letter else _expired(mail)
        except Exception as fault:  # whatever it is, it must not stop the other mails
            log.exception("mail not written", extra={"mail": str(mail.id)})
            delivery = Delivery(Outcome.FAILED, type(fault).__name__)
        # The server's answer must not be forgotten because this job runs out of time.
        await asyncio.shield(_settle(mail, letter, delivery))
        return True

    async def _send(self, mail: Mail, letter: Letter) -> Delivery:
        return await self.transport.deliver(
            messages.compose(mail, letter, sender=self.sender),
            sender=parseaddr(self.sender)[1],
            recipient=email_addresses.wire(mail.recipient),
        )


def _expired(mail: Mail) -> Delivery:
    """Give up, and keep what stood in the way."""
    return Delivery(Outcome.FAILED, f"expired: {mail.reason}" if mail.reason else "expired")


async def _settle(mail: Mail, letter: Letter | None, delivery: Delivery) -> None:
    reason = delivery.reason
    for secret in (mail.secrets or {}).values():
        reason = reason.replace(secret, MASK)
    attempt = Attempt(
        mail.id,
        mail.attempts,
        delivery.outcome,
        " ".join(reason.split()),
        account_id=mail.account_id,
        subject=letter.subject if letter else "",
        text=letter.masked if letter else "",
    )
    state = await recording.until_recorded(lambda: deliveries.settle(attempt))
    line = {"mail": str(mail.id), "template": mail.template, "attempt": mail.attempts}
    if attempt.reason:
        line["reason"] = attempt.reason
    if state is MailState.ABANDONED and delivery.outcome is Outcome.FAILED:
        log.error("mail abandoned", extra=line)
    elif delivery.outcome is Outcome.FAILED:
        log.warning("mail failed", extra=line)
    else:
        log.info("mail %s", delivery.outcome.name.lower(), extra=line)
