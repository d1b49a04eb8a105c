"""What a partner was told, through GraphQL."""

import factories
import pytest

from models import events

EVENTS = """query ($first: Int! = 50, $after: String) { events(first: $first, after: $after) {
  edges { cursor node { id type at nicHandle } } pageInfo { hasNextPage endCursor }
} }"""


@pytest.fixture
async def billing(tables):
    return await factories.access("Billing", first_party=True)


async def test_reads_in_order_what_was_not_published_yet(ask, billing):
    """Whoever asks sees what is committed, whether a worker runs or not."""
    alice = await factories.signed_up("alice@example.org")
    bob = await factories.signed_up("bob@example.org")

    answer = await ask(EVENTS, partner=billing)

    nodes = [edge["node"] for edge in answer.result["edges"]]
    assert [(node["type"], node["nicHandle"]) for node in nodes] == [
        ("account.created", alice.account.nic_handle),
        ("account.created", bob.account.nic_handle),
    ]
    assert [node["id"] for node in nodes] == [
        str(event.id) for event in await events.Event.all().order_by("number")
    ]
    assert nodes[0]["at"].endswith("Z")


async def test_goes_on_behind_a_cursor(ask, billing):
    """What comes later comes behind it; the end of the list has nothing more."""
    await factories.signed_up("alice@example.org")
    first = (await ask(EVENTS, partner=billing)).result
    bob = await factories.signed_up("bob@example.org")

    after = first["pageInfo"]["endCursor"]
    second = (await ask(EVENTS, partner=billing, variables={"after": after})).result

    assert [edge["node"]["nicHandle"] for edge in second["edges"]] == [bob.account.nic_handle]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (False, False)


@pytest.mark.parametrize(
    "variables", [{"first": 0}, {"first": 101}, {"after": "x"}, {"after": "é"}, {"after": ""}]
)
async def test_refuses_pages_that_cannot_be(ask, billing, variables):
    """As every other connection."""
    answer = await ask(EVENTS, partner=billing, variables=variables)

    assert (answer.data, answer.codes) == ({"events": None}, ["BAD_REQUEST"])


async def test_is_for_partners(ask, alice):
    """A holder reads the activity log of the account; nobody reads this without a key."""
    holder, nobody = await ask(EVENTS, caller=alice), await ask(EVENTS)

    assert holder.data == nobody.data == {"events": None}
    assert holder.codes == nobody.codes == ["UNAUTHENTICATED"]
