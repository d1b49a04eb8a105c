"""Stacks for the journeys that leave them as they found them."""

import asyncio
from collections.abc import Iterator

import mailboxes
import pytest
import stacks
from databases import Databases, redis_database
from mailboxes import Mailboxes

from models.settings import PREFIX

DELAY = 3  # seconds of silence
BRISK = {
    "AUTO_ACCEPT_AFTER": DELAY,
    "WEBHOOK_LOOPBACK": "true",
    "WEBHOOK_SCHEDULE": "0,1,2,2,2,2,2,2,2,2",
}


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, given_servers: dict[str, str]) -> stacks.Stack:
    """A stack on the servers that the run was given, or else on its own."""
    is_given = given_servers.keys() >= {f"{PREFIX}DATABASE_URL", f"{PREFIX}REDIS_URL"}
    running: stacks.Stack = request.getfixturevalue("guest" if is_given else "embedded")
    return running


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stacks.Stack]:
    """A stack whose servers are its own, as their files are."""
    folder = tmp_path_factory.mktemp("journeys") / "var"
    with stacks.running(folder, **BRISK) as running:
        yield running


@pytest.fixture(scope="session")
def guest(
    servers: tuple[str, str], databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[stacks.Stack]:
    """The same on servers that others use, too."""
    folder = tmp_path_factory.mktemp("guest") / "var"
    url = asyncio.run(databases.make()).database_url.get_secret_value()
    with (
        redis_database(servers[1], turn=2) as redis_url,
        stacks.running(folder, **BRISK, DATABASE_URL=url, REDIS_URL=redis_url) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def foreign_mail() -> Iterator[Mailboxes]:
    """The mail server of `foreign`."""
    with mailboxes.running(stacks.free_port()) as running:
        yield running


@pytest.fixture(scope="session")
def foreign_url(databases: Databases) -> str:
    """The URL of the database of `foreign`, which a test may look into."""
    return asyncio.run(databases.make()).database_url.get_secret_value()


@pytest.fixture(scope="session")
def foreign(
    servers: tuple[str, str],
    foreign_url: str,
    foreign_mail: Mailboxes,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[stacks.Stack]:
    """A stack on servers that it did not start, with the usual day of silence."""
    folder = tmp_path_factory.mktemp("foreign") / "var"
    with (
        # Not the one of the other tests, where its worker would take their jobs.
        redis_database(servers[1], turn=1) as redis_url,
        stacks.running(
            folder, mailboxes=foreign_mail, DATABASE_URL=foreign_url, REDIS_URL=redis_url
        ) as running,
    ):
        yield running
