"""Consents: what a partner asks for, how a holder answers, and what silence does."""

import dataclasses
from datetime import timedelta

import factories
import pytest
from factories import POLICY

from models import clock, consents, housekeeping, pages, partners
from models.accounts import Account, AccountState
from models.activities import Activity
from models.consents import Consent, ConsentState
from models.errors import NotFoundError, NothingPendingError, UnauthenticatedError
from models.events import Event
from models.mails import Mail, Template
from models.policy import DAY
from models.scopes import ForbiddenError, Scope

NOBODY = "zz000000-OVH"
WEEK, MOMENT = 7 * DAY, timedelta(milliseconds=1)
ANSWERS = [consents.grant, consents.refuse, consents.revoke]


@pytest.fixture
async def panel(tables):
    """A partner that may hold every scope."""
    return await factories.admitted(await factories.partner())


@pytest.fixture
async def asked(alice, panel):
    """What it asks of Alice."""
    return await factories.asked_consent(panel, alice.account.nic_handle)


@pytest.fixture
async def session(alice):
    return await factories.session_of(alice)


async def told(kind="consent."):
    """The events for one partner alone, in their order."""
    found = await Event.filter(type__startswith=kind).order_by("number")
    return [(event.type, event.nic_handle, event.partner_id) for event in found]


async def log(kind="CONSENT_"):
    rows = await Activity.filter(kind__startswith=kind).order_by("number")
    return [(str(row.kind), row.about) for row in rows]


async def state_of(consent):
    return (await Consent.get(id=consent.id)).state


async def test_grant_lets_the_partner_in(alice, panel, asked, session):
    """From the next request on, with the scopes of the request; the partner alone is told."""
    other = await factories.admitted(await factories.partner("Other"))
    handle = alice.account.nic_handle
    before = await consents.seen(panel, handle)

    granted = await consents.grant(session, asked.id)

    view = await consents.seen(panel, handle)
    assert before is None
    assert granted.state is ConsentState.GRANTED
    assert granted.answered_at is not None
    assert (view.account.id, view.scopes) == (alice.account.id, frozenset(Scope))
    assert await consents.seen(other, handle) is None
    assert await told() == [("consent.granted", handle, panel.partner.id)]
    about = {"partner": "Panel"}
    assert await log() == [("CONSENT_REQUESTED", about), ("CONSENT_GRANTED", about)]


async def test_refusal_lets_nobody_in(alice, panel, asked, session):
    """The partner is told, and may ask again."""
    refused = await consents.refuse(session, asked.id)

    assert refused.state is ConsentState.REFUSED
    assert await consents.seen(panel, alice.account.nic_handle) is None
    assert await told() == [("consent.refused", alice.account.nic_handle, panel.partner.id)]
    assert (await log())[-1] == ("CONSENT_REFUSED", {"partner": "Panel"})
    await factories.asked_consent(panel, alice.account.nic_handle)


async def test_revoking_is_effective_at_the_next_request(alice, panel, session):
    """What was read a moment ago is not there any more."""
    granted = await factories.consented(alice, panel)
    assert await consents.seen(panel, alice.account.nic_handle)

    revoked = await consents.revoke(session, granted.id)

    assert await consents.seen(panel, alice.account.nic_handle) is None
    assert revoked.state is ConsentState.REVOKED
    assert revoked.ended_at > revoked.answered_at
    assert [kind for kind, *_ in await told()] == ["consent.granted", "consent.revoked"]
    assert (await log())[-1] == ("CONSENT_REVOKED", {"partner": "Panel"})


async def test_newer_grant_takes_the_place_of_the_older(alice, panel):
    """What was granted holds until the next is granted; then that holds alone."""
    handle = alice.account.nic_handle
    older = await factories.consented(alice, panel)
    newer = await factories.asked_consent(panel, handle, Scope.ACCOUNT_READ)
    assert (await consents.seen(panel, handle)).scopes == frozenset(Scope)

    await consents.grant(await factories.session_of(alice), newer.id)

    older = await Consent.get(id=older.id)
    assert (await consents.seen(panel, handle)).scopes == {Scope.ACCOUNT_READ}
    assert older.state is ConsentState.REPLACED
    assert older.ended_at == (await Consent.get(id=newer.id)).answered_at
    assert [kind for kind, *_ in await told()] == ["consent.granted"] * 2


async def test_partner_holds_no_more_than_it_may(alice, panel):
    """What the operator takes from a partner is gone from every consent, and comes back with it."""
    handle = alice.account.nic_handle
    await factories.consented(alice, panel)
    await partners.set_scopes("Panel", [Scope.ACCOUNT_READ])
    (key,) = await factories.PartnerKey.all()
    fewer = dataclasses.replace(panel, partner=await factories.Partner.get())

    view = await consents.seen(fewer, handle)

    assert view.scopes == {Scope.ACCOUNT_READ}
    with pytest.raises(ForbiddenError) as refusal:
        view.require(Scope.ACCOUNT_CONTACT)
    assert refusal.value.scope is Scope.ACCOUNT_CONTACT
    assert key.id == panel.key.id


@pytest.mark.parametrize("answer", ANSWERS)
async def test_answers_nothing_of_others(alice, panel, asked, answer):
    """An unknown id, none, and one of another account are alike: not found; nothing happens."""
    bob = await factories.session_of(await factories.signed_up("bob@example.org"))
    nobodys = await factories.asked_consent(panel, NOBODY)
    before = await factories.everything()

    for consent_id in (asked.id, nobodys.id, bob.id, None):
        with pytest.raises(NotFoundError):
            await answer(bob, consent_id)

    assert await factories.everything() == before


async def granted(session, consent):
    await consents.grant(session, consent.id)


async def refused(session, consent):
    await consents.refuse(session, consent.id)


async def revoked(session, consent):
    await granted(session, consent)
    await consents.revoke(session, consent.id)


async def expired(_session, consent):
    await factories.unanswered(consent)
    await consents.expire(consent.id)


async def overdue(_session, consent):
    """No worker has seen it yet."""
    await factories.unanswered(consent)


async def replaced(session, consent):
    access = await factories.admitted(await factories.partner("Second"))
    await Consent.filter(id=consent.id).update(partner_id=access.partner.id)
    await factories.asked_consent(access, session.account.nic_handle)


async def asked_by_one_that_is_gone(_session, _consent):
    await partners.revoke("Panel")


@pytest.mark.parametrize(
    ("ending", "possible"),
    [
        (granted, consents.revoke),
        (refused, None),
        (revoked, None),
        (expired, None),
        (overdue, None),
        (replaced, None),
        (asked_by_one_that_is_gone, consents.refuse),
    ],
)
async def test_answers_once(asked, session, ending, possible):
    """What is settled, or late by the clock, takes no answer; one that was granted, its end."""
    await ending(session, asked)
    before = await factories.everything()

    for answer in ANSWERS:
        if answer is not possible:
            with pytest.raises(NothingPendingError):
                await answer(session, asked.id)

    assert await factories.everything() == before
    if possible:
        await possible(session, asked.id)


async def test_nothing_is_revoked_that_was_not_granted(asked, session):
    """Who does not want it refuses it."""
    with pytest.raises(NothingPendingError):
        await consents.revoke(session, asked.id)

    assert await state_of(asked) is ConsentState.PENDING


async def test_frozen_account_grants_nothing_and_stays_seen(alice, panel, asked):
    """Its consents stay, and its state is read; a session of a moment ago grants nothing."""
    handle, session = alice.account.nic_handle, await factories.session_of(alice)
    await consents.grant(session, asked.id)
    newer = await factories.asked_consent(panel, handle)
    await Account.all().update(state=AccountState.FROZEN)

    with pytest.raises(UnauthenticatedError):
        await consents.grant(session, newer.id)

    view = await consents.seen(panel, handle)
    assert view.require(Scope.ACCOUNT_READ).state is AccountState.FROZEN
    assert await state_of(newer) is ConsentState.PENDING


async def test_closed_account_is_none(alice, panel, asked, session):
    """As if it had never been there."""
    await consents.grant(session, asked.id)
    await Account.all().update(state=AccountState.CLOSED)

    assert await consents.seen(panel, alice.account.nic_handle) is None


async def test_silence_is_a_no(time, alice, panel, asked):
    """After seven days it has expired, the partner is told, and nothing was granted."""
    time.advance(WEEK)

    assert await consents.expire(asked.id) is None

    expired, handle = await Consent.get(id=asked.id), alice.account.nic_handle
    assert (expired.state, expired.answered_at) == (ConsentState.EXPIRED, time.at)
    assert await told() == [("consent.expired", handle, panel.partner.id)]
    assert (await log())[-1] == ("CONSENT_EXPIRED", {"partner": "Panel"})
    assert await consents.seen(panel, handle) is None


async def test_expires_never_early(time, asked):
    """A job that comes early is told how long it has to wait."""
    time.advance(WEEK - MOMENT)
    before = await factories.everything()

    rest = await consents.expire(asked.id)

    assert rest == MOMENT
    assert await factories.everything() == before


@pytest.mark.parametrize("ending", [granted, refused, expired])
async def test_expires_once(time, asked, session, ending):
    """Twice, late, or after an answer: the row decides."""
    await ending(session, asked)
    time.advance(10 * WEEK)
    before = await factories.everything()

    assert await consents.expire(asked.id) is None
    assert await consents.expire(session.id) is None  # no such row

    assert await factories.everything() == before


async def test_lists_what_is_due_soonest_first(time, alice, panel, asked):
    """Within what the relay asks for, with the seconds that are left; nothing that is settled."""
    later = await factories.asked_consent(panel, NOBODY)
    settled = await factories.asked_consent(panel, "zz000001-OVH")
    await Consent.filter(id=later.id).update(expires_at=time.at + timedelta(seconds=4))
    await factories.unanswered(asked)
    await factories.unanswered(settled)
    await consents.expire(settled.id)

    first, second = await consents.due(within=timedelta(seconds=5), limit=9)

    assert first == (asked.id, 0.0)
    assert second[0] == later.id
    assert 0 < second[1] <= 4
    assert await consents.due(within=timedelta(seconds=5), limit=1) == [first]


async def test_holder_reads_what_was_asked(alice, panel, asked):
    """Newest first, with who asks, page by page; nothing of others."""
    bob = await factories.signed_up("bob@example.org")
    other = await factories.admitted(await factories.partner("Other"))
    newest = await factories.asked_consent(other, alice.account.nic_handle)
    await factories.asked_consent(other, bob.account.nic_handle)
    await factories.asked_consent(other, NOBODY)

    first = await consents.of(alice.account.id, first=1, after=None)
    second = await consents.of(alice.account.id, first=9, after=pages.cursor(first.rows[0]))

    assert [(it.id, it.partner.name) for it in first.rows] == [(newest.id, "Other")]
    assert [(it.id, it.partner.name) for it in second.rows] == [(asked.id, "Panel")]
    assert (first.has_next, second.has_next) == (True, False)


async def test_notes_the_last_use_once_a_minute(alice, panel):
    """When the partner looks, not when anybody else does."""
    granted = await factories.consented(alice, panel)
    assert granted.last_used_at is None
    handle, begun = alice.account.nic_handle, await clock.now()
    await consents.seen(panel, handle)
    first = (await Consent.get(id=granted.id)).last_used_at
    await consents.seen(panel, handle)
    again = (await Consent.get(id=granted.id)).last_used_at
    await Consent.all().update(last_used_at=first - timedelta(seconds=61))

    await consents.seen(panel, handle)

    assert first > begun
    assert again == first
    assert (await Consent.get(id=granted.id)).last_used_at > first


async def test_forgets_what_nobody_could_answer(panel, alice, asked):
    """A day after their time; what was asked of an account stays, and what still waits."""
    old, fresh = [await factories.asked_consent(panel, f"zz00000{n}-OVH") for n in range(2)]
    waiting = await factories.asked_consent(panel, NOBODY[:-3] + "XYZ")
    for consent in (old, fresh, asked):
        await factories.unanswered(consent)
        await consents.expire(consent.id)
    past = await clock.now() - DAY - MOMENT
    for consent in (old, asked, waiting):
        await Consent.filter(id=consent.id).update(expires_at=past)

    await housekeeping.remove_expired()

    left = set(await Consent.all().values_list("id", flat=True))
    assert left == {fresh.id, waiting.id, asked.id}


async def test_notice_is_a_mail_like_any_other(alice, asked):
    """It goes to the last proven address, until it is of no use."""
    mail = await Mail.get(template=Template.CONSENT_REQUESTED)

    assert (mail.recipient, mail.account_id) == ("alice@example.org", alice.account.id)
    assert (mail.secrets, mail.params["consent"]) == ({}, str(asked.id))
    assert mail.expires_at == mail.queued_at + 3 * DAY
    short = dataclasses.replace(POLICY, consent_lifetime=timedelta(seconds=5))
    access = await factories.admitted(await factories.partner("Other"))
    await factories.asked_consent(access, alice.account.nic_handle, policy=short)
    newest = await factories.newest(Template.CONSENT_REQUESTED, to="alice@example.org")
    assert newest.expires_at == newest.queued_at + timedelta(seconds=5)
