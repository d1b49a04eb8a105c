"""Consents through GraphQL: what a partner is told, what a holder sees, and who may do what."""

from datetime import timedelta

import factories
import pytest
from factories import PANEL

from models import consents
from models.accounts import Account
from models.consents import Consent
from models.mails import Mail, Template
from models.policy import DAY
from models.profiles import Language
from models.scopes import Scope

CONSENTS = """query ($first: Int! = 20, $after: String) { me {
  consents(first: $first, after: $after) {
    edges { cursor node {
      id partner { name } scopes reason redirectUrl state
      requestedAt expiresAt answeredAt endedAt lastUsedAt
    } }
    pageInfo { hasNextPage hasPreviousPage }
  }
} }"""
LOG = "{ me { activity { edges { node { kind partner fields } } } } }"
ASKED = "... on ConsentRequest { id scopes expiresAt }"
SETTLED = "... on Consent { id state answeredAt endedAt partner { name } }"
WRITE = """mutation ($h: NicHandle, $input: UpdateProfileInput!) {
  updateProfile(nicHandle: $h, input: $input) {
    __typename
    ... on UserError { message }
    ... on InvalidInputError { fields { field code } }
    ... on StaleRevisionError { revision }
    ... on Account { nicHandle firstName revision %s }
  }
}"""
ORDER = {
    "template": "ORDER_CONFIRMATION",
    "reference": "BC-4711",
    "services": ["example.org, 1 year"],
    "total": "12.00 EUR",
}
NOBODY = "zz000000-OVH"


@pytest.fixture
async def panel(tables):
    return await factories.admitted(await factories.partner())


def wanted(nic_handle, **changes):
    return {
        "nicHandle": nic_handle,
        "scopes": ["account:read", "profile:write"],
        "reason": "To show your services.",
        "redirectUrl": f"{PANEL}/back",
    } | changes


def nodes(answer):
    return [edge["node"] for edge in answer.result["consents"]["edges"]]


async def test_partner_gets_no_word_of_the_account(ask, alice, panel, time):
    """Known or unknown: an id, what was asked, and until when."""
    known = await ask.mutate(
        "requestConsent", wanted(alice.account.nic_handle), ASKED, partner=panel
    )
    unknown = await ask.mutate("requestConsent", wanted(NOBODY), ASKED, partner=panel)

    until = (time.at + 7 * DAY).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    asked = {
        "__typename": "ConsentRequest",
        "scopes": ["account:read", "profile:write"],
        "expiresAt": until,
    }
    ids = [str(it.id) for it in await Consent.all().order_by("account_id")]
    assert known.result == asked | {"id": ids[0]}
    assert unknown.result == asked | {"id": ids[1]}
    assert (known.wake_ups, unknown.wake_ups) == (1, 1)


async def test_reports_every_fault_of_a_request(ask, panel):
    """By the fields of the input; null is no address."""
    answer = await ask.mutate(
        "requestConsent",
        wanted("nobody", scopes=["all"], reason="<3", redirectUrl="http://evil.example"),
        partner=panel,
    )
    fine = await ask.mutate("requestConsent", wanted(NOBODY, redirectUrl=None), partner=panel)

    assert [(it["field"], it["code"]) for it in answer.result["fields"]] == [
        ("nicHandle", "INVALID"),
        ("scopes", "INVALID"),
        ("reason", "INVALID"),
        ("redirectUrl", "INVALID"),
    ]
    assert fine.result["__typename"] == "ConsentRequest"


async def test_says_when_to_ask_again(ask, panel, time):
    """Three a day for one NIC-handle."""
    for _ in range(3):
        await ask.mutate("requestConsent", wanted(NOBODY), partner=panel)

    answer = await ask.mutate("requestConsent", wanted(NOBODY), partner=panel)

    tomorrow = (time.at + DAY).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    assert answer.result["__typename"] == "TooManyRequestsError"
    assert answer.result["retryAt"] == tomorrow


@pytest.mark.parametrize(
    ("language", "message"),
    [
        (Language.FR, "Ce partenaire de la maison n’a besoin d’aucune autorisation."),
        (None, "A first-party partner needs no consent."),
    ],
)
async def test_house_need_not_ask(ask, alice, language, message):
    """FORBIDDEN without a scope that would help; whether the account exists is not looked at."""
    house = await factories.admitted(await factories.partner("House", first_party=True))

    answer = await ask.mutate("requestConsent", wanted(NOBODY), partner=house, accepted=language)

    assert answer.data == {"requestConsent": None}
    (error,) = answer.errors
    assert (error["message"], error["path"]) == (message, ["requestConsent"])
    assert error["extensions"] == {"code": "FORBIDDEN", "scope": None}


async def test_holder_sees_what_is_asked(ask, alice, panel, time):
    """Who, what, why, and until when; newest first, page by page."""
    handle = alice.account.nic_handle
    await ask.mutate("requestConsent", wanted(handle), partner=panel)
    time.advance(timedelta(hours=1))
    other = await factories.admitted(await factories.partner("Other"))
    await ask.mutate(
        "requestConsent", wanted(handle, scopes=["mail:send"], redirectUrl=None), partner=other
    )

    both = await ask(CONSENTS, caller=alice)
    first = await ask(CONSENTS, caller=alice, variables={"first": 1})
    cursor = first.result["consents"]["edges"][0]["cursor"]
    second = await ask(CONSENTS, caller=alice, variables={"first": 1, "after": cursor})

    newer, older = nodes(both)
    asked = time.at - timedelta(hours=1)
    assert newer["partner"] == {"name": "Other"}
    assert (newer["scopes"], newer["redirectUrl"]) == (["mail:send"], None)
    assert older == {
        "id": older["id"],
        "partner": {"name": "Panel"},
        "scopes": ["account:read", "profile:write"],
        "reason": "To show your services.",
        "redirectUrl": f"{PANEL}/back",
        "state": "PENDING",
        "requestedAt": asked.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        "expiresAt": (asked + 7 * DAY).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        "answeredAt": None,
        "endedAt": None,
        "lastUsedAt": None,
    }
    assert nodes(first) == [newer]
    assert nodes(second) == [older]
    assert second.result["consents"]["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": True,
    }


async def test_refuses_pages_that_cannot_be(ask, alice):
    """The account stays readable beside the error."""
    answer = await ask(CONSENTS, caller=alice, variables={"first": 101})

    assert answer.codes == ["BAD_REQUEST"]
    assert answer.data == {"me": {"consents": None}}


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        (["grantConsent"], "GRANTED"),
        (["refuseConsent"], "REFUSED"),
        (["grantConsent", "revokeConsent"], "REVOKED"),
    ],
)
async def test_holder_answers(ask, alice, panel, answers, state):
    """The consent comes back as it is now; a second time there is nothing to answer."""
    asked = await factories.asked_consent(panel, alice.account.nic_handle)
    for mutation in answers:
        answer = await ask.mutate(mutation, {"consentId": str(asked.id)}, SETTLED, caller=alice)

    again = await ask.mutate(answers[-1], {"consentId": str(asked.id)}, caller=alice)

    result = answer.result
    assert (result["__typename"], result["id"], result["state"]) == (
        "Consent",
        str(asked.id),
        state,
    )
    assert result["answeredAt"] is not None
    assert (result["endedAt"] is not None) is (state == "REVOKED")
    assert result["partner"] == {"name": "Panel"}
    assert again.result["__typename"] == "NothingPendingError"
    assert answer.wake_ups == 1


@pytest.mark.parametrize("mutation", ["grantConsent", "refuseConsent", "revokeConsent"])
@pytest.mark.parametrize("given", ["", "1", "x" * 9999, "\0", "bob", "unknown"])
async def test_answers_nothing_of_others(ask, alice, panel, mutation, given):
    """A foreign, an unknown and a malformed id are not found."""
    bob = await factories.signed_up("bob@example.org")
    bobs = await factories.asked_consent(panel, bob.account.nic_handle)
    named = {"bob": str(bobs.id), "unknown": str(alice.account.id)}.get(given, given)

    answer = await ask.mutate(mutation, {"consentId": named}, caller=alice)

    assert answer.result["__typename"] == "NotFoundError"
    assert (await Consent.get()).state == "PENDING"


async def test_partner_cannot_answer_itself(ask, alice, panel):
    """An answer needs a session of the account."""
    asked = await factories.asked_consent(panel, alice.account.nic_handle)

    for mutation in ("grantConsent", "refuseConsent", "revokeConsent"):
        answer = await ask.mutate(mutation, {"consentId": str(asked.id)}, partner=panel)
        assert answer.codes == ["UNAUTHENTICATED"]

    assert (await Consent.get()).state == "PENDING"


async def test_log_names_the_partner(ask, alice, panel):
    """For what it asked, was answered and did; a partner reads of itself alone."""
    other = await factories.admitted(await factories.partner("Other"))
    await factories.consented(alice, panel)
    await factories.consented(alice, other)
    handle = alice.account.nic_handle
    await ask(WRITE % "", partner=panel, variables={"h": handle, "input": {"firstName": "Al"}})

    holders = await ask(LOG, caller=alice)
    others = await ask(LOG.replace("me", f'account(nicHandle: "{handle}")'), partner=other)

    def lines(answer):
        return [
            (edge["node"]["kind"], edge["node"]["partner"])
            for edge in answer.result["activity"]["edges"]
        ]

    assert lines(holders) == [
        ("PROFILE_UPDATED", "Panel"),
        ("CONSENT_GRANTED", "Other"),
        ("CONSENT_REQUESTED", "Other"),
        ("CONSENT_GRANTED", "Panel"),
        ("CONSENT_REQUESTED", "Panel"),
        ("ACCOUNT_OPENED", None),
    ]
    assert lines(others) == [
        (kind, name if name == "Other" else None) for kind, name in lines(holders)
    ]


async def test_partner_that_may_only_write_learns_that_it_has_written(ask, alice, panel):
    """Which account, and at which revision; nothing that it has not the scope to read."""
    await factories.consented(alice, panel, Scope.PROFILE_WRITE)
    given = {"h": alice.account.nic_handle, "name": "Alix", "old": 1}
    document = """mutation ($h: NicHandle, $name: String, $old: Int) {
      updateProfile(nicHandle: $h, input: {firstName: $name, expectedRevision: $old}) {
        ... on Account { id nicHandle revision %s }
      }
    }"""

    answer = await ask(document % "", partner=panel, variables=given)
    more = await ask(document % "phone", partner=panel, variables=given | {"old": 2})

    assert answer.result == {
        "id": str(alice.account.id),
        "nicHandle": alice.account.nic_handle,
        "revision": 2,
    }
    assert [it["extensions"]["scope"] for it in more.errors] == ["account:contact"]
    assert more.data["updateProfile"]["phone"] is None


async def test_partner_writes_and_reads_what_it_may(ask, alice, panel):
    """The answer is the account as the partner may read it; the rest is refused in its place."""
    await factories.consented(alice, panel, Scope.PROFILE_WRITE, Scope.ACCOUNT_READ)
    given = {"h": alice.account.nic_handle.lower(), "input": {"firstName": "Alix"}}

    answer = await ask(WRITE % "", partner=panel, variables=given)
    more = await ask(WRITE % "phone mails { edges { cursor } }", partner=panel, variables=given)

    account = {
        "__typename": "Account",
        "nicHandle": alice.account.nic_handle,
        "firstName": "Alix",
        "revision": 2,
    }
    assert answer.result == account
    assert more.data == {"updateProfile": account | {"phone": None, "mails": None}}
    assert [(it["path"], it["extensions"]) for it in more.errors] == [
        (["updateProfile", "phone"], {"code": "FORBIDDEN", "scope": "account:contact"}),
        (["updateProfile", "mails"], {"code": "FORBIDDEN", "scope": None}),
    ]
    assert await Mail.filter(template=Template.PROFILE_UPDATED_BY_PARTNER).count() == 1


async def test_partner_has_to_name_the_account(ask, alice, panel):
    """Absent or null is a fault of the input, in the place of the argument."""
    await factories.consented(alice, panel)

    for given in ({}, {"h": None}):
        answer = await ask(
            WRITE % "", partner=panel, variables={"input": {"firstName": "Al"}} | given
        )
        assert answer.result["fields"] == [{"field": "nicHandle", "code": "REQUIRED"}]

    assert (await Account.get()).revision == 1


@pytest.mark.parametrize("handle", [NOBODY, "", "bob", "x" * 9999])
async def test_nobody_writes_to_others(ask, alice, panel, handle):
    """Unknown, malformed, without consent: not found, to a partner as to another holder."""
    bob = await factories.signed_up("bob@example.org")
    await factories.consented(alice, panel)
    named = bob.account.nic_handle if handle == "bob" else handle
    given = {"h": named, "input": {"firstName": "Eve"}}

    by_partner = await ask(WRITE % "", partner=panel, variables=given)
    by_holder = await ask(WRITE % "", caller=alice, variables=given)
    by_nobody = await ask(WRITE % "", variables=given)

    assert by_partner.result["__typename"] == by_holder.result["__typename"] == "NotFoundError"
    assert by_nobody.codes == ["UNAUTHENTICATED"]
    assert await Account.filter(revision=1).count() == 2


async def test_holder_may_name_the_own_account(ask, alice):
    """In any writing; absent and null mean the same."""
    handle = alice.account.nic_handle.upper()

    for given in ({"h": handle}, {"h": None}, {}):
        name = f"Alix{len(given)}{given.get('h') is None}"
        answer = await ask(
            WRITE % "", caller=alice, variables=given | {"input": {"firstName": name}}
        )
        assert answer.result["firstName"] == name

    assert await Mail.filter(template=Template.PROFILE_UPDATED_BY_PARTNER).count() == 0


@pytest.mark.parametrize("mutation", ["updateProfile", "sendMail"])
async def test_consent_to_less_is_forbidden(ask, alice, panel, mutation):
    """Top-level, beside a null result, with the scope that would help."""
    await factories.consented(alice, panel, Scope.ACCOUNT_READ)
    handle = alice.account.nic_handle

    if mutation == "sendMail":
        answer = await ask.mutate("sendMail", ORDER | {"nicHandle": handle}, partner=panel)
    else:
        answer = await ask(
            WRITE % "", partner=panel, variables={"h": handle, "input": {"firstName": "Al"}}
        )

    scope = {"updateProfile": "profile:write", "sendMail": "mail:send"}[mutation]
    assert answer.data == {mutation: None}
    (error,) = answer.errors
    assert error["message"] == f"This needs the scope {scope}."
    assert (error["path"], error["extensions"]) == (
        [mutation],
        {"code": "FORBIDDEN", "scope": scope},
    )
    assert (await Account.get()).revision == 1
    assert await Mail.filter(template=Template.ORDER_CONFIRMATION).count() == 0


async def test_partner_sends_a_mail(ask, alice, panel):
    """It is queued for the holder, who finds it among their mails."""
    await factories.consented(alice, panel, Scope.MAIL_SEND)

    answer = await ask.mutate(
        "sendMail",
        ORDER
        | {
            "nicHandle": alice.account.nic_handle,
            "template": "RENEWAL_CONFIRMATION",
            "validUntil": "2027-11-28",
        },
        "... on MailQueued { id }",
        partner=panel,
    )

    mail = await Mail.get(template=Template.RENEWAL_CONFIRMATION)
    assert answer.result == {"__typename": "MailQueued", "id": str(mail.id)}
    assert answer.wake_ups == 1
    listed = await ask(
        "{ me { mails(first: 1) { edges { node { id template } } } } }", caller=alice
    )
    (edge,) = listed.result["mails"]["edges"]
    assert edge["node"] == {"id": str(mail.id), "template": "renewal_confirmation"}


async def test_partner_sends_no_mail_to_others(ask, alice, panel):
    """Without consent there is no account; faults of the input come first, and together."""
    answer = await ask.mutate(
        "sendMail", ORDER | {"nicHandle": alice.account.nic_handle}, partner=panel
    )
    faulty = await ask.mutate(
        "sendMail",
        ORDER | {"nicHandle": "", "reference": "", "services": [], "validUntil": "2027-11-28"},
        partner=panel,
    )

    assert answer.result["__typename"] == "NotFoundError"
    assert [(it["field"], it["code"]) for it in faulty.result["fields"]] == [
        ("reference", "REQUIRED"),
        ("services", "REQUIRED"),
        ("validUntil", "INVALID"),
    ]
    assert await Mail.filter(template=Template.ORDER_CONFIRMATION).count() == 0


async def test_template_is_one_that_there_is(ask, panel):
    """No other mail can be sent by its name."""
    answer = await ask.mutate(
        "sendMail", ORDER | {"nicHandle": NOBODY, "template": "PASSWORD_RESET"}, partner=panel
    )

    assert answer.codes == ["BAD_REQUEST"]


async def test_expired_request_says_so(ask, alice, panel, time):
    """Its holder reads that silence was the answer."""
    asked = await factories.asked_consent(panel, alice.account.nic_handle)
    time.advance(7 * DAY)

    late = await ask.mutate("grantConsent", {"consentId": str(asked.id)}, caller=alice)
    await consents.expire(asked.id)
    answer = await ask(CONSENTS, caller=alice)

    assert late.result["__typename"] == "NothingPendingError"
    (node,) = nodes(answer)
    assert (node["state"], node["answeredAt"]) == ("EXPIRED", node["expiresAt"])
