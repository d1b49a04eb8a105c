"""When the time of a former address is over, no link in any mailbox leads back to it."""

from datetime import timedelta

import factories
import pytest
from factories import PASSWORD, POLICY

from models import compromises, email_changes, passwords, sessions
from models.accounts import Account, AccountState
from models.challenges import InvalidCodeError
from models.clients import Client
from models.email_changes import EmailChange, EmailChangeState
from models.links import Link
from models.mails import Mail, Template
from models.policy import DAY

HOME, WORK, ABROAD = "home@old.example", "work@new.example", "n1@thief.example"
DEN, NEW_DEN = "den@old.example", "den@new.example"
MINUTE = timedelta(minutes=1)
FORMER = Template.EMAIL_CHANGE_ACCEPTED_FORMER
DONE, REVERTED = EmailChangeState.DONE, EmailChangeState.REVERTED


@pytest.fixture
async def holder(tables, time):
    return await factories.signed_up(HOME)


async def account_of(opened):
    return await Account.get(id=opened.account.id)


async def report_token(template, mailbox):
    return (await factories.mailed_link(template, "report", to=mailbox))[1]


async def noticed_login(opened, mailbox, time):
    """The report link of a notice that is older than all that follows."""
    strange = Client("198.51.100.1", "Other/1.0")
    await sessions.login(opened.account.nic_handle, PASSWORD, client=strange, policy=POLICY)
    time.advance(MINUTE)
    return await report_token(Template.LOGIN_NOTIFICATION, mailbox)


async def states():
    changes = await EmailChange.all().order_by("requested_at")
    return [change.state for change in changes]


async def test_report_goes_back_no_further_than_a_window(time, holder):
    """Whoever has an abandoned spare mailbox can block the account, not move it where it was."""
    await factories.with_spare(holder, DEN)
    time.advance(MINUTE)
    await factories.with_spare(holder, NEW_DEN)
    time.advance(MINUTE)
    await factories.accepted_by_code(holder, WORK)
    await factories.proven(holder)
    before = (await account_of(holder)).addresses
    time.advance(5 * DAY)

    await compromises.report(await report_token(Template.SPARE_EMAIL_REMOVED, DEN))

    account = await account_of(holder)
    assert (account.addresses, account.state) == (before, AccountState.FROZEN)
    assert account.unfreezes_through_key is None
    assert await states() == [DONE]


async def test_report_undoes_what_is_younger_than_a_closed_window(time, holder):
    """The oldest mail brings the account back to where its holder had moved it, however late."""
    await factories.with_spare(holder, WORK)
    oldest = await noticed_login(holder, WORK, time)
    await factories.accepted_by_code(holder, WORK)
    time.advance(4 * DAY)
    await factories.signed_up(HOME, firstName="Bob")
    await factories.accepted_by_silence(holder, ABROAD, time)
    await factories.proven(holder)

    await compromises.report(oldest)

    account = await account_of(holder)
    assert (account.email, account.last_proven_email) == (WORK, WORK)
    assert (account.state, account.unfreezes_through_key) == (AccountState.FROZEN, WORK)
    assert await states() == [DONE, REVERTED]


async def there_and_back(opened, time):
    """A thief moves the account away and back; its holder proves it and locks the thief out."""
    await factories.accepted_by_silence(opened, ABROAD, time)
    await factories.proven(opened)
    time.advance(6 * DAY)
    await factories.accepted_by_silence(opened, HOME, time)
    link = await factories.mailed_link(FORMER, "revert", to=ABROAD)
    own = await factories.logged_in(HOME)
    await factories.proven(own)
    await sessions.revoke_others(await factories.session_of(own))
    return own, link


async def test_no_mailbox_outlives_an_older_one_that_was_proven_again(time, holder):
    """When the holder has no link left, neither has the thief."""
    _, thiefs = await there_and_back(holder, time)
    left = (await EmailChange.all().order_by("requested_at"))[0].revertible_until - time.at

    time.advance(left)

    assert await Link.filter(spent_at__isnull=True, expires_at__gt=time.at).count() == 0
    with pytest.raises(InvalidCodeError):
        await email_changes.revert(*thiefs)
    assert (await account_of(holder)).email == HOME


async def test_younger_mailbox_shortens_no_older_one(time, holder):
    """The thief, who comes again, proves what they have proven before: it outranks nobody."""
    own, _ = await there_and_back(holder, time)
    again = await factories.accepted_by_silence(own, ABROAD, time)
    until = again.revertible_until
    link = await factories.mailed_link(FORMER, "revert", to=HOME)

    await factories.proven(own)

    await again.refresh_from_db()
    assert again.revertible_until == until == again.settled_at + 14 * DAY
    time.advance(14 * DAY - MINUTE)
    assert (await email_changes.revert(*link)).state is REVERTED
    assert (await account_of(holder)).email == HOME


async def test_spare_address_that_became_anothers_is_not_given_back(time, holder):
    """Whoever opened an account with it since would get this one's reset codes."""
    await factories.with_spare(holder, DEN)
    oldest = await noticed_login(holder, HOME, time)
    await factories.with_spare(holder, NEW_DEN)
    time.advance(DAY)
    await factories.signed_up(DEN, firstName="Bob")

    await compromises.report(oldest)

    account = await account_of(holder)
    assert (account.email, account.spare_email, account.spare_email_proven) == (HOME, None, False)


async def test_links_that_are_gone_leave_the_mails_that_wait(time, holder):
    """A token is in clear only while it is good; the notice goes out without it."""
    await factories.accepted_by_silence(holder, ABROAD, time)
    await factories.proven(holder)
    time.advance(MINUTE)
    session = await factories.session_of(holder)
    await passwords.change(session, PASSWORD, "Window-Violin-77-green", policy=POLICY)
    waiting = await factories.newest(Template.PASSWORD_CHANGED, to=ABROAD)

    await email_changes.revert(*await factories.mailed_link(FORMER, "revert", to=HOME))

    assert set(waiting.secrets) == {"report"}
    assert (await Mail.get(id=waiting.id)).secrets == {}
    kept = await factories.newest(Template.EMAIL_CHANGE_REVERTED, to=HOME)
    assert set(kept.secrets) == {"report"}


@pytest.mark.parametrize("kind", ["refuse", "revert", "report"])
async def test_closed_account_stays_closed(time, holder, kind):
    """CLOSED is for good: a link that is left answers as if it were none."""
    if kind == "revert":
        await factories.accepted_by_code(holder, WORK)
    else:
        await factories.requested_change(holder, WORK)
    template = FORMER if kind == "revert" else Template.EMAIL_CHANGE_VALIDATION
    row_id, token = await factories.mailed_link(template, kind, to=HOME)
    await Account.all().update(state=AccountState.CLOSED)
    press = {
        "refuse": email_changes.refuse(row_id, token),
        "revert": email_changes.revert(row_id, token),
        "report": compromises.report(token),
    }
    before = await factories.everything()

    with pytest.raises(InvalidCodeError):
        await press.pop(kind)

    assert await factories.everything() == before
    for other in press.values():
        other.close()


async def test_promotion_of_a_proven_address_closes_what_proof_would(time, holder):
    """Back home through the spare address, which was proven before: no code is typed."""
    await factories.accepted_by_silence(holder, ABROAD, time)
    await factories.proven(holder)
    await factories.with_spare(holder, HOME)
    time.advance(6 * DAY)

    await factories.accepted_by_silence(holder, HOME, time)

    first, back = await EmailChange.all().order_by("requested_at")
    assert back.revertible_until == first.revertible_until
    assert (await account_of(holder)).email_proven
