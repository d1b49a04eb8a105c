"""A real browser, and a stack for it to talk to."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import factories
import pytest
import stacks
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

REQUEST = """mutation ($input: RequestConsentInput!) {
  requestConsent(input: $input) { __typename ... on ConsentRequest { id } }
}"""
NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass
class Visitor:
    """A page in a browser of its own, and every request that it made."""

    page: Page
    requests: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def note(self, request: Request) -> None:
        self.requests.append(request)

    def hear(self, line: ConsoleMessage) -> None:
        """Keep what the browser complains of; advice to developers is `verbose`."""
        if line.type != "verbose":
            self.complaints.append(line.text)

    def sees(self, text: str) -> None:
        """Wait until this text can be read."""
        self.page.get_by_text(text).locator("visible=true").first.wait_for(state="visible")

    def misses(self, text: str) -> None:
        """Wait until this text can no longer be read."""
        expect(self.page.get_by_text(text).locator("visible=true")).to_have_count(0)

    def is_at(self, title: str) -> None:
        """Wait for a page by its heading."""
        self.page.get_by_role("heading", level=1, name=title, exact=True).wait_for()

    def types(self, **fields: str) -> None:
        """Fill in fields by their names, `address_zip` for address.zip."""
        for name, text in fields.items():
            field = self.page.locator(f'main [name="{name.replace("_", ".")}"]:visible')
            if field.evaluate("field => field.tagName") == "SELECT":
                field.select_option(text)
            else:
                field.fill(text)

    def holds(self, field: str) -> str:
        """What stands in a field at this moment."""
        return self.page.locator(f'main [name="{field}"]:visible').input_value()

    def focuses(self, field: str) -> None:
        """Wait until a field has the focus."""
        self.page.wait_for_function("name => document.activeElement.name === name", arg=field)

    def presses(self, label: str) -> None:
        self.page.get_by_role("button", name=label, exact=True).click()

    def follows(self, label: str) -> None:
        self.page.locator("main").get_by_role("link", name=label, exact=True).click()

    def goes(self, path: str) -> None:
        """Open an address of the same place anew, as with a bookmark."""
        origin = "/".join(self.page.url.split("/")[:3])
        self.page.goto(origin + path)

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
        visitor.page.on("console", visitor.hear)
        visitor.page.on("pageerror", lambda fault: visitor.complaints.append(str(fault)))
        visitor.page.goto(address)
        return visitor

    yield visit
    for context in contexts:
        context.close()


@pytest.fixture
def sign_in(visit) -> Callable[..., Visitor]:
    """Open a page of the space as a customer of a stack, in a browser of their own."""

    def sign_in(customer: stacks.Customer, path: str = "/", **options) -> Visitor:
        visitor = visit(customer.stack.url + path, **options)
        visitor.types(identifier=customer.nic_handle, password=customer.password)
        visitor.page.locator("main form button[type=submit]").click()
        visitor.page.locator(".who").wait_for()
        return visitor

    return sign_in


@pytest.fixture(scope="session")
def panel(stack: stacks.Stack) -> stacks.Customer:
    """A partner's program, with a key that was made as a command of the operator makes it."""
    program = stack.customer("")
    program.token = stack.in_database(lambda: factories.partner(origins=[stack.url]))
    stack.secrets.add(program.token)
    return program


@pytest.fixture
def request_consent(stack: stacks.Stack, panel: stacks.Customer) -> Callable[..., str]:
    """Have the partner ask a customer for consent; the address of its page, as the mail has it."""

    def request_consent(customer: stacks.Customer, **more: object) -> str:
        wanted = {
            "nicHandle": customer.nic_handle,
            "scopes": ["account:read", "mail:send"],
            "reason": "To show & “explain” your services.",
        } | more
        assert panel.ask(REQUEST, input=wanted)["requestConsent"]["id"]
        return stack.link("consent", customer.email, about="Panel")

    return request_consent
