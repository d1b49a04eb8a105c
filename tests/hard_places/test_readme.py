"""The README's story, pasted block by block into a shell, gives the answers that it shows."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import readme
import stacks

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
END = "that was all"
MASKS = (
    (UUID, "<id>"),
    (re.compile(r'"extensions":\{"cost":\{[^}]*\}\}'), '"extensions":<cost>'),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "<instant>"),
    (re.compile(r"\b[B-Z]{4}-[B-Z]{4}\b"), "<code>"),
    (re.compile(r"\bam\d{6,7}-OVH\b"), "<nic>"),
)


def blocks(title: str) -> Iterator[tuple[str, str]]:
    """The commands of a section, each with the answer that is shown below it."""
    command = ""
    for kind, text in readme.BLOCK.findall(readme.section(title)):
        if kind == "sh":
            if command:
                yield command, ""
            command = text
        else:
            yield command, text
            command = ""


class Shell:
    """One bash, in an empty folder, that a person pastes into."""

    def __init__(self, folder: Path) -> None:
        self.bash = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=os.environ | {"LC_ALL": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def paste(self, command: str) -> str:
        """Run a command after all that was pasted before, and return what it shows."""
        assert self.bash.stdin is not None
        assert self.bash.stdout is not None
        self.bash.stdin.write(f"{command}\necho {END}\n")
        self.bash.stdin.flush()
        shown = ""
        for line in self.bash.stdout:
            if line == f"{END}\n":
                return shown
            shown += line
        raise AssertionError(f"{command}\n{shown}")

    def close(self) -> None:
        """Leave, and end what still runs in the background."""
        if self.bash.poll() is None:
            self.bash.communicate("kill $(jobs -p)\nexit\n", timeout=10)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path)
    yield shell
    shell.close()


def masked(text: str) -> str:
    for pattern, mask in MASKS:
        text = pattern.sub(mask, text)
    return text.strip()


def test_the_story(shell, tmp_path):
    """Every block answers what the README says, with ids, codes and digits masked."""
    stack = stacks.Stack(tmp_path / "var").start()
    ids: list[str] = []
    told = 0
    try:
        for command, expected in blocks("The story, to paste"):
            if command.strip() == "NICGATE_AUTO_ACCEPT_AFTER=5 make run":
                stack.stop()
                again = stacks.Stack(tmp_path / "var", AUTO_ACCEPT_AFTER=5, PORT=stack.port)
                stack = again.start()
                continue
            here = command.replace("http://127.0.0.1:8000", stack.url)
            answer = shell.paste(UUID.sub(ids[-1], here) if UUID.search(here) else here)
            ids += UUID.findall(answer)
            assert masked(answer) == masked(expected)
            told += bool(expected)
    finally:
        stack.stop()

    assert told == 8


def test_a_partners_day(shell, tmp_path):
    """As the story; who begins here has Alice's session from its first blocks."""
    stack = stacks.Stack(tmp_path / "var", WEBHOOK_LOOPBACK="true").start()
    known = {
        "http://127.0.0.1:8000": stack.url,
        "postgresql://nicgate@/nicgate?host=$PWD/var/postgres/socket": stack.given("DATABASE_URL"),
        ".venv/bin/nicgate": str(Path(sys.executable).with_name("nicgate")),
        ".venv/bin/python": sys.executable,
        "127.0.0.1:9000": f"127.0.0.1:{(port := stacks.free_port())}",
        '("127.0.0.1", 9000)': f'("127.0.0.1", {port})',
    }
    told = 0
    try:
        before = list(blocks("The story, to paste"))[:4]
        challenge = ""
        for command, expected in [*before, *blocks("A partner's day, to paste")]:
            here = UUID.sub(challenge, command) if "CHALLENGE=" in command else command
            for text, ours in known.items():
                here = here.replace(text, ours)
            answer = shell.paste(here)
            challenge = challenge or "".join(UUID.findall(answer)[:1])
            assert masked(answer) == masked(expected)
            told += bool(expected)
    finally:
        stack.stop()

    assert told == 10
