"""The table of the fault matrix: a cell is seconds, or a dash that the file of reasons explains."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from faults.play import Outcome
from faults.rows import Row
from faults.stories import STORIES

COLUMNS = [story.name for story in STORIES]
_FILE = Path(__file__).with_name("reasons.toml")
_FROM = {"": "repair", "lease": "end of the lease", "back-off": "end of the back-off"}

Reasons = Mapping[str, Mapping[str, str]]


def reasons() -> Reasons:
    """Read why a cell has no number: by row, then by column or `skipped` for all of them."""
    return tomllib.loads(_FILE.read_text())


def judged(rows: Iterable[Row], outcomes: Mapping[str, Outcome], known: Reasons) -> list[str]:
    """Return what is wrong with the table: a breach, a missing cell, a dash without a reason."""
    found = []
    for row in rows:
        outcome, mine = outcomes[row.name], known.get(row.name, {})
        found += [f"{row.name}: {breach}" for breach in outcome.breaches]
        if outcome.skipped:
            if "skipped" not in mine:
                found.append(f"{row.name}: skipped without a reason in the file")
            continue
        found += [
            f"{row.name}: no cell for {column}"
            for column in COLUMNS
            if column not in outcome.cells and column not in mine
        ]
    return found


def written(rows: Iterable[Row], outcomes: Mapping[str, Outcome], known: Reasons) -> str:
    """Write the table as Markdown."""
    lines = [
        "| fault | counted from | " + " | ".join(COLUMNS) + " |",
        "|---|---|" + "--:|" * len(COLUMNS),
    ]
    notes = []
    for row in rows:
        outcome, mine = outcomes[row.name], known.get(row.name, {})
        cells = [_cell(outcome, column, mine) for column in COLUMNS]
        lines.append(f"| {row.name} | {_FROM[row.waits]} | " + " | ".join(cells) + " |")
        if outcome.skipped:
            notes.append(f"– {row.name}: skipped, it {outcome.skipped}.")
        elif "–" in cells:
            notes += [f"– {row.name}, {column}: {why}" for column, why in mine.items()]
    return "\n".join([*lines, "", *notes]).rstrip() + "\n"


def _cell(outcome: Outcome, column: str, mine: Mapping[str, str]) -> str:
    if outcome.skipped or column in mine:
        return "–"
    if column not in outcome.cells:
        return "FAILED"
    seconds = f"{outcome.cells[column]:.1f}"
    return f"{seconds} FAILED" if _is_late(outcome, column) else seconds


def _is_late(outcome: Outcome, column: str) -> bool:
    return any(breach.startswith(f"{column}: ") for breach in outcome.breaches)
