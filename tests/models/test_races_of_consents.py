"""Partners and holders at once: each request has one answer, and each rule holds for all."""

import asyncio
from collections import Counter

import factories
import pytest

from models import consents
from models.accounts import Account
from models.consents import Consent, ConsentState, View
from models.errors import NothingPendingError, TooManyRequestsError
from models.events import Event
from models.mails import Mail, Template
from models.policy import CONSENTS_A_DAY

MANY = 12
NOBODY = "zz000000-OVH"
ACCOUNT_LOCK = pytest.mark.protected_by(
    "models/accounts.py", '.order_by("id").select_for_update()', '.order_by("id")'
)
ASKED_LOCK = pytest.mark.protected_by(
    "models/consents/operations.py", "SELECT pg_advisory_xact_lock(", "SELECT abs("
)


@pytest.fixture
async def panel(open_pool):
    return await factories.admitted(await factories.partner())


async def at_once(*operations):
    return await asyncio.gather(*operations, return_exceptions=True)


def kinds(outcomes):
    return Counter(type(outcome) for outcome in outcomes)


@ASKED_LOCK
@pytest.mark.parametrize("is_known", [False, True])
async def test_asks_three_times_a_day(alice, panel, is_known):
    """However many ask at once, be there an account or not; one of them waits for its answer."""
    handle = alice.account.nic_handle if is_known else NOBODY

    outcomes = await at_once(*(factories.asked_consent(panel, handle) for _ in range(MANY)))

    states = Counter(await Consent.all().values_list("state", flat=True))
    assert kinds(outcomes) == {
        Consent: CONSENTS_A_DAY,
        TooManyRequestsError: MANY - CONSENTS_A_DAY,
    }
    assert states == {ConsentState.REPLACED: CONSENTS_A_DAY - 1, ConsentState.PENDING: 1}


@ACCOUNT_LOCK
@pytest.mark.parametrize("is_late", [False, True])
async def test_settles_a_request_once(alice, panel, is_late):
    """By grant, refusal or silence: whoever is first, and in time; the partner is told once."""
    asked = await factories.asked_consent(panel, alice.account.nic_handle)
    if is_late:
        await factories.unanswered(asked)
    session = await factories.session_of(alice)

    outcomes = await at_once(
        *(
            answer
            for _ in range(MANY // 3)
            for answer in (
                consents.grant(session, asked.id),
                consents.refuse(session, asked.id),
                consents.expire(asked.id),
            )
        )
    )

    answered = Counter(type(it) for it in outcomes if isinstance(it, Consent | NothingPendingError))
    settled, events = await Consent.get(), await Event.filter(type__startswith="consent.")
    assert answered == (
        {NothingPendingError: 2 * MANY // 3}
        if is_late
        else {Consent: 1, NothingPendingError: 2 * MANY // 3 - 1}
    )
    late = {ConsentState.EXPIRED}
    assert settled.state in (late if is_late else {ConsentState.GRANTED, ConsentState.REFUSED})
    assert [event.type for event in events] == [f"consent.{settled.state.lower()}"]


async def test_answers_what_was_asked_last_or_nothing(alice, panel):
    """A grant and a newer request at once: the one that was granted was not replaced before."""
    older = await factories.asked_consent(panel, alice.account.nic_handle)
    session = await factories.session_of(alice)

    answer, newer = await at_once(
        consents.grant(session, older.id),
        factories.asked_consent(panel, alice.account.nic_handle),
    )

    states = {it.id: it.state for it in await Consent.all()}
    assert states[newer.id] is ConsentState.PENDING
    granted = isinstance(answer, Consent)
    assert states[older.id] is (ConsentState.GRANTED if granted else ConsentState.REPLACED)


@ACCOUNT_LOCK
async def test_tells_of_a_partners_changes_once(alice, panel):
    """However many it makes at once, each is made, and one mail a day says so."""
    await factories.consented(alice, panel)

    outcomes = await at_once(
        *(
            consents.update_profile(
                panel, alice.account.nic_handle, {"firstName": f"A{n}"}, expected_revision=None
            )
            for n in range(MANY)
        )
    )

    told = Mail.filter(template=Template.PROFILE_UPDATED_BY_PARTNER)
    assert kinds(outcomes) == {View: MANY}
    assert (await Account.get()).revision == MANY + 1
    assert await told.count() == 1


async def test_partners_do_not_wait_in_a_circle(alice, panel):
    """Requests of several partners, their ends and the holder's answers: nobody is refused."""
    others = [await factories.admitted(await factories.partner(f"P{n}")) for n in range(4)]
    session, handle = await factories.session_of(alice), alice.account.nic_handle
    waiting = [await factories.asked_consent(it, handle) for it in others]

    outcomes = await at_once(
        *(factories.asked_consent(it, known) for it in others for known in (handle, NOBODY)),
        *(consents.grant(session, it.id) for it in waiting),
        *(consents.expire(it.id) for it in waiting),
    )

    allowed = (Consent, NothingPendingError)
    assert [
        it for it in outcomes if isinstance(it, Exception) and not isinstance(it, allowed)
    ] == []
