"""Stacks for the journeys that leave them as they found them."""

import asyncio
from collections.abc import Iterator

import mailboxes
import pytest
import stacks
from databases import Databases, redis_database
from mailboxes import Mailboxes

DELAY = 3  # seconds of silence


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stacks.Stack]:
    folder = tmp_path_factory.mktemp("journeys") / "var"
    with stacks.running(folder, AUTO_ACCEPT_AFTER=DELAY) as running:
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
        redis_database(servers[1], shift=8) as redis_url,
        stacks.running(
            folder, mailboxes=foreign_mail, DATABASE_URL=foreign_url, REDIS_URL=redis_url
        ) as running,
    ):
        yield running
