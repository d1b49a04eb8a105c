"""A mutation under a key in processes that die, and in two at once: done once, answered always."""

import asyncio
import os
import signal
import subprocess
import sys

import factories
import httpx2
import pytest
from factories import PASSWORD
from retries import HOME, KEY
from stacks import PLAIN, free_port, until

from models.accounts import Account
from models.idempotency import IdempotencyKey
from models.sessions import Session

# A gateway that is killed by itself: when the answer to a mutation under a key is about to leave,
# after its commit; or when all is done and stored, and nothing is committed.
DYING = """
import os, signal, sys
import uvicorn
from gateway import idempotency
from gateway.serving import application

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def dying(app):
    async def run(scope, receive, send):
        async def answer(message):
            if any(name == b"idempotency-key" for name, _ in scope["headers"]):
                die()
            await send(message)
        await app(scope, receive, answer if scope["type"] == "http" else send)
    return run

keep = idempotency.idempotency.keep

async def keep_and_die(*given):
    await keep(*given)
    die()

app = application()
if sys.argv[1] == "before":
    idempotency.idempotency.keep = keep_and_die
uvicorn.run(dying(app), port=int(os.environ["NICGATE_PORT"]), log_config=None)
"""
RENAME = """mutation { updateProfile(input: {firstName: "Alicia"}) {
  __typename ... on Account { revision }
} }"""
LOGIN = """mutation ($input: LoginInput!) {
  login(input: $input) { ... on OpenedSession { token session { id } } }
}"""
SIGNED_IN = {"input": {"identifier": HOME, "password": PASSWORD, "transport": "TOKEN"}}


class Process:
    """A gateway on a port of its own; `words` are what Python runs."""

    def __init__(self, settings, *words):
        self.url = f"http://127.0.0.1:{settings['PORT']}"
        ours = {f"NICGATE_{name}": str(it) for name, it in settings.items()}
        self.process = subprocess.Popen([sys.executable, "-P", *words], env=os.environ | ours)

    def is_ready(self):
        assert self.process.poll() is None
        try:
            query = {"query": "{ __typename }"}
            answer = httpx2.get(f"{self.url}/graphql", params=query, verify=PLAIN, timeout=2)
            return answer.status_code == 200
        except httpx2.HTTPError:
            return False

    async def send(self, document, variables=None, *, caller=None, key=KEY):
        headers = {"idempotency-key": key, "user-agent": factories.FIREFOX}
        if caller is not None:
            headers["authorization"] = f"Bearer {caller.token}"
        body = {"query": document, "variables": variables}
        async with httpx2.AsyncClient(timeout=20) as client:
            return await client.post(f"{self.url}/graphql", json=body, headers=headers)


@pytest.fixture(scope="module")
def start(shared_database, redis_url):
    """Start gateways on the tables of these tests, and kill at the end what still lives."""
    started = []

    def start(*words):
        settings = {
            "DATABASE_URL": shared_database.database_url.get_secret_value(),
            "REDIS_URL": redis_url,
            "SMTP_URL": "smtp://127.0.0.1:1",
            "SECRET_KEY": "a key for tests only",
            "BCRYPT_COST": 4,
            "PORT": free_port(),
        }
        started.append(Process(settings, *(words or ("-m", "gateway", "serve"))))
        until(started[-1].is_ready, 20, "a gateway")
        return started[-1]

    yield start
    for it in started:
        it.process.kill()
        it.process.wait()


@pytest.fixture(scope="module")
def heir(start):
    """A gateway that lives on."""
    return start()


def is_replayed(answer):
    return answer.headers.get("idempotent-replayed") == "true"


async def die(gateway, document, variables=None, **more):
    """Send what is the end of a gateway."""
    with pytest.raises(httpx2.HTTPError):
        await gateway.send(document, variables, **more)
    assert gateway.process.wait(10) == -signal.SIGKILL


async def test_killed_after_the_commit(start, heir, alice):
    """The client saw nothing, the change is there; another process has the answer to it."""
    await die(start("-c", DYING, "after"), RENAME, caller=alice)
    between = (await Account.get(id=alice.account.id)).revision

    answers = [await heir.send(RENAME, caller=alice) for _ in range(2)]

    assert between == 2
    assert [is_replayed(answer) for answer in answers] == [True, True]
    assert answers[0].json() == {
        "data": {"updateProfile": {"__typename": "Account", "revision": 2}}
    }
    assert (await Account.get(id=alice.account.id)).revision == 2


async def test_killed_before_the_commit(start, heir, alice):
    """Nothing is there, neither change nor answer; another process does it."""
    await die(start("-c", DYING, "before"), RENAME, caller=alice)
    between = (await Account.get(id=alice.account.id)).revision, await IdempotencyKey.all().count()

    first, second = [await heir.send(RENAME, caller=alice) for _ in range(2)]

    assert between == (1, 0)
    assert (is_replayed(first), is_replayed(second)) == (False, True)
    assert first.content == second.content
    assert (await Account.get(id=alice.account.id)).revision == 2


async def test_finds_a_session_that_nobody_was_told_of(start, heir, alice):
    """A login whose answer was lost with its process is no session too many: its token comes."""
    await die(start("-c", DYING, "after"), LOGIN, SIGNED_IN)
    between = await Session.all().count()

    answer = await heir.send(LOGIN, SIGNED_IN)

    opened = answer.json()["data"]["login"]
    found = await factories.sessions.find(opened["token"])
    assert (between, await Session.all().count()) == (2, 2)
    assert str(found.id) == opened["session"]["id"]
    assert found.id != alice.session.id


async def test_asked_of_two_processes_at_once(start, heir, alice):
    """One of them does it; all have its answer."""
    gateways = [heir, start()]

    answers = await asyncio.gather(
        *(gateway.send(RENAME, caller=alice) for gateway in gateways for _ in range(4))
    )

    assert {answer.content for answer in answers} == {
        b'{"data":{"updateProfile":{"__typename":"Account","revision":2}}}'
    }
    assert sum(map(is_replayed, answers)) == 7
    assert (await Account.get(id=alice.account.id)).revision == 2
