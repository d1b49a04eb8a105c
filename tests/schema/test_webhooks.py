"""Webhooks through GraphQL: a secret that is shown once, and what became of each delivery."""

import factories
import pytest

from models import events, webhooks
from models.webhooks import Answer, AttemptError, Webhook, WebhookDelivery

WEBHOOK = """id url types state disabledReason disabledAt failingSince pausedUntil
  formerSecretUntil createdAt"""
ISSUED = f"... on IssuedWebhook {{ secret webhook {{ {WEBHOOK} }} }}"
DELIVERY = """id state queuedAt nextAttemptAt event { id type nicHandle }
  attempts { number at status error duration }"""
ALL = f"{{ partner {{ name webhooks {{ {WEBHOOK} }} }} }}"
DELIVERIES = f"""query ($first: Int! = 20, $after: String) {{ partner {{ webhooks {{
  deliveries(first: $first, after: $after) {{
    edges {{ cursor node {{ {DELIVERY} }} }} pageInfo {{ hasNextPage }}
  }}
}} }} }}"""
POLICY = factories.POLICY
URL = "https://hooks.example.org/in"


@pytest.fixture
async def billing(alice):
    await events.publish(policy=POLICY)
    return await factories.access("Billing", first_party=True)


@pytest.fixture
def mutate(ask, billing):
    """A mutation of the partner's."""

    async def mutate(name, select="", **given):
        return await ask.mutate(name, given, select, partner=billing)

    return mutate


async def attempted(account, answer):
    """A delivery after one attempt, which ended like this."""
    event = await factories.told(account)
    delivery = await WebhookDelivery.get(event_id=event.id)
    await webhooks.settle(await webhooks.claim(delivery.id), answer, policy=POLICY)
    return str(delivery.id)


async def test_creates_one_and_shows_its_secret_once(ask, mutate, billing):
    """Nothing that is read later has the secret."""
    answer = await mutate("createWebhook", ISSUED, url=URL, types=["account.frozen"])

    issued = answer.result
    webhook = issued["webhook"]
    assert issued["secret"].startswith("whsec_")
    assert (webhook["url"], webhook["types"]) == (URL, ["account.frozen"])
    assert (webhook["state"], webhook["disabledReason"]) == ("ENABLED", None)
    listed = await ask(ALL, partner=billing)
    assert listed.result == {"name": "Billing", "webhooks": [webhook]}


async def test_needs_no_types(mutate):
    """Absent means all."""
    answer = await mutate("createWebhook", ISSUED, url=URL)

    assert answer.result["webhook"]["types"] == []


async def test_says_what_is_wrong_with_the_input(mutate):
    """All of it at once, by field."""
    answer = await mutate("createWebhook", url="http://hooks.example.org", types=["account.x"])

    assert answer.result["__typename"] == "InvalidInputError"
    assert [(it["field"], it["code"]) for it in answer.result["fields"]] == [
        ("url", "INVALID"),
        ("types", "INVALID"),
    ]
    assert await Webhook.all().count() == 0


@pytest.mark.parametrize("types", [None, ["account.frozen", None], [7]])
async def test_takes_no_other_shape(ask, billing, types):
    """A wrong JSON type is no fault of a field."""
    given = {"url": URL, "types": types}

    answer = await ask.mutate("createWebhook", given, partner=billing)

    assert answer.codes == ["BAD_REQUEST"]
    assert await Webhook.all().count() == 0


async def test_has_five_at_most(mutate, billing):
    for _ in range(5):
        await factories.webhook(billing)

    answer = await mutate("createWebhook", url=URL)

    assert answer.result == {
        "__typename": "TooManyWebhooksError",
        "message": "There are as many webhooks as there may be. Remove one first.",
    }


async def test_rotates_the_secret(mutate, billing):
    """The answer has the new one, and until when the former one signs."""
    former = await factories.webhook(billing)

    answer = await mutate("rotateWebhookSecret", ISSUED, webhookId=str(former.webhook.id))

    assert answer.result["secret"] not in {former.secret, None}
    assert answer.result["webhook"]["id"] == str(former.webhook.id)
    assert answer.result["webhook"]["formerSecretUntil"] is not None


async def test_removes_one(mutate, billing):
    """The answer is the partner with what is left."""
    kept = await factories.webhook(billing)
    gone = await factories.webhook(billing)

    answer = await mutate(
        "removeWebhook", "... on Partner { webhooks { id } }", webhookId=str(gone.webhook.id)
    )

    assert answer.result == {
        "__typename": "Partner",
        "webhooks": [{"id": str(kept.webhook.id)}],
    }


async def test_enables_what_was_disabled(alice, ask, mutate, billing):
    """Disabled says why and since when; enabled says nothing of it."""
    issued = await factories.webhook(billing)
    await attempted(alice.account, Answer(status=410))
    ((before,),) = [(await ask(ALL, partner=billing)).result["webhooks"]]

    answer = await mutate(
        "enableWebhook", f"... on Webhook {{ {WEBHOOK} }}", webhookId=str(issued.webhook.id)
    )

    assert (before["state"], before["disabledReason"]) == ("DISABLED", "GONE")
    assert before["disabledAt"] is not None
    assert (answer.result["state"], answer.result["disabledReason"]) == ("ENABLED", None)
    assert answer.result["disabledAt"] is None


async def test_reads_each_delivery_with_its_attempts(alice, ask, billing):
    """Newest first, and in pages."""
    await factories.webhook(billing)
    first = await attempted(alice.account, Answer(status=503, duration=12))
    second = await attempted(alice.account, Answer(error=AttemptError.TIMED_OUT, duration=15000))

    page = (await ask(DELIVERIES, partner=billing, variables={"first": 1})).result
    ((connection,),) = [[it["deliveries"] for it in page["webhooks"]]]
    after = connection["edges"][0]["cursor"]
    rest = (await ask(DELIVERIES, partner=billing, variables={"after": after})).result

    newest, oldest = connection["edges"][0]["node"], rest["webhooks"][0]["deliveries"]["edges"][0]
    assert connection["pageInfo"] == {"hasNextPage": True}
    assert (newest["id"], oldest["node"]["id"]) == (second, first)
    assert newest["state"] == "QUEUED"
    assert newest["nextAttemptAt"] > newest["queuedAt"]
    assert newest["event"]["nicHandle"] == alice.account.nic_handle
    (attempt,) = newest["attempts"]
    assert attempt.pop("at").endswith("Z")
    assert attempt == {"number": 1, "status": None, "error": "TIMED_OUT", "duration": 15000}
    (attempt,) = oldest["node"]["attempts"]
    assert (attempt["status"], attempt["error"]) == (503, None)


async def test_waits_for_nothing_that_is_settled_or_under_way(alice, ask, billing):
    """`nextAttemptAt` is of what waits."""
    await factories.webhook(billing)
    await attempted(alice.account, Answer(status=204))
    event = await factories.told(alice.account)
    await webhooks.claim((await WebhookDelivery.get(event_id=event.id)).id)

    answer = (await ask(DELIVERIES, partner=billing)).result

    nodes = [edge["node"] for edge in answer["webhooks"][0]["deliveries"]["edges"]]
    assert [node["state"] for node in nodes] == ["QUEUED", "DELIVERED"]
    assert [node["nextAttemptAt"] for node in nodes] == [None, None]


async def test_tries_a_delivery_again(alice, mutate, billing):
    """It is due now, with the attempts that it has had."""
    await factories.webhook(billing)
    delivery = await attempted(alice.account, Answer(status=204))

    answer = await mutate(
        "retryWebhookDelivery",
        f"... on WebhookDelivery {{ {DELIVERY} }}",
        deliveryId=delivery,
    )

    assert (answer.result["id"], answer.result["state"]) == (delivery, "QUEUED")
    assert len(answer.result["attempts"]) == 1
    assert answer.result["nextAttemptAt"] is not None
    assert answer.wake_ups == 1


async def test_tries_nothing_for_a_disabled_webhook(alice, mutate, billing):
    await factories.webhook(billing)
    delivery = await attempted(alice.account, Answer(status=410))

    answer = await mutate("retryWebhookDelivery", deliveryId=delivery)

    assert answer.result["__typename"] == "WebhookDisabledError"


@pytest.mark.parametrize("first", [0, 101])
async def test_refuses_pages_that_cannot_be(ask, billing, first):
    """The rest of the answer stays."""
    await factories.webhook(billing)

    answer = await ask(DELIVERIES, partner=billing, variables={"first": first})

    assert answer.data == {"partner": {"webhooks": [{"deliveries": None}]}}
    assert answer.codes == ["BAD_REQUEST"]


async def test_reads_nothing_of_anothers(alice, ask, billing):
    """A cursor of another webhook's list is none of this one's."""
    await factories.webhook(billing)
    other = await factories.access("Other", first_party=True)
    await factories.webhook(other)
    await factories.told(alice.account)
    page = (await ask(DELIVERIES, partner=other)).result
    cursor = page["webhooks"][0]["deliveries"]["edges"][0]["cursor"]

    answer = await ask(DELIVERIES, partner=billing, variables={"after": cursor})

    assert answer.codes == ["BAD_REQUEST"]
