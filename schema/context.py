"""All that a resolver may reach besides the models."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

import strawberry

from models import consents, credentials, nic_handles
from models.accounts import Account
from models.clients import Client
from models.credentials import InvalidCredentialsError
from models.errors import DomainError, OverloadedError, UnauthenticatedError
from models.partners import Access
from models.policy import Policy
from models.profiles import Language
from models.sessions import Opened, Session
from schema.costs import Charged
from schema.scopes import SeenAccount


class Budgets(Protocol):
    """How often this client may try what; charged before the attempt, in the resolver."""

    async def spend(self, name: str, *keys: str) -> None:
        """Charge one attempt. Raises OverloadedError when there is none left."""

    async def refund(self, name: str, *keys: str) -> None:
        """Give back an attempt that turned out to try nothing."""

    async def clear(self, name: str, *keys: str) -> None:
        """Forget the attempts before a success."""


class Caller(Protocol):
    """Where a call comes from, found out when somebody asks: most calls are never asked."""

    @property
    def client(self) -> Client:
        """Its address and its browser."""

    @property
    def budgets(self) -> Budgets:
        """What this client may try."""


@dataclass(slots=True)
class Context:
    """One request: who asks, in which language, under which policy; and what it leaves behind.

    `cookie` is what the answer sets as session cookie: a token, "" to clear it, None for nothing;
    `device_cookie` is what a browser is to be known by. `variables` are those of the operation, as
    they came. A call is a session's, a partner's, or nobody's; a partner is `charged` for it.
    """

    session: Session | None
    caller: Caller
    accepted_language: Language | None
    request_id: str
    policy: Policy
    wake_workers: Callable[[], None]
    cookie: str | None = None
    device_cookie: str | None = None
    opened: UUID | None = None
    input_language: Language | None = None
    partner: Access | None = None
    charged: Charged | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)

    @property
    def language(self) -> Language:
        """The language of refusals: the account's, the browser's, the input's, or English."""
        if self.session is not None:
            return self.session.account.language
        return self.accepted_language or self.input_language or Language.EN

    @property
    def client(self) -> Client:
        """Where the call comes from."""
        return self.caller.client

    @property
    def budgets(self) -> Budgets:
        """How often whoever calls may try what."""
        return self.caller.budgets

    @property
    def me(self) -> Account | None:
        """The account of the caller."""
        return self.session.account if self.session else None

    def own(self, nic_handle: str) -> Account | None:
        """Return the caller's own account if it has this identifier. Raises for a partner."""
        if self.partner is not None:
            raise UnauthenticatedError
        account = self.me
        if account is None or nic_handles.parse(nic_handle) != account.nic_handle:
            return None
        return account

    async def account(self, nic_handle: str) -> Account | SeenAccount | None:
        """Return the account with this identifier, as far as the caller may read it."""
        if self.partner is None:
            return self.own(nic_handle)
        view = await consents.seen(self.partner, nic_handle)
        return SeenAccount(view) if view else None

    def keyed(self) -> Access:
        """Return the partner that makes the call. Raises UnauthenticatedError without a key."""
        if self.partner is None:
            raise UnauthenticatedError
        return self.partner

    def signed_in(self) -> Session:
        """Return the session that makes the call. Raises UnauthenticatedError."""
        if self.session is None:
            raise UnauthenticatedError
        return self.session

    @asynccontextmanager
    async def charging(self, name: str, *keys: str) -> AsyncIterator[None]:
        """Charge an attempt before it is made; one that ended in no answer is given back.

        Else whoever tries again during an outage or a flood would be locked out when it is over.
        """
        await self.budgets.spend(name, *keys)
        try:
            yield
        except OverloadedError:
            await self.budgets.refund(name, *keys)
            raise
        except DomainError:
            raise
        except Exception:
            await self.budgets.refund(name, *keys)
            raise

    @asynccontextmanager
    async def guessing(self, name: str, *keys: str) -> AsyncIterator[None]:
        """Charge an attempt at a password before it is made; a right one clears the counter.

        What was refused for another reason, or not answered, is given back: no password was tried.
        Where nothing can be hashed now, nothing is looked up either, so that a flood is turned away
        cheaply.
        """
        credentials.require_room()
        await self.budgets.spend(name, *keys)
        try:
            yield
        except InvalidCredentialsError:
            raise
        except Exception:
            await self.budgets.refund(name, *keys)
            raise
        await self.budgets.clear(name, *keys)

    def open(self, opened: Opened, *, in_cookie: bool) -> None:
        """Hand a fresh session to the client."""
        self.opened = opened.session.id
        if in_cookie:
            self.cookie, self.device_cookie = opened.token, opened.origin.cookie

    def sign_out(self) -> None:
        """Leave the rest of the document without a session, and the browser without its cookie."""
        self.session, self.cookie = None, ""


Info = strawberry.Info[Context, None]
