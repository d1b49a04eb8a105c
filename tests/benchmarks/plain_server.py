"""The stack as the documentation of its parts shows it: strawberry's view, Tortoise's models.

Parser and validation are cached, as the documentation advises; nothing else is done for speed.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache
from tortoise import Tortoise

from models import database, tokens
from models.accounts import AccountState
from models.profile_rules import LegalForm
from models.profiles import Language
from models.sessions import Session
from models.settings import DatabaseSettings

strawberry.enum(AccountState)
strawberry.enum(LegalForm)
strawberry.enum(Language)


@strawberry.type
class Account:
    id: strawberry.ID
    nic_handle: str
    state: AccountState
    email: str
    email_proven: bool
    spare_email: str | None
    first_name: str
    last_name: str
    organisation: str | None
    legal_form: LegalForm
    phone: str | None
    language: Language
    vat_number: str | None
    revision: int
    created_at: datetime

    @classmethod
    def is_type_of(cls, _row: object, _info: object) -> bool:
        return True


@strawberry.type
class Query:
    @strawberry.field
    async def me(self, info: strawberry.Info) -> Account | None:
        token = info.context["request"].headers["authorization"].removeprefix("Bearer ")
        session = await Session.get_or_none(token_digest=tokens.digest(token)).select_related(
            "account"
        )
        return session.account if session else None


class View(GraphQL):
    async def get_context(self, request: Request, response: Any) -> dict[str, Any]:
        return {"request": request, "response": response}


def create_app() -> Starlette:
    schema = strawberry.Schema(query=Query, extensions=[ParserCache, ValidationCache])
    settings = DatabaseSettings(database_url=os.environ["NICGATE_DATABASE_URL"], pool_size=10)
    config = database.config(settings)
    del config["connections"]["default"]["credentials"]["reset"]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await Tortoise.init(config=config, _enable_global_fallback=True)
        yield
        await Tortoise.close_connections()

    app = Starlette(lifespan=lifespan)
    app.add_route("/graphql", View(schema))
    return app
