"""A partner's whole day: key, consent, reading, webhooks, an hour away, catching up, the end.

With the schedule that is shipped: the hour passes by putting back what waits for it.
"""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
import receivers
import stacks
from stacks import PLAIN, Customer, Stack

from models import statements

REQUEST = """mutation ($input: RequestConsentInput!) {
  requestConsent(input: $input) { ... on ConsentRequest { id } }
}"""
ANSWER = """mutation ($input: AnswerConsentInput!) {
  answer: %sConsent(input: $input) { ... on Consent { state } }
}"""
READ = "query ($h: NicHandle!) { account(nicHandle: $h) { firstName revision } }"
RENAME = """mutation ($name: String!) {
  updateProfile(input: {firstName: $name}) { ... on Account { revision } }
}"""
EVENTS = """query ($after: String) { events(first: 100, after: $after) {
  edges { cursor node { id type nicHandle } }
} }"""
DELIVERIES = """{ partner { webhooks { state deliveries(first: 20) { edges { node {
  state attempts { number } event { id }
} } } } } }"""
RENAMED = "account.profile_updated"


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("day") / "var"
    with stacks.running(folder, WEBHOOK_LOOPBACK="true") as running:
        yield running


@pytest.fixture
def alice(stack: Stack) -> Customer:
    return stack.newcomer()


@pytest.fixture
def panel(stack: Stack) -> Customer:
    """A partner's program, with the key that its operator was shown."""
    program = stack.customer("")
    printed = nicgate(stack, "create", "Example Panel", "--scopes", "account:read")
    program.token = printed.split()[-1]
    stack.secrets.add(program.token)
    return program


def nicgate(stack: Stack, *words: str) -> str:
    command = [sys.executable, "-P", "-m", "gateway", "partners", *words]
    environment = {"NICGATE_DATABASE_URL": stack.given("DATABASE_URL")}
    return subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    ).stdout


def minutes_pass(stack: Stack, minutes: int) -> None:
    """Let all that waits for a webhook come nearer by so many minutes."""

    async def put_back() -> None:
        for table, columns in {
            "webhook_deliveries": ("queued_at", "due_at"),
            "webhooks": ("created_at", "failing_since"),
        }.items():
            put = ", ".join(f"{it} = {it} - interval '{minutes} minutes'" for it in columns)
            await statements.rows(f"UPDATE {table} SET {put}")

    stack.in_database(put_back)


def read_on(panel: Customer, after: str | None) -> list[tuple[str, dict[str, str]]]:
    edges = panel.ask(EVENTS, after=after)["events"]["edges"]
    return [(edge["cursor"], edge["node"]) for edge in edges]


def deliveries(panel: Customer) -> list[dict[str, Any]]:
    (webhook,) = panel.ask(DELIVERIES)["partner"]["webhooks"]
    assert webhook["state"] == "ENABLED"
    return [edge["node"] for edge in webhook["deliveries"]["edges"]]


def attempts(panel: Customer) -> list[int]:
    """How often each delivery that has not arrived was tried."""
    return [len(it["attempts"]) for it in deliveries(panel) if it["state"] == "QUEUED"]


def let_in(panel: Customer, holder: Customer) -> dict[str, str]:
    """What a holder has agreed to, as both name it."""
    wanted = {"nicHandle": holder.nic_handle, "scopes": ["account:read"], "reason": "To show you."}
    consent = panel.ask(REQUEST, input=wanted)["requestConsent"]
    stacks.until(lambda: holder.stack.mails(holder.email), 5, "the mail")
    named = {"consentId": consent["id"]}
    assert holder.ask(ANSWER % "grant", input=named)["answer"] == {"state": "GRANTED"}
    return named


def test_a_whole_day(stack, panel, alice):
    """Nothing is missed between webhook and cursor, and the end is the end."""
    handle = {"h": alice.nic_handle}
    assert panel.ask(READ, **handle) == {"account": None}
    consent = let_in(panel, alice)
    assert panel.ask(READ, **handle) == {"account": {"firstName": "Alice", "revision": 1}}

    with receivers.running() as receiver:
        issued = panel.do("createWebhook", url=receiver.url, types=[RENAMED])
        alice.ask(RENAME, name="Alicia")
        stacks.until(lambda: receiver.received, 5, "a webhook")
    last, known = read_on(panel, None)[-1]
    said = receiver.received[0].verified(issued["secret"])
    assert (said["type"], said["data"]) == (RENAMED, {"id": known["id"], **handle_of(alice)})

    for name in ("Ali", "Al", "Alix"):  # for an hour nobody answers
        alice.ask(RENAME, name=name)
        stacks.until(lambda: attempts(panel) and min(attempts(panel)) >= 1, 20, "an attempt")
        minutes_pass(stack, 20)
    missed = read_on(panel, last)
    assert [it["type"] for _, it in missed] == [RENAMED] * 3
    assert max(attempts(panel)) >= 2

    with receivers.running(port=urlsplit(receiver.url).port) as back:
        minutes_pass(stack, 60)
        stacks.until(lambda: len(back.received) >= 3, 30, "the webhooks")
        assert {it.verified(issued["secret"])["data"]["id"] for it in back.received} == {
            it["id"] for _, it in missed
        }
        assert read_on(panel, missed[-1][0]) == []

        assert alice.ask(ANSWER % "revoke", input=consent)["answer"] == {"state": "REVOKED"}
        assert panel.ask(READ, **handle) == {"account": None}
        alice.ask(RENAME, name="Alice")
        assert [it["type"] for _, it in read_on(panel, missed[-1][0])] == ["consent.revoked"]
        told = {it["event"]["id"] for it in deliveries(panel)}
        assert told == {known["id"], *(it["id"] for _, it in missed)}  # of the last one nothing
        nicgate(stack, "revoke", "Example Panel")
        assert status_of(panel) == 401


def handle_of(customer: Customer) -> dict[str, str]:
    return {"nicHandle": customer.nic_handle}


def status_of(panel: Customer) -> int:
    """The status of the answer to a call with the key."""
    headers = {"authorization": f"Bearer {panel.token}"}
    body = {"query": "{ partner { name } }"}
    url = f"{panel.stack.url}/graphql"
    return httpx2.post(url, json=body, headers=headers, verify=PLAIN, timeout=10).status_code
