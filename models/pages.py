"""Pages of a list that grows at its head: a cursor names a row, so inserts move nothing."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

from models.errors import DomainError

LONGEST = 100

Row = TypeVar("Row", bound=Model)


class BadPageError(DomainError):
    """The page that was asked for cannot be: `argument` is `first` or `after`."""

    def __init__(self, argument: str) -> None:
        super().__init__(argument)
        self.argument = argument


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows, newest first, and whether there are more on either side."""

    rows: Sequence[Row]
    has_next: bool
    has_previous: bool


def cursor(row: Model) -> str:
    return base64.urlsafe_b64encode(row.pk.bytes).decode().rstrip("=")


async def page(rows: QuerySet[Row], *, by: str, first: int, after: str | None) -> Page[Row]:
    """Return the `first` rows after a cursor, by an instant, newest first. Raises BadPageError."""
    if not 1 <= first <= LONGEST:
        raise BadPageError("first")
    older = rows
    if after is not None:
        last = await rows.get_or_none(id=_row_id(after))
        if last is None:
            raise BadPageError("after")
        instant = getattr(last, by)
        older = rows.filter(Q(**{f"{by}__lt": instant}) | Q(**{by: instant, "id__lt": last.pk}))
    found = await older.order_by(f"-{by}", "-id").limit(first + 1)
    # The row of the cursor itself stands before this page.
    return Page(found[:first], has_next=len(found) > first, has_previous=after is not None)


def _row_id(text: str) -> UUID:
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"==")
        return UUID(bytes=raw)
    except (ValueError, binascii.Error):
        raise BadPageError("after") from None
