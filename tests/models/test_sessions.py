"""Sessions: who gets one, how long it lasts, and that refusals look alike."""

import asyncio
import time as wall
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import factories
import pytest
from factories import CLIENT, PASSWORD, POLICY
from tortoise.transactions import in_transaction

from models import clock, credentials, sessions, tokens
from models.accounts import Account, AccountState
from models.clients import Client
from models.credentials import InvalidCredentialsError
from models.errors import UnauthenticatedError
from models.policy import Policy
from models.sessions import NotFoundError, Session, SessionEnd

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


async def age(session, **columns):
    """Move the instants of a session: PostgreSQL compares them with its own clock."""
    now = datetime.now(UTC)
    await Session.filter(id=session.id).update(
        **{column: now - age for column, age in columns.items()}
    )


def at_cost(cost):
    return Policy(secret_keys=POLICY.secret_keys, bcrypt_cost=cost)


@pytest.mark.parametrize("written", ["{}", " {} ", "\n{}"])
@pytest.mark.parametrize("change", [str, str.lower, str.upper])
async def test_opens_with_the_handle(alice, written, change):
    """The NIC-handle opens in any letter case."""
    identifier = written.format(change(alice.account.nic_handle))

    opened = await factories.logged_in(identifier)

    assert opened.account.id == alice.account.id
    assert await Session.all().count() == 2


@pytest.mark.parametrize("identifier", ["alice@example.org", " ALICE@Example.ORG "])
async def test_opens_with_the_primary_address(alice, identifier):
    """The primary address opens in any letter case."""
    opened = await factories.logged_in(identifier)

    session = await sessions.find(opened.token)
    assert session.account.id == alice.account.id
    assert (session.ip_address, session.user_agent) == (CLIENT.ip_address, CLIENT.user_agent)


async def test_opens_with_an_unproven_address(alice):
    """After a change the new address opens, proven or not, and the former one does not."""
    await factories.accepted_by_code(alice, "new@example.org")

    opened = await factories.logged_in("new@example.org")

    with pytest.raises(InvalidCredentialsError):
        await factories.logged_in("alice@example.org")
    assert opened.account.id == alice.account.id


@pytest.mark.parametrize(
    "identifier",
    [
        pytest.param("zz000000-OVH", id="unknown handle"),
        pytest.param("bob@example.org", id="unknown address"),
        pytest.param("spare@example.org", id="spare address"),
        pytest.param("waiting@example.org", id="sign-up not confirmed"),
        pytest.param("alice", id="neither"),
        pytest.param("", id="empty"),
        pytest.param("alice@example.org\0", id="NUL"),
        pytest.param("\ud800@example.org", id="lone surrogate"),
        pytest.param("%@example.org", id="wildcard"),
        pytest.param("a" * 10_000, id="10,000 characters"),
    ],
)
async def test_opens_nothing_for_the_unknown(tables, identifier):
    """Whoever is not known is refused as for a wrong password."""
    await factories.signed_up("alice@example.org", spare_email="spare@example.org")
    await factories.requested_signup("waiting@example.org")
    before = await factories.everything()

    with pytest.raises(InvalidCredentialsError):
        await factories.logged_in(identifier)

    assert await factories.everything() == before


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("", id="empty"),
        pytest.param(PASSWORD.lower(), id="other case"),
        pytest.param(PASSWORD + " ", id="blank at the end"),
        pytest.param(PASSWORD + "x" * 60, id="longer than 72 bytes"),
        pytest.param("\0", id="NUL"),
        pytest.param("\ud800", id="lone surrogate"),
        pytest.param("x" * 10_000, id="10,000 characters"),
    ],
)
async def test_opens_nothing_with_a_wrong_password(alice, password):
    """A wrong password opens nothing."""
    before = await factories.everything()

    with pytest.raises(InvalidCredentialsError):
        await sessions.login("alice@example.org", password, client=CLIENT, policy=POLICY)

    assert await factories.everything() == before


@pytest.mark.parametrize("state", [AccountState.FROZEN, AccountState.CLOSED])
async def test_opens_nothing_of_an_account_that_is_not_open(alice, state):
    """A frozen or closed account answers as for a wrong password."""
    await Account.all().update(state=state)
    before = await factories.everything()

    with pytest.raises(InvalidCredentialsError):
        await factories.logged_in("alice@example.org")

    assert await factories.everything() == before


@pytest.mark.protected_by(
    "models/credentials.py",
    "return await _pool().run(_check, secret, password_hash or _nobody(cost), cost)",
    "return bool(password_hash and await _pool().run(_check, secret, password_hash, cost))",
)
async def test_takes_the_same_time_for_the_unknown(alice):
    """How long a refusal takes does not tell who has an account."""
    password_hash = await credentials.hashed(PASSWORD, cost=10)
    await Account.all().update(password_hash=password_hash)
    times = {"alice@example.org": [], "bob@example.org": [], "zz000000-OVH": []}

    for identifier in [*times] * 4:
        before = wall.process_time()
        with pytest.raises(InvalidCredentialsError):
            await sessions.login(identifier, "wrong", client=CLIENT, policy=at_cost(10))
        times[identifier].append(wall.process_time() - before)

    quickest = [min(measured) for measured in times.values()]
    assert max(quickest) < 2 * min(quickest)


async def test_hashes_again_at_another_cost(alice):
    """A raised cost takes effect at the next login."""
    await sessions.login("alice@example.org", PASSWORD, client=CLIENT, policy=at_cost(5))

    account = await Account.get()
    assert account.password_hash.startswith("$2b$05$")
    assert await credentials.matches(PASSWORD, account.password_hash, cost=5)


async def test_keeps_the_hash_when_the_password_is_wrong(alice):
    """Only the right password can be hashed again."""
    with pytest.raises(InvalidCredentialsError):
        await sessions.login("alice@example.org", "wrong", client=CLIENT, policy=at_cost(5))

    assert (await Account.get()).password_hash == alice.account.password_hash


async def test_keeps_no_token(alice):
    """The token is in the client's hands alone; its digest is stored."""
    row = await Session.get(id=alice.session.id).values()

    assert len(alice.token) == 43
    assert row["token_digest"] == tokens.digest(alice.token)
    assert alice.token not in str(await factories.everything())


async def test_gives_everyone_another_token(alice):
    """Tokens do not repeat."""
    issued = {(await factories.logged_in("alice@example.org")).token for _ in range(3)}

    assert len(issued | {alice.token}) == 4


@pytest.mark.parametrize(
    "token", ["", "x", "\0", "\ud800", "é" * 43, "A" * 43, "x" * 100_000], ids=ascii
)
async def test_finds_nothing_for_unknown_tokens(alice, token):
    """An unknown token is nobody's, whatever it looks like."""
    session = await sessions.find(token)

    assert session is None


async def test_finds_the_session_with_its_account(alice):
    """One query gives both."""
    session = await sessions.find(alice.token)

    assert session.id == alice.session.id
    assert session.account.nic_handle == alice.account.nic_handle


@pytest.mark.parametrize("state", [AccountState.FROZEN, AccountState.CLOSED])
async def test_finds_no_session_of_an_account_that_is_not_open(alice, state):
    """Freezing an account ends what its sessions can do at once."""
    await Account.all().update(state=state)

    session = await sessions.find(alice.token)

    assert session is None


@pytest.mark.parametrize(
    ("created", "last_used", "is_found"),
    [
        pytest.param(31 * DAY, 30 * DAY - MINUTE, True, id="idle for nearly 30 days"),
        pytest.param(31 * DAY, 30 * DAY, False, id="idle for 30 days"),
        pytest.param(90 * DAY - MINUTE, DAY, True, id="open for nearly 90 days"),
        pytest.param(90 * DAY, timedelta(0), False, id="open for 90 days"),
    ],
)
async def test_ends_by_age(alice, created, last_used, is_found):
    """A session lasts 30 days without use, and 90 days at most."""
    await age(alice.session, created_at=created, last_used_at=last_used)

    session = await sessions.find(alice.token)

    assert (session is not None) is is_found
    assert len(await sessions.of(alice.account.id)) == is_found


@pytest.mark.parametrize(
    ("created", "last_used", "expires"),
    [
        (NOON, NOON, NOON + 30 * DAY),
        (NOON - 60 * DAY, NOON, NOON + 30 * DAY),
        (NOON - 61 * DAY, NOON, NOON + 29 * DAY),
    ],
)
def test_says_when_it_ends(created, last_used, expires):
    """The end is the earlier one of the two."""
    session = Session(created_at=created, last_used_at=last_used)

    at = session.expires_at

    assert at == expires


async def test_lists_the_latest_use_first(alice):
    """An account sees its own sessions, the one in use on top."""
    bob = await factories.signed_up("bob@example.org")
    second = await factories.logged_in("alice@example.org")
    await age(second.session, last_used_at=DAY)

    listed = await sessions.of(alice.account.id)

    assert [session.id for session in listed] == [alice.session.id, second.session.id]
    assert [session.id for session in await sessions.of(bob.account.id)] == [bob.session.id]


async def use(opened):
    """Make a request with its token, and wait for the next second."""
    found = await sessions.find(opened.token)
    sessions.note_use(found)
    await sessions.save_uses()


async def test_notes_its_use_once_a_minute(alice):
    """Within a minute a use is not worth a write; after it, it is."""
    await age(alice.session, last_used_at=MINUTE - timedelta(seconds=5))
    recent = await Session.get(id=alice.session.id)
    await use(alice)
    unchanged = await Session.get(id=alice.session.id)

    await age(alice.session, last_used_at=MINUTE)
    await use(alice)

    touched = await Session.get(id=alice.session.id)
    assert unchanged.last_used_at == recent.last_used_at
    assert touched.last_used_at > recent.last_used_at


async def test_notes_no_use_of_others(alice):
    """The use of one session says nothing of another."""
    other = await factories.logged_in("alice@example.org")
    await age(alice.session, last_used_at=DAY)
    await age(other.session, last_used_at=DAY)
    before = await Session.get(id=other.session.id)

    await use(alice)

    assert (await Session.get(id=other.session.id)).last_used_at == before.last_used_at


async def gone(*_):
    raise ConnectionError


async def test_keeps_a_use_that_could_not_be_noted(alice, monkeypatch):
    """An outage of a second costs no session its time."""
    await age(alice.session, last_used_at=DAY)
    with monkeypatch.context() as away:
        away.setattr("models.statements.rows", gone)
        with pytest.raises(ConnectionError):
            await use(alice)

    await sessions.save_uses()

    age_now = await clock.now() - (await Session.get(id=alice.session.id)).last_used_at
    assert age_now < MINUTE


async def test_saves_all_uses_when_it_stops(alice, monkeypatch):
    """However many there are at once."""
    monkeypatch.setattr("models.sessions.uses._AT_ONCE", 1)
    opened = [await factories.logged_in("alice@example.org") for _ in range(3)]
    for one in opened:
        await age(one.session, last_used_at=DAY)
        sessions.note_use(await sessions.find(one.token))

    saving = asyncio.create_task(sessions.keep_saving_uses())
    await asyncio.sleep(0.05)
    saving.cancel()
    await asyncio.gather(saving, return_exceptions=True)

    for one in opened:
        found = await Session.get(id=one.session.id)
        assert await clock.now() - found.last_used_at < MINUTE


async def test_waits_for_nobody_to_note_uses(alice):
    """A row that another process holds is left to it: uses never wait for a lock."""
    await age(alice.session, last_used_at=DAY)
    outside = copy_context()
    async with in_transaction():
        await Session.select_for_update().get(id=alice.session.id)

        async with asyncio.timeout(2):
            await asyncio.create_task(use(alice), context=outside)

    assert await clock.now() - (await Session.get(id=alice.session.id)).last_used_at > MINUTE


async def test_closes_one(alice):
    """A closed session is gone, and closing it again does nothing."""
    other = await factories.logged_in("alice@example.org")

    await sessions.sign_out(alice.session)
    await sessions.sign_out(alice.session)

    assert await sessions.find(alice.token) is None
    assert await sessions.find(other.token) is not None


async def test_closes_all_of_an_account_but_one(alice):
    """Closing the others leaves this one, and other accounts alone."""
    bob = await factories.signed_up("bob@example.org")
    for _ in range(2):
        await factories.logged_in("alice@example.org")

    closed = await sessions.close_all(
        alice.account.id, SessionEnd.REVOKED, at=await clock.now(), but=alice.session.id
    )

    assert closed == 2
    assert set(await Session.all().values_list("id", flat=True)) == {
        alice.session.id,
        bob.session.id,
    }


async def test_closes_all_of_an_account(alice):
    """Closing all leaves none."""
    await factories.logged_in("alice@example.org")

    closed = await sessions.close_all(alice.account.id, SessionEnd.REVOKED, at=await clock.now())

    assert (closed, await Session.all().count()) == (2, 0)


async def test_revokes_one(alice):
    """The session that was pointed at is gone, the others stay."""
    other = await factories.logged_in("alice@example.org")
    third = await factories.logged_in("alice@example.org")

    closed = await sessions.revoke(await factories.session_of(alice), other.session.id)

    assert (closed.account.id, closed.closed_sessions) == (alice.account.id, 1)
    assert set(await Session.all().values_list("id", flat=True)) == {
        alice.session.id,
        third.session.id,
    }


@pytest.mark.parametrize("whose", ["nobody's", "Bob's", "closed", "expired", "no id"])
async def test_revokes_nothing_that_is_not_open_and_ones_own(alice, whose):
    """Unknown, somebody else's, gone: one answer, and nothing happens."""
    bob = await factories.signed_up("bob@example.org")
    closed, expired = [await factories.logged_in("alice@example.org") for _ in range(2)]
    await sessions.sign_out(closed.session)
    await age(expired.session, last_used_at=30 * DAY)
    pointed_at = {
        "nobody's": uuid4(),
        "Bob's": bob.session.id,
        "closed": closed.session.id,
        "expired": expired.session.id,
        "no id": None,
    }[whose]
    before = await factories.everything()

    with pytest.raises(NotFoundError):
        await sessions.revoke(await factories.session_of(alice), pointed_at)

    assert await factories.everything() == before


async def test_revokes_all_others(alice):
    """The one that calls stays; those that are too old are not counted, and go as well."""
    bob = await factories.signed_up("bob@example.org")
    old, *_ = [await factories.logged_in("alice@example.org") for _ in range(3)]
    await age(old.session, last_used_at=30 * DAY)

    closed = await sessions.revoke_others(await factories.session_of(alice))

    assert closed.closed_sessions == 2
    assert set(await Session.all().values_list("id", flat=True)) == {
        alice.session.id,
        bob.session.id,
    }


async def test_revokes_nothing_for_a_session_that_was_revoked(alice):
    """Two sessions that close each other at once: the second one is too late."""
    thief = await factories.logged_in("alice@example.org")
    late = await factories.session_of(thief)
    await sessions.revoke_others(await factories.session_of(alice))

    for revoking in (sessions.revoke(late, alice.session.id), sessions.revoke_others(late)):
        with pytest.raises(UnauthenticatedError):
            await revoking

    assert await sessions.find(alice.token) is not None


async def test_cuts_long_user_agents(alice):
    """A browser may call itself what it likes; 300 characters of it are kept."""
    client = Client("2001:db8::1", "𝕏" * 10_000)

    opened = await sessions.login("alice@example.org", PASSWORD, client=client, policy=POLICY)

    session = await Session.get(id=opened.session.id)
    assert (session.ip_address, session.user_agent) == ("2001:db8::1", "𝕏" * 300)


async def test_removes_what_does_not_count_any_more(alice):
    """Sessions that are too old go; the others stay."""
    idle = await factories.logged_in("alice@example.org")
    old = await factories.logged_in("alice@example.org")
    await age(idle.session, last_used_at=30 * DAY)
    await age(old.session, created_at=90 * DAY)

    await sessions.remove_expired()

    assert await Session.all().values_list("id", flat=True) == [alice.session.id]
