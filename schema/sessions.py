"""Open logins: how they are opened, listed and closed."""

from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry

from models import accounts, sessions
from models.sessions import Opened
from schema.accounts import Account
from schema.context import Context, Info
from schema.errors import InvalidCredentialsError, NotFoundError
from schema.scalars import row_id


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


@strawberry.input
class RevokeSessionInput:
    session_id: strawberry.ID


@strawberry.type(description="Sessions of the account were closed.")
class SessionsClosed:
    account: Account
    closed_sessions: int = strawberry.field(description="How many sessions were closed.")

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        return isinstance(row, (cls, sessions.SessionsClosed))


LoginResult = Annotated[OpenedSession | InvalidCredentialsError, strawberry.union("LoginResult")]
RevokeSessionResult = Annotated[
    SessionsClosed | NotFoundError, strawberry.union("RevokeSessionResult")
]
RevokeOtherSessionsResult = Annotated[SessionsClosed, strawberry.union("RevokeOtherSessionsResult")]


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
        async with info.context.guessing("login", accounts.identifier_key(input.identifier)):
            opened = await sessions.login(
                input.identifier,
                input.password,
                client=info.context.client,
                policy=info.context.policy,
                by_cookie=input.transport is SessionTransport.COOKIE,
            )
        return handed_over(opened, input.transport, info.context)

    @strawberry.mutation(
        description="Close the session that makes this call. True even when there was none."
    )
    async def logout(self, info: Info) -> bool | None:
        if info.context.session is not None:
            await sessions.sign_out(info.context.session)
        info.context.sign_out()
        return True

    @strawberry.mutation(description="Close one session of the signed-in account.")
    async def revoke_session(
        self,
        info: Info,
        input: RevokeSessionInput,  # noqa: A002
    ) -> RevokeSessionResult | None:
        session, revoked = info.context.signed_in(), row_id(input.session_id)
        closed = await sessions.revoke(session, revoked)
        if session.id == revoked:
            info.context.sign_out()
        return closed  # type: ignore[return-value]

    @strawberry.mutation(
        description="Close every session of the signed-in account but the one that makes this call."
    )
    async def revoke_other_sessions(self, info: Info) -> RevokeOtherSessionsResult | None:
        return await sessions.revoke_others(info.context.signed_in())  # type: ignore[return-value]
