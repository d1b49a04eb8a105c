"""What may be forgotten: rows whose time has passed."""

from models import challenges, clock, consents, devices, idempotency, sessions, signups, webhooks


async def remove_expired() -> None:
    """Delete unconfirmed sign-ups, dead codes, sessions and devices that do not count.

    And the requests of partners that nobody could answer, answers that were kept for a day, and
    what went to webhooks a month ago.
    """
    at = await clock.now()
    await signups.remove_expired(at)
    await challenges.remove_expired(at)
    await consents.remove_expired(at)
    await sessions.remove_expired()
    await devices.remove_unused(at)
    await idempotency.remove_expired()
    await webhooks.remove_old(at)
