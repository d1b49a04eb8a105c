"""Housekeeping: what has passed goes, what still counts stays."""

from datetime import timedelta

import factories

from models import clock, housekeeping, sessions
from models.accounts import Account
from models.challenges import Challenge
from models.email_changes import EmailChange, EmailChangeState
from models.mails import Mail
from models.nic_handles import NicHandle
from models.sessions import Session
from models.signups import Signup

DAY = timedelta(days=1)


async def test_removes_what_has_passed(alice):
    """Unconfirmed sign-ups, dead codes and old sessions go, with what hangs on them."""
    await factories.requested_signup("late@example.org")
    await factories.requested_signup("alice@example.org")
    phone = await factories.logged_in("alice@example.org")
    now = await clock.now()
    await Signup.all().update(created_at=now - 8 * DAY)
    await Challenge.all().update(expires_at=now - DAY)
    await Session.filter(id=phone.session.id).update(last_used_at=now - 31 * DAY)

    await housekeeping.remove_expired()

    assert await Signup.all().count() + await Challenge.all().count() == 0
    assert await Session.all().values_list("id", flat=True) == [alice.session.id]
    assert await Mail.filter(recipient="late@example.org").count() == 0


async def test_keeps_what_counts(alice):
    """Nothing of what is in use goes."""
    await factories.accepted_by_code(alice, "new@example.org")
    await factories.requested_signup("waiting@example.org")
    await factories.logged_in("new@example.org")
    before = await factories.everything()

    await housekeeping.remove_expired()

    assert await factories.everything() == before


async def test_never_frees_a_handle(alice):
    """The handle of a sign-up that came to nothing stays used."""
    await factories.requested_signup("late@example.org")
    await Signup.all().update(created_at=await clock.now() - 8 * DAY)

    await housekeeping.remove_expired()

    assert await Signup.all().count() == 0
    assert await NicHandle.all().count() == 2


async def test_keeps_the_change_of_a_session_that_goes(alice):
    """A pending change outlives the session that asked for it."""
    phone = await factories.logged_in("alice@example.org")
    change = await factories.requested_change(phone, "new@example.org")
    old = await clock.now() - 31 * DAY
    await Session.filter(id=phone.session.id).update(last_used_at=old)

    await housekeeping.remove_expired()

    assert (await EmailChange.get(id=change.id)).state is EmailChangeState.PENDING
    assert await sessions.find(alice.token) is not None
    assert await Account.all().count() == 1
