"""Open logins: how they are opened, listed and closed."""

from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry

from models import sessions
from models.sessions import Opened
from schema.accounts import Account
from schema.context import Context, Info
from schema.errors import InvalidCredentialsError


@strawberry.enum(
    description="COOKIE sets an HttpOnly cookie and shows no token; TOKEN returns a bearer token"
    " and sets no cookie."
)
class SessionTransport(Enum):
    COOKIE = "COOKIE"
    TOKEN = "TOKEN"  # noqa: S105


@strawberry.type(description="An open login.")
class Session:
    id: strawberry.ID
    ip_address: str
    user_agent: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime

    @strawberry.field(description="Whether this is the session that makes the call.")
    def current(root: strawberry.Parent[sessions.Session], info: Info) -> bool:
        calling = info.context.session
        return root.id in {info.context.opened, calling and calling.id}


@strawberry.type(description="A session that was just opened.")
class OpenedSession:
    session: Session
    account: Account
    token: str | None = strawberry.field(
        description="The bearer token, shown this once; null for COOKIE."
    )


@strawberry.input
class LoginInput:
    identifier: str = strawberry.field(description="A NIC-handle or a primary e-mail address.")
    password: str
    transport: SessionTransport = SessionTransport.COOKIE


LoginResult = Annotated[OpenedSession | InvalidCredentialsError, strawberry.union("LoginResult")]


def handed_over(opened: Opened, transport: SessionTransport, context: Context) -> OpenedSession:
    """Give the client its session in the way it asked for."""
    in_cookie = transport is SessionTransport.COOKIE
    context.open(opened, in_cookie=in_cookie)
    return OpenedSession(
        session=opened.session,  # type: ignore[arg-type]
        account=opened.account,  # type: ignore[arg-type]
        token=None if in_cookie else opened.token,
    )


@strawberry.type
class SessionMutation:
    @strawberry.mutation(
        description="Open a session with the identifier, or the primary address, and the password."
    )
    async def login(self, info: Info, input: LoginInput) -> LoginResult | None:  # noqa: A002
        opened = await sessions.login(
            input.identifier,
            input.password,
            client=info.context.client,
            policy=info.context.policy,
        )
        return handed_over(opened, input.transport, info.context)

    @strawberry.mutation(
        description="Close the session that makes this call. True even when there was none."
    )
    async def logout(self, info: Info) -> bool | None:
        if info.context.session is not None:
            await sessions.close(info.context.session.id)
        info.context.session, info.context.cookie = None, ""
        return True
