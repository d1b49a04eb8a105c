"""One event on its way to one webhook: claim, sign, post, settle."""

import asyncio
import logging
from dataclasses import dataclass
from uuid import UUID

from models import webhooks
from models.policy import Policy
from models.webhooks import Answer, AttemptError, DeliveryState, Parcel, Settled
from workers import recording
from workers.outbound import Client

log = logging.getLogger(__name__)

_HEADERS = {"content-type": "application/json", "user-agent": "nicgate-webhooks"}


@dataclass(frozen=True, slots=True)
class Courier:
    """How this deployment delivers to webhooks."""

    client: Client
    policy: Policy

    async def deliver(self, delivery_id: UUID) -> bool:
        """Make one attempt; say whether there was one to make. Outages of PostgreSQL raise."""
        parcel = await webhooks.claim(delivery_id)
        if parcel is None:
            return False
        try:
            headers = parcel.headers(self.policy.secret_keys) | _HEADERS
            answer = await self.client.post(parcel.url, parcel.body, headers)
        except Exception:  # whatever it is, it must not stop the other deliveries
            log.exception("webhook not sent", extra={"delivery": str(delivery_id)})
            answer = Answer(error=AttemptError.INTERNAL)
        # The answer must not be forgotten because this job runs out of time.
        await asyncio.shield(self._settle(parcel, answer))
        return True

    async def _settle(self, parcel: Parcel, answer: Answer) -> None:
        settled = await recording.until_recorded(
            lambda: webhooks.settle(parcel, answer, policy=self.policy)
        )
        if settled is not None:
            _tell(parcel, answer, settled)


def _tell(parcel: Parcel, answer: Answer, settled: Settled) -> None:
    line = {
        "delivery": str(parcel.delivery_id),
        "webhook": str(parcel.webhook_id),
        "attempt": parcel.number,
        "answer": answer.status or answer.error,
        "milliseconds": answer.duration,
    }
    if answer.is_delivered:
        log.info("webhook delivered", extra=line)
    elif settled.state is DeliveryState.ABANDONED:
        log.error("webhook abandoned", extra=line)
    else:
        log.warning("webhook failed", extra=line)
    if settled.disabled:
        about = {"webhook": str(parcel.webhook_id), "reason": settled.disabled}
        log.error("webhook disabled", extra=about)
