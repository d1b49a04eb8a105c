"""What a partner does for a holder: what it may, as long as it may, and never behind their back."""

import asyncio
import contextvars
from datetime import timedelta

import factories
import pytest
from tortoise.connection import get_connection

from models import accounts, activities, consents, mails, partners
from models.accounts import Account, AccountState, StaleRevisionError
from models.activities import Activity
from models.clients import Client
from models.consents import Order, PartnerMail
from models.errors import InvalidInputError, NotFoundError, TooManyRequestsError
from models.events import Event
from models.mails import Mail, Recipient, Template
from models.policy import DAY, MAILS_A_DAY
from models.scopes import ForbiddenError, Scope

NOBODY = "zz000000-OVH"
TOLD = Template.PROFILE_UPDATED_BY_PARTNER
ORDER = Order("BC-4711", ["example.org, 1 year", "Web hosting"], "12.00 EUR")
SERVER = Client("198.51.100.23", "panel/2.0")


@pytest.fixture
async def panel(tables):
    return await factories.admitted(await factories.partner())


@pytest.fixture
async def let_in(alice, panel):
    """Alice has granted the panel every scope, and it has looked at her account."""
    consent = await factories.consented(alice, panel)
    await consents.seen(panel, consent.nic_handle)
    return consent


async def write(access, nic_handle, **changes):
    revision = changes.pop("revision", None)
    wanted = changes or {"phone": "03 20 12 34 56"}
    return await consents.update_profile(access, nic_handle, wanted, expected_revision=revision)


async def send(access, nic_handle, kind=PartnerMail.ORDER_CONFIRMATION, order=ORDER):
    return await consents.send_mail(access, nic_handle, kind, order)


ERRANDS = {"write": (write, Scope.PROFILE_WRITE), "send": (send, Scope.MAIL_SEND)}


async def test_writes_on_behalf_of_the_holder(alice, panel, let_in):
    """The log names the partner and where it came from; every reader is told by an event."""
    with activities.caused_by(SERVER, "request-9"):
        view = await write(panel, alice.account.nic_handle.lower(), firstName="Alix", phone=None)

    stored, log = await Account.get(), await Activity.filter(kind="PROFILE_UPDATED").get()
    page = await activities.page(alice.account.id, first=1, after=None)
    assert (stored.first_name, stored.revision) == ("Alix", 2)
    assert (view.account.first_name, view.scopes) == ("Alix", frozenset(Scope))
    assert log.about == {"fields": ["firstName"], "partner": "Panel"}
    assert (page.rows[0].ip_address, page.rows[0].request_id) == (SERVER.ip_address, "request-9")
    assert await Event.filter(type="account.profile_updated", partner_id=None).count() == 1


async def test_tells_the_holder_once_a_day_and_partner(time, alice, panel, let_in):
    """Another partner's change is told by itself; one that changes nothing is not told."""
    other = await factories.admitted(await factories.partner("Other", Scope.PROFILE_WRITE))
    await factories.consented(alice, other, Scope.PROFILE_WRITE)
    handle = alice.account.nic_handle

    await write(panel, handle, firstName="Alice")
    assert await Mail.filter(template=TOLD).count() == 0
    await write(panel, handle, firstName="Alix", lastName="Durand")
    time.advance(DAY - timedelta(seconds=1))
    await write(panel, handle, firstName="Ali")
    await write(other, handle, phone="03 20 12 34 56")
    assert await Mail.filter(template=TOLD).count() == 2
    time.advance(timedelta(seconds=1))
    await write(panel, handle, firstName="Alice")

    told = await Mail.filter(template=TOLD).order_by("queued_at", "id")
    assert [(it.params["partner"], it.params["fields"]) for it in told] == [
        ("Panel", ["firstName", "lastName"]),
        ("Other", ["phone"]),
        ("Panel", ["firstName"]),
    ]
    assert {it.recipient for it in told} == {"alice@example.org"}


async def test_house_writes_without_consent(alice):
    """A first-party partner holds its scopes for every account, and the holder is told, too."""
    house = await factories.admitted(
        await factories.partner("House", Scope.PROFILE_WRITE, first_party=True)
    )

    await write(house, alice.account.nic_handle, firstName="Alix")

    mail = await Mail.get(template=TOLD)
    assert (mail.params["partner"], mail.params["first_party"]) == ("House", "yes")
    with pytest.raises(NotFoundError):
        await write(house, NOBODY)
    with pytest.raises(ForbiddenError):
        await send(house, alice.account.nic_handle)


async def test_refusals_of_the_profile_are_the_holders(alice, panel, let_in):
    """A stale revision, and all faults together; nothing is written and nobody told."""
    handle = alice.account.nic_handle
    before = await factories.everything()

    with pytest.raises(StaleRevisionError):
        await write(panel, handle, firstName="Alix", revision=7)
    with pytest.raises(InvalidInputError) as refusal:
        await write(panel, handle, firstName="", country="ZZ")

    assert [fault.field for fault in refusal.value.faults] == ["firstName", "country"]
    assert await factories.everything() == before


@pytest.mark.parametrize("errand", ERRANDS)
@pytest.mark.parametrize("handle", [NOBODY, "", "alice@example.org", "x" * 9999, "a\0", "bob"])
async def test_account_without_consent_is_none(alice, panel, let_in, errand, handle):
    """Unknown, malformed, and one whose holder has not consented: not found, all alike."""
    bob = await factories.signed_up("bob@example.org")
    named = bob.account.nic_handle if handle == "bob" else handle
    await factories.asked_consent(panel, bob.account.nic_handle)
    before = await factories.everything()

    with pytest.raises(NotFoundError):
        await ERRANDS[errand][0](panel, named)

    assert await factories.everything() == before


@pytest.mark.parametrize("errand", ERRANDS)
async def test_consent_to_less_is_forbidden(alice, panel, errand):
    """The scope that is missing is named."""
    run, scope = ERRANDS[errand]
    others = [it for it in Scope if it is not scope]
    await factories.consented(alice, panel, *others)
    await consents.seen(panel, alice.account.nic_handle)  # the use is noted
    before = await factories.everything()

    with pytest.raises(ForbiddenError) as refusal:
        await run(panel, alice.account.nic_handle)

    assert refusal.value.scope is scope
    assert await factories.everything() == before


async def take_scopes(_let_in):
    await partners.set_scopes("Panel", [Scope.ACCOUNT_READ])


async def revoke_partner(_let_in):
    await partners.revoke("Panel")


async def revoke_consent(consent):
    # As the operation does, whose transaction is not over yet.
    consent.revoke(consent.answered_at)
    await consent.save()


async def close(_let_in):
    await Account.all().update(state=AccountState.CLOSED)


async def until_it_waits():
    """Somebody waits for a lock."""
    waiting = (
        "SELECT 1 FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(10):
        while not await get_connection("default").execute_query_dict(waiting):  # noqa: ASYNC110 -- PostgreSQL tells nobody
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("open_pool")
@pytest.mark.parametrize("errand", ERRANDS)
@pytest.mark.parametrize(
    ("happens", "refusal"),
    [
        (revoke_consent, NotFoundError),
        (revoke_partner, NotFoundError),
        (close, NotFoundError),
        (take_scopes, ForbiddenError),
    ],
)
async def test_looks_again_under_the_lock(panel, let_in, errand, happens, refusal):
    """Who was let in when the request came is refused if that has ended before it is done."""
    run, outside = ERRANDS[errand][0], contextvars.copy_context()
    async with accounts.locked(let_in.account_id):
        running = asyncio.create_task(run(panel, let_in.nic_handle), context=outside)
        await until_it_waits()
        await happens(let_in)

    with pytest.raises(refusal):
        await running

    assert (await Account.get()).revision == 1
    assert await Mail.filter(template__in=[TOLD, Template.ORDER_CONFIRMATION]).count() == 0


async def test_frozen_account_is_not_written(alice, panel, let_in):
    """Until its holder has it back; a confirmation is mailed all the same."""
    await Account.all().update(state=AccountState.FROZEN)
    handle = alice.account.nic_handle

    with pytest.raises(NotFoundError):
        await write(panel, handle)

    assert (await Account.get()).revision == 1
    await send(panel, handle)
    assert (await factories.mails_to("alice@example.org"))[-1] == "order_confirmation"


async def test_sends_a_confirmation(time, alice, panel, let_in):
    """In the outbox, to the last proven address; the log says who had it sent."""
    await factories.accepted_by_code(alice, "new@example.org")
    time.advance(timedelta(seconds=1))
    order = Order(" RN-1 ", [" example.org "], None, "2027-11-28")

    mail = await send(panel, alice.account.nic_handle, PartnerMail.RENEWAL_CONFIRMATION, order)

    kept, log = await Mail.get(id=mail.id), await Activity.get(kind="PARTNER_MAIL")
    assert (kept.template, kept.recipient) == ("renewal_confirmation", "alice@example.org")
    assert kept.params == {
        "first_name": "Alice",
        "partner": "Panel",
        "reference": "RN-1",
        "services": ["example.org"],
        "total": "",
        "valid_until": "2027-11-28",
    }
    assert (kept.queued_at, kept.expires_at) == (time.at, time.at + 3 * DAY)
    assert log.about == {"partner": "Panel", "mail": str(mail.id)}


async def test_counts_in_the_accounts_day_of_mail(alice, panel, let_in):
    """The fiftieth is sent, the next one waits for tomorrow."""
    at = (await Mail.all().order_by("queued_at").first()).queued_at
    holder = Recipient.of(alice.account)
    for _ in range(MAILS_A_DAY - 1 - await Mail.all().count()):
        await mails.queue(Template.UNFROZEN, holder, at=at, lifetime=DAY)
    await send(panel, alice.account.nic_handle)
    before = await factories.everything()

    with pytest.raises(TooManyRequestsError) as refusal:
        await send(panel, alice.account.nic_handle)

    assert refusal.value.retry_at == at + DAY
    assert await factories.everything() == before


@pytest.mark.parametrize(
    ("kind", "order", "faults"),
    [
        (
            PartnerMail.RENEWAL_CONFIRMATION,
            Order("", [], "<b>", None),
            [
                "reference REQUIRED",
                "services REQUIRED",
                "total INVALID",
                "validUntil REQUIRED",
            ],
        ),
        (
            PartnerMail.ORDER_CONFIRMATION,
            Order("x" * 41, ["a", "", "b\nc", "x" * 101], "1" * 31, "2027-11-28"),
            [
                "reference TOO_LONG",
                "services.1 REQUIRED",
                "services.2 INVALID",
                "services.3 TOO_LONG",
                "total TOO_LONG",
                "validUntil INVALID",
            ],
        ),
        (PartnerMail.ORDER_CONFIRMATION, Order("x", ["a"] * 21), ["services INVALID"]),
        *(
            (PartnerMail.RENEWAL_CONFIRMATION, Order("x", ["a"], None, day), ["validUntil INVALID"])
            for day in (
                "28.11.2027",
                "2027-02-30",
                "20271128",
                "2027-W48-7",
                "2027-11-28T00:00:00Z",
                "２０２７-11-28",
                "0000-01-01",
                "2027-11-28\n",
                "soon",
            )
        ),
    ],
)
async def test_refuses_what_cannot_be_mailed(panel, let_in, kind, order, faults):
    """All faults of the order together, before anybody is looked up; nothing is sent."""
    before = await factories.everything()

    for handle in (let_in.nic_handle, NOBODY):
        with pytest.raises(InvalidInputError) as refusal:
            await send(panel, handle, kind, order)
        assert [f"{it.field} {it.code}" for it in refusal.value.faults] == faults

    assert await factories.everything() == before


async def test_takes_the_longest(alice, panel, let_in):
    """As long as each may be, twenty services."""
    order = Order("é" * 40, ["é" * 100] * 20, "1" * 30)

    mail = await send(panel, alice.account.nic_handle, PartnerMail.ORDER_CONFIRMATION, order)

    assert len((await Mail.get(id=mail.id)).params["services"]) == 20
