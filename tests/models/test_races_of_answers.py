"""Every answer to one change at once, from many connections: one outcome, and nobody is lied to."""

import asyncio
from collections import Counter

import factories
import pytest
from factories import CLIENT, PASSWORD, POLICY

from models import email_changes
from models.accounts import Account
from models.challenges import InvalidCodeError
from models.email_changes import (
    EmailChange,
    EmailChangeState,
    NothingPendingError,
    TooManyRequestsError,
)
from models.mails import Mail, Template

MANY = 16
ASKED = Template.EMAIL_CHANGE_VALIDATION
ACCOUNT_LOCK = pytest.mark.protected_by(
    "models/accounts.py", '.order_by("id").select_for_update()', '.order_by("id")'
)
LINK_SPENT = pytest.mark.protected_by(
    "models/links.py", "id=link.id, spent_at__isnull=True, ", "id=link.id, "
)


@pytest.fixture
async def overdue(alice, open_pool):
    """A change that any answer may settle now: its session, its code, its refuse link."""
    change = await factories.requested_change(alice, "new@example.org")
    code = await factories.mailed_code(ASKED, to="alice@example.org")
    link = await factories.mailed_link(ASKED, "refuse", to="alice@example.org")
    await factories.overdue(change)
    return change, await factories.session_of(alice), code, link


def answers(change, session, code, link, turn):
    """The five answers, the first of them another one at each turn."""
    every = [
        ("confirm", email_changes.confirm(session, code, policy=POLICY)),
        ("refuse", email_changes.refuse(*link)),
        ("cancel", email_changes.cancel(session)),
        ("silence", email_changes.auto_accept(change.id, policy=POLICY)),
        (
            "supersede",
            email_changes.request(
                session, f"n{turn}@example.org", PASSWORD, client=CLIENT, policy=POLICY
            ),
        ),
    ]
    place = turn % len(every)
    return [*every[place:], *every[:place]]


@ACCOUNT_LOCK
@pytest.mark.parametrize("first", range(5))
async def test_gives_one_outcome_to_all_answers_at_once(overdue, first):
    """Who is told that a change went their way is right, and at most one is."""
    change, session, code, link = overdue
    asked = [one for n in range(4) for one in answers(change, session, code, link, first + n)]
    asked, left_out = asked[:MANY], asked[MANY:]
    for _, coroutine in left_out:
        coroutine.close()

    given = await asyncio.gather(*(doing for _, doing in asked), return_exceptions=True)

    settled = await EmailChange.get(id=change.id)
    told = [
        name
        for (name, _), answer in zip(asked, given, strict=True)
        if isinstance(answer, EmailChange) and answer.id == change.id
    ]
    went = (settled.state, settled.accepted_by or settled.abort_reason)
    expected = {
        ("DONE", "CODE"): ["confirm"],
        ("REFUSED", None): ["refuse"],
        ("ABORTED", "CANCELLED"): ["cancel"],
        ("DONE", "SILENCE"): [],
        ("ABORTED", "SUPERSEDED"): [],
    }
    assert told == expected[went]
    refusals = (NothingPendingError, InvalidCodeError, TooManyRequestsError)
    assert [it for it in given if not isinstance(it, (EmailChange, type(None), *refusals))] == []
    accepted = await Mail.filter(template=Template.EMAIL_CHANGE_ACCEPTED_FORMER).count()
    assert accepted == (settled.state is EmailChangeState.DONE)
    assert (await Account.get()).email == (
        "new@example.org" if settled.state is EmailChangeState.DONE else "alice@example.org"
    )
    assert await EmailChange.filter(state=EmailChangeState.PENDING).count() <= 1


@ACCOUNT_LOCK
async def test_refuses_or_accepts(overdue):
    """A refusal that comes with the deadline stands, or comes too late and hears so."""
    change, _, _, link = overdue

    given = await asyncio.gather(
        *(email_changes.auto_accept(change.id, policy=POLICY) for _ in range(MANY // 2)),
        *(email_changes.refuse(*link) for _ in range(MANY // 2)),
        return_exceptions=True,
    )

    found = Counter(type(answer) for answer in given[MANY // 2 :])
    settled = await EmailChange.get()
    if settled.state is EmailChangeState.REFUSED:
        assert found == {EmailChange: 1, InvalidCodeError: MANY // 2 - 1}
    else:
        assert found == {NothingPendingError: MANY // 2}
    assert given[: MANY // 2] == [None] * (MANY // 2)


@LINK_SPENT
async def test_spends_a_refuse_link_once(overdue):
    """A link is used up by the first who posts it; the others hear that it is spent."""
    *_, link = overdue

    given = await asyncio.gather(
        *(email_changes.refuse(*link) for _ in range(MANY)), return_exceptions=True
    )

    assert Counter(map(type, given)) == {EmailChange: 1, InvalidCodeError: MANY - 1}
    assert await Mail.filter(template=Template.EMAIL_CHANGE_REFUSED).count() == 1
