"""A partner is told what happens by messages that it verifies, and catches up when it was down."""

from uuid import uuid4

import factories
import pytest
import receivers
import stacks
from receivers import status

from models.scopes import Scope

EVENTS = """query ($after: String) { events(first: 2, after: $after) {
  edges { node { id type nicHandle } } pageInfo { hasNextPage endCursor }
} }"""
WEBHOOKS = """{ partner { webhooks { url state failingSince deliveries(first: 5) { edges { node {
  id state event { id nicHandle } attempts { number status error }
} } } } } }"""


@pytest.fixture
def billing(stack):
    """A first-party partner with a name of its own, as a client that calls by its key."""
    name, more = f"Billing {uuid4()}", {"first_party": True}
    key = stack.in_database(lambda: factories.partner(name, Scope.ACCOUNT_READ, **more))
    client = stack.customer("")
    client.token = key
    stack.secrets.add(client.token)
    return client


def read_on(client, after):
    """All events behind a cursor, page by page, and the cursor of the last one."""
    found = []
    while True:
        page = client.ask(EVENTS, after=after)["events"]
        found += [edge["node"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"] or after
        if not page["pageInfo"]["hasNextPage"]:
            return found, after


def deliveries(client):
    (webhook,) = client.ask(WEBHOOKS)["partner"]["webhooks"]
    return [edge["node"] for edge in webhook["deliveries"]["edges"]]


def test_a_partner_is_told_where_it_wants_to_be(stack, billing):
    """Within seconds, signed under the secret that it was shown, once; and it can look it up."""
    with receivers.running() as receiver:
        issued = billing.do("createWebhook", url=receiver.url, types=["account.created"])
        alice = stack.newcomer()
        stacks.until(lambda: receiver.received, 5, "a webhook")
        stacks.until(lambda: deliveries(billing)[0]["state"] == "DELIVERED", 5, "its end")

    (request,), (delivery,) = receiver.received, deliveries(billing)
    content = request.verified(issued["secret"])
    assert content["type"] == "account.created"
    assert content["data"] == {"id": delivery["event"]["id"], "nicHandle": alice.nic_handle}
    assert alice.email not in str(request)
    assert delivery["attempts"] == [{"number": 1, "status": 204, "error": None}]


def test_a_partner_that_was_down_catches_up(stack, billing):
    """By cursor it misses nothing and reads nothing twice; so do the webhooks, once it is back."""
    with receivers.running() as receiver:
        issued = billing.do("createWebhook", url=receiver.url, types=["account.created"])
        early = stack.newcomer()
        stacks.until(lambda: receiver.received, 5, "a webhook")
        _, cursor = read_on(billing, None)
    port = int(receiver.url.rpartition(":")[2].partition("/")[0])
    missed = [stack.newcomer().nic_handle for _ in range(3)]
    stacks.until(
        lambda: any(it["attempts"] for it in deliveries(billing)[:3]), 5, "a failed attempt"
    )

    caught_up, last = read_on(billing, cursor)
    with receivers.running(status(500), status(204), port=port) as back:
        stacks.until(
            lambda: {it["state"] for it in deliveries(billing)} == {"DELIVERED"}, 20, "webhooks"
        )
    later, _ = read_on(billing, last)

    created = [event for event in caught_up if event["type"] == "account.created"]
    assert [event["nicHandle"] for event in created] == missed
    assert later == []
    assert early.nic_handle not in missed
    told = [request.verified(issued["secret"])["data"]["id"] for request in back.received]
    assert set(told) == {event["id"] for event in created}
    assert len(told) == len(created) + 1  # the one that was answered by 500 came again
