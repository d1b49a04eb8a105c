"""This was not me: what a mail tells of is undone, all that is younger with it, and no more."""

from datetime import timedelta
from pathlib import Path

import factories
import pytest
from factories import CLIENT, PASSWORD, POLICY

from models import compromises, email_changes, passwords, sessions, spare_emails
from models.accounts import Account, AccountState
from models.challenges import InvalidCodeError
from models.clients import Client
from models.credentials import InvalidCredentialsError
from models.email_changes import EmailChange, EmailChangeAbortReason, EmailChangeState
from models.links import Link, LinkPurpose
from models.mails import Mail, Template
from models.passwords import MailDestination
from models.policy import DAY
from models.sessions import Session

ALICE, SPARE = "alice@example.org", "spare@example.org"
NEW, OTHER = "alice@new.example", "other@example.org"
THIEF, THIEFS_SPARE = "mallory@thief.example", "spare@thief.example"
ELSEWHERE = Client("198.51.100.9", "curl/8.14.1")
NEXT = "Window-Violin-77-green"
MINUTE = timedelta(minutes=1)


async def alices():
    return await Account.get(first_name="Alice")


async def report_token(template, email):
    return (await factories.mailed_link(template, "report", to=email))[1]


async def reset_through(email, deliver_to=MailDestination.PRIMARY):
    handle = (await alices()).nic_handle
    challenge = await passwords.request_reset(
        handle, deliver_to=deliver_to, client=CLIENT, policy=POLICY
    )
    code = await factories.mailed_code(Template.PASSWORD_RESET, to=email)
    return await passwords.reset(challenge.id, code, NEXT, remove_spare_email=False, policy=POLICY)


async def assert_refused(token):
    before = await factories.everything()
    with pytest.raises(InvalidCodeError):
        await compromises.report(token)
    assert await factories.everything() == before


async def password_changed(opened, _time):
    session = await factories.session_of(opened)
    await passwords.change(session, PASSWORD, NEXT, policy=POLICY)


async def password_reset_asked(_opened, _time, deliver_to=MailDestination.PRIMARY):
    await passwords.request_reset(ALICE, deliver_to=deliver_to, client=CLIENT, policy=POLICY)


async def password_reset_asked_of_the_spare(opened, time):
    await password_reset_asked(opened, time, MailDestination.SPARE)


async def logged_in_from_elsewhere(_opened, _time):
    await sessions.login(ALICE, PASSWORD, client=ELSEWHERE, policy=POLICY)


async def spare_replaced(opened, _time):
    session = await factories.session_of(opened)
    await spare_emails.set_to(session, OTHER, PASSWORD, policy=POLICY)


async def spare_removed(opened, _time):
    await spare_emails.remove(await factories.session_of(opened), PASSWORD, policy=POLICY)


async def change_asked(opened, _time):
    await factories.requested_change(opened, NEW)


async def change_accepted(opened, time):
    await factories.accepted_by_silence(opened, NEW, time)


async def change_to_the_spare_accepted(opened, time):
    await factories.accepted_by_silence(opened, SPARE, time)


async def address_yielded(opened, time):
    await factories.accepted_by_silence(opened, NEW, time)
    time.advance(MINUTE)
    await factories.signed_up(NEW, firstName="Nora")


async def change_refused(opened, _time):
    await factories.requested_change(opened, NEW)
    link = await factories.mailed_link(Template.EMAIL_CHANGE_VALIDATION, "refuse", to=ALICE)
    await email_changes.refuse(*link)


async def change_cancelled(opened, _time):
    await factories.requested_change(opened, NEW)
    await email_changes.cancel(await factories.session_of(opened))


async def frozen_and_unfrozen(_opened, time):
    await passwords.request_reset(
        ALICE, deliver_to=MailDestination.PRIMARY, client=CLIENT, policy=POLICY
    )
    await compromises.report(await report_token(Template.PASSWORD_RESET, ALICE))
    time.advance(MINUTE)
    await reset_through(ALICE)


MAILS = [
    (Template.PASSWORD_CHANGED, ALICE, password_changed),
    (Template.PASSWORD_CHANGED, SPARE, password_changed),
    (Template.PASSWORD_RESET, ALICE, password_reset_asked),
    (Template.PASSWORD_RESET, SPARE, password_reset_asked_of_the_spare),
    (Template.LOGIN_NOTIFICATION, ALICE, logged_in_from_elsewhere),
    (Template.LOGIN_NOTIFICATION, SPARE, logged_in_from_elsewhere),
    (Template.SPARE_EMAIL_TOLD, ALICE, spare_replaced),
    (Template.SPARE_EMAIL_REMOVED, ALICE, spare_removed),
    (Template.SPARE_EMAIL_REMOVED, SPARE, spare_removed),
    (Template.EMAIL_CHANGE_VALIDATION, ALICE, change_asked),
    (Template.EMAIL_CHANGE_TOLD_SPARE, SPARE, change_asked),
    (Template.EMAIL_CHANGE_ACCEPTED_FORMER, ALICE, change_accepted),
    (Template.EMAIL_CHANGE_ACCEPTED_SPARE, SPARE, change_accepted),
    (Template.EMAIL_CHANGE_ACCEPTED_NEW, SPARE, change_to_the_spare_accepted),
    (Template.EMAIL_CHANGE_REFUSED, ALICE, change_refused),
    (Template.EMAIL_CHANGE_ABORTED, ALICE, change_cancelled),
    (Template.UNFROZEN, ALICE, frozen_and_unfrozen),
    (Template.UNFROZEN, SPARE, frozen_and_unfrozen),
    (Template.ADDRESS_YIELDED, ALICE, address_yielded),
]
# What else carries a report link, and why it is tried by itself.
ELSEWHERE_TRIED = {
    Template.EMAIL_CHANGE_REVERTED: "its account is frozen: no thief moves in until a reset ends it"
}
TEMPLATES = Path(__file__).parents[2] / "workers" / "templates"


async def thief_moves_in(time):
    """What is younger than any mail: another spare address, another primary one, one pending."""
    password = NEXT if await _is_password(NEXT) else PASSWORD
    handle = (await alices()).nic_handle
    thief = await sessions.login(handle, password, client=CLIENT, policy=POLICY)
    session = await factories.session_of(thief)
    await spare_emails.set_to(session, THIEFS_SPARE, password, policy=POLICY)
    code = await factories.mailed_code(Template.SPARE_EMAIL_PROOF, to=THIEFS_SPARE)
    await spare_emails.prove(session, code, policy=POLICY)
    change = await email_changes.request(session, THIEF, password, client=CLIENT, policy=POLICY)
    await factories.delivered(Template.EMAIL_CHANGE_VALIDATION, to=change.former_last_proven_email)
    time.advance(DAY)
    await email_changes.auto_accept(change.id, policy=POLICY)
    time.advance(MINUTE)
    session = await factories.session_of(thief)
    await email_changes.request(session, OTHER, password, client=CLIENT, policy=POLICY)


async def _is_password(password):
    try:
        handle = (await alices()).nic_handle
        await sessions.login(handle, password, client=CLIENT, policy=POLICY)
    except InvalidCredentialsError:
        return False
    return True


def test_tries_every_mail_that_carries_such_a_link():
    """A mail that is added with a report link is tried here as well."""
    sources = TEMPLATES.glob("en/*.txt")

    carrying = {path.stem for path in sources if "{{ report }}" in path.read_text()}

    tried = {template for template, _, _ in MAILS}
    assert tried & ELSEWHERE_TRIED.keys() == set()
    assert carrying == tried | ELSEWHERE_TRIED.keys()


@pytest.mark.parametrize(("template", "mailbox", "event"), MAILS)
async def test_report_undoes_what_its_mail_tells_of_and_all_that_is_younger(
    time, alice, template, mailbox, event
):
    """The addresses are those before the event; the account is closed until a reset."""
    await factories.with_spare(alice, SPARE)
    time.advance(MINUTE)
    before = (await alices()).addresses
    await event(alice, time)
    token = await report_token(template, mailbox)
    time.advance(MINUTE)
    await thief_moves_in(time)
    thiefs = await report_token(Template.EMAIL_CHANGE_TOLD_SPARE, THIEFS_SPARE)

    account, _ = await compromises.report(token)

    assert (account.addresses, account.state) == (before, AccountState.FROZEN)
    assert (await alices()).addresses == before
    changes = await EmailChange.filter(new_email_key__in=[THIEF, OTHER]).order_by("requested_at")
    assert [change.state for change in changes] == [
        EmailChangeState.REVERTED,
        EmailChangeState.ABORTED,
    ]
    assert changes[1].abort_reason is EmailChangeAbortReason.REPORTED
    assert await Session.filter(account_id=account.id).count() == 0
    assert await factories.rows_of("challenges") == []
    assert account.unfreezes_through_key == ALICE
    await assert_refused(thiefs)
    await assert_refused(token)


async def test_report_of_the_way_back_undoes_nothing(time, alice):
    """The account stays as it was restored, and frozen."""
    await factories.accepted_by_silence(alice, NEW, time)
    former = Template.EMAIL_CHANGE_ACCEPTED_FORMER
    await email_changes.revert(*await factories.mailed_link(former, "revert", to=ALICE))
    addresses = (await alices()).addresses
    time.advance(MINUTE)

    token = await report_token(Template.EMAIL_CHANGE_REVERTED, ALICE)
    account, closed = await compromises.report(token)

    assert (account.addresses, account.state, closed) == (addresses, AccountState.FROZEN, 0)
    assert account.unfreezes_through_key == ALICE
    assert (await factories.newest(Template.FROZEN, to=ALICE)).secrets == {}


async def test_leaves_what_is_older(time, alice):
    """Neither an older change nor an older spare address is touched."""
    change = await factories.accepted_by_code(alice, NEW)
    await factories.proven(alice)
    await factories.with_spare(alice, SPARE)
    time.advance(MINUTE)
    addresses = (await alices()).addresses
    await password_changed(alice, time)

    account, _ = await compromises.report(await report_token(Template.PASSWORD_CHANGED, NEW))

    await change.refresh_from_db()
    assert account.addresses == addresses
    assert change.state is EmailChangeState.DONE


async def test_tells_all_known_addresses(time, alice):
    """Freezing is announced where the restored account's holder reads, and says how many closed."""
    await factories.with_spare(alice, SPARE)
    await factories.logged_in(ALICE)
    time.advance(MINUTE)
    await password_reset_asked(alice, time)

    _, closed = await compromises.report(await report_token(Template.PASSWORD_RESET, ALICE))

    assert closed == 2
    told = await Mail.filter(template=Template.FROZEN).order_by("recipient")
    assert [mail.recipient for mail in told] == [ALICE, SPARE]


async def test_report_that_restores_nothing_leaves_every_way_back(time, alice):
    """No address was touched, so each proven one unfreezes: the spare one, too."""
    await factories.with_spare(alice, SPARE)
    time.advance(MINUTE)
    await password_reset_asked(alice, time)
    await compromises.report(await report_token(Template.PASSWORD_RESET, ALICE))
    time.advance(MINUTE)

    await reset_through(SPARE, MailDestination.SPARE)

    assert (await alices()).state is AccountState.ACTIVE


async def test_report_that_restores_an_address_leaves_one_way_back(time, alice):
    """Addresses were touched: the last proven one decides."""
    await factories.with_spare(alice, SPARE)
    time.advance(MINUTE)
    await spare_replaced(alice, time)

    await compromises.report(await report_token(Template.SPARE_EMAIL_TOLD, ALICE))

    account = await alices()
    assert account.is_recoverable_through(ALICE)
    assert not account.is_recoverable_through(SPARE)


async def test_older_link_survives_a_younger_ones_use(time, alice):
    """The second report reaches further back than the first."""
    nothing = (await alices()).addresses
    await factories.with_spare(alice, SPARE)
    older = await report_token(Template.SPARE_EMAIL_TOLD, ALICE)
    time.advance(MINUTE)
    await password_changed(alice, time)
    await compromises.report(await report_token(Template.PASSWORD_CHANGED, ALICE))

    account, _ = await compromises.report(older)

    assert account.addresses == nothing
    assert account.unfreezes_through_key == ALICE


async def test_younger_link_dies_with_an_older_ones_use(time, alice):
    """Whoever read a mailbox later than the reporter has nothing left to press."""
    await factories.with_spare(alice, SPARE)
    older = await report_token(Template.SPARE_EMAIL_TOLD, ALICE)
    time.advance(MINUTE)
    await password_changed(alice, time)
    younger = await report_token(Template.PASSWORD_CHANGED, SPARE)

    await compromises.report(older)

    await assert_refused(younger)


async def test_notice_that_waits_goes_without_the_link_that_has_nothing_left_to_revert(time, alice):
    """A report from the other mailbox reverts the change; its revert link is gone everywhere."""
    await factories.with_spare(alice, SPARE)
    time.advance(MINUTE)
    change = await factories.accepted_by_code(alice, NEW)
    former = Template.EMAIL_CHANGE_ACCEPTED_FORMER
    revert = await factories.mailed_link(former, "revert", to=ALICE)

    await compromises.report(await report_token(Template.EMAIL_CHANGE_ACCEPTED_SPARE, SPARE))

    await change.refresh_from_db()
    assert change.state is EmailChangeState.REVERTED
    assert (await factories.newest(former, to=ALICE)).secrets.keys() == {"report"}
    assert await Link.filter(purpose=LinkPurpose.REVERT).count() == 0
    before = await factories.everything()
    with pytest.raises(InvalidCodeError):
        await email_changes.revert(*revert)
    assert await factories.everything() == before


async def test_nobody_gets_in_until_the_reset(time, alice):
    """A login answers as with a wrong password, by handle and by address."""
    await password_reset_asked(alice, time)
    await compromises.report(await report_token(Template.PASSWORD_RESET, ALICE))
    before = await factories.everything()

    for identifier in (ALICE, alice.account.nic_handle):
        with pytest.raises(InvalidCredentialsError):
            await factories.logged_in(identifier)
    assert await sessions.find(alice.token) is None
    assert await factories.everything() == before


async def test_mails_to_unproven_addresses_carry_no_power(time, alice):
    """No link, no IP, no other address: what it is about, and a proof code if any."""
    await factories.with_spare(alice, SPARE)
    time.advance(MINUTE)
    await factories.accepted_by_silence(alice, NEW, time)
    time.advance(MINUTE)
    await spare_replaced(alice, time)
    await factories.accepted_by_silence(alice, THIEF, time)

    strangers = await Mail.filter(recipient__in=[NEW, OTHER, THIEF])

    assert {mail.template for mail in strangers} == {
        Template.EMAIL_CHANGE_TOLD_NEW,
        Template.EMAIL_CHANGE_ACCEPTED_NEW,
        Template.EMAIL_CHANGE_ACCEPTED_UNPROVEN,
        Template.SPARE_EMAIL_PROOF,
    }
    assert {kind for mail in strangers for kind in mail.secrets} == {"code"}
    said = " ".join(str(value) for mail in strangers for value in mail.params.values())
    assert "@" not in said
    assert CLIENT.ip_address not in said
