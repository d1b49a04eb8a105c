"""Statements in SQL, for the paths where building a query costs the ORM more than running it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar, cast

from tortoise import fields
from tortoise.connection import get_connection
from tortoise.fields import Field
from tortoise.fields.data import CharEnumFieldInstance
from tortoise.models import Model

from models import transactions

Row = TypeVar("Row", bound=Model)

# asyncpg has these in Python's types.
_AS_IT_IS: tuple[type[Field[Any]], ...] = (
    fields.UUIDField,
    fields.DatetimeField,
    fields.BinaryField,
    fields.BooleanField,
    fields.CharField,
    fields.IntField,
    fields.TextField,
)
_reading: list[object] = []
_OF_A_ROW = {"_partial": False, "_saved_in_db": True, "_custom_generated_pk": True}


async def rows(statement: str, *values: Any) -> list[dict[str, Any]]:
    """Run one within the caller's transaction, if there is one, and return what it finds."""
    found: list[dict[str, Any]] = await get_connection("default").execute_query_dict(
        statement, list(values)
    )
    return found


async def row(statement: str, *values: Any) -> Sequence[Any] | None:
    """Run one outside of an operation, and return the values of the first row that it finds.

    Without the ORM's wrappers around the pool, once there is one; within a transaction around
    operations by its connection.
    """
    if transactions.is_around():
        found = await rows(statement, *values)
        return list(found[0].values()) if found else None
    client: Any = _reading[-1] if _reading else get_connection("default")
    if client._pool is not None:  # noqa: SLF001
        return cast("Sequence[Any] | None", await client._pool.fetchrow(statement, *values))  # noqa: SLF001
    async with client.acquire_connection() as connection:
        return cast("Sequence[Any] | None", await connection.fetchrow(statement, *values))


@contextmanager
def read_by(client: object) -> Iterator[None]:
    """Let `row` read by this connection, which the ORM would look up each time."""
    _reading.append(client)
    try:
        yield
    finally:
        _reading.remove(client)


@cache
def _columns(model: type[Model]) -> tuple[tuple[str, ...], list[tuple[str, Callable[[Any], Any]]]]:
    """Name the columns of a model, and say how those are read that are not as the driver has them.

    The ORM knows them only once it has a connection.
    """
    known = model._meta.fields_map  # noqa: SLF001
    names = tuple(model._meta.fields_db_projection)  # noqa: SLF001
    odd = [(name, _reader(known[name])) for name in names if _is_odd(known[name])]
    return names, odd


def _is_odd(field: Field[Any]) -> bool:
    return isinstance(field, CharEnumFieldInstance) or not isinstance(field, _AS_IT_IS)


def _reader(field: Field[Any]) -> Callable[[Any], Any]:
    if isinstance(field, CharEnumFieldInstance):
        return {None: None, **{member.value: member for member in field.enum_type}}.__getitem__
    return field.to_python_value


def made(model: type[Row], values: Iterator[Any]) -> Row:
    """Make a row of the next values that a statement found: those of its columns, in their order.

    As the ORM makes what its own statements find, in a fraction of its time: each request that
    somebody signed in makes comes this way.
    """
    row = model.__new__(model)
    names, odd = _columns(model)
    # Of the names first: what is left of the values is for the next row. A value too few is one
    # too few for who reads on.
    known = dict(zip(names, values, strict=False), **_OF_A_ROW, _await_when_save={})
    for name, read in odd:
        known[name] = read(known[name])
    object.__setattr__(row, "__dict__", known)  # the ORM's own looks for relations
    return row
