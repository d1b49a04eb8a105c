"""The activity log: what happened to an account, in a chain that nobody rewrites unseen.

The digest of a row covers the row before it. Where a request came from stands beside the chain,
which holds a salted digest of it: it can be erased, and the chain stays whole.
"""

import hashlib
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import orjson
from tortoise import fields
from tortoise.models import Model

from models import events, pages, statements
from models.clients import Client
from models.events import EventType

_MAX_AGENT = 300


class ActivityKind(StrEnum):
    """What happened."""

    ACCOUNT_OPENED = "ACCOUNT_OPENED"
    LOGIN = "LOGIN"
    LOGIN_FAILED = "LOGIN_FAILED"
    SESSION_ENDED = "SESSION_ENDED"
    PROFILE_UPDATED = "PROFILE_UPDATED"
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105
    PASSWORD_RESET_REQUESTED = "PASSWORD_RESET_REQUESTED"  # noqa: S105
    PASSWORD_RESET = "PASSWORD_RESET"  # noqa: S105
    EMAIL_PROVEN = "EMAIL_PROVEN"
    EMAIL_YIELDED = "EMAIL_YIELDED"
    EMAIL_CHANGE_REQUESTED = "EMAIL_CHANGE_REQUESTED"
    EMAIL_CHANGE_ACCEPTED = "EMAIL_CHANGE_ACCEPTED"
    EMAIL_CHANGE_REFUSED = "EMAIL_CHANGE_REFUSED"
    EMAIL_CHANGE_ABORTED = "EMAIL_CHANGE_ABORTED"
    EMAIL_CHANGE_REVERTED = "EMAIL_CHANGE_REVERTED"
    SPARE_EMAIL_SET = "SPARE_EMAIL_SET"
    SPARE_EMAIL_PROVEN = "SPARE_EMAIL_PROVEN"
    SPARE_EMAIL_REMOVED = "SPARE_EMAIL_REMOVED"
    COMPROMISE_REPORTED = "COMPROMISE_REPORTED"
    FROZEN = "FROZEN"
    UNFROZEN = "UNFROZEN"
    CONSENT_REQUESTED = "CONSENT_REQUESTED"
    CONSENT_GRANTED = "CONSENT_GRANTED"
    CONSENT_REFUSED = "CONSENT_REFUSED"
    CONSENT_REVOKED = "CONSENT_REVOKED"
    CONSENT_EXPIRED = "CONSENT_EXPIRED"
    PARTNER_MAIL = "PARTNER_MAIL"


_TOLD = {  # to partners
    ActivityKind.ACCOUNT_OPENED: EventType.ACCOUNT_CREATED,
    ActivityKind.PROFILE_UPDATED: EventType.ACCOUNT_PROFILE_UPDATED,
    ActivityKind.EMAIL_CHANGE_REQUESTED: EventType.ACCOUNT_EMAIL_CHANGE_REQUESTED,
    ActivityKind.EMAIL_CHANGE_ACCEPTED: EventType.ACCOUNT_EMAIL_CHANGE_SETTLED,
    ActivityKind.EMAIL_CHANGE_REFUSED: EventType.ACCOUNT_EMAIL_CHANGE_SETTLED,
    ActivityKind.EMAIL_CHANGE_ABORTED: EventType.ACCOUNT_EMAIL_CHANGE_SETTLED,
    ActivityKind.EMAIL_CHANGE_REVERTED: EventType.ACCOUNT_EMAIL_CHANGE_SETTLED,
    ActivityKind.FROZEN: EventType.ACCOUNT_FROZEN,
    ActivityKind.UNFROZEN: EventType.ACCOUNT_UNFROZEN,
}


class Activity(Model):
    """One row of an account's chain; `number` counts from 1, `about` holds ids and words of ours.

    `origin_digest` is None for what no request caused.
    """

    id = fields.UUIDField(primary_key=True, default=uuid4)
    account_id = fields.UUIDField()
    number = fields.IntField()
    kind = fields.CharEnumField(ActivityKind, max_length=30)
    at = fields.DatetimeField()
    count = fields.IntField(default=1)
    about: dict[str, Any] = fields.JSONField()
    request_id = fields.CharField(max_length=64, null=True)
    origin_digest = fields.BinaryField(null=True)
    digest = fields.BinaryField()

    class Meta:
        table = "activities"

    def chained(self, former: bytes) -> bytes:
        """Return the digest that this row has to have after one with the digest `former`."""
        facts = [
            str(self.account_id),
            self.number,
            str(self.id),
            str(self.kind),
            self.at.astimezone(UTC).isoformat(),
            self.count,
            self.about,
            self.request_id,
            bytes(self.origin_digest).hex() if self.origin_digest else None,
        ]
        return hashlib.sha256(former + orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).digest()


class ActivityOrigin(Model):
    """Where one row came from: personal data, which may be erased."""

    activity_id = fields.UUIDField(primary_key=True)
    salt = fields.BinaryField()
    ip_address = fields.CharField(max_length=45)
    user_agent = fields.CharField(max_length=_MAX_AGENT)

    class Meta:
        table = "activity_origins"

    def digest(self) -> bytes:
        text = f"{self.ip_address}\n{self.user_agent}".encode("utf-8", "surrogatepass")
        return hashlib.sha256(bytes(self.salt) + text).digest()


@dataclass(frozen=True, slots=True)
class Origin:
    """The request that causes what is recorded."""

    client: Client
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log as its holder reads it."""

    id: UUID
    kind: ActivityKind
    at: datetime
    count: int
    about: dict[str, Any]
    request_id: str | None
    ip_address: str | None
    user_agent: str | None


_origin: ContextVar[Origin | None] = ContextVar("origin", default=None)


@contextmanager
def caused_by(client: Client, request_id: str) -> Iterator[None]:
    """Let what is recorded within the block tell of this request."""
    token = _origin.set(Origin(client, request_id))
    try:
        yield
    finally:
        _origin.reset(token)


def origin() -> Origin | None:
    return _origin.get()


async def record(
    account_id: UUID,
    kind: ActivityKind,
    *,
    at: datetime,
    count: int = 1,
    about: Mapping[str, str | list[str]] | None = None,
    row_id: UUID | None = None,
    source: Origin | None = None,
) -> None:
    """Append a row to the log of a locked account, within the transaction of what it tells.

    Partners are told by an event, where it concerns them.
    """
    source = source or _origin.get()
    activity = Activity(
        id=row_id or uuid4(),
        account_id=account_id,
        kind=kind,
        at=at,
        count=count,
        about=dict(about or {}),
        request_id=source.request_id if source else None,
    )
    beside = _beside(activity.id, source) if source else None
    activity.origin_digest = beside.digest() if beside else None
    await _append(activity, beside)
    if told := _TOLD.get(kind):
        await events.record(account_id, told, at=at)


async def page(account_id: UUID, *, first: int, after: str | None) -> pages.Page[Entry]:
    """Return the `first` lines after a cursor, newest first. Raises BadPageError.

    Failed logins of a minute that is not over stand among them, before they join the chain.
    """
    last = pages.start(first, after)
    instant = None
    if last is not None:
        found = await statements.rows(
            "SELECT at FROM activity_log WHERE account_id = $1 AND id = $2", account_id, last
        )
        if not found:
            raise pages.BadPageError("after")
        instant = found[0]["at"]
    rows = await statements.rows(
        "SELECT id, kind, at, count, about, request_id, ip_address, user_agent FROM activity_log"
        " WHERE account_id = $1 AND ($2::timestamptz IS NULL OR (at, id) < ($2, $3))"
        " ORDER BY at DESC, id DESC LIMIT $4",
        account_id,
        instant,
        last,
        first + 1,
    )
    entries = [_entry(row) for row in rows]
    return pages.Page(entries[:first], has_next=len(entries) > first, has_previous=last is not None)


async def _append(activity: Activity, beside: ActivityOrigin | None) -> None:
    """Chain a row to the last one of its account, and store it with what stands beside it."""
    last = await statements.rows(
        "SELECT number, digest FROM activities WHERE account_id = $1 ORDER BY number DESC LIMIT 1",
        activity.account_id,
    )
    activity.number = last[0]["number"] + 1 if last else 1
    activity.digest = activity.chained(last[0]["digest"] if last else b"")
    await activity.save(force_create=True)
    if beside:
        await beside.save(force_create=True)


def _entry(row: dict[str, Any]) -> Entry:
    return Entry(**row | {"kind": ActivityKind(row["kind"]), "about": orjson.loads(row["about"])})


def _beside(activity_id: UUID, source: Origin) -> ActivityOrigin:
    return ActivityOrigin(
        activity_id=activity_id,
        salt=secrets.token_bytes(16),
        ip_address=source.client.ip_address,
        user_agent=source.client.user_agent[:_MAX_AGENT],
    )
