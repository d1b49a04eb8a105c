"""Who is told what about a change: power follows proof."""

from datetime import timedelta

import factories
import pytest
from factories import CLIENT, POLICY, WRONG_CODE

from models import email_changes
from models.accounts import Account
from models.email_changes import EmailChange
from models.mails import Mail, Template
from models.profiles import Language

T = Template
CHANGE_MAILS = sorted(template for template in Template if template.startswith("email_change"))
WAYS_BACK = {"revert", "report"}


async def told():
    """The mails about changes, by whom they are for."""
    mails = await Mail.filter(template__in=CHANGE_MAILS).order_by("queued_at", "template")
    return [(mail.template, mail.recipient) for mail in mails]


async def mail_of(template):
    return await Mail.get(template=template)


@pytest.fixture
async def alice_with_spare(tables):
    """An account with a spare address that is proven."""
    opened = await factories.signed_up("alice@example.org", spare_email="spare@example.org")
    await Account.all().update(spare_email_proven=True)
    return opened


async def test_asks_the_current_address(alice, time):
    """One mail to the current address says who asked, when, from where, and carries the code."""
    change = await factories.requested_change(alice, "New@Example.org")

    mail = await mail_of(T.EMAIL_CHANGE_VALIDATION)
    assert (mail.recipient, mail.account_id) == ("alice@example.org", alice.account.id)
    assert (mail.email_change_id, mail.nic_handle) == (change.id, alice.account.nic_handle)
    assert (mail.queued_at, mail.expires_at) == (time.at, time.at + timedelta(hours=72))
    assert mail.secrets.keys() == {"code", "refuse", "report"}
    assert mail.params == {
        "first_name": "Alice",
        "new_email": "New@Example.org",
        "requested_at": time.at.isoformat(),
        "ip_address": CLIENT.ip_address,
        "browser": "Firefox / Linux",
        "delay": "86400",
    }


async def test_tells_the_new_address_next_to_nothing(alice):
    """A mail to an unproven address names no other address, no IP, no person, and no code."""
    await factories.requested_change(alice, "New@Example.org")

    mail = await mail_of(T.EMAIL_CHANGE_TOLD_NEW)
    assert mail.recipient == "New@Example.org"
    assert mail.nic_handle == alice.account.nic_handle
    assert (mail.params, mail.secrets) == ({"delay": "86400"}, {})


async def test_tells_the_spare_address_once_proven(alice_with_spare):
    """The proven spare address learns what the current one does; it may report, not answer."""
    await factories.requested_change(alice_with_spare, "new@example.org")

    spares = await mail_of(T.EMAIL_CHANGE_TOLD_SPARE)
    assert (spares.recipient, spares.secrets.keys()) == ("spare@example.org", {"report"})
    assert spares.params == (await mail_of(T.EMAIL_CHANGE_VALIDATION)).params


async def test_tells_no_spare_address_that_is_not_proven(tables):
    """An unproven spare address is told of nothing but its own proof."""
    opened = await factories.signed_up("alice@example.org", spare_email="spare@example.org")
    await factories.accepted_by_code(opened, "new@example.org")

    assert await factories.mails_to("spare@example.org") == [T.SPARE_EMAIL_PROOF]


async def test_asks_the_last_proven_address(alice):
    """While the primary address is not proven, the one before it is asked."""
    await factories.accepted_by_code(alice, "typo@example.org")

    await factories.requested_change(alice, "new@example.org")

    assert await factories.mails_to("alice@example.org") == [
        T.CREATION,
        T.EMAIL_CHANGE_VALIDATION,
        T.EMAIL_CHANGE_ACCEPTED_FORMER,
        T.EMAIL_CHANGE_VALIDATION,
    ]
    assert await factories.mails_to("typo@example.org") == [
        T.EMAIL_CHANGE_TOLD_NEW,
        T.EMAIL_CHANGE_ACCEPTED_NEW,
    ]


@pytest.mark.parametrize(
    ("accept", "accepted_by"),
    [(factories.accepted_by_code, "CODE"), (factories.accepted_by_silence, "SILENCE")],
)
async def test_tells_both_addresses_of_the_acceptance(alice, accept, accepted_by):
    """The former one learns how it came and gets two ways back; the new one its proof code."""
    change = await accept(alice, "New@Example.org")

    former = await mail_of(T.EMAIL_CHANGE_ACCEPTED_FORMER)
    new = await mail_of(T.EMAIL_CHANGE_ACCEPTED_NEW)
    assert (former.recipient, former.secrets.keys()) == ("alice@example.org", WAYS_BACK)
    assert former.params == {
        "first_name": "Alice",
        "new_email": "New@Example.org",
        "accepted_by": accepted_by,
    }
    assert (new.recipient, new.params) == ("New@Example.org", {})
    assert new.secrets.keys() == {"code"}
    assert new.expires_at - new.queued_at == timedelta(days=7)
    assert {former.email_change_id, new.email_change_id} == {change.id}


async def test_tells_the_spare_address_of_the_acceptance(alice_with_spare):
    """The proven spare address is told, too."""
    await factories.accepted_by_code(alice_with_spare, "new@example.org")

    mail = await mail_of(T.EMAIL_CHANGE_ACCEPTED_SPARE)
    assert (mail.recipient, mail.secrets.keys()) == ("spare@example.org", {"report"})
    assert mail.params == {"first_name": "Alice", "new_email": "new@example.org"}


async def test_tells_an_unproven_former_address_next_to_nothing(alice):
    """Both the last proven and the former address are told; the latter learns no address."""
    await factories.accepted_by_code(alice, "typo@example.org")

    await factories.accepted_by_code(alice, "new@example.org")

    unproven = await mail_of(T.EMAIL_CHANGE_ACCEPTED_UNPROVEN)
    formers = await Mail.filter(template=T.EMAIL_CHANGE_ACCEPTED_FORMER)
    assert (unproven.recipient, unproven.params) == ("typo@example.org", {})
    assert unproven.secrets == {}
    assert {mail.recipient for mail in formers} == {"alice@example.org"}
    assert len(formers) == 2


async def test_tells_why_nothing_came_of_it(alice):
    """After five wrong codes the last proven address is told, the new one is not."""
    await factories.requested_change(alice, "new@example.org")
    session = await factories.session_of(alice)

    for _ in range(5):
        await email_changes.confirm(session, WRONG_CODE, policy=POLICY)

    mail = await mail_of(T.EMAIL_CHANGE_ABORTED)
    assert (mail.recipient, mail.secrets.keys()) == ("alice@example.org", {"report"})
    assert mail.params == {
        "first_name": "Alice",
        "new_email": "new@example.org",
        "reason": "TOO_MANY_ATTEMPTS",
    }
    assert await factories.mails_to("new@example.org") == [T.EMAIL_CHANGE_TOLD_NEW]


async def test_tells_that_the_address_was_taken(alice):
    """The holder learns it by mail; whose the address is, nobody learns."""
    change = await factories.requested_change(alice, "bob@example.org")
    await factories.overdue(change)
    await factories.signed_up("bob@example.org")

    await email_changes.auto_accept(change.id, policy=POLICY)

    mail = await mail_of(T.EMAIL_CHANGE_ABORTED)
    assert mail.params["reason"] == "ADDRESS_TAKEN"
    assert await factories.mails_to("bob@example.org") == [T.EMAIL_CHANGE_TOLD_NEW, T.CREATION]


async def test_says_nothing_of_a_superseded_change(alice):
    """The question of the newer change is all that its holder needs."""
    await factories.requested_change(alice, "one@example.org")

    await factories.requested_change(alice, "two@example.org")

    assert await told() == [
        (T.EMAIL_CHANGE_TOLD_NEW, "one@example.org"),
        (T.EMAIL_CHANGE_VALIDATION, "alice@example.org"),
        (T.EMAIL_CHANGE_TOLD_NEW, "two@example.org"),
        (T.EMAIL_CHANGE_VALIDATION, "alice@example.org"),
    ]


async def test_writes_in_the_language_of_the_account(tables):
    """All mails of an account are in its language."""
    opened = await factories.signed_up("alice@example.org", language="FR")

    await factories.accepted_by_code(opened, "new@example.org")

    assert {mail.language for mail in await Mail.all()} == {Language.FR}
    assert await EmailChange.all().count() == 1
