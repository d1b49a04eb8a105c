"""Accounts: the lock, the profile and its revision, the unique address."""

from uuid import uuid4

import factories
import pytest
from tortoise.transactions import in_transaction

from models import accounts, clock
from models.accounts import (
    Account,
    AccountState,
    AddressTakenError,
    Advice,
    StaleRevisionError,
)
from models.email_addresses import EmailAddress
from models.errors import Fault, FaultCode, InvalidInputError, UnauthenticatedError
from models.nic_handles import NicHandle

NEW = EmailAddress("New@Example.org", "new@example.org")


async def update(account, expected_revision=None, **changes):
    return await accounts.update_profile(account.id, changes, expected_revision=expected_revision)


async def unchanged(account):
    return await Account.filter(id=account.id).values() == [dict(account)]


async def test_changes_the_fields_that_are_given(alices_account):
    """The revision rises by one, however many fields are different."""
    changes = {"firstName": " Alicia ", "address.city": "Lille", "phone": "03 20 12 34 56"}

    answered = await update(alices_account, **changes)

    account = await Account.get(id=alices_account.id)
    assert (account.first_name, account.address_city) == ("Alicia", "Lille")
    assert (account.phone, account.revision) == ("+33320123456", 2)
    assert dict(account) == dict(answered)
    assert account.profile() == alices_account.profile() | {
        "firstName": "Alicia",
        "address.city": "Lille",
        "phone": "+33320123456",
    }


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"firstName": "Alice"}, id="the same"),
        pytest.param({"firstName": " Alice\n", "country": "fr"}, id="the same in other words"),
        pytest.param({"phone": None, "address.city": " "}, id="nothing for nothing"),
    ],
)
async def test_keeps_the_revision_when_nothing_is_different(alices_account, changes):
    """Saving a form unchanged changes nothing."""
    answered = await update(alices_account, **changes)

    assert answered.revision == 1
    assert await unchanged(alices_account)


async def test_clears_optional_fields(alices_account):
    """None takes an optional value away."""
    await update(alices_account, phone="03 20 12 34 56", vatNumber="FR22424761419")

    answered = await update(alices_account, phone=None, vatNumber="")

    account = await Account.get(id=alices_account.id)
    assert (account.phone, account.vat_number) == (None, None)
    assert (account.revision, answered.revision) == (3, 3)


async def test_takes_the_longest_values(alices_account):
    """Lengths count code points, in the rules as in the database."""
    longest = {
        "firstName": "𠜎" * 100,
        "lastName": "🐙" * 100,
        "organisation": "𠜎" * 200,
        "address.line": "𠜎" * 200,
        "address.city": "𠜎" * 100,
        "address.area": "𠜎" * 100,
        "country": "PT",
        "address.zip": "1" * 12,
        "vatNumber": "1" * 40,
        "nationalIdentificationNumber": "1" * 40,
    }

    await update(alices_account, **longest)

    assert (await Account.get()).profile() == alices_account.profile() | longest


async def test_reports_all_faults_and_changes_nothing(alices_account):
    """A form with one bad field is not half-saved."""
    changes = {
        "firstName": "Alicia",
        "lastName": None,
        "phone": "12",
        "address.city": "x" * 101,
        "organisation": "\0",
    }

    with pytest.raises(InvalidInputError) as refused:
        await update(alices_account, **changes)

    assert set(refused.value.faults) == {
        Fault("lastName", FaultCode.REQUIRED),
        Fault("phone", FaultCode.INVALID),
        Fault("address.city", FaultCode.TOO_LONG, 100),
        Fault("organisation", FaultCode.INVALID),
    }
    assert await unchanged(alices_account)


async def test_needs_the_organisation_of_a_body(alices_account):
    """Who becomes a corporation says its name in the same step."""
    with pytest.raises(InvalidInputError) as refused:
        await update(alices_account, legalForm="CORPORATION")
    answered = await update(alices_account, legalForm="CORPORATION", organisation="Example")

    assert refused.value.faults == (Fault("organisation", FaultCode.REQUIRED),)
    assert (answered.legal_form, answered.organisation) == ("CORPORATION", "Example")


async def test_leaves_alone_what_is_not_given(alices_account):
    """A value that an older rule let in does not stand in the way of another field."""
    await Account.all().update(last_name="<of old>", address_zip="of old")

    await update(alices_account, **{"address.city": "Lille"})

    account = await Account.get(id=alices_account.id)
    assert (account.last_name, account.address_zip) == ("<of old>", "of old")
    assert account.address_city == "Lille"


async def test_changes_what_the_caller_has_read(alices_account):
    """The revision that is expected is the present one."""
    answered = await update(alices_account, 1, firstName="Alicia")

    again = await update(answered, 2, firstName="Alice")

    assert (again.revision, again.first_name) == (3, "Alice")


@pytest.mark.parametrize("expected", [-1, 0, 1, 3, 2**31 - 1])
async def test_refuses_a_stale_revision(alices_account, expected):
    """A profile that has moved on is not overwritten; the refusal says where it is."""
    account = await update(alices_account, firstName="Alicia")

    with pytest.raises(StaleRevisionError) as refused:
        await update(account, expected, firstName="Mallory")

    assert refused.value.revision == 2
    assert await unchanged(account)


@pytest.mark.parametrize("state", [AccountState.FROZEN, AccountState.CLOSED])
async def test_refuses_an_account_that_is_not_open(alices_account, state):
    """A session that was found before its account froze can change nothing more."""
    await Account.all().update(state=state)
    account = await Account.get()

    with pytest.raises(UnauthenticatedError):
        await update(account, firstName="Mallory")

    assert await unchanged(account)


async def test_leaves_other_accounts_alone(alices_account):
    """A profile is its account's own."""
    bob = (await factories.signed_up("bob@example.org")).account

    await update(alices_account, firstName="Alicia")

    assert await unchanged(await Account.get(id=bob.id))
    assert (await Account.get(id=bob.id)).first_name == "Alice"


async def test_finds_by_one_identifier(alices_account):
    """An account is found by its handle or its primary address, in any letter case."""
    handle = alices_account.nic_handle

    found = [
        await accounts.identified(identifier)
        for identifier in (handle, handle.lower(), "alice@example.org", " ALICE@Example.org ")
    ]
    missing = [
        await accounts.identified(identifier)
        for identifier in ("", "xx000000-OVH", handle[:-1], "bob@example.org", "alice", "\0")
    ]

    assert [account.id for account in found] == [alices_account.id] * 4
    assert missing == [None] * 6


@pytest.mark.parametrize(
    ("columns", "advice"),
    [
        ({}, [Advice.SPARE_EMAIL_MISSING]),
        ({"last_proven_email_key": "x"}, [Advice.EMAIL_NOT_PROVEN, Advice.SPARE_EMAIL_MISSING]),
        ({"spare_email": "s@example.org"}, [Advice.SPARE_EMAIL_NOT_PROVEN]),
        ({"spare_email": "s@example.org", "spare_email_proven": True}, []),
    ],
)
def test_advises(columns, advice):
    """An account is told what would make it safer."""
    account = Account(email_key="a", last_proven_email_key="a").update_from_dict(columns)

    given = account.advice

    assert given == advice


def test_is_proven_when_the_last_proven_address_is_the_primary_one():
    """A new address is not proven until it is said to be."""
    account = Account(email="a@example.org", email_key="a@example.org")
    account.prove()

    proven = [account.email_proven]
    account.address(NEW)
    proven.append(account.email_proven)
    account.prove()

    assert [*proven, account.email_proven] == [True, False, True]
    assert account.last_proven_email == "New@Example.org"


async def test_moves_to_a_free_address(alices_account):
    """All four columns of the address are stored."""
    alices_account.address(NEW)
    alices_account.prove()

    await accounts.move(alices_account)

    account = await Account.get(id=alices_account.id)
    assert (account.email, account.email_key) == (NEW.text, NEW.key)
    assert (account.last_proven_email, account.last_proven_email_key) == (NEW.text, NEW.key)


async def test_does_not_move_to_a_taken_address(alices_account):
    """The index decides; what the transaction did before and does after stands."""
    bob = (await factories.signed_up("bob@example.org")).account
    alices_account.address(EmailAddress("BOB@example.org", "bob@example.org"))

    async with in_transaction():
        await Account.filter(id=bob.id).update(first_name="Before")
        with pytest.raises(AddressTakenError):
            await accounts.move(alices_account)
        await Account.filter(id=bob.id).update(last_name="After")

    account = await Account.get(id=alices_account.id)
    bob = await Account.get(id=bob.id)
    assert account.email_key == "alice@example.org"
    assert (bob.first_name, bob.last_name) == ("Before", "After")


async def test_does_not_register_at_a_taken_address(alices_account):
    """A new account cannot have another one's address."""
    handle = await NicHandle.create(handle="xx000000-OVH")
    columns = dict(alices_account) | {"id": uuid4(), "nic_handle": handle.handle}

    with pytest.raises(AddressTakenError):
        await accounts.register(Account(**columns))

    assert await Account.all().count() == 1


async def test_locks_before_it_reads_the_clock(alices_account):
    """What an operation calls now is not earlier than its lock."""
    before = await clock.now()

    async with accounts.locked(alices_account.id) as (account, at):
        account.first_name = "Alicia"
        await account.save()

    assert before < at < await clock.now()
    assert (await Account.get()).first_name == "Alicia"


async def test_undoes_all_when_an_operation_raises(alices_account):
    """Raise undoes."""
    with pytest.raises(AddressTakenError):
        await change_and_refuse(alices_account)

    assert await unchanged(alices_account)


async def change_and_refuse(account):
    async with accounts.locked(account.id) as (locked, _):
        locked.first_name = "Mallory"
        await locked.save()
        raise AddressTakenError
