"""Log lines: JSON with the request's id, or readable ones on a terminal."""

import asyncio
import json
import logging
import re
import sys
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

request_id: ContextVar[str] = ContextVar("request_id", default="")

# Their debug lines hold values: statements with their parameters, jobs, SMTP dialogues.
_TALKATIVE = ("tortoise", "asyncpg", "strawberry", "aiosmtplib", "asyncio")
_GATHERED_FOR = 0.05  # seconds
_ROW = re.compile(r"Failing row contains \(.*\)", re.DOTALL)
_OF_EVERY_RECORD = {
    *vars(logging.makeLogRecord({})),
    *("message", "asctime"),
    "color_message",  # uvicorn's second copy of a line
}


def configure(level: str, *, gathered: bool = False) -> None:
    """Send every logger of this process to stderr in one format, from `level` upwards.

    `gathered`: lines that `tell` of less than a warning leave every 50 ms, many at once.
    """
    readable = sys.stderr.isatty()
    handler = _Stderr(gathered=gathered and not readable)
    handler.setFormatter(_readable() if readable else _JsonLines())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLogger().level))
    # A traceback a second while PostgreSQL is away, which others tell in a line.
    logging.getLogger("asyncpg.pool").setLevel(logging.CRITICAL)
    logging.getLogger("arq").setLevel(logging.WARNING)  # two lines a job otherwise


def tell(logger: logging.Logger, event: str, **values: Any) -> None:
    """Log a line of level info: the one that there is for every request.

    Where lines are gathered it is made without a record, which would take several times as long.
    """
    handler = logging.root.handlers[0] if logging.root.handlers else None
    if not (isinstance(handler, _Stderr) and handler.gathered):
        logger.info(event, extra=values)
    elif logger.isEnabledFor(logging.INFO):
        handler.gather(_line(event, logger.name, "info", datetime.now(UTC), values))


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to stderr; what was gathered leaves before any other line."""

    def __init__(self, *, gathered: bool) -> None:
        super().__init__(sys.stderr)
        self.gathered = gathered
        self._lines: list[str] = []

    def gather(self, line: str) -> None:
        if not self._lines:
            asyncio.get_running_loop().call_later(_GATHERED_FOR, self._let_go)
        self._lines.append(line)

    def emit(self, record: logging.LogRecord) -> None:
        self._let_go()
        super().emit(record)

    def _let_go(self) -> None:
        lines, self._lines = self._lines, []
        with suppress(OSError, ValueError):  # nowhere to write, and nobody to tell
            if lines:
                self.stream.write("\n".join(lines) + "\n")
                self.flush()

    def close(self) -> None:
        self._let_go()
        super().close()


class _JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        said = record.__dict__.items()
        values = {name: value for name, value in said if name not in _OF_EVERY_RECORD}
        if record.exc_info:
            values["exception"] = _without_row(self.formatException(record.exc_info))
        event = _without_row(record.getMessage())
        at = datetime.fromtimestamp(record.created, UTC)
        return _line(event, record.name, record.levelname.lower(), at, values)


def _line(event: str, logger: str, level: str, at: datetime, values: dict[str, Any]) -> str:
    line = {"event": event, "logger": logger, "level": level, **values}
    if named := request_id.get():
        line["request_id"] = named
    line["timestamp"] = at
    try:
        return orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z).decode()
    except orjson.JSONEncodeError:  # a lone surrogate
        line["timestamp"] = at.isoformat().replace("+00:00", "Z")
        return json.dumps(line, default=str)


def _readable() -> logging.Formatter:
    shared: list[Processor] = [
        _with_request_id,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        _plain,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _withhold_rows,
    ]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.dev.ConsoleRenderer(sort_keys=False),
        ],
    )


def _with_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if named := request_id.get():
        event["request_id"] = named
    return event


def _plain(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop uvicorn's second copy of a line, in colour."""
    event.pop("color_message", None)
    return event


def _withhold_rows(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name in ("event", "exception"):
        if isinstance(text := event.get(name), str):
            event[name] = _without_row(text)
    return event


def _without_row(text: str) -> str:
    """Cut what PostgreSQL quotes of a row that breaks a constraint: it may hold a code."""
    return _ROW.sub("Failing row withheld", text) if "Failing row" in text else text
