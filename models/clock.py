"""The one clock: PostgreSQL's, so that every process compares deadlines with the same time."""

from datetime import datetime

from tortoise.connection import get_connection


async def now() -> datetime:
    """Return the present instant, aware, in UTC; not the frozen start of a transaction."""
    connection = get_connection("default")
    rows = await connection.execute_query_dict("SELECT clock_timestamp() AS now")
    present: datetime = rows[0]["now"]
    return present
