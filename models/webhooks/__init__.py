"""Webhooks: partners are told where they want to be, by messages that they can verify."""

from models.webhooks.deliveries import Answer, Parcel, Settled, claim, due, settle
from models.webhooks.operations import (
    Issued,
    TooManyWebhooksError,
    WebhookDisabledError,
    create,
    enable,
    remove,
    retry,
    rotate_secret,
)
from models.webhooks.secrets import UnreadableSecretError
from models.webhooks.table import (
    AttemptError,
    DeliveryState,
    DisabledReason,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
    WebhookState,
)
from models.webhooks.upkeep import remove_old, reseal
from models.webhooks.views import Report, deliveries, of, reports

__all__ = [
    "Answer",
    "AttemptError",
    "DeliveryState",
    "DisabledReason",
    "Issued",
    "Parcel",
    "Report",
    "Settled",
    "TooManyWebhooksError",
    "UnreadableSecretError",
    "Webhook",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookDisabledError",
    "WebhookState",
    "claim",
    "create",
    "deliveries",
    "due",
    "enable",
    "of",
    "remove",
    "remove_old",
    "reports",
    "reseal",
    "retry",
    "rotate_secret",
    "settle",
]
