"""Connections to a mail server that counts them, closes them and refuses as real servers do."""

import asyncio

import pytest

from models.deliveries import Outcome
from workers import connections
from workers.transport import Server, Smtp

MESSAGE = b"Subject: [dm429850-OVH] Bonjour\r\n\r\nVotre code\r\n"


class Mailer:
    """A mail server; `answers` are by verb, one that is None hangs up instead."""

    def __init__(self) -> None:
        self.answers: dict[str, str | None] = {}
        self.messages: list[bytes] = []
        self.opened = self.open = self.most_open = 0
        self.verbs: list[str] = []
        self.pause = 0.0
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader, writer) -> None:
        self.opened, self.open = self.opened + 1, self.open + 1
        self.most_open = max(self.most_open, self.open)
        self.writers.append(writer)
        writer.write(b"220 hello\r\n")
        try:
            while (line := await reader.readline()) and await self._answer(line, reader, writer):
                pass
        finally:
            self.open -= 1
            writer.close()

    async def _answer(self, line, reader, writer) -> bool:
        verb = line[:4].decode().upper().strip()
        self.verbs.append(verb)
        answer = self.answers.get(verb, "221 bye" if verb == "QUIT" else "250 ok")
        if verb == "DATA" and answer == "250 ok":
            writer.write(b"354 go on\r\n")
            self.messages.append(await reader.readuntil(b"\r\n.\r\n"))
            await asyncio.sleep(self.pause)
            answer = self.answers.get("DOT", "250 taken")
        if answer is not None:
            writer.write(f"{answer}\r\n".encode())
        return answer is not None and verb != "QUIT"

    async def hang_up(self) -> None:
        """Close every connection, as servers do with idle ones."""
        for writer in self.writers:
            writer.close()
        await asyncio.sleep(0.05)


@pytest.fixture
async def mailer():
    mailer = Mailer()
    listening = await asyncio.start_server(mailer.serve, "127.0.0.1", 0)
    mailer.url = f"smtp://127.0.0.1:{listening.sockets[0].getsockname()[1]}?tls=never"
    yield mailer
    listening.close()


@pytest.fixture
async def smtp(mailer):
    smtp = Smtp(Server.named(mailer.url), connections=3)
    yield smtp
    await smtp.close()


async def until(look) -> None:
    while not look():  # noqa: ASYNC110 -- the server knows no events
        await asyncio.sleep(0)


async def deliver(smtp: Smtp):
    return await smtp.deliver(MESSAGE, sender="no-reply@example.org", recipient="a@example.org")


async def test_sends_many_mails_over_one_connection(mailer, smtp):
    """Opening a connection costs more than a mail."""
    outcomes = [(await deliver(smtp)).outcome for _ in range(20)]

    assert outcomes == [Outcome.LEFT] * 20
    assert (mailer.opened, len(mailer.messages)) == (1, 20)
    assert mailer.verbs.count("EHLO") == 1


async def test_opens_no_more_than_it_may(mailer, smtp):
    """However many mails there are, the server sees a set number of connections."""
    mailer.pause = 0.02

    found = await asyncio.gather(*(deliver(smtp) for _ in range(20)))

    assert {delivery.outcome for delivery in found} == {Outcome.LEFT}
    assert (mailer.opened, mailer.most_open, len(mailer.messages)) == (3, 3, 20)


async def test_a_connection_that_was_closed_meanwhile_is_no_failure(mailer, smtp):
    """Servers close idle connections; the mail goes over a new one, in the same attempt."""
    await deliver(smtp)
    await mailer.hang_up()

    delivery = await deliver(smtp)

    assert delivery.outcome is Outcome.LEFT
    assert (mailer.opened, len(mailer.messages)) == (2, 2)


@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
@pytest.mark.parametrize("answer", ["421 too many mails", None], ids=["421", "silence"])
async def test_a_used_connection_that_ends_before_the_message_is_no_failure(
    mailer, smtp, verb, answer
):
    """A server that has had enough of a connection says nothing about the next mail."""
    await deliver(smtp)
    mailer.answers[verb] = answer
    sending = asyncio.create_task(deliver(smtp))
    await until(lambda: mailer.verbs.count(verb) == 2)
    del mailer.answers[verb]

    delivery = await sending

    assert delivery.outcome is Outcome.LEFT
    assert (mailer.opened, len(mailer.messages)) == (2, 2)


async def test_a_new_connection_that_fails_is_a_failure(mailer, smtp):
    """One more connection is tried for a used one, and none for a new one."""
    mailer.answers["MAIL"] = "421 not now"

    delivery = await deliver(smtp)

    assert delivery.outcome is Outcome.FAILED
    assert (mailer.opened, mailer.messages) == (1, [])


async def test_what_was_lost_after_the_final_dot_stays_open(mailer, smtp):
    """Nobody knows whether it left: it is not sent again within the attempt."""
    await deliver(smtp)
    mailer.answers["DOT"] = None

    delivery = await deliver(smtp)

    assert delivery.outcome is Outcome.FAILED
    assert (mailer.opened, len(mailer.messages)) == (1, 2)


@pytest.mark.parametrize("verb", ["RCPT", "DATA", "DOT"])
async def test_a_bounce_costs_no_connection(mailer, smtp, verb):
    """A refused mail is the recipient's answer; the connection goes on with the next."""
    mailer.answers[verb] = "550 no such mailbox"
    bounced = await deliver(smtp)
    del mailer.answers[verb]

    left = await deliver(smtp)

    assert (bounced.outcome, left.outcome) == (Outcome.BOUNCED, Outcome.LEFT)
    assert mailer.opened == 1
    assert "RSET" in mailer.verbs


async def test_a_bounce_on_a_used_connection_is_the_answer(mailer, smtp):
    """The recipient is not asked for twice."""
    await deliver(smtp)
    mailer.answers["RCPT"] = "550 no such mailbox"

    delivery = await deliver(smtp)

    assert delivery.outcome is Outcome.BOUNCED
    assert mailer.verbs.count("RCPT") == 2
    assert mailer.opened == 1


async def test_leaves_after_a_number_of_mails(mailer, smtp, monkeypatch):
    """Many servers take no more than so many over one connection."""
    monkeypatch.setattr(connections, "_USES", 5)

    for _ in range(10):
        await deliver(smtp)
    await smtp.close()

    assert mailer.opened == 2
    assert mailer.verbs.count("QUIT") == 2


async def test_leaves_when_there_is_nothing_to_do(mailer, smtp, monkeypatch):
    """An idle connection is closed by us, not by the server in the middle of the next mail."""
    monkeypatch.setattr(connections, "_IDLE", 0.05)
    await deliver(smtp)

    await asyncio.sleep(0.3)

    assert (mailer.opened, mailer.open) == (1, 0)
    assert mailer.verbs[-1] == "QUIT"


async def test_gives_its_place_back_when_cancelled(mailer, smtp):
    """A mail that is given up in the middle blocks no other, and its connection is not used."""
    mailer.pause = 60
    stuck = [asyncio.create_task(deliver(smtp)) for _ in range(3)]
    await until(lambda: len(mailer.messages) == 3)
    for task in stuck:
        task.cancel()
    await asyncio.wait(stuck)
    mailer.pause = 0

    delivery = await deliver(smtp)

    assert delivery.outcome is Outcome.LEFT
    assert mailer.opened == 4
