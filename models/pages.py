"""Pages of a list that grows at its head: a cursor names a row, so inserts move nothing."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

from models.errors import DomainError

LONGEST = 100

Row = TypeVar("Row", bound=Model)
Item = TypeVar("Item")


class BadPageError(DomainError):
    """The page that was asked for cannot be: `argument` is `first` or `after`."""

    def __init__(self, argument: str) -> None:
        super().__init__(argument)
        self.argument = argument


class Identified(Protocol):
    """What a cursor can name."""

    @property
    def id(self) -> UUID: ...


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some rows, newest first, and whether there are more on either side."""

    rows: Sequence[Item]
    has_next: bool
    has_previous: bool


def cursor(row: Identified) -> str:
    return base64.urlsafe_b64encode(row.id.bytes).decode().rstrip("=")


def start(first: int, after: str | None) -> UUID | None:
    """Return the id of the row that a page begins after. Raises BadPageError."""
    if not 1 <= first <= LONGEST:
        raise BadPageError("first")
    return None if after is None else _row_id(after)


async def page(rows: QuerySet[Row], *, by: str, first: int, after: str | None) -> Page[Row]:
    """Return the `first` rows after a cursor, by an instant, newest first. Raises BadPageError."""
    last_id, older = start(first, after), rows
    if last_id is not None:
        last = await rows.get_or_none(id=last_id)
        if last is None:
            raise BadPageError("after")
        instant = getattr(last, by)
        older = rows.filter(Q(**{f"{by}__lt": instant}) | Q(**{by: instant, "id__lt": last.pk}))
    found = await older.order_by(f"-{by}", "-id").limit(first + 1)
    # The row of the cursor itself stands before this page.
    return Page(found[:first], has_next=len(found) > first, has_previous=last_id is not None)


def _row_id(text: str) -> UUID:
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"==")
        return UUID(bytes=raw)
    except (ValueError, binascii.Error):
        raise BadPageError("after") from None
