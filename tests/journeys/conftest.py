"""One stack for the journeys that leave it as they found it."""

from collections.abc import Iterator

import pytest
import stacks

DELAY = 3  # seconds of silence


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stacks.Stack]:
    folder = tmp_path_factory.mktemp("journeys") / "var"
    with stacks.running(folder, AUTO_ACCEPT_AFTER=DELAY) as running:
        yield running
