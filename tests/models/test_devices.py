"""Devices: who is announced when signing in, who is not, and when a device is forgotten."""

from dataclasses import replace
from datetime import datetime, timedelta

import factories
import pytest
from factories import CLIENT, FIREFOX, PASSWORD, POLICY
from tortoise.connection import get_connection
from tortoise.exceptions import IntegrityError

from models import compromises, email_changes, housekeeping, passwords, sessions, signups
from models.accounts import AccountState
from models.clients import Client
from models.credentials import InvalidCredentialsError
from models.devices import Device
from models.mails import Mail, Template
from models.passwords import MailDestination

ELSEWHERE = Client("198.51.100.9", "curl/8.11.0")
NEXT = "Window-Violin-77-green"
DAY = timedelta(days=1)


async def login(client=CLIENT, password=PASSWORD, *, by_cookie=True, to="alice@example.org"):
    return await sessions.login(to, password, client=client, policy=POLICY, by_cookie=by_cookie)


def browser(opened, client=CLIENT):
    """The same browser the next time: it sends back what it was given."""
    return replace(client, device_cookie=opened.origin.cookie)


async def announced(to="alice@example.org"):
    return await Mail.filter(template=Template.LOGIN_NOTIFICATION, recipient=to).count()


@pytest.fixture
async def confirmed_in_browser(tables):
    """Alice's session of a sign-up that was confirmed in a browser."""
    challenge = await factories.requested_signup("alice@example.org")
    code = await factories.mailed_code(Template.CREATION, to="alice@example.org")
    return await signups.confirm(challenge.id, code, client=CLIENT, policy=POLICY, by_cookie=True)


async def test_announces_a_browser_that_was_never_seen(alice):
    """When, from where, with which browser, and a way to say: not me."""
    opened = await login(replace(ELSEWHERE, user_agent=FIREFOX))

    mail = await factories.newest(Template.LOGIN_NOTIFICATION, to="alice@example.org")
    assert mail.params == {
        "first_name": "Alice",
        "opened_at": opened.session.created_at.isoformat(),
        "ip_address": "198.51.100.9",
        "browser": "Firefox / Linux",
    }
    assert set(mail.secrets) == {"report"}
    assert mail.account_id == alice.account.id


async def test_names_browsers_in_known_words_only(alice):
    """The user agent is the stranger's to choose: it does not stand in a mail of ours."""
    await login(Client("198.51.100.9", "Call +33 1 23 45 67 89 at once"))

    mail = await factories.newest(Template.LOGIN_NOTIFICATION, to="alice@example.org")
    assert mail.params["browser"] == ""


async def test_knows_the_device_of_the_sign_up(confirmed_in_browser):
    """Neither the session that opens the account nor the next one from there is announced."""
    await login(browser(confirmed_in_browser))

    assert await announced() == 0


async def test_knows_a_browser_the_second_time(alice):
    """By its cookie, wherever it is by then."""
    first = await login(ELSEWHERE)

    second = await login(browser(first, Client("203.0.113.5", "another version")))

    assert await announced() == 1
    assert second.origin.device.id == first.origin.device.id == second.session.device_id
    assert second.origin.cookie == first.origin.cookie


@pytest.mark.parametrize(
    ("first", "second", "is_known"),
    [
        pytest.param(("192.0.2.7", "tool/1"), ("192.0.2.250", "tool/1"), True, id="same /24"),
        pytest.param(("192.0.2.7", "tool/1"), ("192.0.3.7", "tool/1"), False, id="other /24"),
        pytest.param(("192.0.2.7", "tool/1"), ("192.0.2.7", "tool/2"), False, id="other agent"),
        pytest.param(("2001:db8:1::1", "a"), ("2001:db8:1:ffff::2", "a"), True, id="same /48"),
        pytest.param(("2001:db8:1::1", "a"), ("2001:db8:2::1", "a"), False, id="other /48"),
    ],
)
async def test_knows_a_program_by_its_name_and_network(alice, first, second, is_known):
    """A bearer session keeps no cookie."""
    opened = await login(Client(*first), by_cookie=False)

    await login(Client(*second), by_cookie=False)

    assert opened.origin.cookie is None
    assert await announced() == (1 if is_known else 2)


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        ".",
        "A" * 43,
        f"{FIREFOX}\n192.0.2.0/24",
        "é" * 43,
        "\ud800" * 43,
        ".".join(["A" * 43] * 5000),
    ],
    ids=["none", "dot", "invented", "program", "accents", "surrogates", "long"],
)
async def test_takes_no_cookie_for_what_it_did_not_give(alice, cookie):
    """A browser cannot claim to be known, not even to be the program of a known session."""
    opened = await login(replace(CLIENT, device_cookie=cookie))

    token = opened.origin.cookie.partition(".")[0]
    assert await announced() == 1
    assert token not in cookie
    assert len(opened.origin.cookie) <= 10 * 44


async def test_keeps_the_accounts_of_one_browser_apart(alice):
    """Each gets a token of its own; one that a thief planted opens no account to him later."""
    await factories.signed_up("bob@example.org")
    bob = await login(to="bob@example.org")

    hers = await login(browser(bob))

    again = [await login(browser(hers), to=to) for to in ("alice@example.org", "bob@example.org")]
    planted = await login(browser(bob))
    assert [opened.origin.is_new for opened in again] == [False, False]
    assert planted.origin.is_new
    assert await announced() == 2


async def test_stores_no_token(alice):
    """A digest is kept, of the form that the database demands."""
    opened = await login()

    rows = await factories.rows_of("devices")

    assert not [row for row in rows if opened.origin.cookie in row or "Firefox" in row]
    with pytest.raises(IntegrityError):
        await Device.filter(id=opened.session.device_id).update(digest=b"short")
    with pytest.raises(IntegrityError):
        await Device.all().update(digest=b"1" * 32)


async def test_announces_nothing_that_did_not_succeed(alice):
    """A wrong password makes no device known and no noise."""
    before = await factories.everything()

    for identifier, password in (("alice@example.org", "wrong"), ("nobody@example.org", PASSWORD)):
        with pytest.raises(InvalidCredentialsError):
            await login(ELSEWHERE, password, to=identifier)

    assert await factories.everything() == before


async def test_tells_proven_addresses_alone(alice):
    """The unproven primary address gets neither link nor IP; the proven spare one is told."""
    await factories.with_spare(alice, "spare@example.org")
    await factories.accepted_by_code(alice, "new@example.org")

    await login(ELSEWHERE, to="new@example.org")

    assert [await announced(to) for to in ("alice@example.org", "spare@example.org")] == [1, 1]
    assert await announced("new@example.org") == 0


async def test_report_undoes_all_since_the_login(alice):
    """The thief who was announced loses the session, the change he made, and his device."""
    thief = await login(ELSEWHERE)
    _, token = await factories.mailed_link(
        Template.LOGIN_NOTIFICATION, "report", to="alice@example.org"
    )
    change = await factories.accepted_by_code(thief, "thief@example.net")

    account, closed = await compromises.report(token)

    assert (account.email, account.state, closed) == ("alice@example.org", AccountState.FROZEN, 1)
    await change.refresh_from_db()
    assert change.state is email_changes.EmailChangeState.REVERTED
    assert await sessions.find(thief.token) is None
    assert await Device.all().count() == 0


async def reset(_alice):
    challenge = await passwords.request_reset(
        "alice@example.org", deliver_to=MailDestination.PRIMARY, client=CLIENT, policy=POLICY
    )
    code = await factories.mailed_code(Template.PASSWORD_RESET, to="alice@example.org")
    await passwords.reset(challenge.id, code, NEXT, remove_spare_email=False, policy=POLICY)
    return NEXT


async def change(alice):
    session = await factories.session_of(alice)
    await passwords.change(session, PASSWORD, NEXT, policy=POLICY)
    return NEXT


async def revoke(alice):
    (other,) = [it for it in await sessions.of(alice.account.id) if it.id != alice.session.id]
    await sessions.revoke(await factories.session_of(alice), other.id)
    return PASSWORD


async def revoke_others(alice):
    await sessions.revoke_others(await factories.session_of(alice))
    return PASSWORD


@pytest.mark.parametrize("forget", [reset, change, revoke, revoke_others])
async def test_forgets_the_device_of_a_thief(alice, forget):
    """Whoever was thrown out is announced when he comes back, and so has no quiet second try."""
    thief = await login(ELSEWHERE)
    password = await forget(alice)

    await login(browser(thief, ELSEWHERE), password)

    assert await announced() == 2


@pytest.mark.parametrize("forget", [change, revoke, revoke_others])
async def test_keeps_the_device_of_who_acts(confirmed_in_browser, forget):
    """The holder is not announced to themselves for having been careful."""
    await login(ELSEWHERE)
    password = await forget(confirmed_in_browser)

    await login(browser(confirmed_in_browser), password)

    assert await announced() == 1


async def test_keeps_devices_when_an_address_changes(confirmed_in_browser):
    """An accepted change closes sessions, but tells of nothing suspect."""
    known = browser(confirmed_in_browser)
    await factories.accepted_by_code(confirmed_in_browser, "new@example.org")

    await login(known, to="new@example.org")

    assert await announced() == 0


@pytest.mark.parametrize(("unused", "is_known"), [(399, True), (401, False)])
async def test_drops_devices_that_are_unused_for_400_days(confirmed_in_browser, unused, is_known):
    """As long as a browser keeps a cookie; the session of one that goes stays."""
    now: datetime = confirmed_in_browser.session.created_at
    await Device.all().update(last_used_at=now - unused * DAY)

    await housekeeping.remove_expired()

    session = await sessions.find(confirmed_in_browser.token)
    assert await Device.all().count() == is_known
    assert (session.device_id is not None) is is_known


async def test_notes_the_use_of_a_device(confirmed_in_browser):
    """A device that is in use does not age."""
    await Device.all().update(last_used_at=confirmed_in_browser.session.created_at - 399 * DAY)

    again = await login(browser(confirmed_in_browser))

    device = await Device.get()
    assert device.last_used_at == again.session.created_at


async def test_belongs_to_an_account(tables):
    """No row of a device stands alone."""
    with pytest.raises(IntegrityError):
        await get_connection("default").execute_script(
            "INSERT INTO devices VALUES (gen_random_uuid(), gen_random_uuid(),"
            " decode(repeat('00', 32), 'hex'), now(), now())"
        )
