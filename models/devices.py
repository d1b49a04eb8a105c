"""Devices: where logins come from, so that the holder hears of one that was never seen before.

unseen ── login · confirmed sign-up ──▶ known ── 400 days unused · password set · report ·
                                                 its session revoked ──▶ forgotten

A browser shows tokens that it was given; a program is its user agent and its network.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from tortoise import fields
from tortoise.models import Model

from models import tokens
from models.clients import Client
from models.policy import DEVICE_LIFETIME

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_KEPT = 10  # accounts that one browser is known to


class Device(Model):
    """One device of one account; `digest` is of its token, or of the program and its network."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    account_id = fields.UUIDField()
    digest = fields.BinaryField()  # unique within its account in the database
    created_at = fields.DatetimeField()
    last_used_at = fields.DatetimeField()

    class Meta:
        table = "devices"


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a login came from; `cookie` is what a browser keeps of it, None for a program."""

    device: Device
    is_new: bool
    cookie: str | None


async def recognise(
    account_id: UUID, client: Client, *, by_cookie: bool, at: datetime
) -> Recognised:
    """Find the device of a login to a locked account, or get to know it.

    Each account has a token of its own: a browser that knows several keeps them side by side, and
    a token that somebody else planted in it is never taken over.
    """
    kept = [text for text in client.device_cookie.split(".") if _TOKEN.fullmatch(text)][:_KEPT]
    shown = {tokens.digest(text): text for text in kept} if by_cookie else {_program(client): ""}
    device = await _known(account_id, list(shown))
    is_new = device is None
    if device is not None:
        token = shown[bytes(device.digest)]
        device.last_used_at = at
        await device.save(update_fields=["last_used_at"])
    else:
        token, digest = tokens.issue() if by_cookie else ("", _program(client))
        device = await Device.create(
            account_id=account_id, digest=digest, created_at=at, last_used_at=at
        )
    others = [text for text in kept if text != token]
    return Recognised(device, is_new, ".".join([token, *others][:_KEPT]) if by_cookie else None)


async def forget(account_id: UUID, *, but: UUID | None = None) -> None:
    """Forget the devices of a locked account, but one."""
    forgotten = Device.filter(account_id=account_id)
    await (forgotten.exclude(id=but) if but else forgotten).delete()


async def forget_one(device_id: UUID) -> None:
    """Forget one device; its next login is announced."""
    await Device.filter(id=device_id).delete()


async def remove_unused(at: datetime) -> int:
    """Delete what no login has come from for so long that a browser has dropped its cookie."""
    return await Device.filter(last_used_at__lt=at - DEVICE_LIFETIME).delete()


async def _known(account_id: UUID, digests: list[bytes]) -> Device | None:
    return await Device.filter(account_id=account_id, digest__in=digests).first()


def _program(client: Client) -> bytes:
    # No token has a line feed: a browser cannot claim to be a program.
    return tokens.digest(f"{client.user_agent}\n{client.network(ipv4=24, ipv6=48)}")
