"""The gateway's ASGI application, built from settings; nothing happens at import."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

import schema
from gateway import browsers, explorer, metrics, space, trusted
from gateway.authentication import Authentication
from gateway.graphql import Endpoint
from gateway.health import Readiness, healthz
from gateway.idempotency import Once
from gateway.limits import Limits
from gateway.partner_budgets import PartnerBudgets
from gateway.printed import Printed
from gateway.requests import Envelope, Faults
from gateway.wakeup import WakeUps
from models import database, failed_logins, sessions
from models.policy import Policy
from models.settings import Settings

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def create_app(settings: Settings) -> Starlette:
    """Build the application of one process."""
    wake_ups = WakeUps(settings.redis_url.get_secret_value())
    limits = Limits(settings.redis_url.get_secret_value(), secret=settings.secret_keys[0])
    readiness = Readiness(wake_ups.ping)
    endpoint = _endpoint(settings, limits, wake_ups, readiness)
    printed = schema.schema.as_str() + "\n"
    customers = space.found()
    pages = [
        Route("/graphql/", _without_slash, methods=_METHODS),
        Route("/schema.graphql", Printed(printed).answer),
        *_probes(readiness),
        *(explorer.routes(printed) if settings.introspection else []),
        *(_mailbox(settings.mailbox_file, settings.origin) if settings.mailbox_file else []),
        *space.routes(customers),
    ]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with database.opened(settings), _running(readiness, wake_ups, limits):
            yield

    app = Gateway(pages, lifespan, endpoint, origins=settings.friendly_origins)
    if customers:
        app.add_exception_handler(404, customers.nowhere)
    return app


class Gateway(Starlette):
    """Pages go through Starlette's layers and its router; /graphql, the most of all, does not."""

    def __init__(
        self,
        pages: list[Route],
        lifespan: Lifespan[Any],
        endpoint: Endpoint,
        *,
        origins: Sequence[str],
    ) -> None:
        super().__init__(routes=pages, lifespan=lifespan, middleware=[Middleware(Faults)])
        self._endpoint, self._origins = endpoint, origins

    def build_middleware_stack(self) -> ASGIApp:
        pages, graphql = super().build_middleware_stack(), Faults(self._endpoint)

        def chosen(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            is_graphql = scope["type"] == "http" and scope["path"] == "/graphql"
            return (graphql if is_graphql else pages)(scope, receive, send)

        headers = browsers.headers(secure=self._endpoint.authentication.secure)
        return Envelope(browsers.shared(chosen, origins=self._origins), headers=headers)


def _mailbox(file: Path, origin: str) -> list[Route]:
    # Only `nicgate up` has one; a gateway without starts sooner and smaller.
    from gateway import mailbox, previews  # noqa: PLC0415

    return [*mailbox.routes(file), *previews.routes(origin)]


def _probes(readiness: Readiness) -> list[Route]:
    return [
        Route("/healthz", healthz),
        Route("/readyz", readiness.readyz),
        Route("/metrics", metrics.respond),
    ]


def _endpoint(
    settings: Settings, limits: Limits, wake_ups: WakeUps, readiness: Readiness
) -> Endpoint:
    return Endpoint(
        documents=schema.build(
            introspection=settings.introspection,
            trusted=trusted.documents(settings),
            only_trusted=settings.trusted_only,
        ),
        policy=Policy.of(settings),
        authentication=Authentication(
            origin=settings.origin,
            friends=settings.friendly_origins,
            trusted_proxies=settings.trusted_proxies,
        ),
        limits=limits,
        partner_budgets=PartnerBudgets(limits, settings.partner_budget),
        once=Once(
            secrets=settings.secret_keys,
            pool_size=settings.pool_size,
            wake_workers=wake_ups.wake,
        ),
        wake_workers=wake_ups.wake,
        is_ready=readiness.is_migrated,
    )


@asynccontextmanager
async def _running(readiness: Readiness, wake_ups: WakeUps, limits: Limits) -> AsyncIterator[None]:
    works = (
        readiness.watch(),
        wake_ups.run(),
        failed_logins.keep_saving(),
        sessions.keep_saving_uses(),
    )
    tasks = [asyncio.create_task(work) for work in works]
    await readiness.look()
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await wake_ups.close()
        await limits.close()


async def _without_slash(request: Request) -> Response:
    return RedirectResponse(request.url.replace(path="/graphql"))  # 307: the body goes along
