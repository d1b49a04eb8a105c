"""The table fails for what is missing, late or unexplained."""

import pytest
from faults import table
from faults.play import Outcome
from faults.rows import ROWS, Row

ROW = Row("a fault")
WHOLE = dict.fromkeys(table.COLUMNS, 1.0)


def judged(outcome: Outcome, reasons: dict[str, str] | None = None) -> list[str]:
    return table.judged([ROW], {ROW.name: outcome}, {ROW.name: reasons or {}})


def test_a_whole_row_is_good():
    """A number in each column."""
    assert judged(Outcome(cells=WHOLE)) == []


@pytest.mark.parametrize("column", table.COLUMNS)
def test_a_missing_cell_fails(column):
    """A story that was not played, or did not end, is not left out in silence."""
    cells = {name: seconds for name, seconds in WHOLE.items() if name != column}

    assert judged(Outcome(cells=cells)) == [f"a fault: no cell for {column}"]
    assert judged(Outcome(cells=cells), {column: "It has a reason."}) == []


def test_a_breach_fails_and_shows():
    """A late cell says so in its place."""
    late = Outcome(cells=WHOLE, breaches=["code: done 15.1 s after its time"])

    text = table.written([ROW], {ROW.name: late}, {})

    assert judged(late) == ["a fault: code: done 15.1 s after its time"]
    assert text.splitlines()[-1].count("1.0 FAILED") == 1


def test_a_skipped_row_needs_its_reason():
    """What a machine cannot play is a dash, if the file says so."""
    skipped = Outcome(skipped="needs what is not here")

    assert judged(skipped) == ["a fault: skipped without a reason in the file"]
    assert judged(skipped, {"skipped": "It needs root."}) == []
    assert table.written([ROW], {ROW.name: skipped}, {}).count("–") == len(table.COLUMNS) + 1


def test_every_reason_is_about_a_cell():
    """No reason outlives its row or its column."""
    names = {row.name for row in ROWS}

    known = table.reasons()

    assert set(known) <= names
    assert {key for mine in known.values() for key in mine} <= {*table.COLUMNS, "skipped"}


def test_every_fault_has_its_own_name():
    """Two rows of one name would be one."""
    assert len({row.name for row in ROWS}) == len(ROWS)
