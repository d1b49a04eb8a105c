"""The activity log through GraphQL: one's own, newest first, without a secret."""

import factories
from factories import CLIENT, PASSWORD

from models import activities

ACTIVITY = """query ($first: Int! = 20, $after: String) { me {
  activity(first: $first, after: $after) {
    edges { cursor node {
      kind count ipAddress userAgent requestId fields reason sessionId emailChangeId
    } }
    pageInfo { hasNextPage hasPreviousPage }
  }
} }"""


def nodes(answer):
    return [edge["node"] for edge in answer.result["activity"]["edges"]]


async def test_tells_what_where_and_why(ask, alice):
    """Every line says what it is about; null says that it does not apply."""
    with activities.caused_by(CLIENT, "request-7"):
        await ask.mutate("updateProfile", {"firstName": "Al"}, caller=alice)
    change = await factories.requested_change(alice, "new@example.org")
    await ask.mutate("cancelEmailChange", None, caller=alice)

    answer = await ask(ACTIVITY, caller=alice)

    aborted, requested, updated, opened = nodes(answer)
    assert aborted["kind"] == "EMAIL_CHANGE_ABORTED"
    assert (aborted["reason"], aborted["emailChangeId"]) == ("CANCELLED", str(change.id))
    assert (requested["kind"], requested["reason"]) == ("EMAIL_CHANGE_REQUESTED", None)
    assert updated == {
        "kind": "PROFILE_UPDATED",
        "count": 1,
        "ipAddress": CLIENT.ip_address,
        "userAgent": CLIENT.user_agent,
        "requestId": "request-7",
        "fields": ["firstName"],
        "reason": None,
        "sessionId": None,
        "emailChangeId": None,
    }
    assert (opened["kind"], opened["sessionId"]) == ("ACCOUNT_OPENED", str(alice.session.id))
    assert opened["ipAddress"] is None


async def test_pages_forward(ask, alice):
    """As every other connection."""
    for _ in range(3):
        await factories.logged_in("alice@example.org")
    first = await ask(ACTIVITY, caller=alice, variables={"first": 3})
    last = first.result["activity"]["edges"][-1]["cursor"]

    second = await ask(ACTIVITY, caller=alice, variables={"first": 3, "after": last})

    assert [node["kind"] for node in nodes(first)] == ["LOGIN"] * 3
    assert [node["kind"] for node in nodes(second)] == ["ACCOUNT_OPENED"]
    assert second.result["activity"]["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": True,
    }


async def test_refuses_pages_that_cannot_be(ask, alice):
    """The account stays readable beside the error."""
    answer = await ask(ACTIVITY, caller=alice, variables={"first": 101})

    assert answer.codes == ["BAD_REQUEST"]
    assert answer.data == {"me": {"activity": None}}


async def test_counts_a_sign_out(ask, alice):
    """The session that ends is named."""
    await ask("mutation { logout }", caller=alice)

    answer = await ask(ACTIVITY, caller=await factories.logged_in("alice@example.org"))

    login, ended, _ = nodes(answer)
    assert (ended["kind"], ended["reason"]) == ("SESSION_ENDED", "SIGNED_OUT")
    assert ended["sessionId"] == str(alice.session.id)
    assert login["kind"] == "LOGIN"
    assert PASSWORD not in str(answer.data)
