"""Compare the printed schema with an earlier one and with the contract: nothing may break a client.

The earlier one is that of the commit before the last, or of one that is named. What was deprecated
until a day that has passed may go. A change of the schema comes with a change of CHANGELOG.md.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from graphql import GraphQLSchema, Visitor, build_ast_schema, build_schema, parse, visit
from graphql.language import REMOVE, Node, StringValueNode
from graphql.utilities import BreakingChangeType, DangerousChangeType, find_schema_changes

SCHEMA, CONTRACT = Path("schema/schema.graphql"), Path("tests/schema/contract.graphql")
CHANGELOG = Path("CHANGELOG.md")
# graphql-core takes them for dangerous; but the same document would mean something else.
SILENT = {"ARG_DEFAULT_VALUE_CHANGE", "INPUT_FIELD_DEFAULT_VALUE_CHANGE"}
STAYS = timedelta(days=180)
REASON = re.compile(r"Use .+\. Stays until (\d{4}-\d{2}-\d{2})\.")


class History:
    """The files of a repository as they are, and as they were in an earlier commit."""

    def __init__(self, root: Path, base: str = "") -> None:
        self._root = root
        self.base, self.told = (base, "") if base else self._parent()

    def now(self, file: Path) -> str:
        return (self._root / file).read_text("utf-8")

    def before(self, file: Path) -> str | None:
        return self._git("show", f"{self.base}:{file}")

    def _parent(self) -> tuple[str, str]:
        if self._git("rev-parse", "--verify", "--quiet", "HEAD~1"):
            return "HEAD~1", ""
        shallow = (self._git("rev-parse", "--is-shallow-repository") or "").strip() == "true"
        why = "this clone is shallow" if shallow else "this is the first commit"
        return "HEAD", f"{why}: what is not committed yet is compared with HEAD, and no more"

    def _git(self, *words: str) -> str | None:
        ran = subprocess.run(
            ["git", *words], cwd=self._root, capture_output=True, text=True, check=False
        )
        return None if ran.returncode else ran.stdout


class Expired(Visitor):
    """Takes out what was deprecated until a day that has passed."""

    def __init__(self, today: date) -> None:
        super().__init__()
        self._today = today

    def enter(self, node: Node, *_: object) -> object:
        until = _until(_reason(node) or "")
        return REMOVE if until and until < self._today else None


class Deprecations(Visitor):
    """Collects the reasons of all deprecations, by what is deprecated."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._path: list[str] = []

    def enter(self, node: Node, *_: object) -> None:
        self._path.append(getattr(getattr(node, "name", None), "value", ""))
        reason = _reason(node)
        if reason is not None:
            self.found[".".join(filter(None, self._path))] = reason

    def leave(self, *_: object) -> None:
        self._path.pop()


def judged(before: str, now: str, today: date) -> tuple[list[str], list[str]]:
    """Return what breaks a client, and what may surprise one that was written badly."""
    changes = find_schema_changes(_standing(before, today), build_schema(now))
    found = [(change.type, change.description) for change in changes]
    breaking = [it for kind, it in found if _breaks(kind)]
    return breaking, [
        it for kind, it in found if isinstance(kind, DangerousChangeType) and not _breaks(kind)
    ]


def hasty(before: str, now: str, today: date) -> Iterator[str]:
    """Say which new deprecations name no replacement, or leave clients too little time."""
    old = _deprecations(before)
    for name, reason in _deprecations(now).items():
        until = _until(reason)
        if reason != old.get(name) and (until is None or until < today + STAYS):
            day = today + STAYS
            yield f'{name}: its reason must be "Use …. Stays until {day}.", or a later day'


def check(history: History, today: date) -> list[str]:
    """Print what was looked at and what is dangerous; return what may not be."""
    now, before = history.now(SCHEMA), history.before(SCHEMA)
    faults = [f"contract: {it}" for it in judged(history.now(CONTRACT), now, today)[0]]
    if before is None:
        _say(f"{history.base} has no {SCHEMA}: compared with the contract alone")
        return faults
    _say(history.told or f"compared with {history.base} and with the contract")
    breaking, dangerous = judged(before, now, today)
    for change in dangerous:
        _say(f"dangerous: {change}")
    faults += [f"breaking: {it}" for it in breaking]
    faults += [f"deprecated: {it}" for it in hasty(before, now, today)]
    if now != before and history.now(CHANGELOG) == history.before(CHANGELOG):
        faults.append(
            f"unannounced: {SCHEMA} has changed since {history.base}, {CHANGELOG} has not"
        )
    return faults


def _standing(text: str, today: date) -> GraphQLSchema:
    """Build a schema without what has expired, and without the types that this leaves alone."""
    built = build_ast_schema(visit(parse(text), Expired(today)), assume_valid=True)
    return GraphQLSchema(query=built.query_type, mutation=built.mutation_type)


def _breaks(kind: object) -> bool:
    return isinstance(kind, BreakingChangeType) or getattr(kind, "name", "") in SILENT


def _deprecations(text: str) -> dict[str, str]:
    visitor = Deprecations()
    visit(parse(text), visitor)
    return visitor.found


def _reason(node: Node) -> str | None:
    for directive in getattr(node, "directives", None) or ():
        if directive.name.value == "deprecated":
            values = [argument.value for argument in directive.arguments or ()]
            return next((it.value for it in values if isinstance(it, StringValueNode)), "")
    return None


def _until(reason: str) -> date | None:
    found = REASON.fullmatch(reason)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def _say(line: str) -> None:
    print(line)  # noqa: T201 -- it is what the command is for


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="", help="the commit to compare with")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[2])
    given = parser.parse_args(words)
    faults = check(History(given.root, given.base), datetime.now(UTC).date())
    for fault in faults:
        _say(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
