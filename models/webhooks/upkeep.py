"""What is done for all webhooks from time to time."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from models import statements
from models.webhooks import secrets
from models.webhooks.secrets import UnreadableSecretError
from models.webhooks.table import Webhook

_READABLE = timedelta(days=30)


async def remove_old(at: datetime) -> None:
    """Delete deliveries that ended long ago, with their attempts, and former secrets.

    What waits for a partner that was revoked is given up.
    """
    await statements.rows(
        "UPDATE webhook_deliveries SET state = 'ABANDONED', settled_at = $1, claimed_at = NULL"
        " WHERE state = 'QUEUED' AND webhook_id IN (SELECT w.id FROM webhooks w"
        " JOIN partners p ON p.id = w.partner_id WHERE p.revoked_at IS NOT NULL)",
        at,
    )
    await statements.rows("DELETE FROM webhook_deliveries WHERE settled_at < $1", at - _READABLE)
    await statements.rows(
        "UPDATE webhooks SET former_secret = NULL, former_secret_until = NULL"
        " WHERE former_secret_until < $1",
        at,
    )


async def reseal(keys: Sequence[bytes]) -> None:
    """Bring every secret under the server's first key, so that the others may be dropped.

    What no key opens stays as it is: its key may come back.
    """
    for webhook in await Webhook.all():
        before = {"secret": webhook.secret, "former_secret": webhook.former_secret}
        try:
            after = {name: it and secrets.resealed(it, keys) for name, it in before.items()}
        except UnreadableSecretError:
            continue
        if after != before:
            # Unless it was rotated meanwhile.
            await Webhook.filter(id=webhook.id, secret=webhook.secret).update(**after)
