"""Mails to one account: 50 a day, 5 resets a network; what must be told is told all the same."""

from datetime import timedelta

import factories
import pytest
from factories import CLIENT, PASSWORD, POLICY

from models import email_changes, passwords, proofs, sessions, spare_emails
from models.clients import Client
from models.errors import TooManyRequestsError
from models.mails import Mail, Template
from models.passwords import MailDestination

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
ALICE = "alice@example.org"


async def fill(opened, *, sent, at):
    """So many mails to the account in all by now, the first of them an hour ago."""
    there = await Mail.filter(account_id=opened.account.id).count()
    await Mail.filter(account_id=opened.account.id).update(queued_at=at - 60 * MINUTE)
    newest = await Mail.filter(account_id=opened.account.id).first()
    for _ in range(sent - there):
        await Mail.create(
            template=Template.FROZEN,
            account_id=opened.account.id,
            language=newest.language,
            nic_handle=newest.nic_handle,
            recipient=newest.recipient,
            params={},
            queued_at=at - 60 * MINUTE,
            due_at=at,
            expires_at=at + DAY,
        )


async def request_change(opened):
    await factories.requested_change(opened, "newer@example.org")


async def ask_again(opened):
    await email_changes.resend(await factories.session_of(opened), policy=POLICY)


async def ask_for_proof(opened):
    await proofs.resend(await factories.session_of(opened), policy=POLICY)


async def set_spare(opened):
    session = await factories.session_of(opened)
    await spare_emails.set_to(session, "spare@example.org", PASSWORD, policy=POLICY)


@pytest.fixture
async def moved(time, alice):
    """Alice has an unproven address and a pending change: everything can be asked for."""
    await factories.accepted_by_code(alice, "new@example.org")
    await factories.requested_change(alice, "newer@example.org")
    time.advance(60 * MINUTE)
    return alice


@pytest.mark.parametrize("ask", [request_change, ask_again, ask_for_proof, set_spare])
async def test_refuses_what_would_send_one_more(moved, time, ask):
    """Until a day has passed since the fiftieth mail before now; nothing is changed."""
    await fill(moved, sent=50, at=time.at)
    before = await factories.everything()

    with pytest.raises(TooManyRequestsError) as refusal:
        await ask(moved)

    assert refusal.value.retry_at == time.at - 60 * MINUTE + DAY
    assert await factories.everything() == before


@pytest.mark.parametrize("ask", [request_change, ask_again, ask_for_proof, set_spare])
async def test_sends_the_fiftieth(moved, time, ask):
    """Forty-nine leave room for one."""
    await fill(moved, sent=49, at=time.at)

    await ask(moved)

    assert await Mail.filter(account_id=moved.account.id).count() > 49


async def test_frees_the_budget_after_a_day(moved, time):
    """The day slides."""
    await fill(moved, sent=50, at=time.at)
    time.advance(DAY - 60 * MINUTE)

    await set_spare(moved)

    assert await Mail.filter(template=Template.SPARE_EMAIL_PROOF).count() == 1


async def test_leaves_the_way_back_open(alice, time):
    """A thief who fills the day closes neither the password reset nor the notices."""
    await fill(alice, sent=60, at=time.at)

    await passwords.request_reset(
        "alice@example.org", deliver_to=MailDestination.PRIMARY, client=CLIENT, policy=POLICY
    )
    await sessions.login(
        "alice@example.org", PASSWORD, client=Client("198.51.100.9", ""), policy=POLICY
    )

    assert await Mail.filter(template=Template.PASSWORD_RESET).count() == 1
    assert await Mail.filter(template=Template.LOGIN_NOTIFICATION).count() == 1


async def test_sends_no_reminder_beyond_it(alice, time):
    """A sign-up for a known address is answered as always, and sends nothing."""
    await fill(alice, sent=50, at=time.at)

    challenge = await factories.requested_signup("alice@example.org")

    assert challenge.id is not None
    assert await Mail.filter(template=Template.ACCOUNT_EXISTS).count() == 0


async def test_counts_each_account_by_itself(alice, time):
    """What one account was sent is nothing to another."""
    bob = await factories.signed_up("bob@example.org")
    await fill(alice, sent=50, at=time.at)

    await set_spare(bob)

    assert await Mail.filter(template=Template.SPARE_EMAIL_PROOF).count() == 1


async def asked(identifier, client=CLIENT):
    primary = MailDestination.PRIMARY
    return await passwords.request_reset(
        identifier, deliver_to=primary, client=client, policy=POLICY
    )


async def reset_mails():
    return [
        mail.recipient
        for mail in await Mail.filter(template=Template.PASSWORD_RESET).order_by("queued_at")
    ]


async def test_mails_one_code_a_minute(time, alice):
    """A second request within the minute is answered, and mails nothing."""
    await asked(ALICE)
    time.advance(MINUTE - timedelta(seconds=1))

    challenge = await asked(ALICE)

    assert await reset_mails() == [ALICE]
    assert challenge.account_id is None


async def test_mails_five_codes_a_day(time, alice):
    """The sixth within 24 hours is not mailed; a day after the first one another is."""
    first = time.at
    for _ in range(5):
        await asked(ALICE)
        time.advance(MINUTE)

    await asked(ALICE)
    assert len(await reset_mails()) == 5

    time.advance(first + DAY - time.at)
    await asked(ALICE)
    assert len(await reset_mails()) == 6


async def test_strangers_do_not_use_up_the_holders_codes(time, alice):
    """Each network that asks has its five a day; all together have 25, and no more."""
    strangers = [Client(f"198.51.{number}.1", "") for number in range(5)]
    for stranger in strangers[:4]:
        for _ in range(6):
            await asked(ALICE, client=stranger)
            time.advance(MINUTE)
    assert len(await reset_mails()) == 20

    challenge = await asked(ALICE)

    assert challenge.account_id == alice.account.id
    for _ in range(6):
        await asked(ALICE, client=strangers[4])
        time.advance(MINUTE)
    assert len(await reset_mails()) == 25
    assert strangers[0].ip_address not in str(await Mail.all().values_list("params", flat=True))
