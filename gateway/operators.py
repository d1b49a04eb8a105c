"""What an operator sees and does: `nicgate mails` for the dead letters, `nicgate queue`.

No secret is ever printed: texts are kept masked, and the columns of codes are not read.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from gateway.listening import StartError
from models import backlog, database, dead_letters
from models.dead_letters import NotDeadError, UnknownMailError
from models.mails import Mail, NotRequeueableError, SecretsWipedError
from models.settings import DatabaseSettings

_REFUSALS = {
    UnknownMailError: "there is no such mail",
    NotDeadError: "it was sent, or has not ended; only a dead letter can be dropped",
    NotRequeueableError: "it was sent, or is being sent now",
    SecretsWipedError: "its codes and links are wiped; its holder must ask for a new code",
}


def mails(*, action: str, ids: Sequence[UUID], waiting: bool, limit: int) -> None:
    """List, show, requeue or drop dead letters; or list what waits to be tried again."""
    if bool(ids) is (action == "list"):
        raise StartError(f"nicgate mails {action} {'takes no ID' if ids else 'needs an ID'}.")
    if action == "list":
        ask(lambda: _list(limit, waiting=waiting))
    elif action == "show":
        ask(lambda: _each(ids, dead_letters.find, _whole))
    elif action == "requeue":
        ask(lambda: _each(ids, dead_letters.requeue, lambda mail: [f"{mail.id} is due now"]))
    else:
        ask(lambda: _each(ids, dead_letters.drop, lambda mail: [f"{mail.id} is off the list"]))


def queue(*, limit: int) -> None:
    """List what is due."""
    ask(lambda: _queue(limit))


def ask(work: Callable[[], Awaitable[bool]]) -> None:
    """Do a piece of work on the database. Raises StartError when any part of it was refused."""
    settings = DatabaseSettings.load()

    async def done() -> bool:
        async with database.opened(settings):
            if missing := await database.missing_migrations():
                raise StartError(f"The database lacks {', '.join(missing)}: run nicgate migrate.")
            return await work()

    try:
        is_whole = asyncio.run(done())
    except Exception as fault:
        if not (database.is_outage(fault) or database.is_refusal(fault)):
            raise
        said = " ".join(str(fault).split())
        raise StartError(f"The database cannot be asked: {type(fault).__name__}: {said}") from None
    if not is_whole:
        raise StartError("Not everything was done.")


def moment(at: datetime | None) -> str:
    """Write an instant, in UTC, or nothing."""
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else ""


def show(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Write a table, in columns as wide as they must be; nothing at all without rows."""
    lines = [heads, *rows] if rows else []
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


async def _list(limit: int, *, waiting: bool) -> bool:
    found = await (dead_letters.waiting if waiting else dead_letters.latest)(limit)
    show(
        ("ID", "DUE" if waiting else "ENDED", "STATE", "TRIES", "NIC-HANDLE", "MAIL", "REASON"),
        [
            (
                str(mail.id),
                moment(mail.due_at if waiting else mail.settled_at),
                mail.state,
                str(mail.attempts),
                mail.nic_handle,
                mail.template,
                mail.reason or "",
            )
            for mail in found
        ],
    )
    return True


async def _queue(limit: int) -> bool:
    show(
        ("ID", "DUE", "LATE", "TRIES", "NIC-HANDLE", "WHAT"),
        [
            (
                str(row.id),
                moment(row.due_at),
                f"{row.late:.0f} s",
                str(row.attempts),
                row.nic_handle,
                row.what,
            )
            for row in await backlog.due(limit)
        ],
    )
    return True


async def _each(
    ids: Sequence[UUID],
    act: Callable[[UUID], Awaitable[Mail]],
    tell: Callable[[Mail], Iterable[str]],
) -> bool:
    refused = False
    for mail_id in ids:
        try:
            mail = await act(mail_id)
        except tuple(_REFUSALS) as refusal:
            refused = True
            sys.stderr.write(f"{mail_id}: {_REFUSALS[type(refusal)]}\n")
        else:
            sys.stdout.write("\n".join(tell(mail)) + "\n")
    return not refused


def _whole(mail: Mail) -> Iterable[str]:
    facts = {
        "id": mail.id,
        "mail": f"{mail.template} ({mail.language})",
        "to": mail.recipient,
        "nic-handle": mail.nic_handle,
        "state": f"{mail.state}, off the list" if mail.dropped_at else mail.state,
        "attempts": mail.attempts,
        "reason": mail.reason or "",
        "queued": moment(mail.queued_at),
        "due": "" if mail.settled_at else moment(mail.due_at),
        "of use until": moment(mail.expires_at),
        "ended": moment(mail.settled_at),
        "parameters": ", ".join(sorted(mail.params)),
        "secrets": "wiped" if mail.secrets is None else ", ".join(sorted(mail.secrets)) or "none",
        "subject": mail.subject or "(not written yet)",
    }
    yield from (f"{name + ':':<14}{fact}" for name, fact in facts.items() if fact != "")
    if mail.text:
        yield f"\n{mail.text}"
