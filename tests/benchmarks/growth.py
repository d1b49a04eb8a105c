"""Cost that does not grow: the same requests with 10,000 accounts and with 1,000,000.

`make bench-growth`; exit status 1 when a median grows by more than a fifth.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import crowd
import load
import servers

from gateway.embedded import servers as embedded
from models import database, email_changes, mails
from models.settings import DatabaseSettings

FEW, MANY = 10_000, 1_000_000
ALLOWED = 1.2
RATE, SECONDS, ROUNDS = 1000, 3, 5
CALLS = 300


async def relay(settings: DatabaseSettings) -> dict[str, float]:
    """The medians of the two statements that the relay asks every second, in milliseconds."""
    async with database.opened(settings):
        found = {}
        for name, due in (("mails that are due", mails.due), ("changes", email_changes.due)):
            took = []
            for _ in range(CALLS):
                started = time.perf_counter()
                await due(within=timedelta(seconds=5), limit=500)
                took.append((time.perf_counter() - started) * 1000)
            found[f"relay: {name}"] = statistics.median(took)
    return found


def measured(accounts: int) -> dict[str, float]:
    """Fill a database, and measure in it."""
    with tempfile.TemporaryDirectory(prefix="nicgate-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL may have to run as nobody
        urls = stack.enter_context(embedded.running(folder))
        settings = DatabaseSettings(database_url=urls[0])
        asyncio.run(database.migrate(settings))
        asyncio.run(crowd.build(settings, accounts, cost=4))
        server = stack.enter_context(servers.gateway(servers.gateway_environment(*urls), folder))
        found = {}
        customers = min(accounts, crowd.SESSIONS)
        for case in (load.READING[1], load.READING[2]):
            load.run(server, case, seconds=SECONDS, rate=RATE, customers=customers)
            runs = [
                load.run(server, case, seconds=SECONDS, rate=RATE, customers=customers)
                for _ in range(ROUNDS)
            ]
            found[case.name] = statistics.median(it.p50 for it in runs)
        return found | asyncio.run(relay(settings))


def main() -> int:
    load.require_wrk()
    few, many = measured(FEW), measured(MANY)
    print(f"{os.cpu_count()} cores; medians in ms, {FEW:,} and {MANY:,} accounts")
    missed = 0
    for name, former in few.items():
        ratio = many[name] / former
        missed += ratio > ALLOWED
        verdict = "held" if ratio <= ALLOWED else "MISSED"
        print(f"{name:<28}{former:>8.3f}{many[name]:>8.3f}   x {ratio:.2f}   {verdict}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
