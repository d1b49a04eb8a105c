"""The answer of every operation that mails a code to somebody who is not signed in."""

from datetime import datetime
from typing import Self

import strawberry

from models import challenges


@strawberry.type(description="A code was mailed; hand it back with this id.")
class Challenge:
    id: strawberry.ID
    delivered_to: str = strawberry.field(
        description="Where the code went, masked: d***@example.org. What the caller typed decides"
        " it, never what the database holds."
    )
    expires_at: datetime

    @classmethod
    def of(cls, row: challenges.Challenge, *, delivered_to: str) -> Self:
        return cls(
            id=strawberry.ID(str(row.id)), delivered_to=delivered_to, expires_at=row.expires_at
        )
