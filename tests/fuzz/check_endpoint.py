"""Documents that fit the schema, sent to a running gateway: nothing may be our fault."""

import json
import os
import random
import socket
from collections import Counter

import schemathesis
from graphql import FieldNode, ObjectFieldNode, StringValueNode, Visitor, parse, print_ast, visit
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes

TOKEN = os.environ["FUZZED_TOKEN"]
VALKEY = os.environ["FUZZED_VALKEY"]
# By mutation, or for all of them, the values that get a caller further than any guess would.
TRUE = json.loads(os.environ["FUZZED_TRUTH"])
LIKELY = {
    "NicHandle": ["dm429850-OVH", "DM429850-ovh", "dm42985-OVH"],
    "EmailAddress": ["alice@example.org", "new@example.org", "é@example.org", "a@b"],
    "PhoneNumber": ["+33320123456", "03 20 12 34 56", "+", "112"],
    "CountryCode": ["FR", "us", "XX", ""],
    "DateTime": ["2026-11-23T03:46:00.123Z"],
    "Scope": ["account:read", "mail:send", "account:all"],
    "EventType": ["account.created", "consent.granted", "account.*"],
}
# These end the session that the others ride on.
ENDING = {"Mutation.logout", "Mutation.revokeSession", "Mutation.resetPassword"}
ANSWERS = Counter()

for name, texts in LIKELY.items():
    typed = st.sampled_from(texts) | st.text()
    schemathesis.graphql.scalar(name, typed.map(nodes.String))

schema = schemathesis.graphql.from_url(os.environ["FUZZED_URL"])


class Informed(Visitor):
    """Puts what is true into two fields of three, as a caller would who knows it."""

    def __init__(self, seed):
        super().__init__()
        self.dice, self.mutation = random.Random(seed), ""

    def enter_field(self, node: FieldNode, *_):
        self.mutation = self.mutation or node.name.value

    def enter_object_field(self, node: ObjectFieldNode, *_):
        known = TRUE["*"] | TRUE.get(self.mutation, {})
        if node.name.value not in known or self.dice.random() > 2 / 3:
            return None
        return ObjectFieldNode(name=node.name, value=StringValueNode(value=known[node.name.value]))


def informed(document):
    return print_ast(visit(parse(document), Informed(document)))


def forget_attempts():
    """Give the caller its budgets anew: limits have tests of their own, here they hide the rest."""
    with socket.socket(socket.AF_UNIX) as valkey:
        valkey.settimeout(5)
        valkey.connect(VALKEY)
        valkey.sendall(b"FLUSHDB\r\n")
        assert valkey.recv(16) == b"+OK\r\n"


@schema.parametrize()
@settings(
    max_examples=int(os.environ["FUZZED_EXAMPLES"]),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_answers_without_a_fault(case):
    """Signed in or not: no 5xx, no INTERNAL, and always an id to ask about."""
    case.body = informed(case.body)
    tokens = [""] if case.operation.label in ENDING else ["", TOKEN]
    for token in tokens:
        forget_attempts()
        headers = {"authorization": f"Bearer {token}"} if token else {}
        response = case.call(headers=headers, timeout=10)
        errors = response.json().get("errors", [])
        codes = {error["extensions"]["code"] for error in errors}
        ANSWERS.update(codes or {"answered"})
        assert response.status_code < 500, response.text
        assert "INTERNAL" not in codes, response.text
        assert "x-request-id" in response.headers


def test_reached_the_domain():
    """Runs last: what was turned away by a limit has shown nothing."""
    print(dict(ANSWERS))  # noqa: T201

    assert ANSWERS["RATE_LIMITED"] < 0.05 * ANSWERS.total()
    assert ANSWERS["answered"] > 0.3 * ANSWERS.total()
