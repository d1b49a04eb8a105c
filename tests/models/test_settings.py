"""Settings: a wrong or missing variable stops the start with one line that names it."""

import os
from pathlib import Path

import pytest

from models.policy import WEBHOOK_WAITS
from models.settings import DatabaseSettings, EmbeddedSettings, Settings, SettingsError

REQUIRED = {
    "DATABASE_URL": "postgresql://nic:s3cret-word@localhost/gate",
    "REDIS_URL": "redis://:s3cret-word@localhost:6379/0",
    "SMTP_URL": "smtp://nic:s3cret-word@localhost:587",
    "SECRET_KEY": "s3cret-word-of-the-server",
}
WRONG = {
    "DATABASE_URL": [
        "localhost",
        "mysql://localhost/gate",
        "postgresql://localhost:port/gate",
        "postgresql://localhost:99999/gate",
        "postgresql://[::1/gate",
        "postgresql://localhost/\udcff",
        "s3cret-word",
    ],
    "REDIS_URL": ["localhost:6379", "http://localhost", "redis://localhost:x"],
    "SMTP_URL": [
        "localhost:25",
        "http://localhost",
        "smtp://localhost:x",
        "mailto:a@b",
        "smtp://",
        "smtp://localhost?tls=maybe",
    ],
    "SECRET_KEY": [
        "short",
        "a-key-long-enough,short",
        "a-key-long-enough,",
        "               x",
        "\udcff" * 16,
    ],
    "POOL_SIZE": ["0", "1", "1001", "ten", "2.5", "-3"],
    "MAIL_FROM": [
        "nobody",
        "@example.org",
        "a@",
        "a b@example.org",
        "A <a@example.org",
        "a@example.org>",
        "A <a@example.org>\nBcc: b@example.org",
        "A <a@example.org> B",
        "a@example.org, b@example.org",
        "a\udcff@example.org",
    ],
    "NIC_SUFFIX": ["ovh", "1OVH", "O-VH", "ABCDEFGHIJK", "ÖVH", "OVH\n"],
    "AUTO_ACCEPT_AFTER": ["0", "-1", "2592001", "1d", "0.5", "inf", "nan"],
    "CONSENT_LIFETIME": ["0", "-1", "2592001", "7d"],
    "PARTNER_BUDGET": ["0", "-1", "1000001", "10k"],
    "BCRYPT_COST": ["3", "17", "x"],
    "TRUSTED_PROXIES": ["-1", "11", "one"],
    "INTROSPECTION": ["maybe", "2", "oui"],
    "WEBHOOK_SCHEDULE": ["0,", ",", "0,-5", "0,1.5", "0,604801", "0,1d", "0;5", "٠", "0\n,5x"],
    "WEBHOOK_LOOPBACK": ["maybe"],
    "LOG_LEVEL": ["loud", "INFO ", "trace", "info\n"],
    "HOST": [],
    "PORT": ["0", "65536", "http", "-80"],
    "PUBLIC_URL": [
        "example.org",
        "https://",
        "https://example.org/",
        "https://example.org/path",
        "https://example.org?x",
        "https://example.org#x",
        "ftp://example.org",
        "https://exa mple.org",
        "https://example.org\n",
        "https://example.org:port",
        "https://example.org:99999",
        "https://:8000",
        "https://exa\udcffmple.org",
    ],
    "CORS_ORIGINS": ["*", "null", "panel.example.org", "https://panel.example.org/path", "ftp://a"],
}


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """No variable of the house but those that are required."""
    for name in [name for name in os.environ if name.startswith("NICGATE_")]:
        monkeypatch.delenv(name)
    for name, value in REQUIRED.items():
        monkeypatch.setenv(f"NICGATE_{name}", value)
    return monkeypatch


def test_starts_with_what_is_required():
    """All else has a default."""
    settings = Settings.load()

    assert (settings.pool_size, settings.log_level) == (10, "info")
    assert (settings.nic_suffix, settings.auto_accept_after) == ("OVH", 86400)
    assert (settings.bcrypt_cost, settings.trusted_proxies) == (12, 0)
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.introspection is False
    assert settings.mailbox_file is None


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("given", [None, ""], ids=["missing", "empty"])
def test_names_what_is_missing(environment, name, given):
    """One line says which variable is missing, and what it must be."""
    if given is None:
        environment.delenv(f"NICGATE_{name}")
    else:
        environment.setenv(f"NICGATE_{name}", given)

    with pytest.raises(SettingsError) as refused:
        Settings.load()

    assert str(refused.value).startswith(f"NICGATE_{name} must be ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in WRONG.items() for value in values],
    ids=ascii,
)
def test_names_what_is_wrong(environment, name, value):
    """One line says which variable is wrong and what it must be, without quoting it."""
    environment.setenv(f"NICGATE_{name}", value)

    with pytest.raises(SettingsError) as refused:
        Settings.load()

    line = str(refused.value)
    assert line.startswith(f"NICGATE_{name} must be ")
    assert line.endswith((".", "..."))
    assert "\n" not in line
    assert "s3cret-word" not in line
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgres:///gate?host=/run/postgresql"),
        ("REDIS_URL", "rediss://localhost"),
        ("REDIS_URL", "unix:///run/valkey.sock?db=1"),
        ("SMTP_URL", "smtps://nic:p%40ss@mail.example.org"),
        ("SMTP_URL", "smtp://mail.example.org?tls=required"),
        ("MAIL_FROM", "Accounts <no-reply@example.org>"),
        ("CORS_ORIGINS", "https://panel.example.org, http://localhost:5173,"),
        ("MAIL_FROM", "no-reply@example.org"),
        ("PUBLIC_URL", "https://account.example.org:8443"),
        ("PUBLIC_URL", "http://[::1]:8000"),
        ("HOST", "0.0.0.0"),
        ("LOG_LEVEL", "debug"),
        ("NIC_SUFFIX", "ABCDEFGH12"),
        ("AUTO_ACCEPT_AFTER", "3"),
        ("CONSENT_LIFETIME", "3"),
        ("POOL_SIZE", "2"),
        ("WEBHOOK_SCHEDULE", "0, 1,604800"),
    ],
)
def test_takes_what_is_right(environment, name, value):
    """The forms that the documentation names are taken."""
    environment.setenv(f"NICGATE_{name}", value)

    found = getattr(Settings.load(), name.lower())

    assert value in (str(found), getattr(found, "get_secret_value", str)())


@pytest.mark.parametrize("value", ["true", "1", "on", "TRUE"])
def test_reads_switches(environment, value):
    """A switch is turned on in the words that people use."""
    environment.setenv("NICGATE_INTROSPECTION", value)

    settings = Settings.load()

    assert settings.introspection is True


def test_tries_webhooks_as_the_policy_has_it(environment):
    """The default is the one of the rules; another one is read in seconds."""
    default = Settings.load().webhook_waits
    environment.setenv("NICGATE_WEBHOOK_SCHEDULE", "0, 1,60")

    waits = Settings.load().webhook_waits

    assert default == WEBHOOK_WAITS
    assert [wait.total_seconds() for wait in waits] == [0, 1, 60]


def test_shows_no_secret():
    """Whoever prints the settings prints no password and no key."""
    settings = Settings.load()

    shown = f"{settings!r} {settings} {settings.model_dump()}"

    assert "s3cret-word" not in shown


def test_cannot_be_changed():
    """Settings are read once."""
    settings = Settings.load()

    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1


def test_rotates_keys(environment):
    """The first key signs, all are accepted; blanks around them do not matter."""
    environment.setenv("NICGATE_SECRET_KEY", "the-newest-of-the-keys, the-key-before-that")

    keys = Settings.load().secret_keys

    assert keys == (b"the-newest-of-the-keys", b"the-key-before-that")


@pytest.mark.parametrize(
    ("variables", "origin", "sender"),
    [
        ({}, "http://127.0.0.1:8000", "no-reply@localhost"),
        ({"HOST": "::1", "PORT": "80"}, "http://[::1]:80", "no-reply@localhost"),
        (
            {"PUBLIC_URL": "https://account.example.org:8443"},
            "https://account.example.org:8443",
            "no-reply@account.example.org",
        ),
        ({"PUBLIC_URL": "https://192.0.2.1"}, "https://192.0.2.1", "no-reply@localhost"),
        (
            {"MAIL_FROM": "Accounts <accounts@example.org>"},
            "http://127.0.0.1:8000",
            "Accounts <accounts@example.org>",
        ),
    ],
)
def test_knows_its_origin_and_its_sender(environment, variables, origin, sender):
    """Links and mails come from what is said, or from where the gateway listens."""
    for name, value in variables.items():
        environment.setenv(f"NICGATE_{name}", value)

    settings = Settings.load()

    assert (settings.origin, settings.sender) == (origin, sender)


def test_needs_little_to_migrate(environment):
    """Migrations need the database and nothing else."""
    for name in ("REDIS_URL", "SMTP_URL", "SECRET_KEY"):
        environment.delenv(f"NICGATE_{name}")

    settings = DatabaseSettings.load()

    assert settings.database_url.get_secret_value() == REQUIRED["DATABASE_URL"]


def test_needs_nothing_to_run_on_one_machine(environment):
    """Without any variable everything is embedded, in a folder of its own."""
    for name in REQUIRED:
        environment.delenv(f"NICGATE_{name}")

    settings = EmbeddedSettings.load()

    urls = (settings.database_url, settings.redis_url, settings.smtp_url, settings.secret_key)
    assert urls == (None, None, None, None)
    assert settings.data_dir == Path("var")


@pytest.mark.parametrize("name", REQUIRED)
def test_names_what_is_wrong_on_one_machine(environment, name):
    """A URL that replaces an embedded part is checked like any other."""
    environment.setenv(f"NICGATE_{name}", WRONG[name][0])

    with pytest.raises(SettingsError) as refused:
        EmbeddedSettings.load()

    assert str(refused.value).startswith(f"NICGATE_{name} must be ")
