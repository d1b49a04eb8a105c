"""The columns of the table: seven things that people do, each begun before, in or after a fault.

A story is prepared in health, may begin on the eve of the fault, acts while it lasts, and then
finishes: it knows when all that it was promised had come.
"""

import asyncio
import re
import time
from typing import Any, ClassVar
from uuid import uuid4

from faults.rig import Promise, Rig, UnansweredError, until
from stacks import CODE, CONFIRM_CHANGE, CONFIRM_SIGNUP, PASSWORD, REQUEST_CHANGE, SIGNUP

REQUEST_RESET = """mutation ($identifier: String!) {
  requestPasswordReset(input: {identifier: $identifier}) {
    __typename ... on Challenge { id }
  }
}"""
RESET = """mutation ($input: ResetPasswordInput!) {
  resetPassword(input: $input) {
    __typename ... on UserError { message } ... on PasswordChanged { closedSessions }
  }
}"""
REVERT = """mutation ($id: ID!, $token: String!) {
  revertEmailChange(input: {emailChangeId: $id, token: $token}) {
    __typename ... on UserError { message } ... on EmailChange { state }
  }
}"""
_REVERT_LINK = re.compile(r"/links/revert#([0-9a-f-]+)\.([\w-]+)")
_PATIENCE = 110  # seconds: a lease, a back-off, and the time that is judged
_ASKED, _TOLD = "email_change_validation", "email_change_told_new"
_FORMER, _NEW = "email_change_accepted_former", "email_change_accepted_new"


class Story:
    """One person with an account of their own, whose mailbox is named after the story."""

    name: ClassVar[str] = ""
    gateway = 1  # who takes a request; the first one's changes are accepted after seconds

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.email = f"{self.name}-{uuid4().hex[:8]}@example.org"
        self.new_email = self.email.replace("@", "-new@")
        self.token = ""
        self.done_at = 0.0
        self.not_before = 0.0
        self.lost_answers = 0

    async def prepare(self) -> None:
        """Do in health what the story needs."""
        await self.open_account()

    async def eve(self) -> None:
        """Begin just before the fault."""

    async def act(self) -> None:
        """Ask for what the story is about, until it is answered."""

    async def finish(self) -> None:
        """Wait until all that was promised is there."""
        await self.settled()
        self.done_at = time.time()

    async def insist(self, document: str, **variables: object) -> dict[str, Any]:
        """Ask again and again, as a client does that gets 503; return the one answer."""
        give_up = time.monotonic() + _PATIENCE
        while True:
            try:
                data = await self.rig.ask(document, session=self.token, **variables)
            except UnansweredError:
                self.lost_answers += 1
                if time.monotonic() > give_up:
                    raise
                await asyncio.sleep(1)  # less than the Retry-After that it was told
            else:
                answer: dict[str, Any] = next(iter(data.values()))
                return answer

    async def open_account(self) -> None:
        challenge = await self.sign_up()
        await self.enter_code(challenge)

    async def sign_up(self) -> str:
        wanted = {
            "email": self.email,
            "password": PASSWORD,
            "firstName": "Alice",
            "lastName": "Martin",
            "country": "FR",
            "language": "EN",
        }
        answer = await self.insist(SIGNUP, input=wanted)
        self.promised("creation", self.email)
        challenge: str = answer["id"]
        return challenge

    async def enter_code(self, challenge: str) -> None:
        await self.mailed("Confirm the creation")
        for text in self.texts(self.email):
            code = CODE.search(text)
            if not code:
                continue
            given = {"challengeId": challenge, "code": code[0], "transport": "TOKEN"}
            answer = await self.insist(CONFIRM_SIGNUP, input=given)
            if answer["__typename"] == "OpenedSession":
                self.token = answer["token"]
                return
        raise AssertionError(f"{self.email}: no code opens the account")

    async def request(self, *, at: int | None = None) -> str:
        wanted = {"newEmail": self.new_email, "password": PASSWORD}
        answer = await self.insist(
            REQUEST_CHANGE, at=self.gateway if at is None else at, input=wanted
        )
        assert answer["__typename"] == "EmailChange", answer
        self.promised(_ASKED, self.email)
        self.promised(_TOLD, self.new_email)
        change: str = answer["id"]
        return change

    async def confirm(self) -> None:
        text = next(text for text in self.texts(self.email) if "validation code" in text)
        code = CODE.search(text)
        assert code, text
        answer = await self.insist(CONFIRM_CHANGE, code=code[0])
        if answer["__typename"] == "EmailChange":
            assert answer["state"] == "DONE", answer
        else:  # an earlier try has come through, and its answer was lost
            assert self.lost_answers, answer
        self.accepted()

    def promised(self, template: str, recipient: str) -> None:
        self.rig.promised(self.name, template, recipient)

    def accepted(self) -> None:
        self.promised(_FORMER, self.email)
        self.promised(_NEW, self.new_email)

    def texts(self, address: str) -> list[str]:
        return [it.text.replace("\r\n", "\n") for it in self.rig.office.mails_to(address)]

    async def mailed(self, words: str, *, to: str = "", seconds: float = _PATIENCE) -> None:
        """Wait for a mail that says this."""
        address = to or self.email

        async def look() -> bool:
            rows = await self.rig.sql(
                "SELECT FROM mails WHERE recipient = $1 AND subject LIKE '%' || $2 || '%'"
                " AND state = 'SENT'",
                address,
                words,
            )
            return bool(rows)

        await until(look, seconds, f"a mail to {address} that says {words}")

    async def state(self) -> Any:
        rows = await self.rig.sql(
            "SELECT c.* FROM email_changes c WHERE c.new_email = $1 ORDER BY requested_at DESC",
            self.new_email,
        )
        return rows[0] if rows else None

    async def settled(self) -> None:
        """Wait until each mail that was promised is settled."""

        async def look() -> bool:
            promises = [it for it in self.rig.promises if it.story == self.name]
            return all([await fate(self.rig, it) for it in promises])

        await until(look, _PATIENCE, f"the mails of {self.name}")

    async def clock_started(self) -> None:
        async def look() -> bool:
            change = await self.state()
            return bool(change and change["auto_accept_at"])

        await until(look, _PATIENCE, f"the clock of {self.name}")


async def fate(rig: Rig, promise: Promise) -> list[Any]:
    """Return the settled mails that keep a promise; none while one of them is queued."""
    rows = await rig.sql(
        "SELECT * FROM mails WHERE template = $1 AND recipient = $2",
        promise.template,
        promise.recipient,
    )
    return [] if any(row["state"] == "QUEUED" for row in rows) else rows


class SignUp(Story):
    """Somebody signs up during the fault, and types the code that comes."""

    name = "sign-up"

    async def prepare(self) -> None:
        """Nothing is there before."""

    async def act(self) -> None:
        self._challenge = await self.sign_up()

    async def finish(self) -> None:
        await self.settled()
        if self.rig.office.mails_to(self.email):
            await self.enter_code(self._challenge)
        self.done_at = time.time()


class Reset(Story):
    """A reset is asked for during the fault, and done with the code that comes."""

    name = "reset"

    async def act(self) -> None:
        answer = await self.insist(REQUEST_RESET, identifier=self.email)
        self.promised("password_reset", self.email)
        self._challenge = answer["id"]

    async def finish(self) -> None:
        await self.settled()
        text = next((it for it in self.texts(self.email) if "password" in it), "")
        code = CODE.search(text)
        if code and not self.rig.office.refused(self.email):
            given = {"challengeId": self._challenge, "code": code[0], "newPassword": PASSWORD[::-1]}
            answer = await self.insist(RESET, input=given)
            # A lost answer may have held the challenge of this code; a minute later there is more.
            assert answer["__typename"] == "PasswordChanged" or self.lost_answers, answer
            if answer["__typename"] == "PasswordChanged":
                self.promised("password_changed", self.email)
            await self.settled()
        self.done_at = time.time()


class Request(Story):
    """A change is asked for during the fault: both addresses are told, and the clock starts."""

    name = "request"

    async def act(self) -> None:
        await self.request()

    async def finish(self) -> None:
        await self.clock_started()
        await super().finish()


class Delivery(Story):
    """A change was asked for: the fault comes in the middle of the delivery of the question."""

    name = "delivery"

    async def eve(self) -> None:
        self.rig.office.dawdle_for |= {self.email, self.new_email}
        await self.request()

    async def finish(self) -> None:
        await self.clock_started()
        await super().finish()


class Code(Story):
    """A pending change is accepted during the fault, with the code that came before."""

    name = "code"

    async def prepare(self) -> None:
        await self.open_account()
        await self.request()
        await self.settled()

    async def act(self) -> None:
        await self.confirm()


class Silence(Story):
    """A deadline passes in the fault, or soon after."""

    name = "silence"

    async def eve(self) -> None:
        await self.request(at=0)
        await self.settled()
        await self.clock_started()
        self.not_before = (await self.state())["auto_accept_at"].timestamp()

    async def act(self) -> None:
        self.accepted()

    async def accepted_at(self) -> float:
        """When silence has accepted; 0 while it has not."""
        change = await self.state()
        return change["settled_at"].timestamp() if change["settled_at"] else 0.0

    async def finish(self) -> None:
        await super().finish()
        change = await self.state()
        assert (change["state"], change["accepted_by"]) == ("DONE", "SILENCE"), change


class Revert(Story):
    """A change is taken back during the fault, with the link that came before."""

    name = "revert"

    async def prepare(self) -> None:
        await self.open_account()
        await self.request()
        await self.settled()
        await self.confirm()
        await self.settled()

    async def act(self) -> None:
        link = next(filter(None, map(_REVERT_LINK.search, self.texts(self.email))))
        answer = await self.insist(REVERT, id=link[1], token=link[2])
        if answer["__typename"] == "EmailChange":
            assert answer["state"] == "REVERTED", answer
        else:  # as in `confirm`
            assert self.lost_answers, answer
        self.promised("email_change_reverted", self.email)
        self.promised("frozen", self.email)


STORIES: list[type[Story]] = [SignUp, Reset, Request, Delivery, Code, Silence, Revert]
