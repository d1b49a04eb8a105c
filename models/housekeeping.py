"""What may be forgotten: rows whose time has passed."""

from models import challenges, clock, devices, sessions, signups


async def remove_expired() -> None:
    """Delete unconfirmed sign-ups, dead codes, and sessions and devices that do not count."""
    at = await clock.now()
    await signups.remove_expired(at)
    await challenges.remove_expired(at)
    await sessions.remove_expired()
    await devices.remove_unused(at)
