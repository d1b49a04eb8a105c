"""Refusals by the same way: what is asked of the database does not tell why the answer is no."""

import re
from datetime import timedelta
from uuid import uuid4

import factories
import pytest
from factories import CLIENT, POLICY, WRONG_CODE

from models import compromises, email_changes, passwords
from models.challenges import Challenge, InvalidCodeError
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
    ways = [await way(caplog, press(*answer)) for answer in bad]

    assert ways == [ways[0]] * len(bad)
    await press(*live)


def typed(challenge_id):
    """Somebody guesses at the code of a challenge."""
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


async def test_refuses_dead_reset_challenges_by_the_same_way(tables, alice, caplog):
    """One that never was, one of an account, one of nobody: as for a live one, up to the try."""
    real, nobodys = await asked_for("alice@example.org"), await asked_for("bob@example.org")
    live, _ = await way(caplog, typed(real.id))
    await Challenge.all().update(attempts_left=0)

    dead = [real.id, nobodys.id, uuid4(), None]
    ways = [await way(caplog, typed(challenge_id)) for challenge_id in dead]

    *looks, attempt = live
    assert attempt.startswith('UPDATE "challenges"')
    assert ways == [(looks, None)] * len(dead)
