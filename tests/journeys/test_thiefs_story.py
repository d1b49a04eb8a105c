"""A thief has everything but the mailbox, and is faster; the README tells the same story."""

import asyncio
from uuid import uuid4

import stacks
from databases import execute

THIEFS_PASSWORD = "Crowbar-Midnight-13-red"
NEW_PASSWORD = "Lantern-Orchard-77-grey"
LOST = "InvalidCredentialsError"


def test_the_owner_ends_alone_in_the_account(stack):
    """Whoever reads the mailbox that was proven before decides, whatever a thief did meanwhile."""
    owner = stack.newcomer()
    owner.set_spare(spare_of(owner))
    a_minute_passes(stack, owner)
    stolen, thief = stack.customer(owner.email), stack.customer(f"{uuid4().hex[:12]}@example.net")
    stolen.token, thief.nic_handle = owner.token, owner.nic_handle
    thief.log_in(owner.nic_handle)

    thief_takes_the_account(stack, owner, thief)
    link = stack.link("revert", owner.email, about="Your e-mail address has changed")
    reverted = stack.press(link)
    tries_while_frozen = tries(thief) + tries(stolen)
    links = links_of(stack, thief)
    pressed_while_frozen = {stack.press(link)["__typename"] for link in links}
    owner.reset(at=owner.email, new_password=NEW_PASSWORD)
    owner.log_in(owner.nic_handle)

    assert (reverted["state"], reverted["acceptedBy"]) == ("REVERTED", "SILENCE")
    me = owner.me()
    assert links
    assert pressed_while_frozen == {"InvalidCodeError"}
    assert (me["email"], me["emailProven"]) == (owner.email, True)
    assert (me["spareEmail"], me["spareEmailProven"]) == (spare_of(owner), True)
    assert me["pendingEmailChange"] is None
    assert [session["current"] for session in me["sessions"]] == [True]
    assert tries_while_frozen + tries(thief) + tries(stolen) == [False, LOST, LOST] * 4
    assert_has_no_power(stack, thief, owner)


def thief_takes_the_account(stack, owner, thief):
    """Silence accepts the thief's address; proof, the thief's own spare one, a new password."""
    thief.request_change(thief.email)
    stacks.until(lambda: owner_of(thief) == thief.email, 15, "acceptance")
    proof = thief.code("This address is now that of the account")
    assert thief.do("proveEmail", code=proof)["emailProven"]
    thief.set_spare(spare_of(thief))
    assert stack.mail(spare_of(owner), about="The spare e-mail address was removed")
    changed = thief.do(
        "changePassword", currentPassword=thief.password, newPassword=THIEFS_PASSWORD
    )
    assert changed["__typename"] == "PasswordChanged"
    thief.password = THIEFS_PASSWORD
    assert not owner.is_signed_in()
    assert owner.try_to_log_in(owner.nic_handle)["__typename"] == LOST


def assert_has_no_power(stack, thief, owner):
    """No code comes to the thief's mailboxes, and no link in them does anything."""
    before = owner.me()
    pressed = {stack.press(link)["__typename"] for link in links_of(stack, thief)}
    assert pressed == {"InvalidCodeError"}
    for deliver_to, identifier in [("PRIMARY", thief.email), ("SPARE", owner.nic_handle)]:
        thief.do("requestPasswordReset", identifier=identifier, deliverTo=deliver_to)
    stack.customer(thief.email).sign_up()  # mail that does come, behind any that would
    stack.mail(thief.email, about="Confirm the creation")
    mailed = [*stack.mails(thief.email), *stack.mails(spare_of(thief))]
    assert [mail["subject"] for mail in mailed if "new password" in mail["subject"]] == []
    assert owner.me() == before
    assert owner.is_signed_in()


def links_of(stack, thief):
    mails = [*stack.mails(thief.email), *stack.mails(spare_of(thief))]
    return [link for mail in mails for link in stacks.LINK.findall(mail["text"])]


def tries(thief):
    """Whether they are in, and what they hear at the door."""
    doors = (thief.try_to_log_in(name) for name in (thief.nic_handle or thief.email, thief.email))
    return [thief.is_signed_in(), *(door["__typename"] for door in doors)]


def owner_of(customer):
    return customer.ask("{ me { email } }")["me"]["email"]


def spare_of(customer):
    return f"spare.{customer.email}"


def a_minute_passes(stack, owner):
    """The code for the owner's spare address was mailed a minute earlier: another may be set."""
    earlier = "UPDATE mails SET queued_at = queued_at - interval '61 s' WHERE recipient = $1"
    asyncio.run(execute(stack.given("DATABASE_URL"), earlier, spare_of(owner)))
