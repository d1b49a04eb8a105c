"""`make schema-check` on planted changes of a schema: what it refuses, tells, and lets pass."""

import os
import subprocess
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from schema_changes import check

SCHEMA = """\
type Query {
  me(first: Int! = 20): Account
  rules(country: String!): [String!]!
}

type Account {
  email: String!
  phone: String
  state: State!
}

enum State {
  ACTIVE
  FROZEN
}

input ProfileInput {
  phone: String
}

type Mutation {
  update(input: ProfileInput!): Result
}

union Result = Account | InvalidError

interface UserError {
  message: String!
}

type InvalidError implements UserError {
  message: String!
}

type StaleError implements UserError {
  message: String!
}
"""
CONTRACT = """\
type Query {
  me(first: Int! = 20): Account
}

type Account {
  email: String!
}
"""
OURS = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
WHO = {"NAME": "Nobody", "EMAIL": "nobody@example.org"}
GIT = OURS | {f"GIT_{role}_{it}": WHO[it] for role in ("AUTHOR", "COMMITTER") for it in WHO}


def day(days):
    return datetime.now(UTC).date() + timedelta(days=days)


class Repository:
    """A repository with a schema, a contract and a change log, all in one commit."""

    def __init__(self, folder, schema=SCHEMA):
        self.folder = folder
        folder.mkdir()
        self.git("init", "-q", "-b", "main")
        self.write("tests/schema/contract.graphql", CONTRACT)
        self.commit(schema, "# Changelog\n")

    def git(self, *words):
        subprocess.run(["git", *words], cwd=self.folder, env=GIT, check=True, capture_output=True)

    def write(self, name, text):
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self, schema, changelog):
        self.write("schema/schema.graphql", schema)
        self.write("CHANGELOG.md", changelog)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "planted")

    def check(self, *words):
        """The status, and the lines below the one that says what was compared."""
        with redirect_stdout(StringIO()) as said:
            status = check.main(["--root", str(self.folder), *words])
        self.compared, *lines = said.getvalue().splitlines()
        return status, lines


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "planted")


def deprecated(reason):
    return SCHEMA.replace("phone: String\n", f'phone: String @deprecated(reason: "{reason}")\n', 1)


WITHOUT_PHONE = SCHEMA.replace("  phone: String\n", "", 1)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("  phone: String\n  state", "  state", "Field Account.phone was removed."),
        ("email: String!", "email: String", "Field Account.email changed type from String! to"),
        ("  FROZEN\n", "", "Enum value State.FROZEN was removed."),
        (" | InvalidError", "", "InvalidError was removed from union type Result."),
        (
            "(country: String!)",
            "(country: String!, at: String!)",
            "A required argument Query.rules",
        ),
        (
            "{\n  phone: String\n}",
            "{\n  phone: String!\n}",
            "Field ProfileInput.phone changed type",
        ),
        ("StaleError implements UserError", "StaleError", "StaleError no longer implements"),
        ("first: Int! = 20", "first: Int! = 50", "Query.me(first:) has changed defaultValue"),
    ],
)
def test_refuses_what_breaks_a_client(repository, old, new, line):
    """One line for each, that names it; also when the change log tells of it."""
    schema = SCHEMA.replace("= Account | InvalidError", "= Account | InvalidError | StaleError")
    repository.commit(schema, "# Changelog\n")
    repository.commit(schema.replace(old, new), "# Changelog\n\n- Announced.\n")

    status, lines = repository.check()

    told = [it for it in lines if not it.startswith("contract: ")]
    assert status == 1
    assert len(told) == 1
    assert told[0].startswith(f"breaking: {line}")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("FROZEN", "FROZEN\n  CLOSED", "Enum value State.CLOSED was added."),
        (
            "| InvalidError",
            "| InvalidError | StaleError",
            "StaleError was added to union type Result.",
        ),
        (
            "(country: String!)",
            "(country: String!, at: String)",
            "An optional argument Query.rules",
        ),
        (
            "{\n  phone: String\n}",
            "{\n  phone: String\n  zip: String\n}",
            "An optional field Profile",
        ),
    ],
)
def test_tells_what_may_surprise_a_client(repository, old, new, line):
    """It is allowed: the README asks clients to be ready for it."""
    repository.commit(SCHEMA.replace(old, new), "# Changelog\n\n- Announced.\n")

    status, (told,) = repository.check()

    assert status == 0
    assert told.startswith(f"dangerous: {line}")


def test_lets_pass_what_nobody_notices(repository):
    """A new field, and nothing at all."""
    unchanged = repository.check()
    repository.commit(SCHEMA.replace("  phone", "  city: String\n  phone", 1), "- A city.\n")

    assert unchanged == (0, [])
    assert repository.check() == (0, [])
    assert repository.compared == "compared with HEAD~1 and with the contract"


def test_asks_for_a_line_in_the_change_log(repository):
    """Every change of what is printed is announced, a mere description too."""
    repository.commit(SCHEMA.replace("type Account", '"A person."\ntype Account'), "# Changelog\n")
    silent = repository.check()
    repository.write("CHANGELOG.md", "# Changelog\n\n- Said what an account is.\n")

    assert silent == (
        1,
        ["unannounced: schema/schema.graphql has changed since HEAD~1, CHANGELOG.md has not"],
    )
    assert repository.check() == (0, [])


def test_sees_what_is_not_committed_yet(repository):
    """Whoever asks before the commit is told then."""
    repository.commit(SCHEMA, "# Changelog\n")
    repository.write("schema/schema.graphql", WITHOUT_PHONE)
    repository.write("CHANGELOG.md", "# Changelog\n\n- No phone.\n")

    assert repository.check() == (1, ["breaking: Field Account.phone was removed."])


def test_holds_the_contract_too(repository):
    """What was promised at first stays, though the last commit has it no more, either."""
    without = SCHEMA.replace("  email: String!\n", "")
    repository.commit(without, "# Changelog\n\n- No address.\n")
    repository.commit(without, "# Changelog\n\n- No address.\n")

    assert repository.check() == (1, ["contract: Field Account.email was removed."])


def test_compares_with_a_commit_that_is_named(repository):
    """Of a branch of several commits only the last would be looked at."""
    repository.git("tag", "before")
    repository.commit(WITHOUT_PHONE, "# Changelog\n\n- No phone.\n")
    repository.commit(WITHOUT_PHONE, "# Changelog\n\n- No phone, really.\n")

    assert repository.check() == (0, [])
    assert repository.check("--base", "before") == (
        1,
        ["breaking: Field Account.phone was removed."],
    )


def test_says_that_a_clone_is_shallow(repository, tmp_path):
    """There it compares with the last commit: enough to see what is about to be committed."""
    repository.commit(WITHOUT_PHONE, "# Changelog\n\n- No phone.\n")
    clone = tmp_path / "clone"
    address = repository.folder.as_uri()
    repository.git("clone", "-q", "--depth", "1", address, str(clone))
    shallow = Repository.__new__(Repository)
    shallow.folder = clone

    committed, told = shallow.check(), shallow.compared
    shallow.write("schema/schema.graphql", WITHOUT_PHONE.replace("  FROZEN\n", ""))
    shallow.write("CHANGELOG.md", "# Changelog\n\n- Nobody is frozen.\n")

    assert committed == (0, [])
    assert told.startswith("this clone is shallow: ")
    assert shallow.check() == (1, ["breaking: Enum value State.FROZEN was removed."])


def test_begins_with_the_contract(tmp_path):
    """Where no earlier schema is, that is said; the contract holds all the same."""
    first = Repository(tmp_path / "first", SCHEMA.replace("email: String!", "email: String"))
    first.git("commit", "-q", "--allow-empty", "-m", "planted")
    first.git("rm", "-q", "--cached", "schema/schema.graphql")
    first.git("commit", "-q", "--amend", "-m", "planted")

    status, lines = first.check("--base", "HEAD")

    assert first.compared == "HEAD has no schema/schema.graphql: compared with the contract alone"
    assert status == 1
    assert lines == ["contract: Field Account.email changed type from String! to String."]


@pytest.mark.parametrize(
    "reason",
    [
        "Old.",
        "Use `mobile`.",
        f"Use `mobile`. Stays until {day(100)}.",
        "Use it. Stays until 2030-02-30.",
    ],
)
def test_refuses_a_hasty_deprecation(repository, reason):
    """It says what to use instead, and leaves half a year."""
    repository.commit(deprecated(reason), "# Changelog\n\n- Deprecated the phone.\n")

    status, lines = repository.check()

    wanted = f'"Use …. Stays until {day(180)}.", or a later day'
    assert status == 1
    assert lines == [f"deprecated: Account.phone: its reason must be {wanted}"]


def test_lets_go_what_was_deprecated_long_enough(repository):
    """Not before its day; one that stands already is judged no more."""
    announced = "# Changelog\n\n- Deprecated the phone.\n"
    repository.commit(deprecated(f"Use `mobile`. Stays until {day(200)}."), announced)
    deprecating = repository.check()
    repository.commit(WITHOUT_PHONE, "# Changelog\n\n- Removed the phone.\n")
    early = repository.check()
    repository.commit(deprecated(f"Use `mobile`. Stays until {day(-1)}."), announced)
    repository.commit(WITHOUT_PHONE, "# Changelog\n\n- Removed the phone.\n")

    assert deprecating == (0, [])
    assert early == (1, ["breaking: Field Account.phone was removed."])
    assert repository.check() == (0, [])


def test_lets_go_what_hung_on_it_alone(repository):
    """A type that was reached by nothing else goes with its field; another does not."""
    reason = f"Use `city`. Stays until {day(-1)}."
    old = SCHEMA.replace(
        "  phone", f'  address: Address @deprecated(reason: "{reason}")\n  phone', 1
    )
    address = "\ntype Address {\n  zip: String\n}\n"
    repository.commit(old + address, "# Changelog\n\n- Deprecated the address.\n")
    repository.commit(SCHEMA, "# Changelog\n\n- Removed the address.\n")
    alone = repository.check()
    other = old.replace("  state", "  office: Address\n  state")
    repository.commit(other + address, "# Changelog\n\n- Deprecated the address.\n")
    repository.commit(SCHEMA, "# Changelog\n\n- Removed the address.\n")

    assert alone == (0, [])
    assert repository.check() == (
        1,
        ["breaking: Address was removed.", "breaking: Field Account.office was removed."],
    )
