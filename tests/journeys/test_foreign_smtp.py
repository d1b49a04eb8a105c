"""With all three URLs nothing embedded runs, and there is no mailbox here."""

import asyncio
import threading

import httpx2
import stacks
from aiosmtpd.controller import Controller
from databases import redis_database


class Received:
    """What a mail server somewhere else was given."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.some = threading.Event()

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.texts.append(envelope.content.decode())
        self.some.set()
        return "250 OK"


def test_the_code_reaches_a_foreign_server(tmp_path, databases, servers):
    """A sign-up completes with the code that the other server received."""
    url = asyncio.run(databases.make()).database_url.get_secret_value()
    received = Received()
    server = Controller(received, hostname="127.0.0.1", port=stacks.free_port())
    server.start()
    try:
        foreign = {"DATABASE_URL": url, "SMTP_URL": f"smtp://127.0.0.1:{server.port}"}
        with (
            # Not the one of the other tests, where its worker would take their jobs.
            redis_database(servers[1], shift=8) as foreign["REDIS_URL"],
            stacks.running(tmp_path / "var", **foreign) as stack,
        ):
            alice = stack.customer("alice@example.org")
            challenge = alice.sign_up()
            assert received.some.wait(10)
            code = stacks.CODE.search(received.texts[0].replace("\r\n", "\n"))[0]
            given = {"challengeId": challenge, "code": code, "transport": "TOKEN"}
            opened = alice.ask(stacks.CONFIRM_SIGNUP, input=given)["confirmSignup"]
            mailbox = httpx2.get(f"{stack.url}/mailbox", timeout=5)

        assert opened["__typename"] == "OpenedSession"
        assert mailbox.status_code == 404
        assert not (tmp_path / "var" / "postgres").exists()
        assert not (tmp_path / "var" / "valkey").exists()
    finally:
        server.stop()
