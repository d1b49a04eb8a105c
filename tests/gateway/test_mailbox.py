"""The mailbox of `nicgate up`: what the catcher keeps, and what people and programs see of it."""

import json
import re
import smtplib
import socket
import subprocess
import sys
from contextlib import contextmanager
from email.message import EmailMessage

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from gateway import mailbox
from gateway.embedded import catcher
from gateway.embedded.catcher import Mailbox

HOSTILE = '<script>alert("x")</script>'


@pytest.fixture
def file(tmp_path):
    return tmp_path / "mailbox.jsonl"


@pytest.fixture
def box(file):
    return Mailbox(file)


@pytest.fixture
def client(file):
    with TestClient(Starlette(routes=mailbox.routes(file))) as client:
        yield client


def mail(subject="Hello", text="A text.\n", html=None):
    message = EmailMessage()
    message["Subject"] = subject
    message["Message-ID"] = "<row-1@example.org>"
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return bytes(message)


@contextmanager
def catching(file):
    """A real catcher; yields the SMTP client that talks to it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.embedded.catcher", file, str(listener.fileno())],
            pass_fds=[listener.fileno()],
        )
        try:
            with smtplib.SMTP(*listener.getsockname(), timeout=10) as client:
                yield client
        finally:
            process.terminate()
            assert process.wait(5) == 0


def test_a_mail_has_exactly_the_promised_fields(box, client):
    box.keep(["alice@example.org"], mail(subject="Été", text="Où ?\n", html="<p>Où ?</p>\n"))

    answer = client.get("/mailbox/messages")

    (message,) = answer.json()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", message.pop("receivedAt"))
    assert message == {
        "id": 1,
        "to": "alice@example.org",
        "subject": "Été",
        "text": "Où ?\n",
        "html": "<p>Où ?</p>\n",
        "messageId": "<row-1@example.org>",
    }
    assert answer.headers["content-type"] == "application/json"


def test_the_newest_mail_comes_first_and_ids_rise(box, client):
    for subject in ("first", "second", "third"):
        box.keep(["alice@example.org"], mail(subject))

    messages = client.get("/mailbox/messages").json()

    assert [(one["id"], one["subject"]) for one in messages] == [
        (3, "third"),
        (2, "second"),
        (1, "first"),
    ]


def test_mails_are_found_by_address_whatever_its_case(box, client):
    box.keep(["Alice@Example.org", "bob@example.org"], mail())

    found = client.get("/mailbox/messages", params={"to": "aLICE@eXAMPLE.org"}).json()

    assert [one["to"] for one in found] == ["Alice@Example.org"]
    assert client.get("/mailbox/messages", params={"to": "alice@example.or"}).json() == []


def test_an_empty_mailbox_says_what_to_do(client):
    assert client.get("/mailbox/messages").json() == []
    assert "No mail yet" in client.get("/mailbox").text


def test_a_line_that_is_still_being_written_is_not_shown(box, client, file):
    box.keep(["alice@example.org"], mail("whole"))
    with file.open("ab") as lines:
        lines.write(b'{"id":2,"to":"alice@exam')

    assert [one["subject"] for one in client.get("/mailbox/messages").json()] == ["whole"]


def test_a_restart_cuts_off_a_torn_line_and_goes_on_counting(box, client, file):
    box.keep(["alice@example.org"], mail("first"))
    with file.open("ab") as lines:
        lines.write(b'{"id":2,"to":"alice@exam')

    Mailbox(file).keep(["alice@example.org"], mail("second"))

    messages = client.get("/mailbox/messages").json()
    assert [(one["id"], one["subject"]) for one in messages] == [(2, "second"), (1, "first")]


def test_nothing_in_a_mail_becomes_part_of_the_page(box, client):
    box.keep([f"{HOSTILE}@example.org"], mail(HOSTILE, f"{HOSTILE}\n", f"<p>{HOSTILE}</p>"))

    page = client.get("/mailbox", params={"to": ""})

    assert "<script" not in page.text
    assert page.text.count("&lt;script&gt;alert(") >= 3
    assert "<script" not in client.get("/mailbox", params={"to": HOSTILE}).text


def test_links_of_the_text_can_be_followed_to_their_last_character(box, client):
    link = "https://account.example.org/links/refuse#0b6f.Yx_V-s"
    box.keep(["alice@example.org"], mail(text=f"Refuse:\n{link}\nor look (at {link}).\n"))

    page = client.get("/mailbox").text

    anchor = f'<a href="{link}" target="_blank" rel="noreferrer">{link}</a>'
    assert page.count(anchor) == 2


def test_the_page_allows_no_script_and_no_foreign_request(box, client):
    box.keep(["alice@example.org"], mail(html="<p>Hi</p>"))

    page = client.get("/mailbox")

    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self';")
    assert "script-src" not in policy
    assert page.headers["cache-control"] == "no-store"
    assert "style=" not in page.text
    assert client.get("/mailbox/mailbox.css").headers["content-type"].startswith("text/css")


def test_the_html_of_a_mail_is_served_in_a_sandbox(box, client):
    box.keep(["alice@example.org"], mail(html="<h1>Hi</h1>\n"))

    part = client.get("/mailbox/messages/1/html")

    assert part.text.startswith("<h1>Hi</h1>")
    policy = part.headers["content-security-policy"].split("; ")
    assert policy[:2] == [
        "sandbox allow-popups allow-popups-to-escape-sandbox",
        "default-src 'none'",
    ]


def test_a_mail_without_html_has_none(box, client):
    box.keep(["alice@example.org"], mail())

    assert client.get("/mailbox/messages").json()[0]["html"] is None
    assert client.get("/mailbox/messages/1/html").status_code == 404
    assert client.get("/mailbox/messages/2/html").status_code == 404


def test_a_long_mailbox_is_shown_in_pages(box, client):
    for number in range(1, 61):
        box.keep(["alice@example.org"], mail(f"mail {number:03}"))

    first = client.get("/mailbox").text
    second = client.get("/mailbox", params={"before": "11"}).text

    assert (first.count("<article"), second.count("<article")) == (50, 10)
    assert 'href="/mailbox?to=&amp;before=11"' in first
    assert "Older mails" not in second


@pytest.mark.parametrize("number", ["x", "-1", "²", "9" * 5000, "%00", "%ed%a0%80"])
def test_no_number_breaks_the_mailbox(box, client, number):
    box.keep(["alice@example.org"], mail())

    assert client.get(f"/mailbox?before={number}&to={number}").status_code == 200
    assert client.get(f"/mailbox/messages?to={number}").json() == []
    assert client.get(f"/mailbox/messages/{number}/html").status_code == 404


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"Subject: =?nope?Q?x?=\r\nContent-Type: text/plain; charset=nope\r\n\r\n\xe9\r\n",
        b"Content-Type: multipart/alternative; boundary=x\r\n\r\nno parts",
        b"Content-Transfer-Encoding: base64\r\n\r\n%%%\r\n",
        b"Content-Type: text/html; charset=utf-7\r\n\r\n+2AA-\r\n",
        b"To: <\r\nFrom: @\r\nMessage-ID: <>\r\nDate: x\r\nSubject: \xe9\r\n\r\n",
    ],
)
def test_a_broken_mail_is_kept_all_the_same(box, client, content):
    box.keep(["alice@example.org"], content)

    assert len(client.get("/mailbox/messages").json()) == 1
    assert client.get("/mailbox").status_code == 200


def test_a_folded_subject_reads_as_it_was_written():
    subject = "[dm429850-OVH] " + "word " * 30

    assert catcher.read(mail(subject.strip()))["subject"] == subject.strip()


def test_a_kept_mail_is_in_the_file_before_its_sender_hears_of_it(file):
    with catching(file) as client:
        client.sendmail("a@example.org", ["b@example.org", "c@example.org"], mail("for two"))

        lines = [json.loads(line) for line in file.read_text().splitlines()]
        assert [(line["id"], line["to"]) for line in lines] == [
            (1, "b@example.org"),
            (2, "c@example.org"),
        ]

    with catching(file) as client:
        client.sendmail(
            "a@example.org", ["çelik@example.org"], mail("again"), mail_options=["SMTPUTF8"]
        )

    assert json.loads(file.read_text().splitlines()[-1])["id"] == 3


def test_a_mail_of_more_than_ten_mebibytes_is_refused(file):
    with catching(file) as client, pytest.raises(smtplib.SMTPResponseException) as refusal:
        client.sendmail("a@example.org", ["b@example.org"], b"\r\n" * 5_500_000)

    assert refusal.value.smtp_code == 552


def test_a_full_disk_is_told_to_the_sender(file):
    with catching(file) as client:
        file.unlink()
        file.symlink_to("/dev/full")
        with pytest.raises(smtplib.SMTPDataError) as refusal:
            client.sendmail("a@example.org", ["b@example.org"], mail())

    assert refusal.value.smtp_code == 452
