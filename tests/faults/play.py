"""One row of the table: a stack of its own, seven stories, one fault, and what came of them."""

import asyncio
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from arq.constants import in_progress_key_prefix
from faults import invariants
from faults.rig import Rig, until
from faults.rows import Row
from faults.stories import STORIES, SignUp, Story
from redis.asyncio import Redis

LIMIT = 15.0  # seconds from the repair, or from the end of a lease or of a back-off
_PATIENCE = 130  # seconds


@dataclass
class Outcome:
    """The cells by column, and what is wrong; `skipped` says why the row was not played."""

    cells: dict[str, float] = field(default_factory=dict)
    breaches: list[str] = field(default_factory=list)
    skipped: str = ""
    seconds: float = 0.0


async def play(row: Row, folder: Path) -> Outcome:
    """Play a row in an empty folder."""
    if note := row.impossible():
        return Outcome(skipped=note)
    began = time.monotonic()
    rig = Rig(folder, environments=row.environments)
    try:
        await rig.start()
        await row.before(rig)
        outcome = await played(row, rig, [kind(rig) for kind in STORIES])
    finally:
        await rig.stop()
        await row.after(rig)
    outcome.seconds = time.monotonic() - began
    return outcome


async def played(row: Row, rig: Rig, stories: list[Story]) -> Outcome:
    """Play a row on a running stack, and judge it."""
    outcome = Outcome()
    await asyncio.gather(*(story.prepare() for story in stories))
    ends, repaired = await (_strike if row.strike else _visit)(row, rig, stories)
    since = {story.name: await _since(row, rig, story, repaired) for story in stories}
    done = await asyncio.gather(*ends, return_exceptions=True)
    for story, fault in zip(stories, done, strict=True):
        if isinstance(fault, BaseException):
            outcome.breaches.append(f"{story.name}: {type(fault).__name__}: {fault}")
            continue
        cell = max(0.0, story.done_at - since[story.name])
        outcome.cells[story.name] = round(cell, 1)
        if cell > LIMIT:
            outcome.breaches.append(f"{story.name}: done {cell:.1f} s after its time")
    await asyncio.gather(*rig.background)
    await _aftermath(row, rig, outcome)
    outcome.breaches += await invariants.breaches(rig, stories)
    return outcome


Ends = list["asyncio.Task[None]"]


async def _strike(row: Row, rig: Rig, stories: list[Story]) -> tuple[Ends, float]:
    assert row.strike
    await row.strike(rig, stories)
    ends = [asyncio.create_task(_within(story)) for story in stories]
    return ends, time.time()


async def _visit(row: Row, rig: Rig, stories: list[Story]) -> tuple[Ends, float]:
    """Let the fault come while the stories act, last, and go."""
    await asyncio.gather(*(story.eve() for story in stories))
    struck = asyncio.create_task(row.inject(rig))
    await asyncio.sleep(0)
    ends = [asyncio.create_task(_acted(story)) for story in stories]
    await struck
    await asyncio.sleep(row.seconds / 2)
    if row.missing:
        await until(lambda: _names(rig, row.missing), row.seconds / 2, f"{row.missing} in /readyz")
    await asyncio.sleep(row.seconds / 2)
    await row.repair(rig)
    repaired = time.time()
    return ends, repaired


async def _names(rig: Rig, part: str) -> bool:
    return await rig.missing() == [[part]] * len(rig.gateways)


async def _acted(story: Story) -> None:
    await story.act()
    await _within(story)


async def _within(story: Story) -> None:
    async with asyncio.timeout(_PATIENCE):
        await story.finish()


async def _since(row: Row, rig: Rig, story: Story, repaired: float) -> float:
    """Say from when on a story could end: the repair, its deadline, a lease, a back-off."""
    moments = [repaired, story.not_before]
    if row.waits:
        rows = await rig.sql(
            "SELECT due_at FROM mails WHERE recipient LIKE $1 || '-%' AND state = 'QUEUED'"
            " AND attempts > 0 AND ($2 = 'lease' OR reason IS NOT NULL)",
            story.name,
            row.waits,
        )
        moments += [row["due_at"].timestamp() for row in rows]
    if row.waits == "lease":
        moments += await _holds(rig, story)
    return max(moments)


async def _holds(rig: Rig, story: Story) -> list[float]:
    """Say until when the queue keeps for one worker what that has taken and not yet claimed."""
    rows = await rig.sql(
        "SELECT id FROM mails WHERE recipient LIKE $1 || '-%' AND state = 'QUEUED'"
        " AND attempts = 0",
        story.name,
    )
    hold = in_progress_key_prefix + "deliver_mail:"
    async with Redis.from_url(rig.store.url) as redis:
        rests = [await redis.pttl(f"{hold}{row['id']}") for row in rows]
    return [time.time() + rest / 1000 for rest in rests if rest > 0]


async def _aftermath(row: Row, rig: Rig, outcome: Outcome) -> None:
    """Everything works again without hands, and nothing is left undone."""
    try:
        await rig.ready(LIMIT)
        await until(lambda: _idle(rig), 90, "an empty outbox")
        if row.rolls:
            await _roll_call(rig)
    except AssertionError as fault:
        outcome.breaches.append(str(fault))
    outcome.breaches += [
        f"a process has ended by itself: {process.pid}"
        for process in (*rig.gateways, *rig.workers)
        if process not in rig.dead and not process.lives()
    ]


async def _idle(rig: Rig) -> bool:
    return not await rig.sql(
        "SELECT FROM mails WHERE state = 'QUEUED' UNION ALL SELECT FROM email_changes"
        " WHERE state = 'PENDING' AND auto_accept_at < clock_timestamp() + interval '10 seconds'"
        " UNION ALL SELECT FROM webhook_deliveries WHERE state = 'QUEUED'"
        " UNION ALL SELECT FROM events WHERE published_at IS NULL"
    )


async def _roll_call(rig: Rig) -> None:
    """Each worker that lives delivers a mail while the others sleep."""
    workers = rig.living_workers()
    for worker in workers:
        others = [other for other in workers if other is not worker]
        for other in others:
            other.send(signal.SIGSTOP)
        try:
            story = SignUp(rig)
            await story.act()
            await story.mailed("Confirm the creation", seconds=LIMIT)
        finally:
            for other in others:
                other.send(signal.SIGCONT)
