"""Events: written with what they tell, given to whom they concern, in an order without a gap."""

import asyncio
from contextlib import asynccontextmanager

import factories
import pytest
from factories import POLICY
from tortoise.transactions import in_transaction

from models import accounts, clock, consents, email_changes, events, partners
from models.consents import ConsentState
from models.events import Event, EventType, PartnerEvent
from models.pages import BadPageError, cursor
from models.partners import Partner
from models.scopes import Scope

UPDATED = EventType.ACCOUNT_PROFILE_UPDATED
MANY = 8


async def answered(access, opened, state, *scopes):
    """What a holder has answered to a partner that asked for these scopes."""
    asked = await factories.asked_consent(access, opened.account.nic_handle, *scopes)
    session = await factories.session_of(opened)
    if state in {ConsentState.GRANTED, ConsentState.REVOKED}:
        await consents.grant(session, asked.id)
    if state is ConsentState.REVOKED:
        await consents.revoke(session, asked.id)
    if state is ConsentState.REFUSED:
        await consents.refuse(session, asked.id)


async def happened(account, kind=UPDATED):
    """Something that happened to an account, committed."""
    async with in_transaction():
        await events.record(account.id, kind, at=await clock.now())
    return await Event.all().order_by("-number").first()


async def happen_and_fail(account):
    async with in_transaction():
        await events.record(account.id, UPDATED, at=await clock.now())
        raise ZeroDivisionError


async def told(access, after=None):
    """What a partner reads beyond a cursor."""
    return list((await events.page(access.partner.id, first=100, after=after, policy=POLICY)).rows)


async def types(access):
    return [event.type for event in await told(access)]


@asynccontextmanager
async def uncommitted(account):
    """An event that has its number, in a transaction that commits when the block ends."""
    written, commit = asyncio.Event(), asyncio.Event()

    async def write():
        async with in_transaction():
            await events.record(account.id, UPDATED, at=await clock.now())
            written.set()
            await commit.wait()

    writing = asyncio.create_task(write())
    await written.wait()
    yield
    commit.set()
    await writing


@pytest.fixture
async def billing(alice):
    """A first-party partner, told of nothing yet."""
    await events.publish(policy=POLICY)
    return await factories.access("Billing", first_party=True)


async def test_goes_with_its_cause(billing, alices_account):
    """What was rolled back is told to nobody."""
    with pytest.raises(ZeroDivisionError):
        await happen_and_fail(alices_account)

    assert await told(billing) == []


async def test_says_what_happened_when_and_to_whom_and_no_more(billing, alices_account):
    """Thin: an id, a type, an instant and a NIC-handle; no personal data."""
    happening = await happened(alices_account)

    (event,) = await told(billing)

    assert (event.id, event.type, event.at) == (happening.id, UPDATED, happening.at)
    assert event.nic_handle == alices_account.nic_handle


async def test_is_written_by_what_happens(billing, alice):
    """Each operation that concerns partners tells it; nothing else does."""
    await factories.logged_in("alice@example.org")
    await accounts.update_profile(alice.account.id, {"firstName": "Al"}, expected_revision=None)
    await factories.requested_change(alice, "new@example.org")
    await email_changes.cancel(await factories.session_of(alice))
    await factories.signed_up("bob@example.org")

    assert await types(billing) == [
        EventType.ACCOUNT_PROFILE_UPDATED,
        EventType.ACCOUNT_EMAIL_CHANGE_REQUESTED,
        EventType.ACCOUNT_EMAIL_CHANGE_SETTLED,
        EventType.ACCOUNT_CREATED,
    ]


@pytest.mark.parametrize(
    ("first_party", "scopes", "is_told"),
    [
        (True, (Scope.ACCOUNT_READ,), True),
        (True, (Scope.ACCOUNT_CONTACT, Scope.MAIL_SEND), False),
        (False, tuple(Scope), False),
    ],
    ids=["reads", "does not read", "without consent"],
)
async def test_tells_of_every_account_whoever_reads_all(alice, first_party, scopes, is_told):
    """A first-party partner with account:read needs no consent; another one is told nothing."""
    await events.publish(policy=POLICY)
    access = await factories.access(first_party=first_party, scopes=scopes)
    await happened(alice.account)

    assert await types(access) == ([UPDATED] if is_told else [])


@pytest.mark.parametrize(
    ("state", "agreed", "is_told"),
    [
        (ConsentState.GRANTED, Scope.ACCOUNT_READ, True),
        (ConsentState.GRANTED, Scope.ACCOUNT_CONTACT, False),
        (ConsentState.PENDING, Scope.ACCOUNT_READ, False),
        (ConsentState.REFUSED, Scope.ACCOUNT_READ, False),
        (ConsentState.REVOKED, Scope.ACCOUNT_READ, False),
    ],
)
async def test_tells_of_an_account_whom_its_holder_lets_read(alice, state, agreed, is_told):
    """Granted, with account:read in it."""
    bob = await factories.signed_up("bob@example.org")
    access = await factories.access(scopes=tuple(Scope))
    await answered(access, alice, state, agreed)
    await events.publish(policy=POLICY)

    await happened(bob.account)
    await happened(alice.account)

    found = [it.nic_handle for it in await told(access) if it.type == UPDATED]
    assert found == ([alice.account.nic_handle] if is_told else [])


async def test_tells_of_what_happened_while_the_consent_was_in_force(alice):
    """However late it is published: nothing from before, and nothing is missed from then."""
    access = await factories.access(scopes=tuple(Scope))
    before = await happened(alice.account)
    consent = await factories.consented(alice, access, Scope.ACCOUNT_READ)
    meanwhile = await happened(alice.account)
    await consents.revoke(await factories.session_of(alice), consent.id)
    after = await happened(alice.account)

    found = {event.id for event in await told(access)}

    assert found & {before.id, meanwhile.id, after.id} == {meanwhile.id}


async def test_tells_no_more_than_a_partner_may_hold(alice):
    """What its operator has taken from it since, no holder can give."""
    access = await factories.access("Panel", scopes=tuple(Scope))
    await factories.consented(alice, access)
    await partners.set_scopes("Panel", [Scope.ACCOUNT_CONTACT])

    await happened(alice.account)

    assert await types(access) == [EventType.CONSENT_GRANTED]


async def test_tells_once_whoever_may_read_twice(alice):
    """A consent from before a partner was made a first-party one adds nothing."""
    await events.publish(policy=POLICY)
    panel = await factories.access("Panel")
    await factories.consented(alice, panel, Scope.ACCOUNT_READ)
    await events.publish(policy=POLICY)
    await Partner.filter(name="Panel").update(first_party=True)
    await happened(alice.account)

    assert await types(panel) == [EventType.CONSENT_GRANTED, UPDATED]


async def test_tells_of_a_consent_only_its_partner(alice, billing):
    """Whatever its scopes are; other partners of the account learn nothing."""
    asking = await factories.access("Asking", scopes=(Scope.MAIL_SEND,))
    other = await factories.access("Other")
    await factories.consented(alice, other, Scope.ACCOUNT_READ)

    await answered(asking, alice, ConsentState.REFUSED, Scope.MAIL_SEND)

    assert await types(asking) == [EventType.CONSENT_REFUSED]
    assert (await types(other), await types(billing)) == ([EventType.CONSENT_GRANTED], [])


async def test_tells_nothing_to_a_partner_that_was_revoked(alice, billing):
    """It is nobody any more, and is told nothing that happens meanwhile."""
    await partners.revoke("Billing")
    await happened(alice.account)

    assert await types(billing) == []


async def test_numbers_what_each_partner_is_told(alice, billing):
    """From 1, without a gap, whatever others are told, in the order in which it happened."""
    await happened(alice.account)
    await events.publish(policy=POLICY)
    asking = await factories.access("Asking")
    await factories.consented(alice, asking, Scope.ACCOUNT_READ)
    kinds = [EventType.ACCOUNT_FROZEN, EventType.ACCOUNT_UNFROZEN, UPDATED]
    for kind in kinds:
        await happened(alice.account, kind)

    assert await types(billing) == [UPDATED, *kinds]
    assert await types(asking) == [EventType.CONSENT_GRANTED, *kinds]
    numbers = PartnerEvent.all().order_by("number")
    for access, count in ((billing, 4), (asking, 4)):
        found = await numbers.filter(partner_id=access.partner.id).values_list("number", flat=True)
        assert list(found) == list(range(1, count + 1))


async def test_misses_nothing_that_commits_late(alice, billing):
    """Two transactions commit in the other order than they took their numbers.

    A reader that has seen the second one finds the first one behind it.
    """
    bob = await factories.signed_up("bob@example.org")
    (created,) = await told(billing)

    async with uncommitted(alice.account):
        await happened(bob.account)
        between = await told(billing, cursor(created))
    after = await told(billing, cursor(between[-1]))

    assert [event.nic_handle for event in between] == [bob.account.nic_handle]
    assert [event.nic_handle for event in after] == [alice.account.nic_handle]
    assert after[0].number < between[0].number


async def test_is_published_once_by_however_many(open_pool, alice, billing):
    """Workers and readers that publish at once neither repeat an event nor lose one."""
    for round_ in range(1, 6):
        for _ in range(MANY):
            await happened(alice.account)

        await asyncio.gather(*(events.publish(policy=POLICY) for _ in range(MANY)))

        numbers = await PartnerEvent.all().order_by("number").values_list("number", flat=True)
        assert list(numbers) == list(range(1, MANY * round_ + 1))


async def test_is_published_in_portions(alice, billing, monkeypatch):
    """However much has gathered while no worker ran, it comes whole and in order."""
    monkeypatch.setattr(events, "_AT_ONCE", 2)
    happenings = [await happened(alice.account) for _ in range(5)]

    more = [await events.publish(policy=POLICY) for _ in range(4)]

    assert more == [True, True, False, False]
    assert await Event.filter(published_at=None).count() == 0
    assert [event.id for event in await told(billing)] == [event.id for event in happenings]


async def test_keeps_nobody_waiting_behind_what_happens_to_others(alice, billing, monkeypatch):
    """Of many accounts or often to one: what happens to another is in the next portion.

    What happens to one account stays in its order all the same.
    """
    monkeypatch.setattr(events, "_AT_ONCE", 2)
    monkeypatch.setattr(events, "_YOUNGEST", 2)
    bob = await factories.signed_up("bob@example.org")
    await told(billing)
    of_alice = [await happened(alice.account) for _ in range(6)]
    of_bob = [await happened(bob.account) for _ in range(2)]

    assert await events.publish(policy=POLICY)

    listed = PartnerEvent.all().order_by("number").values_list("event_id", flat=True)
    assert (await listed)[-3:] == [of_alice[0].id, of_alice[1].id, of_bob[0].id]
    while await events.publish(policy=POLICY):
        pass
    ids = await listed
    for happenings in (of_alice, of_bob):
        assert sorted(happenings, key=lambda event: ids.index(event.id)) == happenings


async def test_pages_from_the_oldest(alice, billing):
    """Pages join without gap or overlap, and a page behind the last one is empty."""
    happenings = [str((await happened(alice.account)).id) for _ in range(5)]
    partner_id = billing.partner.id

    first = await events.page(partner_id, first=3, after=None, policy=POLICY)
    second = await events.page(partner_id, first=3, after=cursor(first.rows[-1]), policy=POLICY)
    third = await events.page(partner_id, first=3, after=cursor(second.rows[-1]), policy=POLICY)

    read = [str(event.id) for event in (*first.rows, *second.rows, *third.rows)]
    assert read == happenings
    assert [page.has_next for page in (first, second, third)] == [True, False, False]
    assert [page.has_previous for page in (first, second, third)] == [False, True, True]


async def test_takes_no_cursor_of_another_partner(alice, billing):
    """A cursor names an event of one's own list."""
    event = await happened(alice.account)
    await events.publish(policy=POLICY)
    other = await factories.access("Other")

    with pytest.raises(BadPageError):
        await told(other, cursor(event))
