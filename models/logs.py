"""Log lines: JSON with the request's id, or readable ones on a terminal."""

import logging
import sys

import structlog
from structlog.typing import Processor

# Their debug lines hold values: statements with their parameters, jobs, SMTP dialogues.
_TALKATIVE = ("tortoise", "asyncpg", "strawberry", "aiosmtplib", "arq", "asyncio")


def configure(level: str) -> None:
    """Send every logger of this process to stderr in one format, from `level` upwards."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    readable = sys.stderr.isatty()
    last: list[Processor] = (
        [structlog.dev.ConsoleRenderer(sort_keys=False)]
        if readable
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLogger().level))
