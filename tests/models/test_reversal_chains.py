"""Chains: an account that comes and goes, takes an address another held, or is raced for."""

import asyncio

import factories
from factories import POLICY

from models import compromises, email_changes, spare_emails
from models.accounts import Account, AccountState
from models.email_changes import EmailChange, EmailChangeState
from models.links import Link
from models.mails import Mail, Template
from models.policy import DAY

ALICE, NEW, THIRD = "alice@example.org", "alice@new.example", "alice@third.example"
FORMER = Template.EMAIL_CHANGE_ACCEPTED_FORMER


async def revert_link(email):
    return await factories.mailed_link(FORMER, "revert", to=email)


async def test_proof_of_an_address_left_before_leaves_the_way_back_open(time, alice):
    """Whoever has the abandoned mailbox now cannot close the window of the one it is moved from."""
    for address in (NEW, ALICE):
        await factories.accepted_by_code(alice, address)
        await factories.proven(alice)
        time.advance(5 * DAY)
    await factories.accepted_by_silence(alice, NEW, time)
    link = await revert_link(ALICE)

    await factories.proven(alice)

    time.advance(13 * DAY)
    assert (await email_changes.revert(*link)).state is EmailChangeState.REVERTED


async def test_shorter_window_does_not_close_a_longer_one(time, alice):
    """While one change can be reverted from a mailbox, a younger one ends no link of it."""
    await factories.accepted_by_silence(alice, NEW, time)
    link = await revert_link(ALICE)
    await factories.accepted_by_code(alice, THIRD)
    await factories.proven(alice)

    time.advance(13 * DAY)

    assert (await email_changes.revert(*link)).state is EmailChangeState.REVERTED
    assert (await Account.get(id=alice.account.id)).email == ALICE


async def typos(name):
    """An account that went to an unproven address and on: its holder's, and its way back."""
    opened = await factories.signed_up(f"{name}@example.org")
    await factories.accepted_by_code(opened, f"typo-{name}@example.org")
    await factories.accepted_by_code(opened, f"new-{name}@example.org")
    return opened, await revert_link(f"{name}@example.org")


async def test_swaps_unproven_addresses_by_reversal(tables, open_pool):
    """Two accounts that go back to what the other holds unproven do not wait for each other."""
    for turn in range(3):
        anna, annas = await typos(f"anna{turn}")
        bob, bobs = await typos(f"bob{turn}")
        await factories.accepted_by_code(anna, f"typo-bob{turn}@example.org")
        await factories.accepted_by_code(bob, f"typo-anna{turn}@example.org")

        outcomes = await asyncio.gather(
            email_changes.revert(*annas), email_changes.revert(*bobs), return_exceptions=True
        )

        assert {type(outcome) for outcome in outcomes} == {EmailChange}, outcomes


async def test_reversal_that_fails_halfway_takes_nothing_from_others(time, alice):
    """Who holds the unproven former address keeps it when the proven one behind it is gone."""
    await factories.accepted_by_code(alice, "typo@example.org")
    await spare_emails.set_to(
        await factories.session_of(alice), "spare@example.org", factories.PASSWORD, policy=POLICY
    )
    _, token = await factories.mailed_link(Template.SPARE_EMAIL_TOLD, "report", to=ALICE)
    time.advance(DAY)
    await factories.accepted_by_code(alice, NEW)
    await factories.proven(alice)
    time.advance(15 * DAY)
    await factories.signed_up(ALICE)
    bob = await factories.signed_up("bob@example.org")
    await factories.accepted_by_code(bob, "typo@example.org")
    await Link.all().update(expires_at=time.at + 90 * DAY)

    await compromises.report(token)

    account = await Account.get(id=alice.account.id)
    assert (account.state, account.email) == (AccountState.FROZEN, NEW)
    assert (await Account.get(id=bob.account.id)).email == "typo@example.org"
    assert not await Mail.exists(template=Template.ADDRESS_YIELDED)
