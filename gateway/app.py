"""The gateway's ASGI application, built from settings; nothing happens at import."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

import schema
from gateway import mailbox
from gateway.authentication import Authentication
from gateway.graphql import Endpoint
from gateway.health import Readiness, healthz
from gateway.requests import RequestIds
from gateway.wakeup import WakeUps
from models import database
from models.policy import Policy
from models.settings import Settings


def create_app(settings: Settings) -> Starlette:
    """Build the application of one process."""
    wake_ups = WakeUps(settings.redis_url.get_secret_value())
    readiness = Readiness(wake_ups.ping)
    endpoint = Endpoint(
        schema=schema.build(introspection=settings.introspection),
        policy=Policy.of(settings),
        authentication=Authentication(
            origin=settings.origin, trusted_proxies=settings.trusted_proxies
        ),
        wake_workers=wake_ups.wake,
        is_ready=readiness.is_migrated,
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with database.opened(settings):
            background = [
                asyncio.create_task(readiness.watch()),
                asyncio.create_task(wake_ups.run()),
            ]
            yield
            for task in background:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await wake_ups.close()

    routes = [
        Route("/", _directory),
        Route("/graphql", endpoint.respond, methods=["GET", "POST"]),
        Route("/schema.graphql", _printed_schema),
        Route("/healthz", healthz),
        Route("/readyz", readiness.readyz),
        *(mailbox.routes(settings.mailbox_file) if settings.mailbox_file else []),
    ]
    return Starlette(routes=routes, lifespan=lifespan, middleware=[Middleware(RequestIds)])


async def _directory(request: Request) -> Response:
    paths = [route.path for route in request.app.routes if route.path not in {"/", "/readyz"}]
    return PlainTextResponse("nicgate, an account gateway\n\n" + "\n".join(paths) + "\n")


async def _printed_schema(_request: Request) -> Response:
    return PlainTextResponse(schema.schema.as_str() + "\n")
