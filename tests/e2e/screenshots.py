"""Take the pictures of the README: the main screens, on a stack of their own."""

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

sys.path.append(str(Path(__file__).parents[1]))

import stacks

FOLDER = Path(__file__).parents[2] / "gateway" / "space" / "screenshots"
NAMES = ("chromium", "chromium-browser", "google-chrome")
WIDE, NARROW = {"width": 1000, "height": 700}, {"width": 340, "height": 700}


def opened(browser: Browser, **options: object) -> Callable[[str], Page]:
    """Open pages of one browser profile; each waits until its heading is there."""
    context = browser.new_context(**options)
    context.set_default_timeout(15_000)
    page = context.new_page()

    def at(address: str) -> Page:
        page.goto(address)
        page.locator("main h1").wait_for()
        return page

    return at


def keep(page: Page, name: str) -> None:
    page.wait_for_timeout(300)
    page.screenshot(path=FOLDER / f"{name}.png")


def sign_in(page: Page, alice: stacks.Customer) -> None:
    page.locator("[name=identifier]").fill(alice.nic_handle)
    page.locator("[name=password]").fill(alice.password)
    page.keyboard.press("Enter")
    page.locator(".who").wait_for()


def take(stack: stacks.Stack, browser: Browser) -> None:
    """Follow the guide: an account, its page, a change that waits for its code, its refusal."""
    stranger = opened(browser, locale="fr-FR", viewport=WIDE | {"height": 820})
    page = stranger(f"{stack.url}/signup")
    for name, text in {
        "firstName": "Alice",
        "lastName": "Martin",
        "email": "alice@example.org",
    }.items():
        page.locator(f"[name={name}]").fill(text)
    page.locator("[name=password]").fill(stacks.PASSWORD)
    page.get_by_text("Très bon").first.wait_for()
    keep(page, "sign-up")

    alice = stack.customer("alice@example.org")
    alice.confirm(alice.sign_up())
    alice.ask("mutation { updateProfile(input: {language: FR}) { __typename } }")
    holder = opened(browser, locale="fr-FR", viewport=WIDE)
    sign_in(holder(stack.url), alice)
    keep(holder(f"{stack.url}/"), "home")
    keep(holder(f"{stack.url}/account"), "account")
    alice.request_change("alice@example.net")
    page = holder(f"{stack.url}/account/email")
    page.get_by_role("timer").wait_for()
    page.get_by_role("button", name="J’ai reçu mon code de validation").click()
    keep(page, "change-of-address")

    narrow = opened(browser, locale="fr-FR", viewport=NARROW, color_scheme="dark")
    keep(narrow(stack.link("refuse", alice.email, about="Changement")), "refuse-narrow-dark")
    sign_in(narrow(f"{stack.url}/account/email"), alice)
    narrow(f"{stack.url}/account/email").get_by_role("timer").wait_for()
    keep(narrow(f"{stack.url}/account/email"), "change-of-address-narrow-dark")


def main() -> None:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        sys.exit(f"make screenshots needs one of {', '.join(NAMES)} on the PATH.")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="nicgate-screenshots-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL may have to run as nobody
        with stacks.running(Path(folder) / "var") as stack, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=found, chromium_sandbox=False)
            take(stack, browser)
            browser.close()


main()
