"""Partners and their keys: shown once, two live ones at most, and nothing to guess."""

import asyncio
import hashlib
import re
from datetime import timedelta

import factories
import pytest

from models import clock, partners
from models.partners import (
    ForeignNetworkError,
    InvalidKeyError,
    KeyTerms,
    NameTakenError,
    Partner,
    PartnerKey,
    UnknownPartnerError,
)
from models.scopes import Scope

HERE = "192.0.2.7"
MOMENT = timedelta(milliseconds=1)
ANY = KeyTerms()


async def works(key, ip_address=HERE):
    try:
        return (await partners.admit(key, ip_address)).partner.name
    except InvalidKeyError:
        return None


@pytest.fixture
async def key(tables):
    return await factories.partner()


async def test_gives_a_key_that_is_shown_once(tables):
    """`nck_<id>_<secret>`; what is kept is its SHA-256."""
    partner, key = await partners.create(
        "Panel",
        first_party=False,
        scopes=[Scope.ACCOUNT_READ],
        origins=["https://panel.example.org"],
        contact="ops@panel.example.org",
        terms=KeyTerms(timedelta(days=90), ["192.0.2.0/24"]),
    )

    access, kept = await partners.admit(key, HERE), await PartnerKey.get()
    assert re.fullmatch(r"nck_[a-z2-9]{12}_[A-Za-z0-9_-]{43}", key)
    assert (access.partner.id, access.partner.name) == (partner.id, "Panel")
    assert (access.partner.origins, access.partner.contact) == (
        ["https://panel.example.org"],
        "ops@panel.example.org",
    )
    assert (access.scopes, access.key.networks) == ({Scope.ACCOUNT_READ}, ["192.0.2.0/24"])
    assert bytes(kept.digest) == hashlib.sha256(key.encode()).digest()
    assert kept.id == key.split("_")[1]
    assert kept.expires_at - kept.created_at == timedelta(days=90)
    secret = key.split("_", 2)[2]
    rows = [await factories.rows_of(table) for table in ("partners", "partner_keys")]
    assert secret not in str(rows)


async def test_names_a_partner_once(key):
    """Also one that was revoked: holders have known it by that name."""
    await partners.revoke("Panel")
    before = await factories.everything()

    with pytest.raises(NameTakenError):
        await factories.partner("Panel")

    assert await factories.everything() == before


async def test_admits_no_key_with_one_letter_changed(key):
    """Wherever it is, and whatever stands there instead."""
    changed = [
        key[:place] + letter + key[place + 1 :]
        for place in range(len(key))
        for letter in ("A", "b", "\0", "é", "_")
        if key[place] != letter
    ]

    assert [it for it in changed if await works(it)] == []
    assert await works(key) == "Panel"


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "nck_",
        "nck__",
        "nck_\0",
        "nck_" + "x" * 12,
        "nck_" + "é" * 12 + "_x",
        "\ud800",
        "_" * 99,
    ],
)
async def test_admits_nothing_that_is_no_key(key, odd):
    """Short, long, with a NUL, with half a character: no key, and no fault of ours."""
    assert await works(odd) is None
    if odd:
        assert await works(odd + key) is None
        assert await works(key + odd) is None


async def test_admits_no_key_by_parts_of_another(key):
    """The secret of one partner under the id of another opens neither."""
    other = await factories.partner("Other")
    (_, ours, secret), (_, theirs, others) = (it.split("_", 2) for it in (key, other))

    assert await works(f"nck_{theirs}_{secret}") is None
    assert await works(f"nck_{ours}_{others}") is None


async def test_admits_from_its_networks_alone(tables):
    """IPv4 and IPv6; the key is right, which is said."""
    terms = KeyTerms(networks=["192.0.2.0/28", "2001:db8::/32"])
    key = await factories.partner(terms=terms)

    for inside in (HERE, "192.0.2.15", "2001:db8::7"):
        assert await works(key, inside) == "Panel"
    for outside in ("192.0.2.16", "198.51.100.1", "2001:db9::7", "0.0.0.0"):
        with pytest.raises(ForeignNetworkError):
            await partners.admit(key, outside)
    with pytest.raises(InvalidKeyError):
        await partners.admit(key[:-1], "198.51.100.1")


async def test_key_ends_with_its_time(tables):
    """By PostgreSQL's clock; without a lifetime it does not end alone."""
    key = await factories.partner(terms=KeyTerms(timedelta(hours=1)))
    assert await works(key) == "Panel"
    past = await clock.now() - MOMENT

    await PartnerKey.all().update(expires_at=past)

    assert await works(key) is None


async def test_notes_the_last_use_once_a_minute(key):
    """Not that of a key that comes from elsewhere, or is none."""
    begun = await clock.now()
    await PartnerKey.all().update(networks=["192.0.2.0/24"])
    with pytest.raises(ForeignNetworkError):
        await partners.admit(key, "198.51.100.1")
    await works(key[:-1])
    assert (await PartnerKey.get()).last_used_at is None

    await partners.admit(key, HERE)
    first = (await PartnerKey.get()).last_used_at
    await partners.admit(key, HERE)
    again = (await PartnerKey.get()).last_used_at
    await PartnerKey.all().update(last_used_at=first - timedelta(seconds=61))
    await partners.admit(key, HERE)

    assert first > begun
    assert again == first
    assert (await PartnerKey.get()).last_used_at > first


async def test_rotation_leaves_the_youngest_beside_the_new_one(key):
    """So that a partner can change over; the second rotation ends what was there before."""
    second = await partners.rotate("Panel", ANY)
    both = [await works(it) for it in (key, second)]

    third = await partners.rotate("Panel", ANY)

    assert both == ["Panel", "Panel"]
    assert [await works(it) for it in (key, second, third)] == [None, "Panel", "Panel"]
    assert await PartnerKey.filter(revoked_at=None).count() == 2


async def test_rotation_counts_no_key_that_has_expired(key):
    """It makes room, and the one that works stays."""
    second = await partners.rotate("Panel", KeyTerms(timedelta(hours=1)))
    await PartnerKey.filter(id=second.split("_")[1]).update(expires_at=await clock.now() - MOMENT)

    third = await partners.rotate("Panel", ANY)

    assert [await works(it) for it in (key, second, third)] == ["Panel", None, "Panel"]


async def test_two_live_keys_however_many_rotate(open_pool, key):
    """Rotations at once come one after the other: two keys are left, of the last two."""
    keys = await asyncio.gather(
        *(partners.rotate("Panel", ANY) for _ in range(8)), return_exceptions=True
    )

    assert [it for it in keys if not isinstance(it, str)] == []
    assert await PartnerKey.filter(revoked_at=None).count() == 2
    assert [await works(it) for it in [key, *keys]].count("Panel") == 2


async def test_creates_one_of_one_name(open_pool):
    """However many try at once."""
    made = await asyncio.gather(*(factories.partner() for _ in range(8)), return_exceptions=True)

    assert sorted(type(it).__name__ for it in made) == ["NameTakenError"] * 7 + ["str"]
    assert (await Partner.all().count(), await PartnerKey.all().count()) == (1, 1)


async def test_revokes_one_key(key):
    """The other one works on."""
    second = await partners.rotate("Panel", ANY)

    await partners.revoke("Panel", key.split("_")[1])

    assert [await works(it) for it in (key, second)] == [None, "Panel"]
    assert (await Partner.get()).revoked_at is None


async def test_revoked_partner_comes_in_by_no_key(key):
    """For good: it gets no other key, and is found no more."""
    second = await partners.rotate("Panel", ANY)

    await partners.revoke("Panel")

    assert [await works(it) for it in (key, second)] == [None, None]
    assert await PartnerKey.filter(revoked_at=None).count() == 0
    await PartnerKey.all().update(revoked_at=None)  # were a key forgotten
    assert [await works(it) for it in (key, second)] == [None, None]
    with pytest.raises(UnknownPartnerError):
        await partners.rotate("Panel", ANY)


@pytest.mark.parametrize("name", ["Nobody", "panel", "", "Panelx"])
async def test_finds_partners_by_their_name_alone(key, name):
    """Nothing happens to others."""
    before = await factories.everything()

    for attempt in (
        partners.rotate(name, ANY),
        partners.revoke(name),
        partners.set_scopes(name, [Scope.ACCOUNT_READ]),
        partners.revoke("Panel", "nosuchkey234"),
    ):
        with pytest.raises(UnknownPartnerError):
            await attempt

    assert await factories.everything() == before


async def test_changes_what_a_partner_may_hold(key):
    """At the next request."""
    await partners.set_scopes("Panel", [Scope.MAIL_SEND])

    access = await partners.admit(key, HERE)

    assert access.scopes == {Scope.MAIL_SEND}


async def test_lists_the_keys_that_are_not_revoked(key):
    """By the partners' names, the youngest key first."""
    await factories.partner("Alpha")
    second = await partners.rotate("Panel", ANY)

    listed = await partners.all_with_keys()

    alpha, panel = listed
    assert (alpha[0].name, panel[0].name) == ("Alpha", "Panel")
    assert [it.id for it in panel[1]] == [second.split("_")[1], key.split("_")[1]]
