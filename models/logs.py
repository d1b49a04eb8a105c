"""Log lines: JSON with the request's id, or readable ones on a terminal."""

import logging
import re
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

# Their debug lines hold values: statements with their parameters, jobs, SMTP dialogues.
_TALKATIVE = ("tortoise", "asyncpg", "strawberry", "aiosmtplib", "asyncio")


_ROW = re.compile(r"Failing row contains \(.*\)", re.DOTALL)


def configure(level: str) -> None:
    """Send every logger of this process to stderr in one format, from `level` upwards."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(readable=sys.stderr.isatty()))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLogger().level))
    # A traceback a second while PostgreSQL is away, which others tell in a line.
    logging.getLogger("asyncpg.pool").setLevel(logging.CRITICAL)
    logging.getLogger("arq").setLevel(logging.WARNING)  # two lines a job otherwise


def _formatter(*, readable: bool) -> logging.Formatter:
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        _plain,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _withhold_rows,
    ]
    last = (
        structlog.dev.ConsoleRenderer(sort_keys=False)
        if readable
        else structlog.processors.JSONRenderer()
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
    )


def _plain(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop uvicorn's second copy of a line, in colour."""
    event.pop("color_message", None)
    return event


def _withhold_rows(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Cut what PostgreSQL quotes of a row that breaks a constraint: it may hold a code."""
    for name in ("event", "exception"):
        if isinstance(text := event.get(name), str):
            event[name] = _ROW.sub("Failing row withheld", text)
    return event
