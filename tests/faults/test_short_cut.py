"""The fault matrix in short: three faults at once on one stack; `make faults` plays all of them."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from faults import invariants, rows
from faults.play import played
from faults.postoffice import Mode, Stage
from faults.rig import Rig, until
from faults.rows import Row
from faults.stories import STORIES, Code, SignUp, Story


@pytest.fixture(scope="module")
async def rig():
    with tempfile.TemporaryDirectory(prefix="nicgate-faults-") as folder:
        rig = Rig(Path(folder))
        try:
            await rig.start()
            yield rig
        finally:
            await rig.stop()


async def strike(rig: Rig) -> None:
    """Valkey forgets everything and dies, and PostgreSQL cuts every connection."""
    await rows.flush(rig)
    await asyncio.gather(rows.kill_valkey(rig), rows.terminate(rig))


async def test_three_faults_at_once(rig):
    """Everything due is done within 15 s, nothing is lost, early, or there twice."""
    row = Row("three faults", strike, rows.start_valkey, seconds=1, missing="queue")

    outcome = await played(row, rig, [kind(rig) for kind in STORIES])

    assert outcome.breaches == []
    assert set(outcome.cells) == {story.name for story in STORIES}


async def test_hears_what_graphql_tells_wrongly(rig):
    """A mail that GraphQL calls SENT and that never came is a breach."""
    story = Code(rig)
    await story.prepare()
    came = rig.office.receipts.copy()
    rig.office.receipts.clear()

    found = await invariants.told_otherwise(rig, [story])

    rig.office.receipts += came
    assert found == ["told otherwise: a mail to code is SENT"] * 3
    assert await invariants.told_otherwise(rig, [story]) == []


async def test_a_job_that_lost_valkey_blocks_no_other(rig):
    """A mail refused while Valkey is away goes out after its back-off, not a minute later."""
    story = SignUp(rig)
    rig.office.hold_at = Stage.DATA
    await story.act()
    await until(lambda: rig.office.held, 10, "a dialogue")
    await asyncio.sleep(1.2)  # Valkey writes its file every second

    await rows.kill_valkey(rig)
    rig.office.mode = Mode.CUT_IN_DATA
    rig.office.release()
    await until(lambda: _postponed(rig, story), 10, "a failure")
    rig.office.mode = Mode.ACCEPT
    await rows.start_valkey(rig)

    await story.mailed("Confirm the creation", seconds=15)


async def _postponed(rig: Rig, story: Story) -> bool:
    waiting = "SELECT FROM mails WHERE recipient = $1 AND reason IS NOT NULL"
    return bool(await rig.sql(waiting, story.email))
