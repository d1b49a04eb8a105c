"""Partners: programs that act for customers, by keys that the operator gives them.

key:  live ── revoked, by the second rotation after it, or with its partner · expired ──▶ dead
"""

import hmac
import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from tortoise import fields
from tortoise.exceptions import IntegrityError
from tortoise.models import Model

from models import clock, statements, tokens
from models.scopes import Scope
from models.transactions import transaction

PREFIX = "nck_"
PLACES = (1, 2)  # of live keys
MAX_NAME = 60
_ID_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
_ID_LENGTH = 12


class NameTakenError(Exception):
    """Another partner has this name."""


class UnknownPartnerError(Exception):
    """There is no partner of this name, or no such key of it."""


class InvalidKeyError(Exception):
    """No key, or one that is not live; which of the two is not said."""


class ForeignNetworkError(Exception):
    """The key is right, and must not be used from where it came."""


class Partner(Model):
    """One partner; `scopes` are what it may hold at most, `origins` where it sends holders back to.

    A first-party partner holds its scopes for every account, another one where a holder consented.
    """

    id = fields.UUIDField(primary_key=True, default=uuid4)
    name = fields.CharField(max_length=MAX_NAME, unique=True)
    first_party = fields.BooleanField(default=False)
    scopes: list[str] = fields.JSONField()
    origins: list[str] = fields.JSONField()
    contact = fields.CharField(max_length=254, null=True)
    created_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "partners"


class PartnerKey(Model):
    """One key; of two live ones each has a place of its own."""

    id = fields.CharField(max_length=_ID_LENGTH, primary_key=True)
    partner_id = fields.UUIDField()
    place = fields.IntField()
    digest = fields.BinaryField()
    networks: list[str] = fields.JSONField()
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(null=True)
    last_used_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "partner_keys"

    def admits(self, ip_address: str) -> bool:
        """Whether the key may be used from an address; without networks from everywhere."""
        address = ipaddress.ip_address(ip_address)
        return not self.networks or any(
            address in ipaddress.ip_network(network) for network in self.networks
        )


@dataclass(frozen=True, slots=True)
class Access:
    """Who calls: a partner, by one of its keys."""

    partner: Partner
    key: PartnerKey

    @property
    def scopes(self) -> frozenset[Scope]:
        """What the partner may hold at most."""
        return frozenset(Scope(word) for word in self.partner.scopes)


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """How a new key may be used: for how long, and from which networks (none: from everywhere)."""

    lifetime: timedelta | None = None
    networks: Sequence[str] = ()


_KEY_COLUMNS = tuple(PartnerKey._meta.fields_db_projection)  # noqa: SLF001
_COLUMNS = tuple(Partner._meta.fields_db_projection)  # noqa: SLF001
_LIVE = "k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())"
_FIND = (
    "SELECT "  # noqa: S608 -- the columns of the models
    + ", ".join(
        [f"k.{name}" for name in _KEY_COLUMNS] + [f"p.{name} AS p_{name}" for name in _COLUMNS]
    )
    + ", coalesce(k.last_used_at < clock_timestamp() - interval '1 minute', true) AS is_idle"
    f" FROM partner_keys k JOIN partners p ON p.id = k.partner_id WHERE k.id = $1 AND {_LIVE}"
    " AND p.revoked_at IS NULL"
)


async def create(
    name: str,
    *,
    first_party: bool,
    scopes: Sequence[Scope],
    origins: Sequence[str] = (),
    contact: str | None = None,
    terms: KeyTerms,
) -> tuple[Partner, str]:
    """Create a partner with its first key, which is returned in clear this once.

    Raises NameTakenError.
    """
    try:
        async with transaction():
            at = await clock.now()
            partner = await Partner.create(
                name=name,
                first_party=first_party,
                scopes=list(scopes),
                origins=list(origins),
                contact=contact,
                created_at=at,
            )
            return partner, await _new_key(partner, terms, place=PLACES[0], at=at)
    except IntegrityError:
        raise NameTakenError from None


async def rotate(name: str, terms: KeyTerms) -> str:
    """Give a partner a new key beside its youngest one, and return it; an older one is revoked.

    Raises UnknownPartnerError.
    """
    async with transaction():
        partner, at = await _locked(name)
        unrevoked = PartnerKey.filter(partner_id=partner.id, revoked_at=None)
        keys = await unrevoked.order_by("-created_at")
        dead = [key for key in keys if key.expires_at is not None and key.expires_at <= at]
        live = [key for key in keys if key not in dead]
        await _end([*dead, *live[1:]], at)
        taken = {key.place for key in live[:1]}
        place = next(place for place in PLACES if place not in taken)
        return await _new_key(partner, terms, place=place, at=at)


async def revoke(name: str, key_id: str | None = None) -> None:
    """Revoke a partner with all its keys, for good; or one of its keys.

    Raises UnknownPartnerError.
    """
    async with transaction():
        partner, at = await _locked(name)
        keys = PartnerKey.filter(partner_id=partner.id, revoked_at=None)
        if key_id is not None:
            keys = keys.filter(id=key_id)
            if not await keys.exists():
                raise UnknownPartnerError
        else:
            partner.revoked_at = at
            await partner.save(update_fields=["revoked_at"])
        await _end(await keys, at)


async def set_scopes(name: str, scopes: Sequence[Scope]) -> Partner:
    """Let a partner hold these scopes and no others. Raises UnknownPartnerError."""
    async with transaction():
        partner, _ = await _locked(name)
        partner.scopes = list(scopes)
        await partner.save(update_fields=["scopes"])
        return partner


async def named(name: str) -> Partner:
    """Return a partner that is not revoked. Raises UnknownPartnerError."""
    partner = await Partner.get_or_none(name=name, revoked_at=None)
    if partner is None:
        raise UnknownPartnerError
    return partner


async def all_with_keys() -> list[tuple[Partner, list[PartnerKey]]]:
    """List the partners by name, each with its keys that are not revoked, youngest first."""
    keys: dict[UUID, list[PartnerKey]] = {}
    for key in await PartnerKey.filter(revoked_at=None).order_by("-created_at"):
        keys.setdefault(key.partner_id, []).append(key)
    return [(partner, keys.get(partner.id, [])) for partner in await Partner.all().order_by("name")]


async def admit(token: str, ip_address: str) -> Access:
    """Return who calls by a key from an address; the use is noted at most once a minute.

    Raises InvalidKeyError, ForeignNetworkError.
    """
    key_id = token.removeprefix(PREFIX).partition("_")[0]
    found = None
    if len(key_id) == _ID_LENGTH and key_id.isascii() and key_id.isalnum():
        found = await statements.row(_FIND, key_id)
    digest = found[_KEY_COLUMNS.index("digest")] if found else b""
    if not hmac.compare_digest(digest, tokens.digest(token)):
        raise InvalidKeyError
    values = iter(found or ())
    key, partner = statements.made(PartnerKey, values), statements.made(Partner, values)
    (is_idle,) = values
    if not key.admits(ip_address):
        raise ForeignNetworkError
    if is_idle:
        await _note_use(key.id)
    return Access(partner, key)


async def _note_use(key_id: str) -> None:
    await statements.rows(
        "UPDATE partner_keys SET last_used_at = clock_timestamp() WHERE id = $1", key_id
    )


async def _locked(name: str) -> tuple[Partner, datetime]:
    partner = await Partner.select_for_update().get_or_none(name=name, revoked_at=None)
    if partner is None:
        raise UnknownPartnerError
    return partner, await clock.now()


async def _end(keys: Sequence[PartnerKey], at: datetime) -> None:
    await PartnerKey.filter(id__in=[key.id for key in keys]).update(revoked_at=at)


async def _new_key(partner: Partner, terms: KeyTerms, *, place: int, at: datetime) -> str:
    key_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
    secret, _ = tokens.issue()
    key = f"{PREFIX}{key_id}_{secret}"
    await PartnerKey.create(
        id=key_id,
        partner_id=partner.id,
        place=place,
        digest=tokens.digest(key),
        networks=list(terms.networks),
        created_at=at,
        expires_at=at + terms.lifetime if terms.lifetime else None,
    )
    return key
