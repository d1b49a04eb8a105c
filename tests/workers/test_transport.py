"""SMTP, spoken with a real server that answers as real servers do."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiosmtpd.smtp import SMTP

from models.deliveries import Outcome
from workers.transport import Server, Smtp


class Answers:
    """Answers RCPT and DATA as told, and keeps the envelopes."""

    def __init__(self) -> None:
        self.rcpt = self.data = "250 OK"
        self.envelopes: list = []

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.envelopes.append(envelope)
        return self.data


@pytest.fixture
async def server():
    answers = Answers()
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        lambda: SMTP(answers, hostname="localhost", loop=loop), "127.0.0.1", 0
    )
    answers.url = f"smtp://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield answers
    listening.close()


@pytest.fixture
def message() -> bytes:
    return b"Subject: [dm429850-OVH] Bonjour\r\n\r\nVotre code\r\n"


@asynccontextmanager
async def silent_after(last: str) -> AsyncIterator[str]:
    """A server that answers no more from this command on."""
    ends = []

    async def serve(reader, writer):
        ends.append(asyncio.current_task())
        writer.write(b"220 hello\r\n")
        while line := (await reader.readline()).decode():
            if line.startswith(last):
                await reader.read()
                break
            writer.write(b"354 go on\r\n" if line.startswith("DATA") else b"250 OK\r\n")
            if line.startswith("DATA"):
                await reader.readuntil(b"\r\n.\r\n")
                writer.write(b"250 OK\r\n")
        writer.close()
        await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"smtp://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        await asyncio.gather(*ends)


async def deliver(url: str, message: bytes):
    return await Smtp(Server.named(url)).deliver(
        message, sender="no-reply@example.org", recipient="alice@example.org"
    )


async def test_hands_a_message_over(server, message):
    """A 250 after the final dot: the mail has left."""
    delivery = await deliver(server.url, message)

    assert delivery.outcome is Outcome.LEFT
    assert server.envelopes[0].mail_from == "no-reply@example.org"
    assert server.envelopes[0].rcpt_tos == ["alice@example.org"]


@pytest.mark.parametrize(
    ("phase", "answer", "outcome"),
    [
        ("rcpt", "550 5.1.1 no such mailbox", Outcome.BOUNCED),
        ("rcpt", "450 4.2.0 greylisted", Outcome.FAILED),
        ("data", "554 5.7.1 refused", Outcome.BOUNCED),
        ("data", "452 4.3.1 disk full", Outcome.FAILED),
    ],
)
async def test_tells_a_bounce_from_a_failure(server, message, phase, answer, outcome):
    """5xx to RCPT TO or to the message is the recipient's answer; 4xx is worth another try."""
    setattr(server, phase, answer)

    delivery = await deliver(server.url, message)

    assert delivery.outcome is outcome
    assert delivery.reason == answer


async def test_a_login_that_is_refused_is_our_fault(server, message):
    """A 5xx before the recipient was named says nothing about the recipient."""
    url = server.url.replace("smtp://", "smtp://user:secret-password@")

    delivery = await deliver(url, message)

    assert delivery.outcome is Outcome.FAILED
    assert "secret-password" not in delivery.reason
    assert server.envelopes == []


async def test_nobody_listens(message):
    """No server at all: a failure, at once."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    delivery = await deliver(f"smtp://127.0.0.1:{port}", message)

    assert delivery.outcome is Outcome.FAILED


async def test_required_tls_is_never_given_up(server, message):
    """With ?tls=required nothing is sent in clear to a server without STARTTLS."""
    delivery = await deliver(server.url + "?tls=required", message)

    assert delivery.outcome is Outcome.FAILED
    assert server.envelopes == []


async def test_a_server_that_hangs_up_inside_the_dialogue(message):
    """A connection lost on the way is a failure."""

    async def hang_up(reader, writer):
        writer.write(b"220 hello\r\n")
        await reader.readline()
        writer.close()

    listening = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]

        delivery = await deliver(f"smtp://127.0.0.1:{port}", message)

    assert delivery.outcome is Outcome.FAILED


@pytest.mark.parametrize("last", ["EHLO", "MAIL", "RCPT", "DATA"])
async def test_a_server_that_hangs(message, last):
    """It gets one deadline, not another one to answer a goodbye; the lease is twice as long."""
    async with silent_after(last) as url:
        began = asyncio.get_running_loop().time()

        delivery = await Smtp(Server.named(url), deadline=0.3).deliver(
            message, sender="no-reply@example.org", recipient="alice@example.org"
        )

    assert delivery.outcome is Outcome.FAILED
    assert asyncio.get_running_loop().time() - began < 0.55


async def test_a_server_that_hangs_after_it_took_the_mail(message):
    """The mail has left, whatever becomes of the goodbye; a second copy would be our fault."""
    async with silent_after("QUIT") as url:
        delivery = await Smtp(Server.named(url), deadline=1).deliver(
            message, sender="no-reply@example.org", recipient="alice@example.org"
        )

    assert delivery.outcome is Outcome.LEFT


def test_reads_its_url():
    """Percent-encoded credentials, ports by scheme, TLS by scheme or by ?tls=."""
    plain = Server.named("smtp://me%40example.org:p%3Ass@mail.example.org?tls=never")
    direct = Server.named("smtps://mail.example.org")

    assert plain == Server("mail.example.org", 25, "me@example.org", "p:ss", False, False)
    assert direct == Server("mail.example.org", 465, None, None, True, False)
