"""What an operator does with partners; a key is printed once."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

from gateway import operators
from gateway.listening import StartError
from models import email_addresses, partners
from models.partners import KeyTerms, NameTakenError, Partner, PartnerKey, UnknownPartnerError
from models.scopes import Scope


def run(*, action: str, name: str = "", **options: Any) -> None:
    """Do one action. Raises StartError."""
    actions: dict[str, Callable[..., Awaitable[bool]]] = {
        "create": _create,
        "list": _list,
        "rotate": _rotate,
        "revoke": _revoke,
        "scopes": _set_scopes,
    }
    chosen = actions[action]
    named = {} if action == "list" else {"name": name}
    try:
        operators.ask(lambda: chosen(**named, **options))
    except NameTakenError:
        raise StartError(f"There is a partner {name} already.") from None
    except UnknownPartnerError:
        raise StartError(f"There is no partner {name} that could do this.") from None


async def _create(
    *, name: str, days: int | None, networks: Sequence[str], contact: str | None, **facts: Any
) -> bool:
    partner, key = await partners.create(
        name, contact=_address(contact), terms=_of(days, networks), **facts
    )
    sys.stdout.write(f"{partner.id}\n{key}\n")
    return True


async def _rotate(*, name: str, days: int | None, networks: Sequence[str]) -> bool:
    sys.stdout.write(await partners.rotate(name, _of(days, networks)) + "\n")
    return True


async def _revoke(*, name: str, key: str | None) -> bool:
    await partners.revoke(name, key)
    sys.stdout.write(f"{name} is revoked\n" if key is None else f"{key} is revoked\n")
    return True


async def _set_scopes(*, name: str, scopes: Sequence[Scope] | None) -> bool:
    partner = await (partners.named(name) if scopes is None else partners.set_scopes(name, scopes))
    sys.stdout.write(",".join(partner.scopes) + "\n")
    return True


async def _list() -> bool:
    lines = [
        line
        for partner, keys in await partners.all_with_keys()
        for line in ([_line(partner, key) for key in keys] or [_line(partner, None)])
    ]
    operators.show(("PARTNER", "KIND", "SCOPES", "KEY", "UNTIL", "LAST USE", "FROM"), lines)
    return True


def _line(partner: Partner, key: PartnerKey | None) -> tuple[str, ...]:
    kind = "first party" if partner.first_party else "by consent"
    about = (partner.name, "revoked" if partner.revoked_at else kind, ",".join(partner.scopes))
    if key is None:
        return (*about, "none", "", "", "")
    used = operators.moment(key.last_used_at) if key.last_used_at else "never"
    until = operators.moment(key.expires_at) if key.expires_at else "revoked"
    return (*about, key.id, until, used, ",".join(key.networks) or "everywhere")


def _of(days: int | None, networks: Sequence[str]) -> KeyTerms:
    return KeyTerms(timedelta(days=days) if days else None, networks)


def _address(text: str | None) -> str | None:
    try:
        return text and email_addresses.parse(text).text
    except email_addresses.BadAddressError:
        raise StartError(f"{text} is no e-mail address.") from None
