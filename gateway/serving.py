"""The server around the application: one process, or several on the same sockets."""

import gc
import logging
import socket
import sys
from contextlib import suppress

import uvicorn
from starlette.applications import Starlette
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from gateway import trusted
from gateway.app import create_app
from models import credentials, logs
from models.settings import Settings, SettingsError

log = logging.getLogger(__name__)


def serve(settings: Settings, sockets: list[socket.socket]) -> None:
    """Serve until SIGTERM or SIGINT; of several processes a dead one is started again.

    Raises SettingsError.
    """
    trusted.documents(settings)  # a wrong manifest is one line, before anything is started
    logs.configure(settings.log_level)
    config = uvicorn.Config(
        "gateway.serving:application",
        factory=True,
        workers=settings.processes,
        loop="uvloop",
        http="httptools",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=5,
    )
    # uvicorn raises the signal that stopped it once more when it is done.
    with suppress(KeyboardInterrupt):
        if settings.processes == 1:
            uvicorn.Server(config).run(sockets)
        else:
            several = Multiprocess(config, sockets)
            several.run()
            if any(process.exitcode == STARTUP_FAILURE for process in several.processes):
                sys.exit(STARTUP_FAILURE)


def application() -> Starlette:
    """Build the application of a process that does nothing else."""
    settings = Settings.load()
    logs.configure(settings.log_level, gathered=True)
    credentials.share_cores(settings.processes)
    try:
        app = create_app(settings)
    except SettingsError as fault:
        log.error("no start", extra={"reason": str(fault)})  # noqa: TRY400 -- one line says it
        sys.exit(STARTUP_FAILURE)
    # What is there for good, schema and models, need not be walked by each full collection. Nor
    # now: next to nothing of it is garbage.
    gc.freeze()
    return app
