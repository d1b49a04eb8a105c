"""The activity log: everything that happens is in it, in a chain that nobody rewrites unseen."""

import asyncio
from datetime import timedelta

import asyncpg
import factories
import pytest
from factories import CLIENT, PASSWORD, POLICY
from tortoise.connection import get_connection

from models import (
    accounts,
    activities,
    activity_chain,
    clock,
    compromises,
    email_changes,
    failed_logins,
    housekeeping,
    pages,
    passwords,
    sessions,
    spare_emails,
)
from models.accounts import Account
from models.activities import Activity, ActivityOrigin
from models.clients import Client
from models.credentials import InvalidCredentialsError
from models.email_changes import EmailChange
from models.failed_logins import FailedLogin
from models.mails import Template
from models.passwords import MailDestination
from models.sessions import Session

ALICE, NEW, SPARE = "alice@example.org", "alice@new.example", "spare@example.org"
NEXT = "Window-Violin-77-green"
PHONE = Client("198.51.100.23", "Phone/7.1")
MINUTE = timedelta(minutes=1)


async def log(opened):
    """What is in an account's log, oldest first: the kinds, with their reasons."""
    rows = await Activity.filter(account_id=opened.account.id).order_by("number")
    return [
        f"{row.kind} {row.about['reason']}" if "reason" in row.about else str(row.kind)
        for row in rows
    ]


async def whole(opened):
    verdict = await activity_chain.verify(opened.account.id)
    return verdict.broken is None


async def forged(statement):
    """Change what the database refuses to change, as whoever owns it can."""
    await get_connection("default").execute_script(
        f"BEGIN; SET LOCAL session_replication_role = replica; {statement}; COMMIT;"
    )


async def profile_updated(opened, _time):
    await accounts.update_profile(opened.account.id, {"firstName": "Al"}, expected_revision=None)


async def signed_out(opened, _time):
    await sessions.sign_out(await factories.session_of(opened))


async def revoked(opened, _time):
    other = await factories.logged_in(ALICE)
    await sessions.revoke(await factories.session_of(opened), other.session.id)


async def password_changed(opened, _time):
    await factories.logged_in(ALICE)
    session = await factories.session_of(opened)
    await passwords.change(session, PASSWORD, NEXT, policy=POLICY)


async def password_reset(_opened, _time):
    challenge = await passwords.request_reset(
        ALICE, deliver_to=MailDestination.PRIMARY, client=CLIENT, policy=POLICY
    )
    code = await factories.mailed_code(Template.PASSWORD_RESET, to=ALICE)
    await passwords.reset(challenge.id, code, NEXT, remove_spare_email=False, policy=POLICY)


async def spare_address(opened, _time):
    await factories.with_spare(opened, SPARE)
    await spare_emails.remove(await factories.session_of(opened), PASSWORD, policy=POLICY)


async def change_confirmed(opened, _time):
    await factories.accepted_by_code(opened, NEW)
    await factories.proven(opened)


async def change_in_silence(opened, time):
    await factories.logged_in(ALICE)
    await factories.accepted_by_silence(opened, NEW, time)


async def change_refused(opened, _time):
    await factories.requested_change(opened, NEW)
    link = await factories.mailed_link(Template.EMAIL_CHANGE_VALIDATION, "refuse", to=ALICE)
    await email_changes.refuse(*link)


async def change_cancelled(opened, _time):
    await factories.requested_change(opened, NEW)
    await email_changes.cancel(await factories.session_of(opened))


async def change_reverted(opened, _time):
    await factories.accepted_by_code(opened, NEW)
    former = Template.EMAIL_CHANGE_ACCEPTED_FORMER
    await email_changes.revert(*await factories.mailed_link(former, "revert", to=ALICE))


async def reported(opened, time):
    await factories.requested_change(opened, NEW)
    time.advance(MINUTE)
    _, token = await factories.mailed_link(Template.EMAIL_CHANGE_VALIDATION, "report", to=ALICE)
    await compromises.report(token)
    await password_reset(opened, time)


STORIES = [
    (profile_updated, ["PROFILE_UPDATED"]),
    (signed_out, ["SESSION_ENDED SIGNED_OUT"]),
    (revoked, ["LOGIN", "SESSION_ENDED REVOKED"]),
    (password_changed, ["LOGIN", "PASSWORD_CHANGED", "SESSION_ENDED PASSWORD_SET"]),
    (
        password_reset,
        ["PASSWORD_RESET_REQUESTED", "PASSWORD_RESET", "SESSION_ENDED PASSWORD_SET"],
    ),
    (spare_address, ["SPARE_EMAIL_SET", "SPARE_EMAIL_PROVEN", "SPARE_EMAIL_REMOVED"]),
    (
        change_confirmed,
        ["EMAIL_CHANGE_REQUESTED", "EMAIL_CHANGE_ACCEPTED CODE", "EMAIL_PROVEN"],
    ),
    (
        change_in_silence,
        [
            "LOGIN",
            "EMAIL_CHANGE_REQUESTED",
            "EMAIL_CHANGE_ACCEPTED SILENCE",
            "SESSION_ENDED EMAIL_CHANGED",
        ],
    ),
    (change_refused, ["EMAIL_CHANGE_REQUESTED", "EMAIL_CHANGE_REFUSED"]),
    (change_cancelled, ["EMAIL_CHANGE_REQUESTED", "EMAIL_CHANGE_ABORTED CANCELLED"]),
    (
        change_reverted,
        [
            "EMAIL_CHANGE_REQUESTED",
            "EMAIL_CHANGE_ACCEPTED CODE",
            "EMAIL_CHANGE_REVERTED",
            "FROZEN",
            "SESSION_ENDED FROZEN",
        ],
    ),
    (
        reported,
        [
            "EMAIL_CHANGE_REQUESTED",
            "COMPROMISE_REPORTED",
            "EMAIL_CHANGE_ABORTED REPORTED",
            "FROZEN",
            "SESSION_ENDED FROZEN",
            "PASSWORD_RESET_REQUESTED",
            "PASSWORD_RESET",
            "UNFROZEN",
        ],
    ),
]


@pytest.mark.parametrize(("story", "told"), STORIES, ids=lambda it: getattr(it, "__name__", ""))
async def test_tells_what_happened(time, alice, story, told):
    """In its order, after the opening of the account; and the chain is whole."""
    await story(alice, time)

    assert await log(alice) == ["ACCOUNT_OPENED", *told]
    assert await whole(alice)


async def test_tells_who_lost_an_address(time, alice):
    """An unproven address that yields is an event of the account that held it."""
    await factories.accepted_by_code(alice, "bob@example.org")

    await factories.signed_up("bob@example.org", firstName="Bob")

    assert (await log(alice))[-1] == "EMAIL_YIELDED"


async def test_names_what_it_is_about(alice):
    """Fields by their input path, the change and the session by their ids: no value, no secret."""
    change = await factories.requested_change(alice, NEW)
    await accounts.update_profile(
        alice.account.id,
        {"address.city": "Roubaix", "phone": "03 20 12 34 56"},
        expected_revision=None,
    )

    opened, requested, updated = await Activity.all().order_by("number")

    assert opened.about == {"session": str(alice.session.id)}
    assert requested.about == {"email_change": str(change.id)}
    assert updated.about == {"fields": ["address.city", "phone"]}


async def test_remembers_where_it_came_from_beside_the_chain(alice):
    """Address, browser and request id; what no request caused has none."""
    with activities.caused_by(PHONE, "request-7"):
        await accounts.update_profile(alice.account.id, {"firstName": "Al"}, expected_revision=None)

    opened, updated = await Activity.all().order_by("number")
    beside = await ActivityOrigin.get()
    assert (opened.request_id, opened.origin_digest) == (None, None)
    assert (updated.request_id, beside.activity_id) == ("request-7", updated.id)
    assert (beside.ip_address, beside.user_agent) == (PHONE.ip_address, PHONE.user_agent)
    assert updated.origin_digest == beside.digest()


async def test_refusal_tells_nothing(alice):
    """What did not happen is not in the log."""
    with pytest.raises(accounts.StaleRevisionError):
        await accounts.update_profile(alice.account.id, {"firstName": "Al"}, expected_revision=9)

    assert await log(alice) == ["ACCOUNT_OPENED"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE activities SET kind = 'LOGIN'",
        "DELETE FROM activities",
        "TRUNCATE activities CASCADE",
    ],
)
async def test_database_lets_nobody_change_it(alice, statement):
    """The log only grows."""
    with pytest.raises(asyncpg.RaiseError, match="never changed"):
        await get_connection("default").execute_script(statement)

    assert await log(alice) == ["ACCOUNT_OPENED"]


@pytest.mark.parametrize(
    ("forgery", "broken", "why"),
    [
        ("UPDATE activities SET kind = 'LOGIN' WHERE number = 2", 2, "was changed"),
        ("UPDATE activities SET at = at + interval '1 second' WHERE number = 1", 1, "was changed"),
        ("UPDATE activities SET about = '{}' WHERE number = 3", 3, "was changed"),
        ("UPDATE activities SET digest = sha256('x') WHERE number = 2", 2, "was changed"),
        ("DELETE FROM activities WHERE number = 2", 2, "is missing"),
        ("UPDATE activities SET request_id = 'r' WHERE number = 2", 2, "was changed"),
        ("UPDATE activity_origins SET ip_address = '203.0.113.9'", 2, "came from elsewhere"),
    ],
)
async def test_forgery_breaks_the_chain(alice, forgery, broken, why):
    """The first row that does not fit is named."""
    with activities.caused_by(PHONE, "request-7"):
        await accounts.update_profile(alice.account.id, {"firstName": "Al"}, expected_revision=None)
    await accounts.update_profile(alice.account.id, {"firstName": "Ali"}, expected_revision=None)
    assert await whole(alice)

    await forged(forgery)

    verdict = await activity_chain.verify(alice.account.id)
    assert (verdict.broken, verdict.why) == (broken, why)


async def test_origins_can_be_erased(alice):
    """Nobody learns any more where it came from, and the chain stays whole."""
    with activities.caused_by(PHONE, "request-7"):
        await accounts.update_profile(alice.account.id, {"firstName": "Al"}, expected_revision=None)

    erased = await activity_chain.erase_origins(alice.account.id)

    assert erased == 1
    assert await ActivityOrigin.all().count() == 0
    assert await whole(alice)


async def test_erases_the_origins_of_what_is_not_folded(alice):
    """A failed login of this minute joins the chain without its origin."""
    await fail()
    await failed_logins.save()

    await activity_chain.erase_origins(alice.account.id)
    await FailedLogin.all().update(minute=await clock.now() - 2 * MINUTE)
    await failed_logins.fold()

    assert await log(alice) == ["ACCOUNT_OPENED", "LOGIN_FAILED"]
    assert await ActivityOrigin.all().count() == 0


async def test_misses_a_chain_that_is_gone(alice):
    """An account without a row is older than the log, or somebody took them all."""
    bob = await factories.signed_up("bob@example.org", firstName="Bob")
    await forged(f"DELETE FROM activities WHERE account_id = '{bob.account.id}'")

    verdict = await activity_chain.verify(bob.account.id)
    await Account.filter(id=bob.account.id).update(created_at=factories.LONG_AGO)
    older = await activity_chain.verify(bob.account.id)

    assert (verdict.broken, verdict.why) == (1, "is missing")
    assert older.broken is None


async def test_chains_what_happens_at_once(open_pool, alice):
    """However many act in one moment, each row has its number and the chain is whole."""
    await asyncio.gather(*(factories.logged_in(ALICE) for _ in range(8)))

    assert await log(alice) == ["ACCOUNT_OPENED"] + ["LOGIN"] * 8
    assert await whole(alice)


async def test_tells_of_sessions_that_end_of_age(alice):
    """Whoever stays away for a month is signed out, which is told."""
    idle = await factories.logged_in(ALICE)
    old = await clock.now() - timedelta(days=31)
    await Session.filter(id=idle.session.id).update(last_used_at=old)

    await housekeeping.remove_expired()

    assert (await log(alice))[-1] == "SESSION_ENDED EXPIRED"


async def fail(identifier=ALICE, password=NEXT, client=PHONE):
    with activities.caused_by(client, "request-8"), pytest.raises(InvalidCredentialsError):
        await sessions.login(identifier, password, client=client, policy=POLICY)


async def failed(opened):
    page = await activities.page(opened.account.id, first=10, after=None)
    return [(entry.count, entry.ip_address) for entry in page.rows if entry.kind == "LOGIN_FAILED"]


async def test_counts_failed_logins_by_the_minute(alice):
    """One row, whoever fails how often; unknown identifiers are nobody's."""
    for _ in range(3):
        await fail()
    await fail("nobody@example.org")
    await failed_logins.save()
    await fail(client=CLIENT)
    await failed_logins.save()

    (row,) = await FailedLogin.all()
    assert (row.account_id, row.count, row.ip_address) == (alice.account.id, 4, CLIENT.ip_address)
    assert row.request_id == "request-8"
    assert await failed(alice) == [(4, CLIENT.ip_address)]
    assert await log(alice) == ["ACCOUNT_OPENED"]


async def test_right_password_of_a_frozen_account_is_a_failed_login(alice):
    """It answers like a wrong one, and is counted like one."""
    await Account.all().update(state="FROZEN")

    await fail(password=PASSWORD)
    await failed_logins.save()

    assert await failed(alice) == [(1, PHONE.ip_address)]


async def test_folds_minutes_that_are_over_into_the_chain(alice):
    """The line keeps its place and its id when it joins the chain; the present minute waits."""
    await fail()
    await failed_logins.save()
    (line,) = (await activities.page(alice.account.id, first=1, after=None)).rows
    assert (line.request_id, line.ip_address) == ("request-8", PHONE.ip_address)
    await failed_logins.fold()
    assert await log(alice) == ["ACCOUNT_OPENED"]
    await FailedLogin.all().update(minute=line.at - 2 * MINUTE)

    await asyncio.gather(*(failed_logins.fold() for _ in range(3)))

    assert await log(alice) == ["ACCOUNT_OPENED", "LOGIN_FAILED"]
    assert await FailedLogin.all().count() == 0
    assert (await activities.page(alice.account.id, first=1, after=None)).rows == [line]
    assert await whole(alice)


async def test_failed_login_waits_for_no_lock(alice):
    """Neither the guess nor its count queue on an account that somebody holds."""
    holding, done = asyncio.Event(), asyncio.Event()

    async def hold():
        async with accounts.locked(alice.account.id):
            holding.set()
            await done.wait()

    holder = asyncio.create_task(hold())
    await holding.wait()
    async with asyncio.timeout(5):
        await fail()
        await failed_logins.save()
    done.set()
    await holder

    assert await failed(alice) == [(1, PHONE.ip_address)]


async def test_pages_are_stable(alice):
    """A cursor names a line: what comes meanwhile moves nothing."""
    for name in ("Al", "Ali", "Alic"):
        await accounts.update_profile(alice.account.id, {"firstName": name}, expected_revision=None)
    first = await activities.page(alice.account.id, first=2, after=None)
    await accounts.update_profile(alice.account.id, {"firstName": "A"}, expected_revision=None)

    second = await activities.page(alice.account.id, first=5, after=pages.cursor(first.rows[-1]))

    assert [entry.kind for entry in second.rows] == ["PROFILE_UPDATED", "ACCOUNT_OPENED"]
    assert (first.has_next, second.has_next, second.has_previous) == (True, False, True)


async def test_cursor_of_another_account_is_none(alice):
    """Nobody pages through somebody else's log."""
    bob = await factories.signed_up("bob@example.org", firstName="Bob")
    (line,) = (await activities.page(bob.account.id, first=1, after=None)).rows

    with pytest.raises(pages.BadPageError):
        await activities.page(alice.account.id, first=1, after=pages.cursor(line))


async def test_holds_no_address_and_no_code(time, alice):
    """Neither in the chain nor beside it: mails and changes have their own tables."""
    await change_confirmed(alice, time)

    rows = " ".join(await factories.rows_of("activities"))

    assert "@" not in rows
    assert await EmailChange.all().count() == 1
