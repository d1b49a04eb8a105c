"""The command line, as a process."""

import os
import socket
import subprocess
import sys

import pytest

SETTINGS = {
    "NICGATE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "NICGATE_REDIS_URL": "redis://127.0.0.1:1/0",
    "NICGATE_SMTP_URL": "smtp://127.0.0.1:1",
    "NICGATE_SECRET_KEY": "0123456789abcdef",
}


def nicgate(*arguments, **variables):
    ours = {name: text for name, text in os.environ.items() if not name.startswith("NICGATE_")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "gateway", *arguments],
        env=ours | {"COLUMNS": "100"} | variables,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


COMMANDS = ["up", "serve", "worker", "migrate", "schema", "mails", "queue"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_manual(command):
    done = nicgate(command, "--help")

    assert done.returncode == 0
    assert f"usage: nicgate {command}" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_the_manual_lists_the_environment_in_the_words_of_the_settings():
    manual = nicgate("serve", "--help").stdout

    assert "NICGATE_PORT\n        a port from 1 to 65535 [8000]\n" in manual
    assert "NICGATE_DATABASE_URL\n        a PostgreSQL URL: postgresql://" in manual


@pytest.mark.parametrize("command", ["serve", "worker", "migrate"])
def test_a_missing_setting_is_one_line_and_status_2(command):
    done = nicgate(command)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("NICGATE_DATABASE_URL must be a PostgreSQL URL: ")


def test_an_unknown_command_is_refused():
    done = nicgate("dance")

    assert done.returncode == 2
    assert "invalid choice: 'dance'" in done.stderr


def test_a_migration_without_a_database_is_one_line_and_status_1():
    done = nicgate("migrate", **SETTINGS)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("The migrations failed: ConnectionRefusedError: ")


def test_a_migration_does_not_wait_for_a_database_for_ever():
    done = nicgate("migrate", "--wait", "0.2", **SETTINGS)

    assert done.returncode == 1
    assert done.stderr.startswith("The migrations failed: ConnectionRefusedError: ")


def test_a_taken_port_is_one_line_and_status_1():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = nicgate("serve", **SETTINGS, NICGATE_PORT=port)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"Port {port} on 127.0.0.1 is taken; stop what listens there, or set NICGATE_PORT.\n"
    )


def test_the_schema_is_printed():
    done = nicgate("schema")

    assert done.returncode == 0
    assert "type Query" in done.stdout
