"""A whole nicgate in processes of its own, and a customer who talks to it over HTTP."""

import asyncio
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import documents
import httpx2
import secrecy
from mailboxes import Mailboxes

from models import database
from models.settings import DatabaseSettings

# Nobody here speaks TLS, and to make ready for it takes a client longer than most answers.
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
PASSWORD = "Garden-Kettle-42-blue"
CODE = re.compile(r"^[B-Z]{4}-[B-Z]{4}$", re.MULTILINE)
LINK = re.compile(r"^https?://\S+/links/\w+#\S+$", re.MULTILINE)

REFUSAL = """
  __typename
  ... on UserError { message }
  ... on InvalidInputError { fields { field code message } }
  ... on InvalidCodeError { attemptsLeft }
"""
SIGNUP = """mutation ($input: SignupInput!) {
  signup(input: $input) {
    __typename ... on UserError { message } ... on Challenge { id deliveredTo expiresAt }
  }
}"""
CONFIRM_SIGNUP = """mutation ($input: ConfirmSignupInput!) {
  confirmSignup(input: $input) {
    __typename ... on UserError { message } ... on OpenedSession { token account { nicHandle } }
  }
}"""
LOGIN = """mutation ($input: LoginInput!) {
  login(input: $input) {
    __typename ... on UserError { message } ... on OpenedSession { token account { nicHandle } }
  }
}"""
REQUEST_CHANGE = """mutation ($input: RequestEmailChangeInput!) {
  requestEmailChange(input: $input) {
    __typename ... on UserError { message } ... on EmailChange { id state autoAcceptAt }
  }
}"""
CONFIRM_CHANGE = """mutation ($code: String!) {
  confirmEmailChange(input: {code: $code}) {
    __typename ... on UserError { message } ... on EmailChange { state acceptedBy }
  }
}"""
PROVE = """mutation ($code: String!) {
  proveEmail(input: {code: $code}) {
    __typename ... on UserError { message } ... on Account { emailProven advice }
  }
}"""
CHANGES = """{ me { email emailProven pendingEmailChange { id } emailChanges { edges { node {
  state acceptedBy autoAcceptAt settledAt requestedAt
} } } } }"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def until(look: Callable[[], Any], seconds: float, what: str = "it") -> Any:
    """Look again and again until there is something; fail after so many seconds."""
    give_up = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < give_up, f"waited {seconds} s in vain for {what}"
        time.sleep(0.05)
    return found


class Stack:
    """A run of `nicgate up` in a folder; `variables` are settings without their prefix.

    Its mails go to `mailboxes`, a server elsewhere, if there are any: else to its own.
    """

    def __init__(
        self, folder: Path, *, mailboxes: Mailboxes | None = None, **variables: object
    ) -> None:
        self.folder = folder
        self._mailboxes = mailboxes
        if mailboxes:
            variables["SMTP_URL"] = mailboxes.url
        self.port = variables.setdefault("PORT", free_port())
        self.url = f"http://127.0.0.1:{self.port}"
        settings = {"DATA_DIR": folder, "BCRYPT_COST": 4} | variables
        ours = {name: text for name, text in os.environ.items() if not name.startswith("NICGATE_")}
        self._environment = ours | {f"NICGATE_{name}": str(it) for name, it in settings.items()}
        self._process: subprocess.Popen[bytes] | None = None
        # Every password, code and token that a customer has typed or was given.
        self.secrets: set[str] = set()

    def start(self) -> Self:
        """Start it, and wait until it says that all of it runs."""
        said = self.folder.parent / "up.out"
        before = said.stat().st_size if said.exists() else 0
        with said.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "gateway", "up"],
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until(lambda: self.is_ready() and b"Ctrl-C" in said.read_bytes()[before:], 60, "readiness")
        return self

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            assert self._process.wait(12) == 0

    def pid(self, words: str) -> int:
        """The one child whose command line has these words."""
        (pid,) = [pid for pid, line in self._children() if words in line]
        return pid

    def given(self, name: str) -> str:
        """What the gateway's process was given for a setting, without its prefix."""
        environment = Path(f"/proc/{self.pid('gateway serve')}/environ").read_text()
        settings = dict(line.partition("=")[::2] for line in environment.split("\0"))
        return settings[f"NICGATE_{name}"]

    def in_database(self, operation: Callable[[], Awaitable[Any]]) -> Any:
        """Run an operation on the database, as a command of the operator does."""

        async def run() -> Any:
            settings = DatabaseSettings(database_url=self.given("DATABASE_URL"))
            async with database.opened(settings):
                return await operation()

        # In a thread: a browser's driver has a loop in this one.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(run())).result()

    def kill(self, words: str) -> int:
        """SIGKILL the one child whose command line has these words; return its pid."""
        pid = self.pid(words)
        os.kill(pid, signal.SIGKILL)
        return pid

    def has(self, words: str, *, but: int) -> bool:
        return any(words in line and pid != but for pid, line in self._children())

    def is_ready(self) -> bool:
        assert self._process
        assert self._process.poll() is None, (self.folder.parent / "up.out").read_text()
        try:
            return httpx2.get(f"{self.url}/readyz", verify=PLAIN, timeout=2).status_code == 200
        except httpx2.HTTPError:
            return False

    def customer(self, email: str) -> "Customer":
        return Customer(self, email)

    def mails(self, to: str) -> list[dict[str, Any]]:
        """The caught mails to an address, newest first."""
        if self._mailboxes:
            return self._mailboxes.mails(to)
        mailbox = f"{self.url}/mailbox/messages"
        answer = httpx2.get(mailbox, params={"to": to}, verify=PLAIN, timeout=5)
        mails: list[dict[str, Any]] = answer.json()
        return mails

    def mail(self, to: str, *, about: str, seconds: float = 10) -> dict[str, Any]:
        """Wait for a mail whose subject has these words."""

        def look() -> dict[str, Any] | None:
            return next((mail for mail in self.mails(to) if about in mail["subject"]), None)

        found: dict[str, Any] = until(look, seconds, f"a mail to {to} about {about!r}")
        return found

    def words(self, to: str, *, about: str) -> str:
        """What such a mail says, on one line: where it is wrapped depends on the addresses."""
        return " ".join(self.mail(to, about=about)["text"].split())

    def newcomer(self, **profile: str) -> "Customer":
        """A customer with an account of their own, signed in."""
        customer = self.customer(f"{uuid4().hex[:12]}@example.org")
        customer.confirm(customer.sign_up(**profile))
        return customer

    def link(self, kind: str, to: str, *, about: str) -> str:
        """The address of a link (refuse, revert, report) in the newest mail about something."""
        text = self.mail(to, about=about)["text"]
        (found,) = re.findall(rf"^{self.url}/links/{kind}#\S+$", text, re.MULTILINE)
        return str(found)

    def press(self, link: str) -> dict[str, Any]:
        """Send what the button of a link's page sends, as somebody who is not signed in."""
        kind, _, credential = link.rpartition("/")[2].partition("#")
        row_id, _, token = credential.partition(".")
        anybody = self.customer("")
        if kind == "report":
            return anybody.do("reportCompromise", token=token)
        return anybody.do(f"{kind}EmailChange", emailChangeId=row_id, token=token)

    def _children(self) -> Iterator[tuple[int, str]]:
        assert self._process
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if parent == self._process.pid:
                yield int(entry.name), line


class Customer:
    """Somebody with a mailbox and a GraphQL client; `token` is their open session."""

    def __init__(self, stack: Stack, email: str) -> None:
        self.stack = stack
        self.email = email
        self.password = PASSWORD
        self.token = ""
        self.nic_handle = ""

    def ask(self, document: str, **variables: object) -> dict[str, Any]:
        """Send one operation; return its data, there must be no errors."""
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        body = {"query": document, "variables": variables}
        answer = httpx2.post(
            f"{self.stack.url}/graphql", json=body, headers=headers, verify=PLAIN, timeout=10
        )
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()
        assert "errors" not in content, content
        data: dict[str, Any] = content["data"]
        self.stack.secrets |= set(_secrets_in(variables)) | set(_secrets_in(data))
        return data

    def do(self, name: str, **given: object) -> dict[str, Any]:
        """Send one mutation with this input; return its result."""
        variables = {"input": given} if given else {}
        result: dict[str, Any] = self.ask(documents.mutation(name), **variables)[name]
        return result

    def me(self) -> dict[str, Any]:
        """The account as its holder sees it, with its changes, newest first."""
        account: dict[str, Any] = self.ask(documents.ACCOUNT)["me"]
        edges = account["emailChanges"]["edges"]
        return account | {"emailChanges": [edge["node"] for edge in edges]}

    def is_signed_in(self) -> bool:
        return self.ask("{ me { id } }")["me"] is not None

    def sign_up(self, **profile: str) -> str:
        """Ask for an account; return the id of the challenge."""
        wanted = {
            "email": self.email,
            "password": self.password,
            "firstName": "Alice",
            "lastName": "Martin",
            "country": "FR",
            "language": "EN",
        } | profile
        challenge: str = self.ask(SIGNUP, input=wanted)["signup"]["id"]
        return challenge

    def confirm(self, challenge: str) -> None:
        given = {
            "challengeId": challenge,
            "code": self.code("Confirm the creation"),
            "transport": "TOKEN",
        }
        self._open(self.ask(CONFIRM_SIGNUP, input=given)["confirmSignup"])

    def log_in(self, identifier: str) -> None:
        self._open(self.try_to_log_in(identifier))

    def try_to_log_in(self, identifier: str) -> dict[str, Any]:
        given = {"identifier": identifier, "password": self.password, "transport": "TOKEN"}
        answer: dict[str, Any] = self.ask(LOGIN, input=given)["login"]
        return answer

    def log_in_by_cookie(self, identifier: str) -> None:
        """Sign in as a browser does, and read the account with its cookies."""
        given = {"identifier": identifier, "password": self.password, "transport": "COOKIE"}
        with httpx2.Client(base_url=self.stack.url, timeout=10) as browser:
            body = {"query": LOGIN, "variables": {"input": given}}
            assert browser.post("/graphql", json=body).json()["data"]["login"]["account"]
            assert browser.post("/graphql", json={"query": "{ me { id } }"}).json()["data"]["me"]
            assert len(browser.cookies) == 2
            self.stack.secrets |= set(browser.cookies.values())

    def request_change(self, new_email: str) -> dict[str, Any]:
        given = {"newEmail": new_email, "password": self.password}
        change: dict[str, Any] = self.ask(REQUEST_CHANGE, input=given)["requestEmailChange"]
        assert change["__typename"] == "EmailChange", change
        return change

    def set_spare(self, spare_email: str) -> None:
        """Have a second address, and prove it."""
        self.do("setSpareEmail", spareEmail=spare_email, password=self.password)
        code = self.code("Confirm your spare", at=spare_email)
        assert self.do("proveSpareEmail", code=code)["spareEmailProven"]

    def reset(self, *, at: str, new_password: str, **given: object) -> dict[str, Any]:
        """Set a password with the code of a reset mail, without being signed in."""
        asked = {"identifier": self.nic_handle} | given
        challenge = self.do("requestPasswordReset", **asked)["id"]
        code = self.code("Choose a new password", at=at)
        answer = self.do(
            "resetPassword", challengeId=challenge, code=code, newPassword=new_password
        )
        if answer["__typename"] == "PasswordChanged":
            self.password = new_password
        return answer

    def code(self, about: str, *, at: str | None = None) -> str:
        """Read the code of a mail, at one's own address or at another that one reads."""
        mail = self.stack.mail(at or self.email, about=about)
        found = CODE.search(mail["text"])
        assert found, mail["text"]
        return found[0]

    def _open(self, opened: dict[str, Any]) -> None:
        assert opened["__typename"] == "OpenedSession", opened
        self.token, self.nic_handle = opened["token"], opened["account"]["nicHandle"]


_SECRET = {"password", "newPassword", "currentPassword", "code", "token", "secret"}


def _secrets_in(tree: object) -> Iterator[str]:
    if isinstance(tree, dict):
        for name, value in tree.items():
            if name in _SECRET and isinstance(value, str) and len(value) >= 8:
                yield value
            yield from _secrets_in(value)


@contextmanager
def running(
    folder: Path, *, mailboxes: Mailboxes | None = None, **variables: object
) -> Iterator[Stack]:
    """Run a stack for the length of a block."""
    stack = Stack(folder, mailboxes=mailboxes, **variables)
    try:
        yield stack.start()
    finally:
        stack.stop()
    assert secrecy.found(stack.secrets, secrecy.files(folder)) == []
