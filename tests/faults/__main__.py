"""The fault matrix: `make faults`, or `PYTHONPATH=tests python -m faults [WORDS OF A ROW ...]`.

Every row is played in a process of its own, some at once; the table goes to var/faults.md.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from faults import table
from faults.play import Outcome, play
from faults.rows import ROWS, Row

_INTO = Path("var")
_LONGEST = 270  # seconds a row may take


def main() -> int:
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("words", nargs="*", help="play the rows whose names have these words")
    parser.add_argument("--lanes", type=int, default=4, help="rows at once")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        return _one(next(row for row in ROWS if row.name == options.row))
    wanted = [row for row in ROWS if all(word in row.name for word in options.words)]
    shutil.rmtree(_INTO / "faults", ignore_errors=True)
    text, status = asyncio.run(_matrix(wanted, options.lanes))
    _INTO.mkdir(exist_ok=True)
    if wanted == ROWS:
        (_INTO / "faults.md").write_text(text)
    return status


def _one(row: Row) -> int:
    """Play a row; its outcome goes to standard output, its logs stay if something is wrong."""
    with tempfile.TemporaryDirectory(prefix="nicgate-faults-") as name:
        folder = Path(name)
        try:
            outcome = asyncio.run(play(row, folder))
        except Exception as fault:  # noqa: BLE001 -- whatever it is, the table has to say so
            outcome = Outcome(breaches=[f"{type(fault).__name__}: {fault}"])
        if outcome.breaches:
            kept = _INTO / "faults" / row.name.replace(" ", "-").replace("'", "")
            kept.mkdir(parents=True, exist_ok=True)
            for log in folder.glob("*.log"):
                shutil.copy(log, kept)
    sys.stdout.write(json.dumps(asdict(outcome)))
    return 0


async def _matrix(rows: list[Row], lanes: int) -> tuple[str, int]:
    began, free = time.monotonic(), asyncio.Semaphore(lanes)
    # The long ones first, so that none is left alone at the end.
    order = sorted(rows, key=lambda row: -(row.seconds + 70 * (row.waits == "lease" or row.rolls)))
    outcomes: dict[str, Outcome] = {}

    async def run(row: Row) -> None:
        async with free:
            outcomes[row.name] = outcome = await _in_a_process(row)
        state = (outcome.skipped and "skipped") or ("FAILED" if outcome.breaches else "ok")
        done = f"{len(outcomes)}/{len(rows)}"
        sys.stderr.write(f"{time.monotonic() - began:4.0f} s  {done:>5}  {state:7} {row.name}\n")
        for breach in outcome.breaches:
            sys.stderr.write(f"              {breach}\n")

    await asyncio.gather(*(run(row) for row in order))
    reasons = table.reasons()
    breaches = table.judged(rows, outcomes, reasons)
    text = table.written(rows, outcomes, reasons)
    sys.stdout.write(text)
    sys.stderr.write("".join(f"{breach}\n" for breach in breaches))
    return text, 1 if breaches else 0


async def _in_a_process(row: Row) -> Outcome:
    words = (sys.executable, "-m", "faults", "--row", row.name)
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(_LONGEST):
            output, _ = await process.communicate()
        return Outcome(**json.loads(output))
    except (TimeoutError, ValueError) as fault:
        return Outcome(breaches=[f"{type(fault).__name__}: {fault}"])
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


if __name__ == "__main__":
    sys.exit(main())
