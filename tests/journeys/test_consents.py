"""A partner asks, a holder answers or does not: over HTTP, by mail, and by a real worker."""

import os
import signal
from collections.abc import Iterator
from datetime import datetime, timedelta

import factories
import pytest
import stacks
from stacks import Customer, Stack

from models.events import Event

LIFETIME = 3  # seconds without an answer
REQUEST = """mutation ($input: RequestConsentInput!) {
  requestConsent(input: $input) {
    __typename ... on UserError { message } ... on ConsentRequest { id expiresAt }
  }
}"""
ANSWER = """mutation ($input: AnswerConsentInput!) {
  answer: %sConsent(input: $input) {
    __typename ... on UserError { message } ... on Consent { state }
  }
}"""
READ = "query ($h: NicHandle!) { account(nicHandle: $h) { firstName phone } }"
WRITE = """mutation ($h: NicHandle!) {
  updateProfile(nicHandle: $h, input: {phone: "03 20 12 34 56"}) { __typename }
}"""
SEND = """mutation ($input: SendMailInput!) { sendMail(input: $input) { __typename } }"""
CONSENTS = """{ me { consents { edges { node {
  state expiresAt answeredAt lastUsedAt partner { name }
} } } } }"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack where silence does not take a week."""
    folder = tmp_path_factory.mktemp("consents") / "var"
    with stacks.running(folder, CONSENT_LIFETIME=LIFETIME) as running:
        yield running


@pytest.fixture(scope="module")
def panel(stack: Stack) -> Customer:
    """A partner's program, with its key."""
    program = stack.customer("")
    program.token = stack.in_database(factories.partner)
    stack.secrets.add(program.token)
    return program


def events_of(stack, nic_handle):
    async def look():
        found = await Event.filter(nic_handle=nic_handle, partner_id__isnull=False)
        return [str(event.type) for event in found]

    return stack.in_database(look)


def asked(panel, nic_handle):
    wanted = {
        "nicHandle": nic_handle,
        "scopes": ["account:read", "account:contact", "profile:write", "mail:send"],
        "reason": "To show your services in one place.",
    }
    request = panel.ask(REQUEST, input=wanted)["requestConsent"]
    assert request["__typename"] == "ConsentRequest"
    return request


def answered(customer, verb, consent):
    return customer.ask(ANSWER % verb, input={"consentId": consent["id"]})["answer"]


def only(customer):
    (edge,) = customer.ask(CONSENTS)["me"]["consents"]["edges"]
    return edge["node"]


def test_a_holder_lets_a_partner_in_and_out(stack, panel):
    """Asked by mail, granted, read and written, told by mail; revoked, and nothing is left."""
    alice = stack.newcomer()
    handle = {"h": alice.nic_handle}
    consent = asked(panel, alice.nic_handle)
    before = panel.ask(READ, **handle)["account"]
    mail = stack.words(alice.email, about="Panel asks for your consent")

    assert answered(alice, "grant", consent) == {"__typename": "Consent", "state": "GRANTED"}
    written = panel.ask(WRITE, **handle)["updateProfile"]
    sent = panel.ask(
        SEND,
        input={
            "nicHandle": alice.nic_handle,
            "template": "ORDER_CONFIRMATION",
            "reference": "BC-4711",
            "services": ["example.org, 1 year"],
        },
    )["sendMail"]
    during = panel.ask(READ, **handle)["account"]
    used = only(alice)["lastUsedAt"]
    assert answered(alice, "revoke", consent)["state"] == "REVOKED"

    assert before is None
    assert "“To show your services in one place.”" in mail
    assert f"{stack.url}/links/consent#{consent['id']}" in mail
    assert "within 3 seconds the request expires: here, silence is a no" in mail
    assert written == {"__typename": "Account"}
    assert sent == {"__typename": "MailQueued"}
    assert during == {"firstName": "Alice", "phone": "+33320123456"}
    assert used is not None
    assert panel.ask(READ, **handle)["account"] is None
    assert panel.ask(WRITE, **handle)["updateProfile"] == {"__typename": "NotFoundError"}
    assert "phone number." in stack.words(alice.email, about="Panel has changed your profile")
    assert "– example.org, 1 year" in stack.words(alice.email, about="your order BC-4711")
    assert events_of(stack, alice.nic_handle) == ["consent.granted", "consent.revoked"]


def test_silence_is_a_no(stack, panel):
    """Within two seconds of its time it has expired, for a holder as for nobody, never before."""
    alice, nobody = stack.newcomer(), "zz000000-OVH"
    asked(panel, nobody)
    consent = asked(panel, alice.nic_handle)

    stacks.until(lambda: only(alice)["state"] == "EXPIRED", LIFETIME + 5, "its end")

    settled = only(alice)
    late = datetime.fromisoformat(settled["answeredAt"]) - datetime.fromisoformat(
        settled["expiresAt"]
    )
    assert timedelta(0) <= late < timedelta(seconds=2)
    assert events_of(stack, alice.nic_handle) == events_of(stack, nobody) == ["consent.expired"]
    assert answered(alice, "grant", consent)["__typename"] == "NothingPendingError"
    assert panel.ask(READ, h=alice.nic_handle)["account"] is None


def test_time_passes_while_the_worker_stands_still(stack, panel):
    """No answer is taken any more; when the worker is back, it says so."""
    alice = stack.newcomer()
    worker = stack.pid("-m workers")
    os.kill(worker, signal.SIGSTOP)
    try:
        consent = asked(panel, alice.nic_handle)
        until = datetime.fromisoformat(consent["expiresAt"])
        stacks.until(lambda: datetime.now(until.tzinfo) > until, LIFETIME + 5, "its time")
        too_late = answered(alice, "grant", consent)
        waiting = only(alice)["state"]
    finally:
        os.kill(worker, signal.SIGCONT)
    back = datetime.now(until.tzinfo)
    stacks.until(lambda: only(alice)["state"] == "EXPIRED", 5, "its end")

    assert too_late["__typename"] == "NothingPendingError"
    assert waiting == "PENDING"
    assert datetime.fromisoformat(only(alice)["answeredAt"]) - back < timedelta(seconds=2)
    assert events_of(stack, alice.nic_handle) == ["consent.expired"]
