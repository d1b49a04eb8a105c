"""Log lines: one JSON object each, and never a secret."""

import asyncio
import errno
import io
import json
import logging

import factories
import pytest
from factories import CLIENT, PASSWORD, POLICY
from tortoise.connection import get_connection
from tortoise.exceptions import IntegrityError

from models import logs, sessions, signups
from models.credentials import InvalidCredentialsError
from models.mails import Mail, Template

TALKATIVE = ["tortoise", "tortoise.db_client", "asyncpg", "strawberry.execution", "aiosmtplib"]


@pytest.fixture
def configured(capsys):
    """Configure the logs of this process, and return what they have written since, as lines."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in [*TALKATIVE, "asyncio", "arq"]}

    def configure(wanted):
        logs.configure(wanted)
        return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    yield configure
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, former in levels.items():
        logging.getLogger(name).setLevel(former)
    logs.request_id.set("")


def test_writes_a_json_object_a_line(configured):
    """Who says what, when, how loud, and with which values, whatever they contain."""
    written = configured("info")

    logging.getLogger("workers.mails").info(
        "mail %s", "left", extra={"mail": "7", "reason": "a\nb \u2028 \ud800 é"}
    )

    (line,) = written()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "mail left",
        "logger": "workers.mails",
        "level": "info",
        "mail": "7",
        "reason": "a\nb \u2028 \ud800 é",
    }


def test_adds_the_id_of_the_request(configured):
    """Every line of a request bears its id."""
    written = configured("info")
    logs.request_id.set("r-1")

    logging.getLogger("models").warning("one")
    logging.getLogger("gateway").error("two")

    assert [line["request_id"] for line in written()] == ["r-1", "r-1"]


async def test_gathers_the_lines_of_requests(configured, capsys):
    """They leave together a moment later; any other line comes after those before it."""
    configured("info")
    logs.configure("info", gathered=True)
    log = logging.getLogger("gateway")

    for number in (1, 2):
        logs.tell(log, "request", number=number)
    at_once = capsys.readouterr().err
    log.warning("oh")
    logs.tell(log, "request", number=3)
    with_another = capsys.readouterr().err.splitlines()
    await asyncio.sleep(0.1)
    later = capsys.readouterr().err.splitlines()

    assert at_once == ""
    assert [json.loads(line).get("number") for line in with_another] == [1, 2, None]
    assert json.loads(later[0]).keys() == {"event", "logger", "level", "number", "timestamp"}


async def test_gathers_nothing_below_its_level(configured, capsys):
    """An operator who wants warnings only gets no line for a request."""
    configured("warning")
    logs.configure("warning", gathered=True)

    logs.tell(logging.getLogger("gateway"), "request", number=1)
    await asyncio.sleep(0.1)

    assert capsys.readouterr().err == ""


class Full(io.StringIO):
    """A stream to a disk that is full."""

    tried = 0

    def write(self, _text):
        self.tried += 1
        raise OSError(errno.ENOSPC, "No space left on device")


async def test_stands_a_disk_that_is_full(configured, monkeypatch):
    """Nowhere to write is no reason for an operation to fail."""
    configured("info")
    full = Full()
    monkeypatch.setattr("sys.stderr", full)
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logs.configure("info", gathered=True)
    log = logging.getLogger("gateway")

    logs.tell(log, "request", number=1)
    log.warning("oh")
    logs.tell(log, "request", number=2)
    await asyncio.sleep(0.1)

    assert full.tried == 3


def test_writes_exceptions_on_one_line(configured):
    """A stack trace does not spread over lines that no machine can put together."""
    written = configured("info")

    try:
        _ = 1 / 0
    except ZeroDivisionError:
        logging.getLogger("models").exception("oh")

    (line,) = written()
    assert line["event"] == "oh"
    assert "ZeroDivisionError" in line["exception"]


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_leaves_out_what_is_too_quiet(configured, level, heard):
    """The level is the least that is written."""
    written = configured(level)

    for each in ("debug", "info", "warning", "error"):
        logging.getLogger("models").log(logging.getLevelNamesMapping()[each.upper()], each)

    assert [line["event"] for line in written()] == heard


@pytest.mark.parametrize("name", TALKATIVE)
@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_silences_those_who_tell_values(configured, name, level):
    """The debug lines of libraries hold statements with their values; they are never written."""
    written = configured(level)

    logging.getLogger(name).debug("INSERT ... %s", "BCDF-GHJK")
    logging.getLogger(name).error("oh")

    assert [line["event"] for line in written()] == ["oh"]


async def test_writes_no_secret_of_a_whole_story(tables, configured):
    """At level debug neither password nor code nor token nor hash is written, whatever happens."""
    written = configured("debug")

    challenge = await factories.requested_signup("alice@example.org")
    code = await factories.mailed_code(Template.CREATION, to="alice@example.org")
    opened = await signups.confirm(challenge.id, code, client=CLIENT, policy=POLICY)
    await sessions.find(opened.token)
    with pytest.raises(InvalidCredentialsError):
        await sessions.login("alice@example.org", "wrong-" + PASSWORD, client=CLIENT, policy=POLICY)
    logging.getLogger("models").debug("the end")

    lines = written()
    assert lines[-1]["event"] == "the end"
    secrets = [PASSWORD, code, code.replace("-", ""), opened.token, opened.account.password_hash]
    assert [secret for secret in secrets if secret in json.dumps(lines)] == []


async def test_quotes_no_row_that_breaks_a_constraint(alice, configured):
    """PostgreSQL quotes the row that it refuses, with the code that may be in it."""
    written = configured("debug")
    change = await factories.requested_change(alice, "new@example.org")
    mail = await Mail.get(email_change_id=change.id, template=Template.EMAIL_CHANGE_VALIDATION)

    try:
        await get_connection("default").execute_query(
            "UPDATE mails SET settled_at = now() WHERE id = $1", [mail.id]
        )
    except IntegrityError:
        logging.getLogger("models").exception("oh")

    (line,) = written()
    assert "mails_settled_once" in line["exception"]
    assert mail.secrets["code"] not in json.dumps(line)
