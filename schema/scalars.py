"""Scalars: as input they take any string and judge nothing; the operations do."""

from datetime import UTC, datetime
from typing import NewType, TypeVar
from uuid import UUID

import strawberry
from graphql import GraphQLError
from strawberry import UNSET
from strawberry.types.scalar import ScalarDefinition

from models import events

Value = TypeVar("Value")

NicHandle = NewType("NicHandle", str)
EmailAddress = NewType("EmailAddress", str)
PhoneNumber = NewType("PhoneNumber", str)
CountryCode = NewType("CountryCode", str)
Scope = NewType("Scope", str)
EventType = NewType("EventType", str)


def text(value: object) -> str:
    """Take any string as it is."""
    if not isinstance(value, str):
        raise GraphQLError("Expected a string.", extensions={"code": "BAD_REQUEST"})
    return value


def instant(value: datetime) -> str:
    """Write an instant as every answer does."""
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return value.isoformat(timespec="milliseconds")[: -len("+00:00")] + "Z"


def _scalar(name: str, description: str) -> ScalarDefinition:
    return strawberry.scalar(name=name, description=description, serialize=str, parse_value=text)


SCALARS: dict[object, ScalarDefinition] = {
    NicHandle: _scalar(
        "NicHandle",
        "A customer identifier such as dm429850-OVH. Accepted in any letter case, returned in"
        " canonical form.",
    ),
    EmailAddress: _scalar(
        "EmailAddress",
        "An e-mail address, returned as its holder wrote it and compared without regard to case.",
    ),
    PhoneNumber: _scalar(
        "PhoneNumber", "A phone number; accepted as people write it, returned in E.164 form."
    ),
    CountryCode: _scalar("CountryCode", "An ISO 3166-1 alpha-2 country code."),
    Scope: _scalar(
        "Scope",
        "What a partner may do with an account: account:read (identity and state), account:contact"
        " (addresses, phone, e-mail), account:activity, profile:write or mail:send.",
    ),
    EventType: _scalar(
        "EventType",
        "What happened, as webhooks say it: " + ", ".join(events.EventType) + ". More may follow.",
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="An ISO 8601 instant in UTC with seconds and a final Z:"
        " 2026-11-23T03:46:00.123Z.",
        serialize=instant,
        parse_value=text,
    ),
}


def given(value: Value | None) -> Value | None:
    """Read an optional input where null means absent."""
    return None if value is UNSET else value


def row_id(text: str) -> UUID | None:
    """Read an id that a client hands back; None for what cannot be one."""
    try:
        return UUID(text)
    except ValueError:
        return None
