"""The spare address: it counts once proven, and does not go without being told."""

from datetime import timedelta

import factories
import pytest
from factories import PASSWORD, POLICY

from models import spare_emails
from models.accounts import Account, AccountState
from models.challenges import InvalidCodeError
from models.compromises import report
from models.credentials import InvalidCredentialsError
from models.email_changes import NothingPendingError, TooManyRequestsError
from models.errors import Fault, FaultCode, InvalidInputError, UnauthenticatedError
from models.mails import Mail, Template
from models.policy import PROOF_LIFETIME

ALICE, SPARE, OTHER = "alice@example.org", "spare@example.org", "other@example.org"
WRONG = "BBBB-BBBB"
MINUTE = timedelta(minutes=1)


async def set_to(opened, address, password=PASSWORD):
    session = await factories.session_of(opened)
    return await spare_emails.set_to(session, address, password, policy=POLICY)


async def prove(opened, code):
    return await spare_emails.prove(await factories.session_of(opened), code, policy=POLICY)


async def remove(opened, password=PASSWORD):
    return await spare_emails.remove(await factories.session_of(opened), password, policy=POLICY)


async def proof_code(email):
    return await factories.mailed_code(Template.SPARE_EMAIL_PROOF, to=email)


async def recipients(template):
    return [mail.recipient for mail in await Mail.filter(template=template).order_by("recipient")]


async def spare_of(opened):
    account = await Account.get(id=opened.account.id)
    return account.spare_email, account.spare_email_proven


async def test_records_an_unproven_address(tables, alice):
    """It gets its proof code, and nothing else; the primary mailbox is told, with a way back."""
    account = await set_to(alice, "Spare@Example.org ")

    assert (account.spare_email, account.spare_email_key) == ("Spare@Example.org", SPARE)
    assert account.spare_email_proven is False
    proof = await factories.newest(Template.SPARE_EMAIL_PROOF, to="Spare@Example.org")
    assert (set(proof.secrets), proof.params) == ({"code"}, {})
    told = await factories.newest(Template.SPARE_EMAIL_TOLD, to=ALICE)
    assert (set(told.secrets), told.params["spare_email"]) == ({"report"}, "Spare@Example.org")


async def test_proves_with_the_mailed_code(tables, alice):
    """From then on it is a known address."""
    await set_to(alice, SPARE)

    account = await prove(alice, await proof_code(SPARE))

    assert account.spare_email_proven is True
    assert account.known_addresses == [ALICE, SPARE]
    assert await spare_of(alice) == (SPARE, True)


async def test_counts_wrong_codes(tables, alice):
    """The fifth wrong code ends the proof; the right one proves nothing then."""
    await set_to(alice, SPARE)
    code = await proof_code(SPARE)

    left = [(await prove(alice, WRONG)).attempts_left for _ in range(5)]

    assert left == [4, 3, 2, 1, None]
    with pytest.raises(NothingPendingError):
        await prove(alice, code)
    assert await spare_of(alice) == (SPARE, False)


@pytest.mark.parametrize("case", ["none", "proven", "expired", "removed"])
async def test_proves_nothing(time, alice, case):
    """There is nothing to prove: no spare address, a proven one, or a code past its time."""
    code = WRONG
    if case != "none":
        await set_to(alice, SPARE)
        code = await proof_code(SPARE)
    if case == "proven":
        await prove(alice, code)
    elif case == "expired":
        time.advance(PROOF_LIFETIME)
    elif case == "removed":
        await remove(alice)
    before = await factories.everything()

    with pytest.raises(NothingPendingError):
        await prove(alice, code)

    assert await factories.everything() == before


async def test_code_of_the_spare_address_does_not_prove_another(time, alice):
    """A code shows that one mailbox is read, and no other."""
    await set_to(alice, SPARE)
    code = await proof_code(SPARE)
    time.advance(MINUTE)
    await set_to(alice, OTHER)

    wrong = await prove(alice, code)

    assert (type(wrong), wrong.attempts_left) == (InvalidCodeError, 4)
    assert await spare_of(alice) == (OTHER, False)


async def test_same_unproven_address_again_gets_a_new_code(time, alice):
    """That is how a lost code is replaced; the older one stops working."""
    await set_to(alice, SPARE)
    lost = await proof_code(SPARE)
    time.advance(MINUTE)

    await set_to(alice, SPARE)

    assert (await prove(alice, lost)).attempts_left == 4
    await prove(alice, await proof_code(SPARE))
    assert await spare_of(alice) == (SPARE, True)


async def test_replacing_a_proven_address_tells_it(time, alice):
    """The one that loses its power is told, and so is the primary one; the next is unproven."""
    await factories.with_spare(alice, SPARE)
    time.advance(MINUTE)

    await set_to(alice, OTHER)

    assert await spare_of(alice) == (OTHER, False)
    assert await recipients(Template.SPARE_EMAIL_REMOVED) == [ALICE, SPARE]
    removed = await factories.newest(Template.SPARE_EMAIL_REMOVED, to=SPARE)
    assert (removed.params["spare_email"], set(removed.secrets)) == (SPARE, {"report"})


async def test_replacing_an_unproven_address_does_not_write_to_it(time, alice):
    """Its reader may be a stranger, who had no power to lose."""
    await set_to(alice, SPARE)
    time.advance(MINUTE)

    await set_to(alice, OTHER)

    assert await recipients(Template.SPARE_EMAIL_REMOVED) == []
    assert await recipients(Template.SPARE_EMAIL_TOLD) == [ALICE, ALICE]


async def test_removes(tables, alice):
    """The proven address that goes is told, with a link that brings it back."""
    await factories.with_spare(alice, SPARE)

    account = await remove(alice)

    assert (account.spare_email, account.spare_email_key) == (None, None)
    assert await recipients(Template.SPARE_EMAIL_REMOVED) == [ALICE, SPARE]
    link = await factories.mailed_link(Template.SPARE_EMAIL_REMOVED, "report", to=SPARE)
    reported, _ = await report(link[1])
    assert (reported.state, reported.spare_email) == (AccountState.FROZEN, SPARE)
    assert reported.spare_email_proven is True


async def test_removing_nothing_does_nothing(tables, alice):
    """Without a spare address there is nothing to say either."""
    before = await factories.everything()

    account = await remove(alice)

    assert account.spare_email is None
    assert await factories.everything() == before


@pytest.mark.parametrize("call", [lambda opened: set_to(opened, SPARE, "wrong"), None])
async def test_asks_for_the_password(tables, alice, call):
    """A stolen session alone neither sets nor removes a spare address."""
    if call is None:
        await factories.with_spare(alice, SPARE)
    before = await factories.everything()

    with pytest.raises(InvalidCredentialsError):
        await (call(alice) if call else remove(alice, "wrong"))

    assert await factories.everything() == before


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", FaultCode.REQUIRED),
        ("no address", FaultCode.INVALID),
        ("ALICE@example.org", FaultCode.SAME_AS_CURRENT),
        ("SPARE@example.org", FaultCode.SAME_AS_CURRENT),
    ],
)
async def test_refuses_what_is_no_spare_address(time, alice, typed, code):
    """No address, the primary one, or the proven spare one again."""
    await factories.with_spare(alice, SPARE)
    time.advance(MINUTE)
    before = await factories.everything()

    with pytest.raises(InvalidInputError) as refusal:
        await set_to(alice, typed)

    assert refusal.value.faults == (Fault("spareEmail", code),)
    assert await factories.everything() == before


async def test_mails_one_code_a_minute(time, alice):
    """A second address within the minute is refused, and says when it will not be."""
    await set_to(alice, SPARE)
    set_at = time.at
    time.advance(MINUTE - timedelta(seconds=1))
    before = await factories.everything()

    with pytest.raises(TooManyRequestsError) as refusal:
        await set_to(alice, OTHER)

    assert refusal.value.retry_at == set_at + MINUTE
    assert await factories.everything() == before


async def test_becomes_the_primary_address_without_another_proof(time, alice):
    """A proven spare address that a change makes the primary one is proven, and spare no longer."""
    await factories.with_spare(alice, SPARE)

    await factories.accepted_by_code(alice, SPARE)

    account = await Account.get(id=alice.account.id)
    assert (account.email, account.email_proven, account.spare_email) == (SPARE, True, None)


async def test_unproven_one_becomes_primary_unproven(time, alice):
    """Becoming the primary address proves nothing."""
    await set_to(alice, SPARE)

    await factories.accepted_by_code(alice, SPARE)

    account = await Account.get(id=alice.account.id)
    assert (account.email, account.email_proven, account.spare_email) == (SPARE, False, None)


async def test_next_one_after_one_that_became_primary(time, alice):
    """The code of the one that is spare no longer stands in nobody's way."""
    await set_to(alice, SPARE)
    await factories.accepted_by_code(alice, SPARE)
    time.advance(MINUTE)

    await set_to(alice, OTHER)

    account = await prove(alice, await proof_code(OTHER))
    assert (account.spare_email, account.spare_email_proven) == (OTHER, True)


async def test_needs_an_open_account(time, alice):
    """A session found before the account was frozen sets, proves and removes nothing after."""
    await factories.with_spare(alice, SPARE)
    session = await factories.session_of(alice)
    _, token = await factories.mailed_link(Template.SPARE_EMAIL_TOLD, "report", to=ALICE)
    await report(token)
    before = await factories.everything()

    with pytest.raises(UnauthenticatedError):
        await spare_emails.remove(session, PASSWORD, policy=POLICY)
    with pytest.raises(UnauthenticatedError):
        await spare_emails.set_to(session, OTHER, PASSWORD, policy=POLICY)
    with pytest.raises(UnauthenticatedError):
        await spare_emails.prove(session, WRONG, policy=POLICY)

    assert await factories.everything() == before
