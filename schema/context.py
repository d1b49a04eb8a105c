"""All that a resolver may reach besides the models."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import strawberry

from models.clients import Client
from models.errors import UnauthenticatedError
from models.policy import Policy
from models.profiles import Language
from models.sessions import Opened, Session


@dataclass(slots=True)
class Context:
    """One request: who asks, in which language, under which policy; and what it leaves behind.

    `cookie` is what the answer sets as session cookie: a token, "" to clear it, None for nothing.
    """

    session: Session | None
    client: Client
    accepted_language: Language | None
    request_id: str
    policy: Policy
    wake_workers: Callable[[], None]
    cookie: str | None = None
    opened: UUID | None = None
    input_language: Language | None = None

    @property
    def language(self) -> Language:
        """The language of refusals: the account's, the browser's, the input's, or English."""
        if self.session is not None:
            return self.session.account.language
        return self.accepted_language or self.input_language or Language.EN

    def signed_in(self) -> Session:
        """Return the session that makes the call. Raises UnauthenticatedError."""
        if self.session is None:
            raise UnauthenticatedError
        return self.session

    def open(self, opened: Opened, *, in_cookie: bool) -> None:
        """Hand a fresh session to the client."""
        self.opened = opened.session.id
        if in_cookie:
            self.cookie = opened.token


Info = strawberry.Info[Context, None]
