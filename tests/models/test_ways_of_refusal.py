"""Refusals by the same way: what is asked of the database does not tell why the answer is no."""

import re
from datetime import timedelta
from uuid import uuid4

import factories
import pytest
from factories import CLIENT, POLICY, WRONG_CODE

from models import compromises, email_changes, passwords, signups, statements
from models.challenges import InvalidCodeError
from models.links import Link
from models.mails import Template
from models.passwords import MailDestination

NEW_PASSWORD = "Window-Violin-77-green"


async def report(_row_id, token):
    return await compromises.report(token)


# Purpose: the mail that carries such a link, how it comes about, and who presses it.
LINKS = {
    "refuse": (
        Template.EMAIL_CHANGE_VALIDATION,
        factories.requested_change,
        email_changes.refuse,
    ),
    "revert": (
        Template.EMAIL_CHANGE_ACCEPTED_FORMER,
        factories.accepted_by_code,
        email_changes.revert,
    ),
    "report": (Template.EMAIL_CHANGE_ACCEPTED_FORMER, factories.accepted_by_code, report),
}


async def mailed(purpose, name):
    """The id and the token of a live link of somebody's."""
    template, happens, _ = LINKS[purpose]
    opened = await factories.signed_up(f"{name}@example.org")
    await happens(opened, f"{name}@new.example")
    return await factories.mailed_link(template, purpose, to=f"{name}@example.org")


async def reported_beside(name):
    """The id and the token of a revert link in a mail whose other link was pressed."""
    link = await mailed("revert", name)
    template, _, press = LINKS["report"]
    await press(*await factories.mailed_link(template, "report", to=f"{name}@example.org"))
    return link


async def way(caplog, attempt):
    """What a refused attempt asks the database, statement by statement, and what it answers."""
    caplog.clear()
    with caplog.at_level("DEBUG", logger="tortoise"):
        try:
            refusal = await attempt
        except InvalidCodeError as raised:
            refusal = raised
    assert isinstance(refusal, InvalidCodeError)
    statements = [record.getMessage() for record in caplog.records]
    assert statements
    asked = [re.sub(r"[:=]? ?\[.*", "", statement) for statement in statements]
    return asked, refusal.attempts_left


@pytest.mark.parametrize("purpose", LINKS)
async def test_refuses_every_bad_link_by_the_same_way(tables, caplog, purpose):
    """Spent, expired, foreign, unknown: nobody learns from the time it takes which it was."""
    _, _, press = LINKS[purpose]
    spent = await mailed(purpose, "alice")
    await press(*spent)
    live = await mailed(purpose, "bob")
    old = await mailed(purpose, "carol")
    carols = Link.filter(mailed_to_key="carol@example.org")
    await carols.update(expires_at=(await carols.first()).issued_at - timedelta(seconds=1))
    other = {"refuse": "revert", "revert": "report", "report": "revert"}[purpose]
    strange = await mailed(other, "dora")

    bad = [
        (uuid4(), "x" * 43),
        spent,
        old,
        strange,
        (live[0], live[1][:-1]),
        (live[0], live[1] * 2),
        (live[0], spent[1]),
    ]
    if purpose != "report":  # its token alone is looked at
        bad += [(spent[0], live[1]), (old[0], live[1]), (uuid4(), live[1])]
    if purpose == "revert":
        bad.append(await reported_beside("emil"))
    ways = [await way(caplog, press(*answer)) for answer in bad]

    assert ways == [ways[0]] * len(bad)
    await press(*live)


@pytest.mark.parametrize("to", ["third@example.org", "spare@example.org"])
async def test_refuses_a_link_whose_own_window_is_over_by_the_same_way(tables, time, caplog, to):
    """While an older change of the same mailbox can be reverted, a younger one's time may be up."""
    alice = await factories.signed_up("alice@example.org")
    await factories.with_spare(alice, "spare@example.org")
    await factories.accepted_by_silence(alice, "new@example.org", time)
    time.advance(timedelta(minutes=1))
    await factories.accepted_by_code(alice, to)
    if to != "spare@example.org":  # which is proven already
        await factories.proven(alice)
    template, _, press = LINKS["revert"]
    late = await factories.mailed_link(template, "revert", to="alice@example.org")
    time.advance(timedelta(days=3))

    unknown, over = [await way(caplog, press(*link)) for link in [(uuid4(), "x" * 43), late]]

    assert over == unknown


def typed(challenge_id):
    """Somebody guesses at the code of a password reset."""
    return passwords.reset(
        challenge_id, WRONG_CODE, NEW_PASSWORD, remove_spare_email=False, policy=POLICY
    )


async def asked_for(identifier):
    return await passwords.request_reset(
        identifier, deliver_to=MailDestination.PRIMARY, client=CLIENT, policy=POLICY
    )


async def test_refuses_wrong_reset_codes_by_the_same_way(tables, alice, caplog):
    """Whether an account is behind the challenge takes neither more nor other statements."""
    real, nobodys = await asked_for("alice@example.org"), await asked_for("bob@example.org")

    known, unknown = await way(caplog, typed(real.id)), await way(caplog, typed(nobodys.id))

    assert real.account_id is not None
    assert nobodys.account_id is None
    assert known == unknown
    assert known[1] == 4


@pytest.mark.parametrize("ending", ["attempts_left = 0", "expires_at = created_at"])
async def test_refuses_dead_reset_challenges_by_the_same_way(tables, alice, caplog, ending):
    """Never there, spent, of a sign-up, of nobody: the database is asked once, and no lock."""
    real, nobodys = await asked_for("alice@example.org"), await asked_for("bob@example.org")
    foreign = await factories.requested_signup("new@example.org")
    await statements.rows(f"UPDATE challenges SET {ending}")

    dead = [uuid4(), None, real.id, nobodys.id, foreign.id]
    ways = [await way(caplog, typed(challenge_id)) for challenge_id in dead]

    asked, attempts_left = ways[0]
    assert [ask.split()[0] for ask in asked].count("SELECT") == len(asked)
    assert [ask for ask in asked if "FOR UPDATE" in ask] == []
    assert attempts_left is None
    assert ways == [ways[0]] * len(dead)


def confirmed(challenge_id):
    """Somebody guesses at the code of a sign-up."""
    return signups.confirm(challenge_id, WRONG_CODE, client=CLIENT, policy=POLICY)


async def test_refuses_wrong_sign_up_codes_by_the_same_way(tables, alice, caplog):
    """Whether the address is known takes neither more nor other statements."""
    new = await factories.requested_signup("new@example.org")
    known = await factories.requested_signup("alice@example.org")

    ways = [await way(caplog, confirmed(challenge.id)) for challenge in (new, known)]

    assert (new.signup_id is None, known.signup_id is None) == (False, True)
    assert ways[0] == ways[1]
    assert ways[0][1] == 4


@pytest.mark.parametrize("ending", ["attempts_left = 0", "expires_at = created_at"])
async def test_refuses_dead_sign_up_challenges_by_the_same_way(tables, alice, caplog, ending):
    """Never there, spent, of a reset, of any address: the database is asked once, and no lock."""
    new = await factories.requested_signup("new@example.org")
    known = await factories.requested_signup("alice@example.org")
    foreign = await asked_for("alice@example.org")
    await statements.rows(f"UPDATE challenges SET {ending}")
    spent = await factories.requested_signup("spent@example.org")
    code = await factories.mailed_code(Template.CREATION, to="spent@example.org")
    await signups.confirm(spent.id, code, client=CLIENT, policy=POLICY)

    dead = [uuid4(), None, new.id, known.id, spent.id, foreign.id]
    ways = [await way(caplog, confirmed(challenge_id)) for challenge_id in dead]

    asked, attempts_left = ways[0]
    assert [ask.split()[0] for ask in asked].count("SELECT") == len(asked)
    assert [ask for ask in asked if "lock(" in ask or "FOR UPDATE" in ask] == []
    assert attempts_left is None
    assert ways == [ways[0]] * len(dead)
