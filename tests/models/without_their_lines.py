"""Takes the line out of a copy that protects from a race, and expects a test to fail: `make races`.

One is no race: what makes an unknown account answer as late as a known one.

Not a part of `make test`: each of them starts servers of its own.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COPIED = ["gateway", "schema", "workers", "models", "tests"]


RACES = ("test_races", "test_races_of_answers", "test_races_of_consents")
TIMES = ("test_sessions",)


def module(name: str):
    """A module of tests, which are no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def protected(names: tuple[str, ...] = RACES) -> list:
    """The marked tests, and for each the file, the line to take out and what stands there then."""
    return [
        pytest.param(
            f"tests/models/{races.__name__}.py::{name}", mark.args, id=name.removeprefix("test_")
        )
        for races in map(module, names)
        for name, test in vars(races).items()
        for mark in getattr(test, "pytestmark", [])
        if mark.name == "protected_by"
    ]


@pytest.fixture
def copy(tmp_path):
    """A copy of the packages, in which a line may be missing."""
    for name in COPIED:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def outcome(copy: Path, *tests: str) -> int:
    """The exit status of pytest for tests of the copy."""
    words = [sys.executable, "-P", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(
        words,
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy)},
        capture_output=True,
        timeout=110,
        check=False,
    )
    return done.returncode


def test_a_copy_with_every_line_passes(copy):
    """Else the failures below would prove nothing."""
    assert outcome(copy, *(f"tests/models/{name}.py" for name in RACES)) == 0


@pytest.mark.parametrize(("test", "protection"), protected() + protected(TIMES))
def test_without_its_line_the_race_is_lost(copy, test, protection):
    """A race test that passes without its lock tests nothing."""
    file, line, without = protection
    source = (copy / file).read_text()
    assert source.count(line) == 1
    (copy / file).write_text(source.replace(line, without))

    assert outcome(copy, test) == 1


def test_there_are_thirteen():
    """Each costs seconds: those that protect most are enough."""
    assert len(protected()) == 13
