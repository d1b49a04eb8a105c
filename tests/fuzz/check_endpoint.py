"""Documents that fit the schema, sent to a running gateway: nothing may be our fault."""

import os

import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes

TOKEN = os.environ["FUZZED_TOKEN"]
LIKELY = {
    "NicHandle": ["dm429850-OVH", "DM429850-ovh", "dm42985-OVH"],
    "EmailAddress": ["alice@example.org", "new@example.org", "é@example.org", "a@b"],
    "PhoneNumber": ["+33320123456", "03 20 12 34 56", "+", "112"],
    "CountryCode": ["FR", "us", "XX", ""],
    "DateTime": ["2026-11-23T03:46:00.123Z"],
}
# These end the session that the others ride on.
ENDING = {"Mutation.logout", "Mutation.revokeSession", "Mutation.resetPassword"}

for name, texts in LIKELY.items():
    typed = st.sampled_from(texts) | st.text()
    schemathesis.graphql.scalar(name, typed.map(nodes.String))

schema = schemathesis.graphql.from_url(os.environ["FUZZED_URL"])


@schema.parametrize()
@settings(
    max_examples=int(os.environ["FUZZED_EXAMPLES"]),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_answers_without_a_fault(case):
    """Signed in or not: no 5xx, no INTERNAL, and always an id to ask about."""
    tokens = [""] if case.operation.label in ENDING else ["", TOKEN]
    for token in tokens:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        response = case.call(headers=headers, timeout=10)
        errors = response.json().get("errors", [])
        assert response.status_code < 500, response.text
        assert "INTERNAL" not in {error["extensions"]["code"] for error in errors}, response.text
        assert "x-request-id" in response.headers
