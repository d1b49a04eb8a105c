"""Connections, as Relay reads them forwards: newest first, stable while new rows arrive."""

from typing import Generic, TypeVar

import strawberry

from models import pages

Row = TypeVar("Row", bound=pages.Identified)


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


class Connection(Generic[Row]):
    """What a connection's resolvers read; the GraphQL types name its edges."""

    def __init__(self, page: pages.Page[Row]) -> None:
        self.edges = [Edge(row) for row in page.rows]
        cursors = [edge.cursor for edge in self.edges]
        self.page_info = PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        )


class Edge(Generic[Row]):
    """One row of a page, with the cursor that names it."""

    def __init__(self, row: Row) -> None:
        self.node = row
        self.cursor = pages.cursor(row)
