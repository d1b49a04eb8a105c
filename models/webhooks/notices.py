"""What a partner's contact is told of its webhooks."""

from datetime import datetime

from models import mails
from models.mails import Recipient, Template
from models.partners import Partner
from models.policy import NOTICE_LIFETIME
from models.webhooks.table import Webhook


async def tell(webhook: Webhook, *, at: datetime) -> None:
    """Tell that a webhook was disabled, within the transaction of that, if anybody can be told."""
    partner = await Partner.get(id=webhook.partner_id)
    if partner.contact is None or webhook.disabled_reason is None:
        return
    await mails.queue(
        Template.WEBHOOK_DISABLED,
        Recipient.contact(partner),
        at=at,
        lifetime=NOTICE_LIFETIME,
        params={
            "partner": partner.name,
            "url": webhook.url,
            "reason": webhook.disabled_reason,
        },
    )
