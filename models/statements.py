"""Statements in SQL, for the paths where building a query costs the ORM more than running it."""

from typing import Any

from tortoise.connection import get_connection


async def rows(statement: str, *values: Any) -> list[dict[str, Any]]:
    """Run one within the caller's transaction, if there is one, and return what it finds."""
    found: list[dict[str, Any]] = await get_connection("default").execute_query_dict(
        statement, list(values)
    )
    return found
