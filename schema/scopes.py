"""Scopes on fields: which field of an account a partner may read, and with which scope.

A holder reads rows. A partner reads them through `SeenAccount`, which gives out nothing that is not
in the table; resolvers say their scope themselves.
"""

from collections.abc import Callable
from typing import Any, cast

import strawberry
from strawberry.extensions.field_extension import FieldExtension
from strawberry.types.field import StrawberryField

from models.consents import View
from models.scopes import Scope

# The attributes behind the fields; what is not here is the holder's alone.
READABLE = {
    name: scope
    for scope, names in {
        Scope.ACCOUNT_READ: "id nic_handle state first_name last_name organisation legal_form"
        " language vat_number national_identification_number revision created_at",
        Scope.ACCOUNT_CONTACT: "email email_proven phone",
    }.items()
    for name in names.split()
}
# Who may write may tell which account, and at which revision, or could not be answered.
_OF_WRITERS = {"id", "nic_handle", "revision"}


class SeenAccount:
    """An account as one partner may read it."""

    __slots__ = ("view",)

    def __init__(self, view: View) -> None:
        self.view = view

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what an object is asked for, not an account
            raise AttributeError(name)
        others = (Scope.PROFILE_WRITE,) if name in _OF_WRITERS else ()
        return getattr(self.view.require(READABLE.get(name), *others), name)


class Scoped(FieldExtension):
    """Give a resolver of an account the row, if the partner has the scope; holders pass.

    Without a scope no partner passes.
    """

    def __init__(self, scope: Scope | None) -> None:
        self.scope = scope

    def resolve(
        self, next_: Callable[..., Any], source: Any, info: strawberry.Info, **arguments: Any
    ) -> Any:
        return next_(source, info, **self._with_row(source, arguments))

    async def resolve_async(
        self, next_: Callable[..., Any], source: Any, info: strawberry.Info, **arguments: Any
    ) -> Any:
        return await next_(source, info, **self._with_row(source, arguments))

    def _with_row(self, source: Any, arguments: dict[str, Any]) -> dict[str, Any]:
        """Put the row in the place of its view: the source has joined the arguments as `root`."""
        if not isinstance(source, SeenAccount):
            return arguments
        return arguments | {"root": source.view.require(self.scope)}


def field(scope: Scope | None, **how: Any) -> Callable[[Any], StrawberryField]:
    """Make a field of an account that a resolver reads."""
    made = strawberry.field(extensions=[Scoped(scope)], **how)
    return cast("Callable[[Any], StrawberryField]", made)
