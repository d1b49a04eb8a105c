"""A real browser, and a stack for it to talk to."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
import stacks
from playwright.sync_api import Browser, Page, Request, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass
class Visitor:
    """A page in a browser of its own, and every request that it made."""

    page: Page
    requests: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def note(self, request: Request) -> None:
        self.requests.append(request)

    def sees(self, text: str) -> None:
        """Wait until this text can be read."""
        self.page.get_by_text(text).first.wait_for(state="visible")

    @property
    def shown(self) -> list[str]:
        """What can be read and pressed, from top to bottom."""
        return [line for line in self.page.inner_text("main").splitlines() if line.strip()]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stacks.Stack]:
    with stacks.running(tmp_path_factory.mktemp("e2e") / "var") as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.exit(f"make e2e needs one of {', '.join(NAMES)} on the PATH.", returncode=1)
    with sync_playwright() as playwright:
        # As root, and in a container, Chromium's own sandbox cannot start.
        browser = playwright.chromium.launch(executable_path=found, chromium_sandbox=False)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Open an address as somebody new, who likes a language and has a screen of some width."""
    contexts = []

    def visit(address: str, *, language: str = "en-GB", width: int = 1000, **options) -> Visitor:
        context = browser.new_context(
            locale=language, viewport={"width": width, "height": 800}, **options
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        visitor = Visitor(context.new_page())
        visitor.page.on("request", visitor.note)
        visitor.page.on("console", lambda line: visitor.complaints.append(line.text))
        visitor.page.on("pageerror", lambda fault: visitor.complaints.append(str(fault)))
        visitor.page.goto(address)
        return visitor

    yield visit
    for context in contexts:
        context.close()
