"""The page of every mail there is: in the embedded run, and nowhere else."""

import re
import subprocess
from types import SimpleNamespace

from gateway import previews
from models.mails import Template


async def test_shows_every_mail(serve, tmp_path):
    """Each in a frame of its own, in which nothing runs; and as text."""
    async with serve(mailbox_file=tmp_path / "mails") as client:
        page = await client.get("/mailbox/templates")
        frames = re.findall(r'src="(/mailbox/templates/[^"]+)"', page.text)
        mail = await client.get(frames[0])
        none = await client.get("/mailbox/templates/fr/nothing")

    assert len(frames) == 2 * len(Template)
    assert "[dm429850-OVH] " in page.text
    assert mail.text.startswith("<!doctype html>")
    assert mail.headers["content-security-policy"].startswith("sandbox allow-popups")
    assert "script-src" not in page.headers["content-security-policy"]
    assert none.status_code == 404


async def test_has_them_written_once_for_a_look(serve, tmp_path, monkeypatch):
    """The page asks for each mail on it, and all of that is one process's work."""
    asked = []

    def run(*words, **options):
        asked.append(words)
        return subprocess.run(*words, **options)  # noqa: PLW1510 -- as it was asked

    monkeypatch.setattr(previews, "subprocess", SimpleNamespace(run=run))
    async with serve(mailbox_file=tmp_path / "mails") as client:
        page = await client.get("/mailbox/templates")
        for frame in re.findall(r'src="(/mailbox/templates/[^"]+)"', page.text)[:5]:
            assert (await client.get(frame)).status_code == 200

    assert len(asked) == 1


async def test_is_not_there_without_a_mailbox(serve):
    """A deployment shows no mails, not even samples."""
    async with serve() as client:
        response = await client.get("/mailbox/templates")

    assert response.status_code == 404
