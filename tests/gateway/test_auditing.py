"""`nicgate activity`, as a process on a real database."""

import factories
from tortoise.connection import get_connection

from models import accounts, activities
from models.activities import ActivityOrigin
from models.clients import Client

PHONE = Client("198.51.100.23", "Phone/7.1")


async def rename(opened, name):
    with activities.caused_by(PHONE, "request-7"):
        await accounts.update_profile(
            opened.account.id, {"firstName": name}, expected_revision=None
        )


async def forge(statement):
    await get_connection("default").execute_script(
        f"BEGIN; SET LOCAL session_replication_role = replica; {statement}; COMMIT;"
    )


async def test_finds_every_chain_whole(nicgate, alice):
    """It says how much was read."""
    await factories.signed_up("bob@example.org", firstName="Bob")
    await rename(alice, "Al")

    done = await nicgate("activity", "verify")

    assert (done.returncode, done.stdout) == (0, "rows read: 3, of accounts: 2\n")


async def test_names_the_first_broken_row(nicgate, alice):
    """Of each account whose chain is broken; the others are read all the same."""
    bob = await factories.signed_up("bob@example.org", firstName="Bob")
    await rename(bob, "Rob")
    await rename(bob, "Robert")
    await forge(
        f"UPDATE activities SET kind = 'LOGIN' WHERE number > 1 AND account_id = '{bob.account.id}'"
    )

    done = await nicgate("activity", "verify")

    told = f"{bob.account.nic_handle}: row 2 was changed\nrows read: 3, of accounts: 2\n"
    assert (done.returncode, done.stdout) == (1, told)


async def test_verifies_whom_it_is_told(nicgate, alice):
    """In any letter case; one that nobody has is an error."""
    handle = alice.account.nic_handle

    done = await nicgate("activity", "verify", handle.upper(), "xx000000-OVH")

    assert (done.returncode, done.stdout) == (1, "rows read: 1, of accounts: 1\n")
    assert "xx000000-OVH: there is no such account" in done.stderr


async def test_erases_where_it_came_from(nicgate, alice):
    """Nobody is left in the log but the account, and the chain is whole."""
    await rename(alice, "Al")
    handle = alice.account.nic_handle

    done = await nicgate("activity", "erase", handle)

    assert (done.returncode, done.stdout) == (0, f"{handle}: rows whose origin is erased: 1\n")
    assert await ActivityOrigin.all().count() == 0
    assert (await nicgate("activity", "verify", handle)).returncode == 0


async def test_erases_nobody_unasked(nicgate, alice):
    """Without a name it does nothing."""
    await rename(alice, "Al")

    done = await nicgate("activity", "erase")

    assert (done.returncode, done.stderr) == (1, "nicgate activity erase needs a NIC-HANDLE.\n")
    assert await ActivityOrigin.all().count() == 1
