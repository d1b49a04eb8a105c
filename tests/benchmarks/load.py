"""Load by wrk: as much as a server takes, or so many requests a second."""

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import crowd
from servers import Server

_SCRIPT = Path(__file__).parent / "load.lua"
_CONNECTIONS = 16
_AT_A_RATE = 128  # enough that a stall does not keep the others from coming
_SIGNING_IN = 5_000
_SLOW = 20  # requests a second: idle connections would be closed by the server

_FULL = (
    "id nicHandle state email emailProven spareEmail firstName lastName organisation legalForm"
    " phone language vatNumber revision createdAt"
)


@dataclass(frozen=True)
class Case:
    """What is asked: the body, of which customers, and what a good answer has in it."""

    name: str
    query: str
    variables: dict[str, object] | None = None
    first: int = 0
    last: int = crowd.SESSIONS - 1
    once: bool = False
    word: str = ""

    @property
    def body(self) -> str:
        asked = {"query": self.query} | ({"variables": self.variables} if self.variables else {})
        return json.dumps(asked)


@dataclass(frozen=True)
class Figures:
    """What was measured: good answers a second, latencies in milliseconds."""

    rate: float
    p50: float
    p99: float
    failed: int
    requests: int


READING = [
    Case("me_small", "{ me { nicHandle email firstName } }"),
    Case("me_full", f"{{ me {{ {_FULL} }} }}"),
    Case(
        "account",
        f"query ($nicHandle: NicHandle!) {{ account(nicHandle: $nicHandle) {{ {_FULL} }} }}",
        {"nicHandle": "nb@NUMBER@-OVH"},
    ),
    Case(
        "mails",
        "{ me { mails(first: 50) { edges { cursor node { id subject text state queuedAt to } }"
        " pageInfo { hasNextPage } } } }",
        last=crowd.READERS - 1,
    ),
]
COLD = Case("me_full", f"# @SENT@\n{{ me {{ {_FULL} }} }}")
CHANGING = [
    Case(
        "updateProfile",
        "mutation ($input: UpdateProfileInput!) { updateProfile(input: $input) { __typename } }",
        {"input": {"address": {"line": "@SENT@ rue Kellermann"}}},
        word='"Account"',
    ),
    Case(
        "requestEmailChange",
        "mutation ($input: RequestEmailChangeInput!)"
        " { requestEmailChange(input: $input) { __typename } }",
        {"input": {"newEmail": "new@NUMBER@@example.org", "password": "Garden-Kettle-42-blue"}},
        first=crowd.PENDING,
        once=True,
        word="EmailChange",
    ),
]


def logins(turn: int) -> Case:
    """Logins of others than those who sign in at another turn."""
    first = crowd.SESSIONS + turn * _SIGNING_IN
    return Case(
        "login",
        "mutation ($input: LoginInput!) { login(input: $input) { __typename } }",
        {"input": {"identifier": "nb@NUMBER@-OVH", "password": "Garden-Kettle-42-blue"}},
        first=first,
        last=first + _SIGNING_IN - 1,
        once=True,
        word="OpenedSession",
    )


def require_wrk() -> None:
    """End with what to install when there is no generator."""
    if shutil.which("wrk") is None:
        sys.exit("The benchmark needs wrk: apt install wrk, or brew install wrk")


def run(
    server: Server,
    case: Case,
    *,
    seconds: float,
    rate: float = 0,
    customers: int = crowd.SESSIONS,
) -> Figures:
    """Put a case to a server for a while; of the signed-in customers the first so many ask."""
    last = min(case.last, customers - 1) if case.first < customers else case.last
    path = f"/{case.name}" if server.name == "limit" else "/graphql"
    with tempfile.NamedTemporaryFile("w", suffix=".json") as body:
        body.write(case.body)
        body.flush()
        command = ["wrk", "--threads", "1", "--duration", f"{seconds:.0f}s", "--timeout", "20s"]
        paced = 2 if rate < _SLOW else _AT_A_RATE
        command += ["--connections", str(paced if rate else _CONNECTIONS)]
        command += ["--script", str(_SCRIPT), f"http://127.0.0.1:{server.port}", "--"]
        command += [path, body.name, str(case.first), str(last), f"{rate:.0f}"]
        command += ["once" if case.once else "random", case.word]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.partition("RESULT ")[2])
    assert found["failed"] == 0, f"{server.name} {case.name}: {done.stdout}"
    rated = found["good"] / found["seconds"]
    return Figures(rated, found["p50"], found["p99"], found["failed"], found["requests"])
