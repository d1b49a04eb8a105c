"""What a partner reads of its webhooks: where they lead, what went there, and how that ended."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from models import pages
from models.events import Event
from models.webhooks.table import Webhook, WebhookAttempt, WebhookDelivery


@dataclass(frozen=True, slots=True)
class Report:
    """A delivery with its event and its attempts, oldest first."""

    delivery: WebhookDelivery
    event: Event
    attempts: list[WebhookAttempt] = field(default_factory=list)

    @property
    def id(self) -> UUID:
        return self.delivery.id


async def of(partner_id: UUID) -> list[Webhook]:
    """List the webhooks of a partner, oldest first."""
    return await Webhook.filter(partner_id=partner_id).order_by("created_at", "place")


async def deliveries(webhook_id: UUID, *, first: int, after: str | None) -> pages.Page[Report]:
    """Return deliveries to a webhook, newest first. Raises BadPageError."""
    own = WebhookDelivery.filter(webhook_id=webhook_id)
    page = await pages.page(own, by="queued_at", first=first, after=after)
    return pages.Page(await reports(page.rows), page.has_next, page.has_previous)


async def reports(found: Iterable[WebhookDelivery]) -> list[Report]:
    """Put deliveries together with what belongs to them, in two statements however many."""
    rows = list(found)
    events = {
        event.id: event for event in await Event.filter(id__in=[row.event_id for row in rows])
    }
    told = {row.id: Report(row, events[row.event_id]) for row in rows}
    attempts = WebhookAttempt.filter(delivery_id__in=list(told))
    for attempt in await attempts.order_by("number"):
        told[attempt.delivery_id].attempts.append(attempt)
    return list(told.values())
