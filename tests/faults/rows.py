"""The rows of the table: every fault that the issue names, how it comes, and how it goes."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from faults.postoffice import Mode, Stage, ports_of
from faults.rig import BRISK, LEASE, Process, Rig, closed, until
from faults.stories import Silence, Story
from redis.asyncio import Redis
from redis.exceptions import ResponseError

_PUBLISHERS = (
    "SELECT FROM pg_stat_activity WHERE state = $1 AND query LIKE '%SET published_at%'"
    " AND (state <> 'active' OR wait_event_type = 'Lock')"
)

Step = Callable[[Rig], Awaitable[None]]
Strike = Callable[[Rig, list[Story]], Awaitable[None]]


async def nothing(_rig: Rig) -> None:
    """Do nothing: the fault was there from the start, or goes by itself."""


@dataclass(frozen=True)
class Row:
    """One fault. `missing` is what /readyz must name while it lasts, which is `seconds`.

    `waits` says what a mail may wait for beyond the repair: the lease of a dead worker, or the
    back-off of SMTP. `strike` stands for `inject` and `repair`, and lets the stories begin and act
    where the moment depends on them.
    """

    name: str
    inject: Step = nothing
    repair: Step = nothing
    seconds: float = 1.0
    missing: str = ""
    waits: str = ""
    strike: Strike | None = None
    before: Step = nothing
    after: Step = nothing
    environments: list[dict[str, str]] = field(default_factory=lambda: [{}, {}, {}])
    impossible: Callable[[], str] = str
    rolls: bool = False  # whether every worker has to show afterwards that it works


# Workers


async def _eve(stories: list[Story]) -> None:
    await asyncio.gather(*(story.eve() for story in stories))


async def _acting(stories: list[Story]) -> None:
    await asyncio.gather(*(story.act() for story in stories))


async def _half(rig: Rig, stories: list[Story], stage: Stage) -> None:
    """Play some stories until each has a mail in a dialogue that is held, and no more come."""
    rig.office.release()
    await asyncio.gather(*(story.eve() for story in stories if isinstance(story, Silence)))
    if stage is Stage.GREETING:
        rig.office.hang_up()  # a connection that is used again has no greeting
    rig.office.hold_at = stage
    await asyncio.gather(*(story.eve() for story in stories if not isinstance(story, Silence)))
    await _acting(stories)
    names = {story.name for story in stories}

    async def look() -> bool:
        rows = await rig.sql(
            "SELECT DISTINCT regexp_replace(recipient, '-[0-9a-f]{8}(-new)?@.*', '') AS story"
            " FROM mails WHERE state = 'QUEUED' AND attempts > 0 AND due_at > clock_timestamp()"
        )
        return {row["story"] for row in rows} >= names and len(rig.office.held) >= len(names)

    await until(look, 20, f"{names} in dialogues")
    before = -1
    while before != len(rig.office.held):
        before = len(rig.office.held)
        await asyncio.sleep(0.4)


def _killing(stage: Stage, blow: Callable[[Rig, Process], Awaitable[None]]) -> Strike:
    """Kill two of three workers, each with the mails of half of the stories in its hands.

    A worker has eight dialogues at most; in two halves, each story has a mail in one of them.
    """

    async def strike(rig: Rig, stories: list[Story]) -> None:
        first, second, third = rig.workers
        for worker in (second, third):
            rig.sleep(worker)
        await _half(rig, stories[:4], stage)
        await blow(rig, first)
        rig.wake(second)
        await _half(rig, stories[4:], stage)
        await blow(rig, second)
        rig.office.release()
        rig.wake(third)

    return strike


async def _kill(rig: Rig, worker: Process) -> None:
    rig.kill(worker)


async def _kill_after_the_answer(rig: Rig, worker: Process) -> None:
    """The server has said 250, and nobody reads it."""
    rig.sleep(worker)
    rig.office.release()
    await asyncio.sleep(0.3)
    rig.kill(worker)


async def _kill_before_the_mark(rig: Rig, worker: Process) -> None:
    """The worker has read 250, and cannot write it down: its rows are locked."""
    ports = ports_of(worker.pid)
    ours = await rig.connect()
    lock = ours.transaction()
    await lock.start()
    await ours.execute("SELECT FROM mails WHERE state = 'QUEUED' FOR UPDATE")
    held = len(rig.office.held)
    rig.office.release()

    async def look() -> bool:
        rows = await rig.sql("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return len(rows) >= held

    await until(look, 10, "marks that wait")
    rig.kill(worker)
    rig.office.forgive(ports)
    await lock.rollback()
    await closed(ours)


async def _sleep_past_the_lease(rig: Rig, stories: list[Story]) -> None:
    """Two workers fall asleep with mails in dialogues, and wake when others have sent them."""
    first, second, third = rig.workers
    for worker in (second, third):
        rig.sleep(worker)
    await _half(rig, stories[:4], Stage.DOT)
    rig.sleep(first)
    rig.wake(second)
    await _half(rig, stories[4:], Stage.DOT)
    rig.sleep(second)
    rig.office.release()
    rig.wake(third)

    async def wake() -> None:
        await asyncio.sleep(LEASE + 8)
        rig.wake(first)
        rig.wake(second)
        await asyncio.sleep(2)  # for what they may do wrong

    rig.later(wake())


async def _two_relays(rig: Rig, stories: list[Story]) -> None:
    """Everything comes due while nobody looks; then all relays look at once, again and again."""
    await _eve(stories)
    for worker in rig.workers:
        rig.sleep(worker)
    await _acting(stories)
    await asyncio.sleep(BRISK)
    for _ in range(5):
        for worker in rig.workers:
            rig.wake(worker)
        await asyncio.sleep(0.02)
        for worker in rig.workers:
            rig.sleep(worker)
    for worker in rig.workers:
        rig.wake(worker)


async def _kill_at_a_webhook(rig: Rig, stories: list[Story]) -> None:
    """Partners are told by one worker, whose requests are held; nobody has answered it yet."""
    await _eve(stories)
    first, *others = rig.workers
    for worker in others:
        rig.sleep(worker)
    rig.door.clear()
    known = len(rig.hooks.received)
    await _acting(stories)
    await until(lambda: len(rig.hooks.received) > known, 20, "a webhook that is held")
    rig.kill(first)
    rig.door.set()
    for worker in others:
        rig.wake(worker)


async def _stop_while_publishing(rig: Rig, stories: list[Story]) -> None:
    """One worker holds the lock of the publication, with its transaction open, and stands still."""
    await _eve(stories)
    first, *others = rig.workers
    for worker in others:
        rig.sleep(worker)
    ours = await rig.connect()
    lock = ours.transaction()
    await lock.start()
    await ours.execute("SELECT FROM webhooks FOR UPDATE")
    acting = asyncio.ensure_future(_acting(stories))
    await until(lambda: rig.sql(_PUBLISHERS, "active"), 20, "a publication that waits")
    rig.sleep(first)
    await lock.rollback()
    await closed(ours)
    await until(lambda: rig.sql(_PUBLISHERS, "idle in transaction"), 5, "one that stands still")
    for worker in others:
        rig.wake(worker)
    await acting

    async def wake() -> None:
        await asyncio.sleep(30)
        rig.wake(first)
        await asyncio.sleep(2)  # for what it may do wrong

    rig.later(wake())


# Gateways


async def _kill_gateway(rig: Rig, stories: list[Story]) -> None:
    """The wake-ups hang, as Valkey sleeps; the gateway that owes them dies."""
    await _eve(stories)
    rig.valkey.send(signal.SIGSTOP)
    for story in stories:
        story.gateway = 0
    await _acting(stories)
    rig.kill(rig.gateways[0])
    rig.valkey.send(signal.SIGCONT)


# Valkey


async def kill_valkey(rig: Rig) -> None:
    await rig.valkey.end(signal.SIGKILL)


async def start_valkey(rig: Rig) -> None:
    rig.valkey.start()
    await until(lambda: rig.store.is_ready(0), 10, "Valkey")


async def flush(rig: Rig) -> None:
    """Again and again, so that one comes between a job and its end."""
    redis = Redis.from_url(rig.store.url)
    for _ in range(8):
        await redis.flushall()
        await asyncio.sleep(0.1)
    await redis.aclose()


async def _mount(rig: Rig) -> None:
    """Valkey's folder becomes a tiny disk."""
    await rig.valkey.end(signal.SIGKILL)
    shutil.rmtree(rig.store.home)
    rig.store.home.mkdir()
    words = ("mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", str(rig.store.home))
    assert await asyncio.to_thread(subprocess.call, words) == 0
    rig.store.prepare()
    await start_valkey(rig)
    await rig.ready()


async def _fill(rig: Rig) -> None:
    filler = rig.store.home / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    redis = Redis.from_url(rig.store.url)
    with suppress(ResponseError):  # what a worker has written may have been too much already
        await redis.set("too much", "x" * 8192)
    await redis.aclose()


async def _empty(rig: Rig) -> None:
    (rig.store.home / "filler").unlink()


async def _unmount(rig: Rig) -> None:
    await asyncio.to_thread(subprocess.call, ("umount", str(rig.store.home)))


def _unmountable() -> str:
    return "" if os.geteuid() == 0 and shutil.which("mount") else "needs root, for a tiny tmpfs"


# PostgreSQL


async def _stop_postgres(rig: Rig) -> None:
    await rig.postgres.end(signal.SIGINT)


async def _start_postgres(rig: Rig) -> None:
    await rig.start_postgres()


async def terminate(rig: Rig) -> None:
    for _ in range(4):
        await rig.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        await asyncio.sleep(0.25)


# SMTP


def _ailing(mode: Mode) -> Step:
    async def inject(rig: Rig) -> None:
        rig.office.mode = mode

    return inject


async def _mend(rig: Rig) -> None:
    rig.office.mode = Mode.ACCEPT


async def _close_office(rig: Rig) -> None:
    await rig.office.close()


async def _open_office(rig: Rig) -> None:
    await rig.office.open()


# Clocks


def _library() -> str:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return str(found[0]) if found else ""


def _clock(shift: str) -> list[dict[str, str]]:
    wrong = {
        "LD_PRELOAD": _library(),
        "FAKETIME": shift,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    return [wrong, {}]


def _clockless() -> str:
    return "" if _library() else "needs libfaketime (apt install faketime)"


async def _wrong_clock(rig: Rig, stories: list[Story]) -> None:
    """The worker with the wrong clock hands everything over; then only the other one is left.

    That one has to accept in time what silence accepts.
    """
    wrong, right = rig.workers
    rig.sleep(right)
    silence = [story for story in stories if isinstance(story, Silence)]
    others = [story for story in stories if not isinstance(story, Silence)]
    await _eve(others)
    await _acting(others)
    await asyncio.sleep(2.5)  # a dialogue that is begun would wait for its lease
    await _eve(silence)
    await _acting(silence)
    await asyncio.sleep(1.2)
    rig.sleep(wrong)
    rig.wake(right)
    await until(silence[0].accepted_at, 20, "an acceptance")
    lateness = await silence[0].accepted_at() - silence[0].not_before
    if lateness > 2:
        rig.complaints.append(f"accepted {lateness:.1f} s late by a worker whose clock is right")
    rig.wake(wrong)


# Poison


async def _poison(rig: Rig, stories: list[Story]) -> None:
    """A mail that cannot be written, due before all that follow, useless in a few seconds."""
    await _eve(stories)
    await _acting(stories[:4])
    row = uuid4()
    rig.poison.add(str(row))
    await rig.sql(
        "INSERT INTO mails (id, account_id, template, language, nic_handle, recipient, params,"
        " secrets, subject, text, state, attempts, queued_at, due_at, expires_at) SELECT $1, id,"
        " 'email_change_validation', 'EN', 'xx000000-OVH', 'poison@example.org', '{}', '{}',"
        " '', '', 'QUEUED', 0, clock_timestamp(), clock_timestamp() - interval '1 second',"
        " clock_timestamp() + interval '8 seconds' FROM accounts LIMIT 1 RETURNING id",
        row,
    )
    await _acting(stories[4:])


ROWS = [
    Row(
        "a worker killed before the dialogue", strike=_killing(Stage.GREETING, _kill), waits="lease"
    ),
    Row("a worker killed during the dialogue", strike=_killing(Stage.DATA, _kill), waits="lease"),
    Row(
        "a worker killed after the dialogue",
        strike=_killing(Stage.DOT, _kill_after_the_answer),
        waits="lease",
    ),
    Row(
        "a worker killed between dialogue and mark",
        strike=_killing(Stage.DOT, _kill_before_the_mark),
        waits="lease",
    ),
    Row("a worker asleep past its lease", strike=_sleep_past_the_lease, waits="lease", rolls=True),
    Row("a worker killed in the middle of a webhook", strike=_kill_at_a_webhook, waits="lease"),
    Row("a worker stopped while it publishes", strike=_stop_while_publishing, waits="lease"),
    Row("a gateway killed between commit and wake-up", strike=_kill_gateway),
    Row(
        "Valkey killed",
        kill_valkey,
        start_valkey,
        seconds=2.5,
        missing="queue",
        rolls=True,
    ),
    Row("Valkey emptied by FLUSHALL", flush, seconds=0, rolls=True),
    Row(
        "Valkey absent for a minute",
        kill_valkey,
        start_valkey,
        seconds=60,
        missing="queue",
        rolls=True,
    ),
    Row(
        "the disk of Valkey's AOF full",
        _fill,
        _empty,
        seconds=5,
        missing="queue",
        before=_mount,
        after=_unmount,
        impossible=_unmountable,
        rolls=True,
    ),
    Row("PostgreSQL restarted", _stop_postgres, _start_postgres, seconds=0, rolls=True),
    Row("PostgreSQL's connections terminated", terminate, seconds=0, rolls=True),
    Row(
        "PostgreSQL absent for 20 s",
        _stop_postgres,
        _start_postgres,
        seconds=20,
        missing="database",
        rolls=True,
    ),
    Row("SMTP accepts"),
    Row("SMTP refuses for a while", _ailing(Mode.REFUSE_FOR_A_WHILE), _mend, 8, waits="back-off"),
    Row("SMTP refuses for good", _ailing(Mode.REFUSE), _mend, 5),
    Row("SMTP hangs", _ailing(Mode.HANG), _mend, 40, waits="back-off"),
    Row("SMTP cuts in the middle of DATA", _ailing(Mode.CUT_IN_DATA), _mend, 4, waits="back-off"),
    Row("SMTP cuts after the final dot", _ailing(Mode.CUT_AFTER_DOT), _mend, 4, waits="back-off"),
    Row("SMTP slow", _ailing(Mode.SLOW), _mend, 8),
    Row("SMTP absent", _close_office, _open_office, 4, waits="back-off"),
    Row(
        "a worker's clock 10 minutes ahead",
        strike=_wrong_clock,
        environments=_clock("+10m"),
        impossible=_clockless,
    ),
    Row(
        "a worker's clock 10 minutes behind",
        strike=_wrong_clock,
        environments=_clock("-10m"),
        impossible=_clockless,
    ),
    Row("two relays at once", strike=_two_relays),
    Row("a poison row in the middle of the queue", strike=_poison),
]
