"""Nobody learns by asking whether an address is known: `make timings` prints what it measured."""

import asyncio
import http.client
import json
import math
import os
import random
import re
import signal
import statistics
import sys
import time
from contextlib import closing, contextmanager

import asyncpg
import documents
import pytest
import world
from places import place
from stacks import LOGIN, PASSWORD, REQUEST_CHANGE, SIGNUP, running

from models import database

pytestmark = pytest.mark.timeout(900)

TIMINGS, TRIES = 200, 3
MILLISECONDS, SHARE, LIKELIHOOD = 2, 0.1, 0.001
# Callers with a session each, known by address; the first half is asked about.
SESSIONS = """
INSERT INTO sessions
  SELECT (jsonb_populate_record(s, jsonb_build_object(
    'id', md5('session' || n), 'account_id', md5('account' || n),
    'token_digest', sha256(convert_to('token' || n, 'UTF8'))))).*
  FROM sessions s JOIN accounts a ON a.id = s.account_id, generate_series(1000, {last}) n
  WHERE a.email = 'model@example.org';
ANALYZE;
"""
# As if nothing had been asked before: what one probe leaves must not make the next another.
FORGET = """
BEGIN; SET LOCAL session_replication_role = replica;
DELETE FROM mails; DELETE FROM links; DELETE FROM challenges; DELETE FROM email_changes;
DELETE FROM signups; UPDATE accounts SET spare_email = NULL, spare_email_key = NULL;
COMMIT;
"""
PERSON = {"password": PASSWORD, "firstName": "Bob", "lastName": "Martin", "country": "FR"}
# Each question about an address, and whether it is put in a session.
QUESTIONS = {
    "sign-up": (SIGNUP, lambda address: PERSON | {"email": address}, False),
    "login": (LOGIN, lambda address: {"identifier": address, "password": "wrong"}, False),
    "reset": (
        documents.mutation("requestPasswordReset"),
        lambda address: {"identifier": address},
        False,
    ),
    "spare address": (
        documents.mutation("setSpareEmail"),
        lambda address: {"spareEmail": address, "password": PASSWORD},
        True,
    ),
    "change": (
        REQUEST_CHANGE,
        lambda address: {"newEmail": address, "password": PASSWORD},
        True,
    ),
}


class Asker:
    """One connection, whose every request comes from a client not seen before."""

    def __init__(self, stack):
        self.connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=10)
        self.clients = 0

    def ask(self, question, address, token):
        """Return the seconds that the answer took, and what of it does not differ by itself."""
        document, values, in_session = QUESTIONS[question]
        body = json.dumps({"query": document, "variables": {"input": values(address)}}).encode()
        self.clients += 1
        headers = {
            "content-type": "application/json",
            "x-forwarded-for": f"10.{self.clients >> 16}.{self.clients >> 8 & 255}."
            f"{self.clients & 255}",
        } | ({"authorization": f"Bearer {token}"} if in_session else {})
        started = time.perf_counter()
        self.connection.request("POST", "/graphql", body, headers)
        response = self.connection.getresponse()
        content = response.read().decode()
        took = time.perf_counter() - started
        assert '"errors"' not in content, content
        return took, (response.status, shown(response.getheaders()), masked(content))

    def close(self):
        self.connection.close()


def shown(headers):
    own = {"date", "x-request-id"}
    return tuple(sorted((name, value) for name, value in headers if name.lower() not in own))


def masked(content):
    content = re.sub(r"know[nx]\d{4}@", "SOMEBODY@", content)
    content = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", content)
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(\+00:00|Z)", "INSTANT", content)


def likelihood(some, others):
    """The two-sided p of Mann and Whitney's U, by its normal approximation."""
    ranked = sorted(
        (value, which) for which, values in enumerate((some, others)) for value in values
    )
    ranks = sum(rank for rank, (_, which) in enumerate(ranked, 1) if which == 0)
    n, m = len(some), len(others)
    u = ranks - n * (n + 1) / 2
    z = (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(z) / math.sqrt(2))


def run_sql(url, statements):
    async def run():
        connection = await asyncpg.connect(**database.credentials(url))
        try:
            await connection.execute(statements)
        finally:
            await connection.close()

    asyncio.run(run())


@contextmanager
def asleep(pid):
    """Stop a process of the stack: what the workers do after an answer is none of its time."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def timings(asker, question):
    """Ask about known and unknown addresses in random order; what took how long, what was said."""
    kinds = ["known", "knowx"] * TIMINGS
    random.shuffle(kinds)
    took, said = {"known": [], "knowx": []}, set()
    for caller, kind in enumerate(kinds):
        # The next one's address: nobody asks about their own.
        address = f"{kind}{1000 + (caller + 1) % len(kinds)}@example.org"
        seconds, answer = asker.ask(question, address, f"token{1000 + caller}")
        took[kind].append(seconds * 1000)
        said.add(answer)
    return took["known"], took["knowx"], said


def measure(asker, question, forget):
    """Return whether the two cannot be told apart by time, in one of three tries; print each."""
    for _ in range(TRIES):
        forget()
        known, strange, said = timings(asker, question)
        assert len(said) == 1, said
        medians = statistics.median(known), statistics.median(strange)
        p, apart = likelihood(known, strange), abs(medians[0] - medians[1])
        print(
            f"{question:14} known {medians[0]:6.2f} ms, unknown {medians[1]:6.2f} ms,"
            f" apart {apart:5.2f} ms, p {p:.3g}"
        )
        if apart < MILLISECONDS and apart < SHARE * min(medians) and p > LIKELIHOOD:
            return True
    return False


@pytest.fixture(scope="module")
def stack():
    with place() as folder, running(folder / "data", BCRYPT_COST=8, TRUSTED_PROXIES=1) as stack:
        model = stack.customer("model@example.org")
        model.confirm(model.sign_up())
        yield stack


@pytest.fixture(scope="module")
def forget(stack):
    url = stack.given("DATABASE_URL")
    last = 1000 + 2 * TIMINGS
    run_sql(url, world.ACCOUNTS.format(first=1000, last=last, name="known"))
    run_sql(url, SESSIONS.format(last=last))
    with asleep(stack.pid("-m workers")):
        yield lambda: run_sql(url, FORGET)


@pytest.mark.parametrize("question", QUESTIONS)
def test_tells_nobody_by_its_time(stack, forget, capsys, question):
    """Known and unknown addresses: one answer, one status, the same headers, one duration."""
    with closing(Asker(stack)) as asker, capsys.disabled():
        for number in range(20):
            asker.ask("login", f"warm{number}@example.org", "")
        sys.stdout.write("\n")
        alike = measure(asker, question, forget)

    assert alike
