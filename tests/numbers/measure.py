"""The numbers of the README, measured: `make numbers`. Exit status 1 when one is missed.

Real processes, PostgreSQL with fsync, Valkey with its log, SMTP over TCP.
"""

import asyncio
import json
import os
import platform
import smtplib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import world
from tortoise.connection import get_connection

from gateway.embedded import servers
from models import database
from models.settings import DatabaseSettings

HERE = Path(__file__).parent
MAILS, CHANGES, DEADLINES = 1_000, 10_000, 1_000
CONNECTIONS = 8
_PENDING = "SELECT count(*) AS n FROM email_changes WHERE state = 'PENDING'"


@dataclass(frozen=True)
class Place:
    """Where a measurement happens."""

    database: DatabaseSettings
    redis_url: str
    logs: Path


@contextmanager
def sink() -> Iterator[int]:
    """Run a mail server; yield its port."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "sink.py")], stdout=subprocess.PIPE, text=True
    )
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def seen(port: int) -> dict[str, int]:
    """What the mail server has seen."""
    with smtplib.SMTP("127.0.0.1", port) as asking:
        return json.loads(asking.docmd("XSTAT")[1])


@contextmanager
def workers(place: Place, count: int, port: int) -> Iterator[list[int]]:
    """Run worker processes; yield their pids."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith("NICGATE_")}
    settings = {
        "NICGATE_DATABASE_URL": place.database.database_url.get_secret_value(),
        "NICGATE_REDIS_URL": place.redis_url,
        "NICGATE_SMTP_URL": f"smtp://127.0.0.1:{port}",
        "NICGATE_SMTP_CONNECTIONS": str(CONNECTIONS),
        "NICGATE_SECRET_KEY": "a key for figures only",
    }
    with ExitStack() as stack:
        running = []
        for number in range(count):
            log = stack.enter_context((place.logs / f"worker{number}.log").open("a"))
            running.append(
                subprocess.Popen(
                    [sys.executable, "-P", "-m", "workers"], env=ours | settings, stderr=log
                )
            )
        try:
            yield [process.pid for process in running]
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(20)


async def one(statement: str) -> float:
    """The one number that a statement finds."""
    (row,) = await get_connection("default").execute_query_dict(statement)
    (value,) = row.values()
    return float(value or 0)


def resident(pids: list[int]) -> int:
    """The memory of processes, in KiB."""
    statuses = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    return sum(int(text.partition("VmRSS:")[2].split()[0]) for text in statuses)


def busy(pids: Iterable[int]) -> float:
    """The seconds of processor time that processes have had."""
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / os.sysconf("SC_CLK_TCK")


async def mails(place: Place) -> bool:
    """1,000 mails through one worker, the clock of a change starting with each."""
    await world.waiting(MAILS, with_questions=True)
    with sink() as port, workers(place, 1, port) as pids:
        give_up = time.monotonic() + 120
        while await one("SELECT count(*) FROM mails WHERE state = 'QUEUED'"):
            assert time.monotonic() < give_up, "the mails do not leave"
            await asyncio.sleep(0.1)
        figures, worked = seen(port), busy(pids)
    # From the first to the last settlement: without the start of Python.
    seconds = await one("SELECT extract(epoch FROM max(settled_at) - min(settled_at)) FROM mails")
    rate = MAILS / seconds
    print(
        f"mails       {MAILS} by one worker in {seconds:.1f} s: {rate:.0f} a second"
        f" (at least 200); {figures['connections']} connections,"
        f" {figures['most_open']} at once (at most {CONNECTIONS});"
        f" {worked:.1f} s of processor time in the worker"
    )
    assert figures["messages"] == figures["ids"] == MAILS, figures
    assert await one("SELECT count(*) FROM email_changes WHERE auto_accept_at IS NULL") == 0
    return rate >= 200 and figures["most_open"] <= CONNECTIONS


async def changes(place: Place) -> bool:
    """10,000 overdue changes by two workers, whose mails follow."""
    await world.waiting(CHANGES)
    await one(
        "WITH late AS (UPDATE email_changes SET auto_accept_at = now() - interval '1 hour'"
        " RETURNING 1) SELECT count(*) FROM late"
    )
    memory = []
    with sink() as port, workers(place, 2, port) as pids:
        give_up = time.monotonic() + 300
        for third in (2, 1, 0):
            while await one(_PENDING) > CHANGES * third / 3:
                assert time.monotonic() < give_up, "the changes do not settle"
                await asyncio.sleep(0.1)
            memory.append(resident(pids))
        seconds = await one(
            "SELECT extract(epoch FROM max(settled_at) - min(settled_at)) FROM email_changes"
        )
        left = await one("SELECT count(*) FROM mails WHERE state = 'QUEUED'")
    growth = memory[-1] / memory[0]
    print(
        f"acceptances {CHANGES} overdue by two workers in {seconds:.1f} s (under 60);"
        f" memory {memory[0] / 1024:.0f} MiB after the first third, x {growth:.2f} after the last"
        f" (at most 1.1); {left:.0f} of their mails still waited"
    )
    assert await one("SELECT count(*) FROM email_changes WHERE state = 'DONE'") == CHANGES
    return seconds < 60 and growth <= 1.1


async def deadlines(place: Place) -> bool:
    """1,000 deadlines within one minute, by two workers."""
    await world.waiting(DEADLINES)
    with sink() as port, workers(place, 2, port):
        await one(
            "WITH asked AS (UPDATE email_changes SET auto_accept_at ="
            " now() + interval '3 s' + random() * interval '60 s' RETURNING 1)"
            " SELECT count(*) FROM asked"
        )
        give_up = time.monotonic() + 120
        while await one(_PENDING):
            assert time.monotonic() < give_up, "the changes do not settle"
            await asyncio.sleep(0.5)
    late = "extract(epoch FROM settled_at - auto_accept_at)"
    found = [
        await one(f"SELECT percentile_cont({p}) WITHIN GROUP (ORDER BY {late}) FROM email_changes")
        for p in (0.5, 0.99, 1)
    ]
    early = await one(f"SELECT count(*) FROM email_changes WHERE {late} < 0")
    print(
        f"lateness    {DEADLINES} deadlines in one minute: median {found[0]:.2f} s,"
        f" p99 {found[1]:.2f} s (under 2), worst {found[2]:.2f} s; {early:.0f} early"
    )
    return found[1] < 2 and not early


async def measured(place: Place, measure) -> bool:
    """One measurement in an empty database."""
    async with database.opened(place.database):
        await get_connection("default").execute_script(
            "BEGIN; SET LOCAL session_replication_role = replica; TRUNCATE mails, links,"
            " challenges, email_changes, sessions, accounts, signups, nic_handles, counters"
            " CASCADE; COMMIT"
        )
        return await measure(place)


def main() -> int:
    wanted = sys.argv[1:] or ["mails", "changes", "deadlines"]
    measures = {"mails": mails, "changes": changes, "deadlines": deadlines}
    with tempfile.TemporaryDirectory(prefix="nicgate-numbers-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with servers.running(folder) as (database_url, redis_url):
            place = Place(DatabaseSettings(database_url=database_url), redis_url, folder)
            asyncio.run(database.migrate(place.database))
            print(
                f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
            )
            held = [asyncio.run(measured(place, measures[one])) for one in wanted]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
