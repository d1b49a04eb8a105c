"""Nobody learns by asking whether an address is known, nor why a token or a code is refused.

`make timings` prints what it measured.
"""

import asyncio
import hashlib
import http.client
import itertools
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
import factories
import pytest
import world
from places import place
from stacks import CONFIRM_SIGNUP, LOGIN, PASSWORD, REQUEST_CHANGE, SIGNUP, running

from models import database

pytestmark = pytest.mark.timeout(900)

TIMINGS, TRIES = 200, 3
MILLISECONDS, SHARE, LIKELIHOOD = 2, 0.1, 0.001
# Of an answer within a millisecond, of which a busy machine takes more than a tenth by itself.
SHARE_OF_LITTLE = 0.5
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
# Of each caller a link of every purpose and a challenge of two, for each kind of refusal. No more
# is ever looked at than the digest, the id and what is wrong with them.
REFUSED = """
BEGIN; SET LOCAL session_replication_role = replica;
CREATE TEMPORARY TABLE kinds ON COMMIT DROP AS
  SELECT kind, n, kind || n AS name, now() - interval '1 day' AS at,
    now() + interval '1 day' * CASE kind WHEN 'expired' THEN -0.5 ELSE 1 END AS until
  FROM unnest(ARRAY['spent', 'expired', 'live']) kind, generate_series(1000, {last}) n;
INSERT INTO links
  SELECT (jsonb_populate_record(null::links, jsonb_build_object(
    'id', md5(purpose || name), 'account_id', md5('account' || n), 'purpose', purpose,
    'email_change_id', CASE WHEN purpose <> 'REPORT' THEN md5('change' || n) END,
    'token_digest', sha256(convert_to(purpose || name, 'UTF8')), 'restores', '{{}}'::jsonb,
    'mailed_to_key', 'known' || n || '@example.org', 'issued_at', at, 'expires_at', until,
    'spent_at', CASE kind WHEN 'spent' THEN at END))).*
  FROM kinds, unnest(ARRAY['REFUSE', 'REVERT', 'REPORT']) purpose;
INSERT INTO challenges
  SELECT (jsonb_populate_record(null::challenges, jsonb_build_object(
    'id', md5(purpose || name), 'purpose', purpose, 'address_key', 'known' || n || '@example.org',
    'account_id', CASE purpose WHEN 'PASSWORD_RESET' THEN md5('account' || n) END,
    'digest', sha256(''), 'attempts_left', CASE kind WHEN 'spent' THEN 0 ELSE 5 END,
    'created_at', at, 'expires_at', until))).*
  FROM kinds, unnest(ARRAY['SIGNUP', 'PASSWORD_RESET']) purpose;
COMMIT; ANALYZE links, challenges;
"""
# As if nothing had been asked before: what one probe leaves must not make the next another.
FORGET = """
BEGIN; SET LOCAL session_replication_role = replica;
DELETE FROM mails; DELETE FROM links; DELETE FROM challenges; DELETE FROM email_changes;
DELETE FROM signups; DELETE FROM consents;
UPDATE accounts SET spare_email = NULL, spare_email_key = NULL;
COMMIT;
"""
PERSON = {"password": PASSWORD, "firstName": "Bob", "lastName": "Martin", "country": "FR"}
REQUEST_CONSENT = """mutation ($input: RequestConsentInput!) {
  requestConsent(input: $input) { __typename ... on ConsentRequest { id expiresAt } }
}"""
WISH = {"scopes": ["account:read"], "reason": "To show your services in one place."}
KEY = "a partner's"
# Each question about an address, and who puts it: nobody, a customer, a partner.
QUESTIONS = {
    "sign-up": (SIGNUP, lambda address: PERSON | {"email": address}, ""),
    "login": (LOGIN, lambda address: {"identifier": address, "password": "wrong"}, ""),
    "reset": (
        documents.mutation("requestPasswordReset"),
        lambda address: {"identifier": address},
        "",
    ),
    "spare address": (
        documents.mutation("setSpareEmail"),
        lambda address: {"spareEmail": address, "password": PASSWORD},
        "token",
    ),
    "change": (
        REQUEST_CHANGE,
        lambda address: {"newEmail": address, "password": PASSWORD},
        "token",
    ),
    "consent": (REQUEST_CONSENT, lambda address: WISH | {"nicHandle": handle(address)}, KEY),
}


# Each answer to a mail, and what else is mailed that it is no answer to.
ANSWERS = {
    "refuse": (documents.mutation("refuseEmailChange"), "REFUSE", "REVERT"),
    "revert": (documents.mutation("revertEmailChange"), "REVERT", "REPORT"),
    "report": (documents.mutation("reportCompromise"), "REPORT", "REVERT"),
    "sign-up code": (CONFIRM_SIGNUP, "SIGNUP", "PASSWORD_RESET"),
    "reset code": (documents.mutation("resetPassword"), "PASSWORD_RESET", "SIGNUP"),
}
WORDS = {"knowx": "unknown"}


class Asker:
    """One connection, whose every request comes from a client not seen before."""

    clients = itertools.count(1)

    def __init__(self, stack):
        self.connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=10)
        self.key = stack.in_database(lambda: factories.partner(f"Panel {next(self.clients)}"))

    def ask(self, document, given, token=""):
        """Return the seconds that the answer took, and what of it does not differ by itself."""
        body = json.dumps({"query": document, "variables": {"input": given}}).encode()
        client = next(self.clients)
        headers = {
            "content-type": "application/json",
            "x-forwarded-for": f"10.{client >> 16}.{client >> 8 & 255}.{client & 255}",
        }
        if token:
            headers["authorization"] = f"Bearer {self.key if token == KEY else token}"
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
    content = re.sub(r'"remaining":\d+', "SOME", content)
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


def about_an_address(question):
    """What somebody asks about a known or an unknown address, which is never their own."""
    document, values, who = QUESTIONS[question]

    def asked(kind, caller):
        address = f"{kind}{1000 + (caller + 1) % (2 * TIMINGS)}@example.org"
        return document, values(address), f"token{1000 + caller}" if who == "token" else who

    return asked


def handle(address):
    """The NIC-handle behind an address, or one like it that nobody has."""
    return f"{'cl' if address.startswith('known') else 'zz'}{address[5:9]:0>6}-OVH"


def with_a_bad_answer(answer):
    """What somebody sends who holds a token, or the id of a code, that is of no use."""
    document, purpose, other = ANSWERS[answer]

    def asked(kind, caller):
        n = 1000 + caller % (2 * TIMINGS)
        name = {"unknown": f"{purpose}nobody{n}", "foreign": f"{other}live{n}"}.get(kind)
        token = name or f"{purpose}{kind}{n}"
        if answer == "report":
            return document, {"token": token}
        if purpose in ("REFUSE", "REVERT"):
            return document, {"emailChangeId": md5(f"change{n}"), "token": token}
        typed = {"challengeId": md5(token), "code": "BBBB-BBBB"}
        return document, typed | ({"newPassword": PASSWORD} if answer == "reset code" else {})

    return asked


def md5(text):
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def timings(asker, asked, kinds):
    """Ask each kind equally often, in random order; what took how long, what was said."""
    order = list(kinds) * TIMINGS
    random.shuffle(order)
    took, said = {kind: [] for kind in kinds}, set()
    for caller, kind in enumerate(order):
        seconds, answer = asker.ask(*asked(kind, caller))
        took[kind].append(seconds * 1000)
        said.add(answer)
    return list(took.values()), said


def are_alike(subject, kinds, took, share):
    """Whether the first kind can be told from none of the others by time; print each pair."""
    alike = True
    first, *others = [(WORDS.get(kind, kind), some) for kind, some in zip(kinds, took, strict=True)]
    for other in others:
        medians = statistics.median(first[1]), statistics.median(other[1])
        p, apart = likelihood(first[1], other[1]), abs(medians[0] - medians[1])
        print(
            f"{subject:14} {first[0]} {medians[0]:6.2f} ms, {other[0]} {medians[1]:6.2f} ms,"
            f" apart {apart:5.2f} ms, p {p:.3g}"
        )
        alike &= apart < MILLISECONDS and apart < share * min(medians) and p > LIKELIHOOD
    return alike


def measure(asker, subject, asked, kinds, renew, *, share=SHARE):
    """Return whether all of them cannot be told apart by time, in one of three tries."""
    for _ in range(TRIES):
        renew()
        took, said = timings(asker, asked, kinds)
        assert len(said) == 1, said
        if are_alike(subject, kinds, took, share):
            return True
    return False


@pytest.fixture(scope="module")
def stack():
    with (
        place() as folder,
        running(
            folder / "data", BCRYPT_COST=8, TRUSTED_PROXIES=1, PARTNER_BUDGET=1_000_000
        ) as stack,
    ):
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


@pytest.fixture(scope="module")
def renew(stack, forget):
    url = stack.given("DATABASE_URL")
    return lambda: run_sql(url, FORGET + REFUSED.format(last=1000 + 2 * TIMINGS))


@contextmanager
def asking(stack, capsys):
    """Make an asker whose first requests, which are slower, are not counted; prints are seen."""
    with closing(Asker(stack)) as asker, capsys.disabled():
        for number in range(20):
            asker.ask(LOGIN, {"identifier": f"warm{number}@example.org", "password": "wrong"})
        sys.stdout.write("\n")
        yield asker


@pytest.mark.parametrize("question", QUESTIONS)
def test_tells_nobody_by_its_time(stack, forget, capsys, question):
    """Known and unknown addresses: one answer, one status, the same headers, one duration."""
    asked = about_an_address(question)

    with asking(stack, capsys) as asker:
        alike = measure(asker, question, asked, ["known", "knowx"], forget)

    assert alike


@pytest.mark.parametrize("answer", ANSWERS)
def test_tells_nobody_why_it_refuses(stack, renew, capsys, answer):
    """Unknown, spent, expired, foreign: one answer, one status, the same headers, one duration."""
    asked, kinds = with_a_bad_answer(answer), ["unknown", "spent", "expired", "foreign"]

    with asking(stack, capsys) as asker:
        alike = measure(asker, answer, asked, kinds, renew, share=SHARE_OF_LITTLE)

    assert alike
