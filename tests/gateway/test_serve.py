"""`nicgate serve` as a process of its own: what no application in a test can show."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from factories import PASSWORD
from stacks import PLAIN, free_port, until

LOGIN = """mutation ($input: LoginInput!) {
  login(input: $input) { ... on OpenedSession { session { ipAddress } } }
}"""


@pytest.fixture
def serve(tables, redis_url):
    """Run it on the tables of this test, with other settings by keyword; yield its address."""
    processes = []

    def serve(*options, **variables):
        port = free_port()
        settings = {
            "DATABASE_URL": tables.database_url.get_secret_value(),
            "REDIS_URL": redis_url,
            "SMTP_URL": "smtp://127.0.0.1:1",
            "SECRET_KEY": "a key for tests only",
            "BCRYPT_COST": 4,
            "PORT": port,
        } | variables
        environment = os.environ | {f"NICGATE_{name}": str(it) for name, it in settings.items()}
        processes.append(
            subprocess.Popen(
                [sys.executable, "-P", "-m", "gateway", "serve", *options], env=environment
            )
        )
        url = f"http://127.0.0.1:{port}"
        until(lambda: is_ready(url), 20, "readiness")
        serve.pid = processes[-1].pid
        return url

    yield serve
    for process in processes:
        process.terminate()
    # uvicorn raises the signal that stopped it once more.
    assert {process.wait(10) for process in processes} <= {0, -signal.SIGTERM}


def is_ready(url):
    try:
        return httpx2.get(f"{url}/readyz", verify=PLAIN, timeout=2).status_code == 200
    except httpx2.HTTPError:
        return False


async def address_of_a_login(url, **headers):
    """What the account's holder is told of where a login came from."""
    given = {"identifier": "alice@example.org", "password": PASSWORD, "transport": "TOKEN"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"query": LOGIN, "variables": {"input": given}}
    async with httpx2.AsyncClient() as client:
        answer = await client.post(f"{url}/graphql", json=body, headers=named)
    return answer.json()["data"]["login"]["session"]["ipAddress"]


@pytest.mark.parametrize(
    ("proxies", "told"),
    [
        (0, {"": "127.0.0.1", "198.51.100.9": "127.0.0.1"}),
        (1, {"203.0.113.5, 198.51.100.9": "198.51.100.9"}),
        (2, {"203.0.113.5, 198.51.100.9": "203.0.113.5", "198.51.100.9": "127.0.0.1"}),
    ],
)
async def test_believes_as_many_proxies_as_it_is_told(serve, alice, proxies, told):
    """The server's own rule, to believe whoever comes from this machine, is off."""
    url = serve(TRUSTED_PROXIES=proxies)
    headers = {addresses: {"x_forwarded_for": addresses} if addresses else {} for addresses in told}

    plain = {it: await address_of_a_login(url, **headers[it]) for it in told}
    secure = {
        it: await address_of_a_login(url, **headers[it], x_forwarded_proto="https") for it in told
    }

    assert plain == secure == told


def children(pid):
    """The processes that serve: multiprocessing has one of its own besides."""
    pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    lines = {int(it): Path(f"/proc/{it}/cmdline").read_text() for it in pids}
    return {it for it, line in lines.items() if "resource_tracker" not in line}


@pytest.mark.skipif(sys.platform != "linux", reason="It looks at /proc.")
async def test_serves_by_several_processes(serve, alice):
    """A process that dies is replaced; what one has opened all others know."""
    url = serve("--workers", "2", TRUSTED_PROXIES=1)
    until(lambda: len(children(serve.pid)) == 2, 10, "two processes")
    first = children(serve.pid)

    os.kill(min(first), signal.SIGKILL)
    until(lambda: len(children(serve.pid) - first) == 1, 20, "another one")
    told = {await address_of_a_login(url, x_forwarded_for=f"198.51.100.{n}") for n in range(8)}

    assert told == {f"198.51.100.{n}" for n in range(8)}


@pytest.mark.parametrize("count", ["0", "65", "-1"])
def test_refuses_a_count_of_processes_that_is_none(count):
    """One line that says what it must be."""
    settings = {"DATABASE_URL": "postgresql://x/y", "REDIS_URL": "redis://x"}
    settings |= {"SMTP_URL": "smtp://x", "SECRET_KEY": "a key for tests only"}
    command = [sys.executable, "-P", "-m", "gateway", "serve", "--workers", count]
    environment = os.environ | {f"NICGATE_{name}": it for name, it in settings.items()}

    ended = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)

    assert ended.returncode == 2
    assert (
        ended.stderr == "NICGATE_PROCESSES must be a number of processes of `serve` from 1 to 64.\n"
    )
