"""The row of a change: which moves it can make, and what each leaves behind."""

from datetime import UTC, datetime, timedelta

import pytest

from models.accounts import Account
from models.email_changes import (
    EmailChange,
    EmailChangeAbortReason,
    EmailChangeAcceptance,
    EmailChangeState,
    NothingPendingError,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CODE, SILENCE = EmailChangeAcceptance.CODE, EmailChangeAcceptance.SILENCE


def change(**columns):
    return EmailChange(code_digest=b"x", auto_accept_after=86400, **columns)


@pytest.mark.parametrize(
    ("by", "proven", "window"),
    [
        (CODE, True, 3 * DAY),
        (CODE, False, 14 * DAY),
        (SILENCE, True, 14 * DAY),
        (SILENCE, False, 14 * DAY),
    ],
)
def test_can_be_reverted_for_a_while(by, proven, window):
    """72 hours are enough after a code to a proven address, else it takes 14 days."""
    pending = change()

    pending.accept(by, proven=proven, at=NOON)

    assert (pending.state, pending.settled_at) == (EmailChangeState.DONE, NOON)
    assert (pending.accepted_by, pending.revertible_until) == (by, NOON + window)
    assert (pending.code_digest, pending.attempts_left) == (None, 0)


@pytest.mark.parametrize("reason", EmailChangeAbortReason)
def test_is_aborted_for_a_reason(reason):
    """A change that came to nothing says why, and cannot be reverted."""
    pending = change()

    pending.abort(reason, at=NOON)

    assert (pending.state, pending.settled_at) == (EmailChangeState.ABORTED, NOON)
    assert (pending.abort_reason, pending.revertible_until) == (reason, None)
    assert (pending.code_digest, pending.attempts_left) == (None, 0)


@pytest.mark.parametrize("state", sorted(set(EmailChangeState) - {EmailChangeState.PENDING}))
def test_is_settled_once(state):
    """What has left PENDING stays where it is."""
    settled = change(state=state, settled_at=NOON, accepted_by=None)

    with pytest.raises(NothingPendingError):
        settled.accept(CODE, proven=False, at=NOON + DAY)
    with pytest.raises(NothingPendingError):
        settled.abort(EmailChangeAbortReason.CANCELLED, at=NOON + DAY)

    assert (settled.state, settled.settled_at) == (state, NOON)
    assert (settled.accepted_by, settled.abort_reason) == (None, None)


def test_starts_its_clock_once():
    """A second mail about the same change does not move the deadline."""
    pending = change()

    pending.start_clock(NOON)
    pending.start_clock(NOON + DAY)

    assert pending.auto_accept_at == NOON + DAY


@pytest.mark.parametrize(
    ("by", "proven_after", "window"),
    [
        pytest.param(CODE, timedelta(hours=1), 3 * DAY, id="soon"),
        pytest.param(CODE, 3 * DAY, 3 * DAY, id="at the end of 72 hours"),
        pytest.param(CODE, 5 * DAY, 5 * DAY, id="later"),
        pytest.param(CODE, 13 * DAY, 13 * DAY, id="nearly at the end"),
        pytest.param(CODE, 20 * DAY, 14 * DAY, id="too late"),
        pytest.param(SILENCE, timedelta(hours=1), 14 * DAY, id="by silence"),
    ],
)
def test_can_be_reverted_less_long_once_proven(by, proven_after, window):
    """After a code, 72 hours or the proof, whatever is later; after silence, 14 days always."""
    done = change()
    done.accept(by, proven=False, at=NOON)

    done.shorten(NOON + proven_after)

    assert done.revertible_until == NOON + window


def test_never_gets_a_longer_window():
    """A second proof does not open again what was closed."""
    done = change()
    done.accept(CODE, proven=True, at=NOON)

    done.shorten(NOON + 10 * DAY)

    assert done.revertible_until == NOON + 3 * DAY


def test_remembers_what_would_be_restored():
    """All addresses of the account are noted, the spare one and its proof with them."""
    account = Account(
        email="A@example.org",
        email_key="a@example.org",
        last_proven_email="B@example.org",
        last_proven_email_key="b@example.org",
        spare_email="C@example.org",
        spare_email_key="c@example.org",
        spare_email_proven=True,
    )
    pending = change()

    pending.remember(account)

    assert (pending.former_email, pending.former_email_key) == ("A@example.org", "a@example.org")
    assert pending.former_last_proven_email == "B@example.org"
    assert pending.former_last_proven_email_key == "b@example.org"
    assert pending.former_spare_email == "C@example.org"
    assert pending.former_spare_email_key == "c@example.org"
    assert pending.former_spare_email_proven is True
