"""Statements in SQL, for the paths where building a query costs the ORM more than running it."""

from collections.abc import Mapping
from typing import Any

from tortoise.connection import get_connection


async def rows(statement: str, *values: Any) -> list[dict[str, Any]]:
    """Run one within the caller's transaction, if there is one, and return what it finds."""
    found: list[dict[str, Any]] = await get_connection("default").execute_query_dict(
        statement, list(values)
    )
    return found


async def row(statement: str, *values: Any) -> Mapping[str, Any] | None:
    """Run one as `rows` does, and return the first that it finds."""
    async with get_connection("default").acquire_connection() as connection:
        found: Mapping[str, Any] | None = await connection.fetchrow(statement, *values)
    return found
