"""What may be forgotten: rows whose time has passed."""

from models import challenges, clock, sessions, signups


async def remove_expired() -> None:
    """Delete unconfirmed sign-ups, dead codes and sessions that do not count any more."""
    at = await clock.now()
    await signups.remove_expired(at)
    await challenges.remove_expired(at)
    await sessions.remove_expired()
