"""The README's story, pasted block by block into a shell, gives the answers that it shows."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import stacks

from models.settings import PREFIX, EmbeddedSettings, Settings

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MASKS = (
    (UUID, "<id>"),
    (re.compile(r"\b[B-Z]{4}-[B-Z]{4}\b"), "<code>"),
    (re.compile(r"\bam\d{6,7}-OVH\b"), "<nic>"),
)


def blocks() -> Iterator[tuple[str, str]]:
    """The commands of the story, each with the answer that is shown below it."""
    story = README.read_text().partition("\n## The story")[2].partition("\n## ")[0]
    command = ""
    for kind, text in BLOCK.findall(story):
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
        self.pasted: list[str] = []
        self.folder = folder

    def paste(self, command: str) -> str:
        """Run a command after all that was pasted before; only definitions are run again."""
        script = "\n".join([*self.pasted, command])
        ran = subprocess.run(
            ["bash", "-e"],
            input=script,
            cwd=self.folder,
            env=os.environ | {"LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
        if "ask()" in command:
            self.pasted.append(command)
        return ran.stdout


def masked(text: str) -> str:
    for pattern, mask in MASKS:
        text = pattern.sub(mask, text)
    return text.strip()


def test_the_story(tmp_path):
    """Every block answers what the README says, with ids, codes and digits masked."""
    shell = Shell(tmp_path)
    stack = stacks.Stack(tmp_path / "var").start()
    ids: list[str] = []
    told = 0
    try:
        for command, expected in blocks():
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


def test_every_variable_is_explained():
    """The table of the environment has every setting, and none that is not there."""
    settings = {*Settings.model_fields, *EmbeddedSettings.model_fields} - {"mailbox_file"}

    table = README.read_text().partition("\n| variable |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(NICGATE_\w+)`", table)) == {
        PREFIX + name.upper() for name in settings
    }


def test_every_path_is_there():
    """What the README links to exists."""
    links = re.findall(r"\]\((?!http|#)([^)]+)\)", README.read_text())

    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []
