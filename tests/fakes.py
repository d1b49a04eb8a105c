"""The one edge of a worker that a test of a single job may replace: the mail server."""

from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

from models.deliveries import Outcome
from workers.transport import Delivery


@dataclass
class MemoryTransport:
    """Takes every message, or answers what it was told to."""

    answer: Delivery | Exception = field(default_factory=lambda: Delivery(Outcome.LEFT))
    messages: list[EmailMessage] = field(default_factory=list)

    async def deliver(self, message: bytes, *, sender: str, recipient: str) -> Delivery:
        self.messages.append(message_from_bytes(message, EmailMessage, policy=SMTP))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer
