"""Scalars: as input they take any string and judge nothing; the operations do."""

from datetime import UTC, datetime
from typing import NewType, TypeVar
from uuid import UUID

import strawberry
from graphql import GraphQLError
from strawberry import UNSET
from strawberry.types.scalar import ScalarDefinition

Value = TypeVar("Value")

NicHandle = NewType("NicHandle", str)
EmailAddress = NewType("EmailAddress", str)
PhoneNumber = NewType("PhoneNumber", str)
CountryCode = NewType("CountryCode", str)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise GraphQLError("Expected a string.", extensions={"code": "BAD_REQUEST"})
    return value


def _instant(value: datetime) -> str:
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return value.isoformat(timespec="milliseconds")[: -len("+00:00")] + "Z"


def _scalar(name: str, description: str) -> ScalarDefinition:
    return strawberry.scalar(name=name, description=description, serialize=str, parse_value=_text)


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
    datetime: strawberry.scalar(
        name="DateTime",
        description="An ISO 8601 instant in UTC with seconds and a final Z:"
        " 2026-11-23T03:46:00.123Z.",
        serialize=_instant,
        parse_value=_text,
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
