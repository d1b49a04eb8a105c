"""Clients: a browser is named in known words, or not at all."""

import pytest

from models.clients import Client

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "browser"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
            "Firefox / Linux",
        ),
        (f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/141.0 Safari/537.36", "Chrome / Windows"),
        (
            f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/141.0 Safari/537.36 Edg/141.0",
            "Edge / Windows",
        ),
        (
            f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/141.0 Safari/537.36 OPR/120.0",
            "Opera / Windows",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 15) {WEBKIT} Chrome/141.0 Mobile Safari/537.36",
            "Chrome / Android",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/605.1",
            "Safari / iPhone",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_0) Version/18.0 Safari/605.1",
            "Safari / Mac OS X",
        ),
        ("curl/8.5.0", "curl"),
        ("python-httpx/0.28", ""),
        ("", ""),
    ],
)
def test_names_browser_and_system(user_agent, browser):
    """The most particular name counts: nearly all of them claim to be Safari."""
    named = Client("192.0.2.7", user_agent).browser

    assert named == browser


@pytest.mark.parametrize(
    "user_agent",
    [
        "<b>Firefox</b>",
        "Call +33 1 23 45 67 89 or lose your account",
        "Firefox/145.0 http://evil.example/ Linux",
        "\u202eFirefox/145.0",
        "Chrome/1" * 2000,
    ],
)
def test_quotes_nothing_of_a_stranger(user_agent):
    """Mails name the browser, so that no text of the request may get into it."""
    named = Client("192.0.2.7", user_agent).browser

    assert named in {"", "Firefox", "Firefox / Linux", "Chrome"}
