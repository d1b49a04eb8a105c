"""Runs of `nicgate up`: processes with a folder, a port and a terminal's signals."""

import http.client
import json
import os
import re
import smtplib
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

PARTS = {
    "PostgreSQL 18": "bin/postgres -D",
    "Valkey": "valkey-server",
    "mail catcher": "-m gateway.embedded.catcher",
    "worker": "-m workers",
    "gateway": "-m gateway serve",
}


class Up:
    """A run of `nicgate up`; `words` stand before the command and become it."""

    def __init__(self, folder, port, *, words=(), **variables):
        self.folder = folder
        self.port = port
        self._output = folder.with_name(f"{folder.name}.{time.monotonic_ns()}.out")
        ours = {name: text for name, text in os.environ.items() if not name.startswith("NICGATE_")}
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [*words, sys.executable, "-P", "-m", "gateway", "up"],
                env=ours | {"NICGATE_DATA_DIR": str(folder), "NICGATE_PORT": str(port)} | variables,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self):
        return self._output.read_text()

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return None, b""
        finally:
            connection.close()

    def post(self, path, body):
        """Return the status, Retry-After and the text of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        found = answer.status, answer.headers["retry-after"], answer.read().decode()
        connection.close()
        return found

    def pid(self, part):
        found = (pid for pid, words in processes(self.folder) if PARTS[part] in words)
        return next(found, None)

    def ready(self):
        until(lambda: "Ctrl-C stops" in self.output or self.process.poll() is not None, 20)
        assert self.process.poll() is None, self.output
        return self

    def mail(self, subject):
        environment = Path(f"/proc/{self.pid('gateway')}/environ").read_text()
        port = re.search(r"NICGATE_SMTP_URL=smtp://127\.0\.0\.1:(\d+)", environment).group(1)
        message = f"Subject: {subject}\r\nTo: alice@example.org\r\n\r\nHello\r\n"
        with smtplib.SMTP("127.0.0.1", int(port)) as client:
            client.sendmail("gateway@example.org", ["alice@example.org"], message)

    def subjects(self):
        return [mail["subject"] for mail in json.loads(self.get("/mailbox/messages")[1])]


def processes(folder):
    """Every process that has to do with a folder, whoever its parent is by now."""
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            words = (entry / "cmdline").read_bytes()
            traces = words + (entry / "environ").read_bytes() + bytes((entry / "cwd").readlink())
            if bytes(folder) in traces and int(entry.name) != os.getpid():
                yield int(entry.name), words.replace(b"\0", b" ").decode()


def until(condition, seconds):
    """Wait for a condition and return how long that took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "waited in vain"
        time.sleep(0.02)
    return time.monotonic() - began


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@contextmanager
def running(folder, **variables):
    """Run it for the length of a block, and kill it at the end if it still lives."""
    up = Up(folder, free_port(), **variables)
    try:
        yield up
    finally:
        if up.process.poll() is None:
            up.process.kill()
        up.process.wait()
