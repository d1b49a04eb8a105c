"""What the operations issue, and what the mails of their story show of it."""

from datetime import timedelta
from typing import Any

import factories
from factories import CLIENT, POLICY
from mailed import SECRETS, TO_PARTNERS

from models import consents, email_changes, passwords, proofs, spare_emails
from models.consents import Order, PartnerMail
from models.mails import Mail, MailState, Template
from models.passwords import MailDestination
from models.policy import DAY
from models.sessions import Opened
from workers import rendering

ORIGIN = "https://account.example.org"
ALICE, MINUTE = "alice@example.org", timedelta(minutes=1)
Issued = dict[str, set[str]]


async def look(issued: Issued) -> None:
    """Note which secrets are waiting to be sent, and see that each mail can be written."""
    for queued in await Mail.filter(state=MailState.QUEUED):
        issued.setdefault(queued.template, set()).update(queued.secrets or ())
        rendering.render(queued, origin=ORIGIN)


async def every_ending_of_a_change(alice: Opened, time: Any, issued: Issued) -> None:
    """Withdrawn, refused, accepted twice, and both of these undone."""
    await factories.requested_change(alice, "first@new.example")
    await look(issued)
    await email_changes.cancel(await factories.session_of(alice))
    time.advance(MINUTE)
    await factories.requested_change(alice, "second@new.example")
    validation, former = Template.EMAIL_CHANGE_VALIDATION, Template.EMAIL_CHANGE_ACCEPTED_FORMER
    await email_changes.refuse(*await factories.mailed_link(validation, "refuse", to=ALICE))
    time.advance(MINUTE)
    await factories.accepted_by_code(alice, "third@new.example")
    await look(issued)
    revert = await factories.mailed_link(former, "revert", to=ALICE)
    time.advance(DAY)
    await proofs.resend(await factories.session_of(alice), policy=POLICY)
    await look(issued)
    await factories.accepted_by_code(alice, "fourth@new.example")
    await look(issued)
    await email_changes.revert(*revert)


async def reset(time: Any, issued: Issued) -> Opened:
    """The password is set anew, and is what it was."""
    time.advance(DAY)
    challenge = await passwords.request_reset(
        ALICE, deliver_to=MailDestination.PRIMARY, client=CLIENT, policy=POLICY
    )
    await look(issued)
    code = await factories.mailed_code(Template.PASSWORD_RESET, to=ALICE)
    await passwords.reset(
        challenge.id, code, factories.PASSWORD, remove_spare_email=False, policy=POLICY
    )
    return await factories.logged_in(ALICE)


async def a_day_of_a_partner(opened: Opened) -> None:
    """It is let in, and does for the holder what it may."""
    access, handle = await factories.admitted(await factories.partner()), opened.account.nic_handle
    await factories.consented(opened, access)
    await consents.update_profile(access, handle, {"address.city": "Lille"}, expected_revision=None)
    for kind, until in zip(PartnerMail, [None, "2027-11-28"], strict=True):
        order = Order("BC-4711", ["Web hosting"], valid_until=until)
        await consents.send_mail(access, handle, kind, order)


async def test_shows_what_the_operations_issue(time, alice):
    """No secret is made that its mail does not show, and no mail waits for one in vain."""
    issued: Issued = {}
    await factories.requested_signup(ALICE)
    await factories.with_spare(alice, "spare@example.org")
    await look(issued)

    await every_ending_of_a_change(alice, time, issued)
    await look(issued)
    session = await factories.session_of(await reset(time, issued))
    await look(issued)
    await spare_emails.remove(session, factories.PASSWORD, policy=POLICY)
    bob = await factories.signed_up("bob@example.org")
    await factories.accepted_by_code(bob, "carol@example.org")
    carol = await factories.signed_up("carol@example.org")
    await a_day_of_a_partner(carol)
    await look(issued)

    assert issued == {
        template: set(names) for template, names in SECRETS.items() if template not in TO_PARTNERS
    }
