"""What a partner does with its webhooks."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from models import clock
from models.errors import DomainError, Fault, FaultCode, InvalidInputError, NotFoundError
from models.events import EventType
from models.partners import Partner
from models.policy import Policy
from models.transactions import transaction
from models.webhooks import secrets, urls
from models.webhooks.table import PLACES, Webhook, WebhookDelivery, WebhookState


class TooManyWebhooksError(DomainError):
    """The partner has as many as it may."""


class WebhookDisabledError(DomainError):
    """Nothing is sent to this webhook until it is enabled."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A webhook with its new secret, which is known in clear this once."""

    webhook: Webhook
    secret: str


async def create(partner_id: UUID, url: str, types: Sequence[str], *, policy: Policy) -> Issued:
    """Let a partner be told at a URL of what happens from now on; without types, of everything.

    Raises InvalidInputError, TooManyWebhooksError.
    """
    faults = [urls.fault(url, loopback=policy.webhook_loopback)]
    if not set(types) <= set(EventType):
        faults.append(Fault("types", FaultCode.INVALID))
    if found := [fault for fault in faults if fault]:
        raise InvalidInputError(found)
    secret = secrets.new()
    async with transaction():
        await Partner.select_for_update(no_key=True).get(id=partner_id)
        taken = {webhook.place for webhook in await Webhook.filter(partner_id=partner_id)}
        place = next((place for place in PLACES if place not in taken), None)
        if place is None:
            raise TooManyWebhooksError
        webhook = await Webhook.create(
            partner_id=partner_id,
            place=place,
            url=url,
            types=[kind for kind in EventType if kind in types],
            secret=secrets.sealed(secret, policy.secret_keys),
            created_at=await clock.now(),
        )
    return Issued(webhook, secret)


async def rotate_secret(partner_id: UUID, webhook_id: UUID | None, *, policy: Policy) -> Issued:
    """Sign with a new secret, and for 24 hours with the former one beside it.

    Raises NotFoundError.
    """
    secret = secrets.new()
    async with transaction():
        webhook = await _locked(partner_id, webhook_id)
        webhook.rotate(secrets.sealed(secret, policy.secret_keys), at=await clock.now())
        await webhook.save(update_fields=["secret", "former_secret", "former_secret_until"])
    return Issued(webhook, secret)


async def remove(partner_id: UUID, webhook_id: UUID | None) -> None:
    """Forget a webhook with all that was on its way there. Raises NotFoundError."""
    async with transaction():
        await (await _locked(partner_id, webhook_id)).delete()


async def enable(partner_id: UUID, webhook_id: UUID | None) -> Webhook:
    """Tell a webhook again of what happens from now on; it may also end a pause.

    Raises NotFoundError.
    """
    async with transaction():
        webhook = await _locked(partner_id, webhook_id)
        webhook.enable()
        await webhook.save(
            update_fields=[
                *("state", "disabled_reason", "disabled_at"),
                *("failing_since", "paused_until"),
            ]
        )
    return webhook


async def retry(partner_id: UUID, delivery_id: UUID | None) -> WebhookDelivery:
    """Let a delivery be due now, whatever became of it before; a pause of its webhook ends.

    Raises NotFoundError, WebhookDisabledError.
    """
    async with transaction():
        found = await WebhookDelivery.get_or_none(id=delivery_id) if delivery_id else None
        webhook = await _locked(partner_id, found.webhook_id if found else None)
        if webhook.state is WebhookState.DISABLED:
            raise WebhookDisabledError
        delivery = await WebhookDelivery.select_for_update().get(id=delivery_id)
        webhook.paused_until = None
        await webhook.save(update_fields=["paused_until"])
        delivery.requeue(at=await clock.now())
        await delivery.save(update_fields=["state", "due_at", "settled_at", "claimed_at"])
    return delivery


async def _locked(partner_id: UUID, webhook_id: UUID | None) -> Webhook:
    """Lock a webhook; what hangs on it is locked after it."""
    own = Webhook.filter(id=webhook_id, partner_id=partner_id) if webhook_id else None
    webhook = await own.select_for_update(no_key=True).get_or_none() if own else None
    if webhook is None:
        raise NotFoundError
    return webhook
