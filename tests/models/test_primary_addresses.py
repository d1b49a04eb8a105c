"""Who may hold an address: whoever proves it, and until then whoever took it last."""

from datetime import timedelta

import factories
import pytest
from tortoise.transactions import in_transaction

from models import primary_addresses
from models.accounts import Account, AddressTakenError
from models.challenges import Challenge
from models.email_addresses import EmailAddress
from models.email_changes import EmailChange, EmailChangeState
from models.mails import Mail, Template

INSTANT = timedelta(microseconds=1)
ALICES = EmailAddress("alice@example.org", "alice@example.org")
NEW = EmailAddress("New@Example.org", "new@example.org")


async def take(opened, address, at):
    async with in_transaction():
        account = await Account.select_for_update().get(id=opened.account.id)
        await primary_addresses.take(account, address, at=at)


@pytest.fixture
async def bob(alice):
    return await factories.signed_up("bob@example.org", firstName="Bob")


async def test_belongs_to_who_has_proven_it(alice, time):
    """A proven primary address is its account's."""
    owner = await primary_addresses.owner("alice@example.org", at=time.at)

    assert owner.id == alice.account.id


@pytest.mark.parametrize("key", ["nobody@example.org", "ALICE@example.org", "", "%"])
async def test_belongs_to_nobody_else(alice, time, key):
    """Keys are compared as they are."""
    owner = await primary_addresses.owner(key, at=time.at)

    assert owner is None


async def test_belongs_to_nobody_while_unproven(alice, time):
    """To have an address as the primary one is not enough."""
    await factories.accepted_by_code(alice, "new@example.org")

    owner = await primary_addresses.owner("new@example.org", at=time.at)

    assert owner is None


@pytest.mark.parametrize(
    ("step", "is_reserved"), [(-INSTANT, True), (timedelta(0), False), (INSTANT, False)]
)
async def test_is_reserved_until_the_window_ends(alice, step, is_reserved):
    """A former address stays its account's as long as the change can be reverted."""
    change = await factories.accepted_by_silence(alice, "new@example.org")
    await factories.proven(alice)

    owner = await primary_addresses.owner("alice@example.org", at=change.revertible_until + step)

    assert (owner is not None) is is_reserved


@pytest.mark.parametrize("state", sorted(set(EmailChangeState) - {EmailChangeState.DONE}))
async def test_is_reserved_by_accepted_changes_only(alice, time, state):
    """Of all changes, only those that took the address away keep it for its holder."""
    change = await factories.accepted_by_silence(alice, "new@example.org")
    await factories.proven(alice)
    change.id, change.state = None, state
    await EmailChange.all().update(**columns_of(state, change))

    owner = await primary_addresses.owner("alice@example.org", at=change.settled_at)

    assert owner is None


async def test_is_not_reserved_when_it_never_was_proven(alice):
    """An address that was held unproven for a while is nobody's afterwards."""
    await factories.accepted_by_code(alice, "typo@example.org")
    change = await factories.accepted_by_code(alice, "new@example.org")

    owner = await primary_addresses.owner("typo@example.org", at=change.settled_at)

    assert owner is None


async def test_is_taken_when_free(alice, time):
    """A free address becomes the primary one, unproven; the last proven one stays."""
    await take(alice, NEW, time.at)

    account = await Account.get()
    assert (account.email, account.email_key) == (NEW.text, NEW.key)
    assert account.last_proven_email == "alice@example.org"
    assert await Mail.filter(template=Template.ADDRESS_YIELDED).count() == 0


async def test_is_not_taken_from_who_has_proven_it(alice, bob, time):
    """A proven address is refused, and nothing happens."""
    before = await factories.everything()

    with pytest.raises(AddressTakenError):
        await take(bob, ALICES, time.at)

    assert await factories.everything() == before


async def test_is_not_taken_while_reserved(alice, bob, time):
    """Nobody else may take an address that a reversal would need."""
    await factories.accepted_by_silence(alice, "new@example.org")
    await factories.proven(alice)
    before = await factories.everything()

    with pytest.raises(AddressTakenError):
        await take(bob, ALICES, time.at)

    assert await factories.everything() == before


async def test_is_taken_back_by_its_account(alice, time):
    """What is reserved is reserved for this account, and proven as before."""
    await factories.accepted_by_code(alice, "new@example.org")

    await take(alice, ALICES, time.at)

    account = await Account.get()
    assert (account.email, account.email_proven) == ("alice@example.org", True)


async def test_yields_while_unproven(alice, bob, time):
    """Who held the address unproven falls back to the last proven one, and is told there."""
    await factories.accepted_by_code(alice, "New@Example.org")

    await take(bob, NEW, time.at)

    fallen = await Account.get(id=alice.account.id)
    told = await Mail.get(template=Template.ADDRESS_YIELDED)
    assert (fallen.email, fallen.email_proven) == ("alice@example.org", True)
    assert (await Account.get(id=bob.account.id)).email == NEW.text
    assert (told.recipient, told.account_id) == ("alice@example.org", fallen.id)
    assert told.params == {"first_name": "Alice", "lost_email": "New@Example.org"}
    assert set(told.secrets) == {"report"}
    assert await Challenge.all().count() == 0


async def test_can_always_fall_back(alice, bob, time):
    """The last proven address stays its account's while the new one is not proven.

    Otherwise an account could lose the only address with power to a stranger, and who proves the
    address that it holds unproven would be refused for ever.
    """
    change = await factories.accepted_by_silence(alice, "new@example.org")
    time.at = change.revertible_until + timedelta(days=1)

    owner = await primary_addresses.owner("alice@example.org", at=time.at)
    await factories.requested_signup("alice@example.org", firstName="Mallory")
    await take(bob, NEW, time.at)

    told = set(await factories.mails_to("alice@example.org"))
    assert owner.id == alice.account.id
    assert told >= {Template.ACCOUNT_EXISTS, Template.ADDRESS_YIELDED}
    assert await Mail.filter(template=Template.CREATION).count() == 2
    assert (await Account.get(id=alice.account.id)).email == "alice@example.org"


@pytest.mark.parametrize("is_proven", [False, True])
async def test_makes_the_spare_address_the_primary_one(tables, time, is_proven):
    """An address has one place; what was proven as the spare one needs no second proof."""
    alice = await factories.signed_up("alice@example.org", spare_email="New@Example.org")
    await Account.all().update(spare_email_proven=is_proven)

    await take(alice, NEW, time.at)

    account = await Account.get()
    assert (account.email, account.email_proven) == (NEW.text, is_proven)
    assert (account.spare_email, account.spare_email_key) == (None, None)
    assert account.spare_email_proven is False


def columns_of(state, change):
    """What a change in this state has to say of itself."""
    pending, done = state == "PENDING", state == "REVERTED"
    return {
        "state": state,
        "code_digest": b"x" if pending else None,
        "settled_at": None if pending else change.settled_at,
        "accepted_by": change.accepted_by if done else None,
        "revertible_until": change.revertible_until if done else None,
        "reverted_at": change.settled_at if done else None,
        "abort_reason": "CANCELLED" if state == "ABORTED" else None,
    }


async def test_reserves_the_proven_address_through_an_unproven_one(alice, time):
    """Two changes in a row: the window of the second keeps the address that both took away."""
    await factories.accepted_by_code(alice, "typo@example.org")
    time.advance(timedelta(days=13))
    second = await factories.accepted_by_code(alice, "new@example.org")
    await factories.proven(alice)
    time.advance(timedelta(days=2))

    owner = await primary_addresses.owner("alice@example.org", at=time.at)

    assert second.former_last_proven_email == "alice@example.org"
    assert owner is not None
    assert owner.id == alice.account.id
