"""What a partner asks for: judged as a whole, and the same to it whether anybody is there."""

import dataclasses
import time as wall
from datetime import timedelta

import factories
import pytest
from factories import PANEL, POLICY

from models import consents, mails
from models.accounts import Account, AccountState
from models.activities import Activity
from models.consents import Consent, ConsentState
from models.errors import InvalidInputError, TooManyRequestsError
from models.events import Event
from models.mails import Mail, Recipient, Template
from models.policy import DAY, MAILS_A_DAY
from models.scopes import NoConsentNeededError, Scope

NOBODY = "zz000000-OVH"
REASON = "To show your services in one place."
STEP = timedelta(milliseconds=300)


@pytest.fixture
async def panel(tables):
    return await factories.admitted(await factories.partner())


async def ask(access, nic_handle=NOBODY, scopes=("account:read",), reason=REASON, url=None, **more):
    return await consents.request(
        access, nic_handle, scopes, reason, url, policy=more.get("policy", POLICY)
    )


async def faults_of(access, **asked):
    with pytest.raises(InvalidInputError) as refusal:
        await ask(access, **asked)
    return [(fault.field, str(fault.code)) for fault in refusal.value.faults]


async def test_asks_the_holder(time, alice, panel):
    """A row for seven days, a line in the log and a mail; no event before there is an answer."""
    handle = alice.account.nic_handle
    url = f"{PANEL}/back?from=nicgate#done"

    asked = await ask(panel, f" {handle.upper()} ", ["mail:send", "account:read"], REASON, url)

    kept, mail = await Consent.get(), await Mail.get(template=Template.CONSENT_REQUESTED)
    assert (kept.id, kept.state, kept.account_id) == (asked.id, "PENDING", alice.account.id)
    assert (kept.nic_handle, kept.partner_id) == (handle, panel.partner.id)
    assert (kept.scopes, kept.redirect_url) == (["account:read", "mail:send"], url)
    assert (kept.requested_at, kept.expires_at) == (time.at, time.at + 7 * DAY)
    assert mail.params == {
        "first_name": "Alice",
        "partner": "Panel",
        "scopes": ["account:read", "mail:send"],
        "stated_reason": REASON,
        "lifetime": "604800",
        "consent": str(asked.id),
    }
    log = await Activity.get(kind="CONSENT_REQUESTED")
    assert log.about == {"partner": "Panel"}
    assert await Event.filter(type__startswith="consent.").count() == 0


@pytest.mark.parametrize("state", [None, AccountState.CLOSED])
async def test_nobody_is_asked_alike(time, alice, panel, state):
    """An unknown and a closed account: a real row, the same answer, and no mail."""
    known = await ask(panel, alice.account.nic_handle)
    bob = await factories.signed_up("bob@example.org")
    await Account.filter(id=bob.account.id).update(state=AccountState.CLOSED)
    unknown = await ask(panel, bob.account.nic_handle if state else NOBODY)

    def shown(consent):
        return consent.scopes, consent.expires_at, consent.state, consent.reason

    assert shown(unknown) == shown(known)
    assert (await Consent.get(id=unknown.id)).account_id is None
    assert await Mail.filter(template=Template.CONSENT_REQUESTED).count() == 1
    assert await Activity.filter(kind="CONSENT_REQUESTED").count() == 1

    time.advance(7 * DAY)
    for consent in (known, unknown):
        assert await consents.expire(consent.id) is None
    events = await Event.filter(type="consent.expired").order_by("number")
    assert [(it.partner_id, it.nic_handle) for it in events] == [
        (panel.partner.id, known.nic_handle),
        (panel.partner.id, unknown.nic_handle),
    ]


async def test_reports_every_fault_at_once(panel, alice):
    """In the order of the form; nothing happens."""
    before = await factories.everything()

    faults = await faults_of(
        panel, nic_handle="alice@example.org", scopes=["account:all"], reason=" ", url="http://x/"
    )

    assert faults == [
        ("nicHandle", "INVALID"),
        ("scopes", "INVALID"),
        ("reason", "REQUIRED"),
        ("redirectUrl", "INVALID"),
    ]
    assert await factories.everything() == before


@pytest.mark.parametrize(
    ("scopes", "code"),
    [
        ([], "REQUIRED"),
        (["account:READ"], "INVALID"),
        (["account:read", ""], "INVALID"),
        (["account:read\0"], "INVALID"),
        (["mail:send"], "INVALID"),
        (["account:read"] * 500 + ["mail:send"], "INVALID"),
    ],
    ids=["none", "case", "empty", "nul", "too-much", "many"],
)
async def test_refuses_scopes_that_it_may_not_hold(panel, scopes, code):
    """Unknown ones, and what the operator has not given to the partner."""
    partner = dataclasses.replace(panel)
    partner.partner.scopes = ["account:read"]

    assert await faults_of(partner, scopes=scopes) == [("scopes", code)]


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("", "REQUIRED"),
        ("\t \n", "REQUIRED"),
        ("x" * 201, "TOO_LONG"),
        ("x" * 100_000, "TOO_LONG"),
        ("two\nlines", "INVALID"),
        ("a\0b", "INVALID"),
        ("\ud800", "INVALID"),
        ("<b>now</b>", "INVALID"),
        ("a\x85b", "INVALID"),
        ("txt.exe\u202egnp", "INVALID"),
        ("a\u2028b", "INVALID"),
        ("\u200b\u200b", "INVALID"),
    ],
)
async def test_refuses_reasons_that_could_deceive(panel, reason, code):
    """It stands in a mail: no control characters, no brackets, no change of direction."""
    assert await faults_of(panel, reason=reason) == [("reason", code)]


async def test_keeps_the_reason_as_it_is_written(panel):
    """Without what stands around it, and composed as names are."""
    asked = await ask(panel, reason="  Cafe\u0301 “Nord” & {{ code }}  ")

    assert (await Consent.get(id=asked.id)).reason == "Café “Nord” & {{ code }}"


@pytest.mark.parametrize(
    "url",
    [
        PANEL,
        f"{PANEL}/",
        f"{PANEL}:443/back?a=b&c=%20#there",
        "HTTPS://Panel.Example.ORG/back",
        "https://[2001:db8::1]:8443/",
        "http://localhost:3000/back",
        "http://127.0.0.1/",
        "http://[::1]:8080?x",
    ],
)
async def test_sends_holders_back_to_registered_origins(panel, url):
    """Whatever the path; plain http on the machine of the browser alone."""
    panel.partner.origins = [
        f"{PANEL}",
        "https://[2001:DB8::1]:8443",
        "http://localhost:3000",
        "http://127.0.0.1:80",
        "http://[::1]:8080",
    ]

    assert (await ask(panel, url=url)).redirect_url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/back",
        "//panel.example.org/",
        "javascript:alert(1)//panel.example.org",
        "http://panel.example.org/",
        "https://panel.example.org:8443/",
        "https://panel.example.org:99999/",
        "https://panel.example.org.evil.example/",
        "https://evil.example/https://panel.example.org",
        "https://panel.example.org@evil.example/",
        "https://panel.example.org:443@evil.example/",
        "https://evil.example\\@panel.example.org/",
        "https://panel.example.org\\.evil.example/",
        "https:\\\\panel.example.org/",
        "https://panel.example.org/\n",
        "https://panel.example.org/\t",
        "ht\ntps://panel.example.org/",
        " https://panel.example.org/",
        "https://panel.example.org/<script>",
        "https://panel.example.org/\0",
        "https://panel.example.org/é",
        "https://pane1.example.org/",
        "https://ｐanel.example.org/",
        "https://example.org/",
        "https://[panel.example.org]/",
        "https://[::1/",
        "http://localhost.evil.example/",
        "http://127.0.0.1.evil.example/",
        "http://2130706433/",
    ],
)
async def test_sends_holders_nowhere_else(panel, url):
    """Nothing that a browser could take for another origin than we do."""
    panel.partner.origins = [PANEL, "http://localhost", "http://127.0.0.1", "http://2130706433"]

    assert await faults_of(panel, url=url) == [("redirectUrl", "INVALID")]


async def test_refuses_addresses_that_are_too_long(panel):
    """Longer than the column."""
    assert await faults_of(panel, url=f"{PANEL}/{'x' * 500}") == [("redirectUrl", "TOO_LONG")]


async def test_house_needs_no_consent(tables, alice):
    """A first-party partner has its scopes already; nothing happens, whatever else is wrong."""
    house = await factories.admitted(await factories.partner("House", first_party=True))
    before = await factories.everything()

    for scopes in (["account:read"], []):
        with pytest.raises(NoConsentNeededError):
            await ask(house, alice.account.nic_handle, scopes)

    assert await factories.everything() == before


@pytest.mark.parametrize("is_known", [True, False])
async def test_newer_request_takes_the_place_of_the_one_that_waits(alice, panel, is_known):
    """Of the same partner and NIC-handle; others wait for themselves."""
    handle = alice.account.nic_handle if is_known else NOBODY
    older = await ask(panel, handle)
    other = await factories.admitted(await factories.partner("Other"))
    beside = [await ask(other, handle), await ask(panel, "zz000001-OVH")]

    newer = await ask(panel, handle, ["mail:send"])

    states = {it.id: it.state for it in await Consent.all()}
    assert states == {
        older.id: ConsentState.REPLACED,
        newer.id: ConsentState.PENDING,
        beside[0].id: ConsentState.PENDING,
        beside[1].id: ConsentState.PENDING,
    }
    assert (await Consent.get(id=older.id)).answered_at == newer.requested_at
    assert await Event.filter(type__startswith="consent.").count() == 0


@pytest.mark.parametrize("is_known", [True, False])
async def test_asks_three_times_a_day(time, alice, panel, is_known):
    """For one NIC-handle, be there an account or not; from the first one's morrow on again."""
    handle = alice.account.nic_handle if is_known else NOBODY
    first = time.at
    for _ in range(3):
        await ask(panel, handle)
        time.advance(timedelta(minutes=1))
    before = await factories.everything()

    with pytest.raises(TooManyRequestsError) as refusal:
        await ask(panel, handle)

    assert refusal.value.retry_at == first + DAY
    assert await factories.everything() == before
    await ask(panel, "zz000001-OVH")
    time.at = first + DAY
    await ask(panel, handle)


async def test_full_day_of_mail_shows_nowhere(alice, panel):
    """The request is there for the holder, and goes without a mail."""
    for _ in range(MAILS_A_DAY):
        at = (await Mail.all().order_by("queued_at").first()).queued_at
        await mails.queue(
            Template.UNFROZEN, Recipient.of(alice.account), at=at, lifetime=DAY, params={}
        )

    asked = await ask(panel, alice.account.nic_handle)

    assert (await Consent.get(id=asked.id)).account_id == alice.account.id
    assert await Mail.filter(template=Template.CONSENT_REQUESTED).count() == 0


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("is_refused", [True, False])
async def test_ends_on_a_step(alice, panel, is_known, is_refused):
    """Known or unknown, asked or too often: the time of the answer tells nothing."""
    handle = alice.account.nic_handle if is_known else NOBODY
    for _ in range(3 if is_refused else 0):
        await ask(panel, handle)
    started = wall.perf_counter()

    try:
        await ask(panel, handle, policy=dataclasses.replace(POLICY, steps=STEP))
    except TooManyRequestsError:
        assert is_refused

    steps, rest = divmod(wall.perf_counter() - started, STEP.total_seconds())
    assert steps >= 1
    assert rest < 0.15


async def test_account_that_comes_later_was_not_asked(panel):
    """A request to a NIC-handle that nobody had stays nobody's; the next one finds the holder."""
    challenge = await factories.requested_signup("carol@example.org")
    handle = (await factories.Signup.get()).nic_handle
    early = await ask(panel, handle)
    code = await factories.mailed_code(Template.CREATION, to="carol@example.org")
    carol = await factories.signups.confirm(
        challenge.id, code, client=factories.CLIENT, policy=POLICY
    )

    late = await ask(panel, handle, [str(scope) for scope in Scope])

    assert (await Consent.get(id=early.id)).account_id is None
    assert (await Consent.get(id=early.id)).state is ConsentState.REPLACED
    assert (await Consent.get(id=late.id)).account_id == carol.account.id
