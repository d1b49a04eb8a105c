"""Links in mails: one that is not live answers like one that never was."""

import asyncio
import hashlib
from datetime import timedelta
from uuid import uuid4

import factories
import pytest

from models import accounts, compromises, email_changes, links
from models.accounts import Account, AccountState
from models.challenges import InvalidCodeError
from models.links import Link, LinkPurpose
from models.mails import Mail, Template
from models.policy import DAY

ALICE, BOB, NEW = "alice@example.org", "bob@example.org", "alice@new.example"
VALIDATION, FORMER = Template.EMAIL_CHANGE_VALIDATION, Template.EMAIL_CHANGE_ACCEPTED_FORMER
MINUTE = timedelta(minutes=1)


async def report(_row_id, token):
    return await compromises.report(token)


ANSWERS = {"refuse": email_changes.refuse, "revert": email_changes.revert, "report": report}


async def prepared(kind, opened):
    """A live link of this kind of an account: its id, its token."""
    email, new_email = opened.account.email, f"new-{opened.account.email}"
    if kind == "refuse":
        await factories.requested_change(opened, new_email)
        return await factories.mailed_link(VALIDATION, kind, to=email)
    await factories.accepted_by_code(opened, new_email)
    return await factories.mailed_link(FORMER, kind, to=email)


async def assert_refused(answer, row_id, token):
    """One answer without a hint, and nothing happened."""
    before = await factories.everything()
    with pytest.raises(InvalidCodeError) as refusal:
        await answer(row_id, token)
    assert refusal.value.args == (None,)
    assert await factories.everything() == before


def misreadings(token):
    """What copying, mail programs and scanners make of a token, and what nobody ever mailed."""
    cut = [token[:-1], token[1:], token[: len(token) // 2], ""]
    grown = [token * 2, f"{token}=", f" {token}", f"{token}\0", f"{token}\ud800", "x" * 100_000]
    return [*cut, *grown, token.swapcase()]


@pytest.mark.parametrize("kind", ANSWERS)
async def test_live_link_works_once(tables, alice, kind):
    """A link is spent by its use."""
    link = await prepared(kind, alice)

    await ANSWERS[kind](*link)

    await assert_refused(ANSWERS[kind], *link)


@pytest.mark.parametrize("kind", ANSWERS)
async def test_token_that_was_misread_is_no_token(tables, alice, kind):
    """Truncated, doubled or mistyped: it is as good as none, and the right one stays good."""
    row_id, token = await prepared(kind, alice)

    for misread in misreadings(token):
        await assert_refused(ANSWERS[kind], row_id, misread)

    await ANSWERS[kind](row_id, token)


@pytest.mark.parametrize("kind", ["refuse", "revert"])
async def test_ids_of_others_are_no_ids(time, alice, kind):
    """A token answers the one change it was mailed for: no other, no unknown one, not none."""
    bob = await factories.signed_up(BOB, firstName="Bob")
    alices_id, alices_token = await prepared(kind, alice)
    bobs_id, bobs_token = await prepared(kind, bob)

    await assert_refused(ANSWERS[kind], bobs_id, alices_token)
    await assert_refused(ANSWERS[kind], alices_id, bobs_token)
    await assert_refused(ANSWERS[kind], uuid4(), alices_token)
    await assert_refused(ANSWERS[kind], None, alices_token)
    await assert_refused(ANSWERS[kind], bob.account.id, bobs_token)


@pytest.mark.parametrize("kind", ANSWERS)
async def test_link_does_what_it_was_mailed_for(tables, alice, kind):
    """The token of one page opens no other, whatever id comes with it."""
    row_id, token = await prepared(kind, alice)

    for other in set(ANSWERS) - {kind}:
        await assert_refused(ANSWERS[other], row_id, token)


@pytest.mark.parametrize(
    ("kind", "lifetime"),
    [("refuse", 15 * DAY), ("revert", 14 * DAY), ("report", 14 * DAY)],
)
async def test_link_dies_of_age(time, alice, kind, lifetime):
    """Report and revert links live 14 days; a refuse link as long as its change may take."""
    link = await prepared(kind, alice)
    time.advance(lifetime)

    await assert_refused(ANSWERS[kind], *link)


@pytest.mark.parametrize("kind", ANSWERS)
async def test_link_lives_to_its_last_second(time, alice, kind):
    """Its age is counted to the second."""
    link = await prepared(kind, alice)
    time.advance(14 * DAY - timedelta(seconds=1))

    await ANSWERS[kind](*link)

    assert (await Link.get(token_digest=hashlib.sha256(link[1].encode()).digest())).spent_at


async def test_session_token_is_no_link_token(tables, alice):
    """What opens a session opens nothing else, and the other way round."""
    row_id, _ = await prepared("revert", alice)

    for answer in ANSWERS.values():
        await assert_refused(answer, row_id, alice.token)


async def test_database_holds_digests_alone(tables, alice):
    """Once its mail has left, a token is nowhere in the database; its SHA-256 is."""
    _, refuse = await prepared("refuse", alice)
    _, asked_report = await factories.mailed_link(VALIDATION, "report", to=ALICE)
    await factories.delivered(VALIDATION, to=ALICE)
    row_id, revert = await prepared("revert", alice)
    _, report_token = await factories.mailed_link(FORMER, "report", to=ALICE)
    await factories.delivered(FORMER, to=ALICE)
    tokens = [refuse, asked_report, revert, report_token]

    rows = "\n".join(row for table in (await factories.everything()).values() for row in table)

    assert [token for token in tokens if token in rows] == []
    digests = {bytes(link.token_digest) for link in await Link.all()}
    assert {hashlib.sha256(token.encode()).digest() for token in tokens} <= digests
    assert (await Mail.filter(template=FORMER)).pop().secrets is None
    await email_changes.revert(row_id, revert)


async def test_link_that_dies_while_it_waits_for_the_lock_is_refused(open_pool, alice):
    """A younger link that is pressed in the same moment as an older one finds nothing to do."""
    await factories.with_spare(alice, "spare@example.org")
    _, told = await factories.mailed_link(Template.SPARE_EMAIL_TOLD, "report", to=ALICE)
    row_id, revert = await prepared("revert", alice)
    older = await links.find(LinkPurpose.REPORT, told)

    locked = asyncio.Event()

    async def press():
        await locked.wait()
        await email_changes.revert(row_id, revert)

    # Made here, outside the transaction, which a task would inherit.
    pressing = asyncio.create_task(press())
    async with accounts.locked(alice.account.id):
        locked.set()
        await asyncio.sleep(0.2)
        await links.void_younger(older)

    with pytest.raises(InvalidCodeError):
        await pressing
    account = await Account.get(id=alice.account.id)
    assert (account.state, account.email) == (AccountState.ACTIVE, f"new-{ALICE}")


async def test_two_presses_of_one_link_count_once(open_pool, alice):
    """However often it is pressed in one moment, a link does its work one time."""
    row_id, revert = await prepared("revert", alice)

    answers = await asyncio.gather(
        *(email_changes.revert(row_id, revert) for _ in range(5)), return_exceptions=True
    )

    refused = [answer for answer in answers if isinstance(answer, InvalidCodeError)]
    assert len(refused) == 4
    assert await Mail.filter(template=Template.FROZEN).count() == 1


async def test_id_of_a_report_link_is_its_own(tables, alice):
    """It answers no change, so that its id tells of none."""
    await factories.accepted_by_code(alice, NEW)

    row_id, token = await factories.mailed_link(FORMER, "report", to=ALICE)

    link = await links.find(LinkPurpose.REPORT, token)
    assert (link.id, link.email_change_id) == (row_id, None)
