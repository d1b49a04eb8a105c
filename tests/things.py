"""A schema in which everything goes wrong somewhere, for comparing two ways to execute it."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, NewType
from uuid import UUID

import strawberry
from strawberry.extensions.field_extension import FieldExtension
from strawberry.schema.config import StrawberryConfig

from schema.plans import READER
from schema.scalars import text


class Colour(Enum):
    RED = "r"
    BLUE = "b"


Handle = NewType("Handle", str)
Half = NewType("Half", int)
SCALARS = {
    Handle: strawberry.scalar(name="Handle", serialize=str, parse_value=text),
    # Says nothing of odd numbers, and something that is no JSON of others.
    Half: strawberry.scalar(
        name="Half", serialize=lambda it: None if it % 2 else (it // 2 if it % 4 else {it})
    ),
}


class Denied(FieldExtension):
    """A permission that nobody has."""

    def resolve(self, *_: Any, **__: Any) -> Any:
        raise PermissionError("denied")


class Promise:
    """A value that comes when it is awaited."""

    def __await__(self) -> Any:
        yield
        return "late"


@dataclass
class Row:
    """What resolvers hand over; `number` decides what is wrong with it."""

    number: int
    depth: int = 0

    @property
    def id(self) -> UUID:
        return UUID(int=self.number)

    @property
    def name(self) -> Any:
        return None if self.number % 7 == 3 else f"name {self.number}"

    @property
    def nick(self) -> Any:
        if self.number % 5 == 4:
            raise RuntimeError("no nick today")
        return [None, "", "Zoë", object()][self.number % 4]

    @property
    def colour(self) -> Any:
        return "green" if self.number % 11 == 6 else list(Colour)[self.number % 2]

    @property
    def size(self) -> Any:
        return [0, 2**40, True, 1.0, "7"][self.number % 5]

    @property
    def weight(self) -> Any:
        return [1.5, float("inf"), 3, "x"][self.number % 4]

    @property
    def born(self) -> Any:
        return datetime(2026, 11, 28, tzinfo=UTC) if self.number % 3 else None

    @property
    def fine(self) -> bool:
        return self.number % 2 == 0

    @property
    def handle(self) -> Any:
        return ["h", ValueError("an error for a value"), 7, Promise()][self.number // 2 % 4]

    @property
    def half(self) -> Any:
        return self.number // 2

    secret = "hidden"
    words = ("a", None, "b")


@strawberry.type
class Inner:
    id: strawberry.ID
    name: str
    fine: bool
    size: int | None

    @strawberry.field
    def parent(
        root: strawberry.Parent[Row],
    ) -> Annotated["Thing", strawberry.lazy(__name__)] | None:
        return Row(root.number + 1, root.depth + 1) if root.depth < 4 else None

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        return isinstance(row, Row) and row.number % 2 == 1


@strawberry.type
class Thing:
    id: strawberry.ID
    name: str
    nick: str | None
    colour: Colour | None
    size: int | None
    weight: float | None
    born: datetime | None
    fine: bool
    secret: str | None = strawberry.field(extensions=[Denied()])
    words: list[str | None]
    handle: Handle | None
    half: Half | None

    @strawberry.field
    def inner(root: strawberry.Parent[Row]) -> Inner | None:
        return Row(2 * root.number + 1, root.depth + 1) if root.depth < 4 else None

    @strawberry.field
    async def later(root: strawberry.Parent[Row], by: int = 1) -> "Thing":
        await asyncio.sleep(0)
        return Row(2 * (root.number + by), root.depth + 1)

    @strawberry.field
    def several(root: strawberry.Parent[Row], count: int = 2) -> list["Thing | None"]:
        rows = [Row(2 * (root.number + n), root.depth + 1) for n in range(count % 4)]
        return [row if row.number % 3 else None for row in rows]

    @strawberry.field
    def either(root: strawberry.Parent[Row]) -> "Either | None":
        return Row(root.number + 1, root.depth + 1) if root.depth < 4 else None

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        return isinstance(row, Row) and row.number % 2 == 0


Either = Annotated[Inner | Thing, strawberry.union("Either")]


@strawberry.type
class Page:
    """What is plain all the way down: rows in a list, and one beside them."""

    rows: list[Thing]
    holes: list[Thing | None] | None
    first: Thing | None
    odd: Thing | None
    sure: Thing
    total: int


@dataclass
class Found:
    number: int

    @property
    def rows(self) -> Any:
        return [Row(2 * (self.number + n)) for n in range(self.number % 4)]

    @property
    def holes(self) -> Any:
        if self.number % 5 == 3:
            raise RuntimeError("no holes today")
        return None if self.number % 5 == 2 else [None, *self.rows]

    @property
    def first(self) -> Any:
        return next(iter(self.rows), None)

    @property
    def odd(self) -> Any:
        return Row(2 * self.number + 1) if self.number % 3 == 2 else None

    @property
    def sure(self) -> Any:
        return None if self.number % 4 == 2 else Row(2 * self.number)

    total = 3


def kept(_root: Any, handle: str) -> Any:
    """What a field of the root finds by its argument; some it leaves to the resolver."""
    if handle == "elsewhere":
        raise LookupError(handle)
    return Row(2 * len(handle)) if handle else None


@strawberry.type
class Query:
    me: Page | None
    version: str | None = None

    @strawberry.field
    def page(self, number: int = 1) -> Page:
        return Found(number)

    @strawberry.field
    def thing(self, number: int = 2) -> Thing | None:
        return Row(2 * number)

    @strawberry.field(metadata={READER: kept})
    def kept(self, handle: Handle) -> Thing | None:
        return Row(8) if handle == "elsewhere" else kept(self, handle)

    @strawberry.field
    async def things(self, numbers: list[int]) -> list[Thing]:
        return [Row(2 * number) for number in numbers]


@strawberry.type
class Mutation:
    @strawberry.mutation
    def touch(self, number: int) -> Thing | None:
        return Row(2 * number)


CONFIG = StrawberryConfig(scalar_map=SCALARS)
SCHEMA = strawberry.Schema(query=Query, mutation=Mutation, config=CONFIG)._schema  # noqa: SLF001
