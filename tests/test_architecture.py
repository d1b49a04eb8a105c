"""The house as style.md draws it: who may import whom, budgets, and nothing without its words."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.errors import DomainError, FaultCode, OverloadedError, UnauthenticatedError
from models.mails import Template
from models.pages import BadPageError
from models.profiles import Language
from models.scopes import ForbiddenError, NoConsentNeededError
from schema import messages
from schema.errors import REFUSALS
from workers.rendering import TEMPLATES

ROOT = Path(__file__).parents[1]
TOP_LEVEL = {
    *("gateway", "schema", "workers", "models", "tests", "docker", "pyproject.toml", "README.md"),
    *("Makefile", "LICENSE", "CHANGELOG.md", "requirements.lock", ".ci", ".gitignore"),
    ".dockerignore",
}
ARROWS = {
    "gateway": {"schema", "models"},
    "schema": {"models"},
    "workers": {"models"},
    "models": set(),
}
FOREIGN = {
    "models": {"starlette", "strawberry", "graphql", "arq", "redis", "uvicorn", "jinja2"},
    "schema": {"redis", "arq", "starlette", "uvicorn"},
    "workers": {"strawberry", "graphql", "starlette"},
}
BUDGETS = [(package, 30, 300) for package in ARROWS] + [("tests", 60, 500)]
# A folder of somebody's machine, or where packages come from: neither is true elsewhere.
LOCAL = re.compile(
    r"/(?:work|root|home|Users)/\w|(?:pypi|pythonhosted|npmjs)\.(?:org|com)"
    r"|--(?:extra-)?index-url[ =]|proxy\.golang"
)


def modules(package: str) -> list[Path]:
    return [
        ROOT / path
        for path in committed()
        if path.suffix == ".py" and path.parts[0] == package and path.parent.name != "migrations"
    ]


def imports(path: Path) -> Iterator[str]:
    """Every top-level name that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def parts(path: Path) -> Iterator[tuple[str, int]]:
    """Every function of a module with its lines, and the module itself under no name."""
    source = path.read_text("utf-8")
    yield "", len(source.splitlines())
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or 0) - node.lineno + 1


def committed() -> list[Path]:
    """What is in the repository, or would be after `git add`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("package", ARROWS)
def test_imports_go_along_the_arrows(package):
    """The arrows: gateway → schema → models ← workers, gateway → models; no other, no circle."""
    barred = (set(ARROWS) - ARROWS[package] - {package}) | {"tests"} | FOREIGN.get(package, set())

    crossing = {
        (str(path.relative_to(ROOT)), name)
        for path in (ROOT / package).rglob("*.py")
        for name in imports(path)
        if name in barred
    }

    assert crossing == set()


def test_opens_transactions_in_one_way():
    """The ORM's own leaves a connection behind when it cannot begin; see models/transactions.py."""
    users = {
        path.relative_to(ROOT)
        for package in ARROWS
        for path in (ROOT / package).rglob("*.py")
        if "tortoise.transactions" in path.read_text("utf-8")
    }

    assert users == {Path("models/transactions.py")}


@pytest.mark.parametrize(("package", "longest_function", "longest_module"), BUDGETS)
def test_stays_within_the_budgets(package, longest_function, longest_module):
    """What does not fit on a page wants to be two things."""
    found = [(path.relative_to(ROOT), *part) for path in modules(package) for part in parts(path)]

    too_long = [
        (f"{path}: {name or 'all'}", lines)
        for path, name, lines in found
        if lines > (longest_function if name else longest_module)
    ]

    assert too_long == []


@pytest.mark.parametrize("language", Language)
def test_has_one_source_for_every_mail_and_language(language):
    """No mail without its words, no words without their mail."""
    sources = {path.name for path in (TEMPLATES / language.lower()).iterdir()}

    assert sources == {f"{template}.txt" for template in Template}


def test_has_sources_in_the_languages_of_mails_only():
    """A folder of another name would never be read."""
    folders = {path.name for path in TEMPLATES.iterdir() if path.is_dir()}

    assert folders == {language.lower() for language in Language}


def test_has_one_handler_for_every_refusal():
    """A refusal is data, or one of those that become top-level errors."""
    forbidden = {ForbiddenError, NoConsentNeededError}
    top_level = {UnauthenticatedError, *forbidden, OverloadedError, BadPageError}

    refusals = set(_descendants(DomainError))

    assert refusals == {refusal.exception_type for refusal in REFUSALS} | top_level


def test_catches_no_refusal_by_its_base_first():
    """The first handler that matches wins: a subclass stands before its base."""
    handled = [refusal.exception_type for refusal in REFUSALS]

    hidden = [
        later
        for place, later in enumerate(handled)
        if any(issubclass(later, earlier) for earlier in handled[:place])
    ]

    assert hidden == []


def test_has_a_sentence_for_every_refusal_in_every_language():
    """A refusal without words would end as an internal error."""
    refusals = {refusal.error_type.__name__ for refusal in REFUSALS}
    tables = [messages.REFUSALS, messages.FAULTS, messages.PASSWORDS, messages.TOP_LEVEL]
    tables.append({"": messages.WRONG_PASSWORD})

    languages = [set(sentences) for table in tables for sentences in table.values()]

    assert set(messages.REFUSALS) == refusals
    assert set(messages.FAULTS) == {str(code) for code in FaultCode}
    codes = {"UNAUTHENTICATED", "FORBIDDEN", "FIRST_PARTY", "HOLDERS_ALONE", "RATE_LIMITED"}
    assert set(messages.TOP_LEVEL) == {*codes, "first", "after"}
    assert set(messages.PASSWORDS) < set(messages.FAULTS)
    assert all(spoken == set(Language) for spoken in languages)


def test_keeps_the_top_level():
    """The folders are fixed; what else a project needs stands beside them."""
    names = {path.parts[0] for path in committed()}

    assert names <= TOP_LEVEL


def test_names_no_place_of_one_machine():
    """No committed file holds a home or work folder, or where packages were fetched from."""
    found = [
        f"{path}:{number}"
        for path in committed()
        for number, line in enumerate((ROOT / path).read_bytes().splitlines(), start=1)
        if LOCAL.search(line.decode("utf-8", "replace"))
    ]

    assert found == []


def _descendants(base: type) -> Iterator[type]:
    for child in base.__subclasses__():
        yield child
        yield from _descendants(child)
