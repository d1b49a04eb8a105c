"""A flood of logins delays logins alone: `make timings` prints what a run of it measured."""

import asyncio
import json
import re
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from places import place
from stacks import LOGIN, running

pytestmark = pytest.mark.timeout(300)

SECONDS = 20
LOGINS_A_SECOND = 200
CLIENTS = 4000
ME_A_SECOND = 20
ALLOWED_DELAY = 0.050  # seconds above the quiet p99
ALLOWED_ONCE, ALLOWED_GROWTH = 64 * 1024, 16 * 1024  # kB of resident memory
ME = "{ me { email } }"


class Connections:
    """Keep-alive connections, and no more work a request than the measurement can bear."""

    def __init__(self, url):
        self.place = urlsplit(url)
        self.idle = []

    async def ask(self, document, variables=None, *, token="", client="192.0.2.1"):
        body = json.dumps({"query": document, "variables": variables}).encode()
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: {self.place.netloc}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"X-Forwarded-For: {client}\r\n"
            + (f"Authorization: Bearer {token}\r\n" if token else "")
            + "\r\n"
        )
        reader, writer = await self._connection()
        writer.write(head.encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"content-length: (\d+)", answer, re.IGNORECASE)
        content = json.loads(await reader.readexactly(int(length[1])))
        self.idle.append((time.perf_counter(), reader, writer))
        return content

    async def _connection(self):
        while self.idle:
            since, reader, writer = self.idle.pop()
            if time.perf_counter() - since < 2:  # the server closes idle ones after five
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self.place.hostname, self.place.port)

    def close(self):
        for _, _, writer in self.idle:
            writer.close()


async def at_rate(rate, seconds, act):
    """Call `act` so many times a second, on time whatever the answers take; gather its results."""
    start = time.perf_counter()
    tasks = []
    for number in range(int(rate * seconds)):
        due = start + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(act(number, due)))
    return await asyncio.gather(*tasks)


def percentile(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def figures(times):
    p50, p99 = percentile(times, 0.5) * 1000, percentile(times, 0.99) * 1000
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"


def resident(stack):
    """The memory of the gateway's process, in kB."""
    (pid,) = [pid for pid, line in stack._children() if "gateway serve" in line]  # noqa: SLF001
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1])


async def measure(stack, token):
    connections = Connections(stack.url)
    outcomes = {"hashed": 0, "refused": 0}

    async def me(_number, due):
        answer = await connections.ask(ME, token=token)
        assert answer == {"data": {"me": {"email": "alice@example.org"}}}
        return time.perf_counter() - due

    async def login(number, _due):
        place = number % CLIENTS
        values = {"identifier": f"customer{place}@example.org", "password": "Another-Teapot-17-red"}
        client = f"10.7.{place // 250}.{place % 250 + 1}"
        answer = await connections.ask(LOGIN, {"input": values}, client=client)
        if "errors" in answer:
            (error,) = answer["errors"]
            # Five is what the queue answers; a limiter would ask for up to a minute.
            assert error["extensions"] == {"code": "RATE_LIMITED", "retryAfter": 5}
            outcomes["refused"] += 1
        else:
            assert answer["data"]["login"]["__typename"] == "InvalidCredentialsError"
            outcomes["hashed"] += 1

    await at_rate(ME_A_SECOND, 2, me)
    quiet = await at_rate(ME_A_SECOND, SECONDS / 2, me)
    memory = [resident(stack)]
    await at_rate(LOGINS_A_SECOND, 3, login)  # what memory a flood takes once is taken by now
    memory.append(resident(stack))
    flooded, _ = await asyncio.gather(
        at_rate(ME_A_SECOND, SECONDS, me), at_rate(LOGINS_A_SECOND, SECONDS, login)
    )
    memory.append(resident(stack))
    connections.close()
    return quiet, flooded, outcomes, memory


def test_flood_of_logins_delays_nobody_else(capsys):
    """While 200 logins a second come in, `me` is as fast as before, and memory stays flat."""
    with place() as folder, running(folder / "data", BCRYPT_COST=12, TRUSTED_PROXIES=1) as stack:
        alice = stack.customer("alice@example.org")
        alice.confirm(alice.sign_up())

        quiet, flooded, outcomes, memory = asyncio.run(measure(stack, alice.token))

    with capsys.disabled():
        sys.stdout.write(
            f"\nlogins: {outcomes['hashed']} hashed, {outcomes['refused']} refused"
            f"\nme: quiet {figures(quiet)}; flooded {figures(flooded)}"
            f"\nresident memory: quiet {memory[0]} kB,"
            f" flooded {memory[1]} kB, then {memory[2]} kB\n"
        )
    assert percentile(flooded, 0.99) < percentile(quiet, 0.99) + ALLOWED_DELAY
    assert memory[1] - memory[0] < ALLOWED_ONCE
    assert memory[2] - memory[1] < ALLOWED_GROWTH
    assert outcomes["hashed"] > SECONDS
    assert outcomes["refused"] > LOGINS_A_SECOND * SECONDS / 2
