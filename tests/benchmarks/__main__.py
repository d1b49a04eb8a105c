"""What GraphQL and the ORM cost, measured against a server that has neither: `make bench`.

Exit status 1 when a number of the table is missed.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

import answers
import bcrypt
import crowd
import load
import report
import servers
from load import Case, Figures
from servers import Server

from gateway.embedded import servers as embedded
from models import database
from models.settings import DatabaseSettings

COST = 12
ACCOUNTS = 1_000_000
MILLION = 1_000_000


@dataclass
class Bench:
    """One run: its servers, and what was found so far."""

    seconds: float
    rounds: int
    gateway: Server
    limit: Server
    plain: Server
    found: dict[str, list[Figures]] = field(default_factory=dict)
    hashes: list[float] = field(default_factory=list)  # seconds of one, before each run of logins
    sent: int = 0

    def put(self, key: str, server: Server, case: Case, **how: float) -> Figures:
        """Run one case, and keep its figures under a name."""
        figures = load.run(server, case, **({"seconds": self.seconds} | how))
        self.found.setdefault(key, []).append(figures)
        self.sent += figures.requests if server is self.gateway else 0
        print(
            f"  {key:<34}{figures.rate:>8.0f} /s   p50 {figures.p50:.1f} ms,"
            f" p99 {figures.p99:.1f} ms",
            flush=True,
        )
        return figures

    def reading(self) -> None:
        """Everything in turn, forwards and backwards, so that a drift of the machine is shared."""
        turns = [
            (f"{case.name} {it.name}", it, case)
            for case in load.READING
            for it in (self.limit, self.gateway)
        ]
        full = load.READING[1]
        turns += [("me_full plain", self.plain, full), ("me_full cold", self.gateway, load.COLD)]
        for turn in range(self.rounds):
            for key, server, case in turns if turn % 2 == 0 else reversed(turns):
                self.put(key, server, case)

    def at_a_rate(self) -> None:
        """Half of the gateway's top rate, for both."""
        for case in load.READING:
            half = statistics.median(it.rate for it in self.found[f"{case.name} gateway"]) / 2
            for turn in range(self.rounds):
                both = (self.limit, self.gateway) if turn % 2 == 0 else (self.gateway, self.limit)
                for server in both:
                    self.put(f"{case.name} {server.name} at half", server, case, rate=half)

    def writing(self) -> None:
        """What hashes and what writes, of the gateway alone."""
        for turn in range(self.rounds):
            self.gateway.rest()  # it goes on hashing for those who have hung up
            self.hashes.append(_one_hash())
            self._write(load.logins(turn), seconds=5 * self.seconds)
        for case in load.CHANGING:
            self._write(case, seconds=3 * self.seconds)
        for case in (load.logins(self.rounds), *load.CHANGING):
            half = self.found[f"{case.name} gateway"][0].rate / 2
            self._write(case, " at half", rate=max(half, 1), seconds=2 * self.seconds)

    def _write(self, case: Case, suffix: str = "", **how: float) -> None:
        self.put(f"{case.name} gateway{suffix}", self.gateway, case, **how)

    def up_to_a_million(self) -> None:
        while self.sent < MILLION:
            self.put("me_full up to a million", self.gateway, load.READING[1], seconds=20)


def main() -> int:
    options = _options()
    load.require_wrk()
    with tempfile.TemporaryDirectory(prefix="nicgate-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL may have to run as nobody
        urls = stack.enter_context(embedded.running(folder))
        settings = DatabaseSettings(database_url=urls[0])
        started = time.monotonic()
        asyncio.run(database.migrate(settings))
        asyncio.run(crowd.build(settings, options.accounts, cost=COST))
        print(f"{options.accounts:,} accounts in {time.monotonic() - started:.0f} s")
        result = _measured(options, servers.gateway_environment(*urls), folder)
    result |= {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "accounts": options.accounts,
    }
    options.file.parent.mkdir(parents=True, exist_ok=True)
    options.file.write_text(json.dumps(result, indent=1))
    return report.show(result)


def _measured(options: argparse.Namespace, environment: dict[str, str], logs: Path) -> dict:
    with ExitStack() as stack:
        running = [
            stack.enter_context(servers.gateway(environment, logs)),
            *(
                stack.enter_context(servers.beside(it, environment, logs))
                for it in ("limit", "plain")
            ),
        ]
        answers.check(*running)
        bench = Bench(options.seconds, options.rounds, *running)
        bench.reading()
        bench.at_a_rate()
        bench.writing()
        if options.million:
            bench.up_to_a_million()
        memory = bench.gateway.memory()
    processes, starts = _several(options, environment, logs)
    return {
        "cases": {key: [asdict(it) for it in some] for key, some in bench.found.items()},
        "hash_seconds": bench.hashes,
        "memory_mib": memory,
        "requests": bench.sent,
        "started_in": statistics.median(starts),
        "processes": processes,
    }


def _several(
    options: argparse.Namespace, environment: dict[str, str], logs: Path
) -> tuple[dict, list[float]]:
    """Requests for each second of the gateway's processors, by one process and by two, in turn.

    And how long one took to its first answer, each time.
    """
    found: dict[str, list[dict[str, float]]] = {"1": [], "2": []}
    starts = []
    for turn in range(options.rounds):
        for workers in (1, 2) if turn % 2 == 0 else (2, 1):
            with servers.gateway(environment, logs, workers=workers) as server:
                starts += [server.started_in] if workers == 1 else []
                load.run(server, load.READING[1], seconds=2)
                before = server.busy()
                figures = load.run(server, load.READING[1], seconds=2 * options.seconds)
                spent = server.busy() - before
            known = {"rate": figures.rate, "for_a_second": figures.requests / spent}
            found[str(workers)].append(known)
    return found, starts


def _one_hash() -> float:
    """The time of one hash, the best of five."""
    took = []
    for _ in range(5):
        started = time.perf_counter()
        bcrypt.hashpw(b"one hash", bcrypt.gensalt(COST))
        took.append(time.perf_counter() - started)
    return min(took)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--accounts", type=int, default=ACCOUNTS)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--million", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--file", type=Path, default=Path("var/bench.json"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
