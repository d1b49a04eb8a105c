"""`nicgate partners`, as processes on a real database."""

import re
from datetime import timedelta

import pytest

from models import clock, partners
from models.partners import InvalidKeyError, Partner, PartnerKey
from models.scopes import Scope

HERE = "192.0.2.7"
WHAT_A_KEY_IS = re.compile(r"nck_[a-z2-9]{12}_[A-Za-z0-9_-]{43}")


@pytest.fixture
def create(nicgate):
    """Create a partner by the command, and return its first key."""

    async def created(name="Billing", *more):
        done = await nicgate("partners", "create", name, *more)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()[-1]

    return created


async def is_live(key):
    try:
        await partners.admit(key, HERE)
    except InvalidKeyError:
        return False
    return True


async def test_creates_a_partner_with_a_key(nicgate, tables):
    """The key works, and only its digest is kept."""
    done = await nicgate(
        *("partners", "create", "Billing", "--scopes", "mail:send,account:read", "--first-party"),
        *("--origin", "https://panel.example", "--contact", "ops@panel.example"),
    )

    partner_id, key = done.stdout.splitlines()
    access = await partners.admit(key, HERE)
    assert WHAT_A_KEY_IS.fullmatch(key)
    assert str(access.partner.id) == partner_id
    assert access.partner.scopes == [Scope.ACCOUNT_READ, Scope.MAIL_SEND]
    assert (access.partner.first_party, access.partner.contact) == (True, "ops@panel.example")
    assert access.partner.origins == ["https://panel.example"]
    assert key not in str(await PartnerKey.all().values())


async def test_a_key_lives_for_days_and_in_networks(create, tables):
    """Both are said when it is made."""
    key = await create("Billing", "--days", "30", "--from", "192.0.2.0/24", "--from", "2001:db8::1")

    row = await PartnerKey.get()
    assert row.networks == ["192.0.2.0/24", "2001:db8::1/128"]
    assert abs(row.expires_at - row.created_at - timedelta(days=30)) < timedelta(seconds=1)
    assert (await partners.admit(key, "2001:db8::1")).key.id == row.id
    with pytest.raises(partners.ForeignNetworkError):
        await partners.admit(key, "198.51.100.1")


async def test_lists_partners_with_their_keys(nicgate, create, tables):
    """A line for each key; none of them is shown."""
    first = await create("Billing", "--scopes", "account:read,profile:write")
    await create("Support", "--first-party")
    await partners.admit(first, HERE)
    await nicgate("partners", "revoke", "Support")

    done = await nicgate("partners", "list")

    heads, *lines = [re.split(r" {2,}", line) for line in done.stdout.splitlines()]
    key = await PartnerKey.get(revoked_at=None)
    assert heads == ["PARTNER", "KIND", "SCOPES", "KEY", "UNTIL", "LAST USE", "FROM"]
    assert lines[0][:5] == [
        "Billing",
        "by consent",
        "account:read,profile:write",
        key.id,
        "revoked",
    ]
    assert lines[0][5].startswith(f"{await clock.now():%Y-%m-%d}")
    assert lines[1] == ["Support", "revoked", "account:read", "none"]
    assert first not in done.stdout


async def test_rotates_with_two_live_keys_at_most(nicgate, create, tables):
    """The first dies at the second rotation, when everybody had the time to change."""
    keys = [await create()]
    for _ in range(2):
        done = await nicgate("partners", "rotate", "Billing")
        keys.append(done.stdout.strip())

    assert [await is_live(key) for key in keys] == [False, True, True]


async def test_a_key_that_expired_does_not_count_as_live(nicgate, create, tables):
    """Else a rotation would end the one that is in use."""
    used = await create()
    expired = (await nicgate("partners", "rotate", "Billing", "--days", "1")).stdout.strip()
    await PartnerKey.exclude(expires_at=None).update(expires_at=await clock.now())

    fresh = (await nicgate("partners", "rotate", "Billing")).stdout.strip()

    assert [await is_live(key) for key in (used, expired, fresh)] == [True, False, True]


async def test_revokes_one_key_or_the_partner(nicgate, create, tables):
    """The others go on; a revoked partner is gone for good."""
    first = await create()
    second = (await nicgate("partners", "rotate", "Billing")).stdout.strip()
    await nicgate("partners", "revoke", "Billing", "--key", first.split("_")[1])

    assert [await is_live(key) for key in (first, second)] == [False, True]

    await nicgate("partners", "revoke", "Billing")

    assert not await is_live(second)
    assert (await nicgate("partners", "rotate", "Billing")).returncode == 1


async def test_sets_scopes(nicgate, create, tables):
    """What a partner may hold at most, from its next request on."""
    key = await create()

    done = await nicgate("partners", "scopes", "Billing", "account:contact, mail:send")

    assert done.stdout == "account:contact,mail:send\n"
    assert (await nicgate("partners", "scopes", "Billing")).stdout == done.stdout
    access = await partners.admit(key, HERE)
    assert access.scopes == {Scope.ACCOUNT_CONTACT, Scope.MAIL_SEND}


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("create", "Billing"), 1, "There is a partner Billing already."),
        (("create", "B", "--contact", "nobody"), 1, "nobody is no e-mail address."),
        (("create", "B", "--scopes", "account:all"), 2, "scopes, comma-separated"),
        (("create", "B", "--origin", "http://panel.example"), 2, "an origin"),
        (("create", "B", "--origin", "https://panel.example/x"), 2, "an origin without a path"),
        (("create", "B", "--from", "10.0.0.1/8"), 2, "a network"),
        (("create", "B", "--days", "0"), 2, "a number of days"),
        (("create", "<b>"), 2, "a name of 1 to 60"),
        (("create", "x" * 61), 2, "a name of 1 to 60"),
        (("rotate", "Nobody"), 1, "There is no partner Nobody"),
        (("revoke", "Billing", "--key", "nokey"), 1, "There is no partner Billing that could"),
        (("scopes", "Nobody"), 1, "There is no partner Nobody"),
    ],
)
async def test_refuses_in_one_line(nicgate, tables, arguments, status, said):
    """And leaves the partners as they were."""
    await nicgate("partners", "create", "Billing")
    before = await Partner.all().values(), await PartnerKey.all().values()

    done = await nicgate("partners", *arguments)

    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr.splitlines()[-1]
    assert (await Partner.all().values(), await PartnerKey.all().values()) == before
