"""Blocks that last alike: seen from outside, their work has no duration of its own."""

import asyncio
import dataclasses
import time as wall
from datetime import timedelta

import factories
import pytest
import uvloop

from models import durations, passwords
from models.policy import Policy
from models.settings import Settings

STEP = timedelta(milliseconds=50)


async def lasting(seconds, step=STEP):
    """How long a block takes that has so much to do."""
    started = wall.perf_counter()
    async with durations.in_steps_of(step):
        await asyncio.sleep(seconds)
    return wall.perf_counter() - started


@pytest.mark.parametrize(("work", "steps"), [(0, 1), (0.02, 1), (0.06, 2), (0.12, 3)])
async def test_ends_on_a_step(work, steps):
    """Under load, when the work takes longer than a step, the next one hides it."""
    took = min([await lasting(work) for _ in range(3)])

    assert steps * 0.05 - 0.002 < took < steps * 0.05 + 0.02


def test_ends_on_a_step_however_little_there_was_to_do():
    """On the loop of a gateway, too, whose time stands still for milliseconds."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        took = [runner.run(lasting(0, timedelta(milliseconds=5))) for _ in range(50)]

    assert min(took) > 0.0045


async def test_waits_for_nothing_without_steps():
    """Tests of the operations, which are many, ask for none."""
    took = min([await lasting(0, timedelta(0)) for _ in range(3)])

    assert took < 0.02


async def test_hides_no_refusal():
    """What raises ends at once: refusals are the same for everybody, or told anyway."""
    started = wall.perf_counter()

    with pytest.raises(ValueError, match="refused"):
        async with durations.in_steps_of(timedelta(seconds=5)):
            raise ValueError("refused")

    assert wall.perf_counter() - started < 1


async def test_waits_once_for_all_within():
    """The block around ends on the step; nothing within it waits, be it one or two."""
    within = []
    started = wall.perf_counter()

    async with durations.postponed():
        for _ in range(2):
            async with durations.in_steps_of(timedelta(milliseconds=300)):
                pass
            within.append(wall.perf_counter() - started)

    assert max(within) < 0.15
    assert 0.29 < wall.perf_counter() - started < 0.45


async def test_waits_for_nothing_when_nothing_within_has_steps():
    """Most have none."""
    started = wall.perf_counter()

    async with durations.postponed():
        pass

    assert wall.perf_counter() - started < 0.1


@pytest.mark.parametrize("identifier", ["alice@example.org", "nobody@example.org"])
async def test_takes_steps_for_a_reset(tables, identifier):
    """Known or unknown, the answer leaves on a step."""
    await factories.signed_up("alice@example.org")
    policy = dataclasses.replace(factories.POLICY, steps=timedelta(milliseconds=300))
    started = wall.perf_counter()

    await passwords.request_reset(
        identifier,
        deliver_to=passwords.MailDestination.PRIMARY,
        client=factories.CLIENT,
        policy=policy,
    )

    assert wall.perf_counter() - started > 0.29


@pytest.mark.parametrize("email", ["alice@example.org", "nobody@example.org"])
async def test_takes_steps_for_a_sign_up(tables, monkeypatch, email):
    """New or known, the answer leaves on a step after its hash."""
    await factories.signed_up("alice@example.org")
    policy = dataclasses.replace(factories.POLICY, steps=timedelta(milliseconds=300))
    monkeypatch.setattr(factories, "POLICY", policy)
    started = wall.perf_counter()

    await factories.requested_signup(email)

    assert wall.perf_counter() - started > 0.29


def test_takes_steps_where_strangers_ask():
    """A gateway's policy has them, whatever its settings."""
    settings = Settings(
        database_url="postgres://x@localhost/x",
        redis_url="redis://localhost",
        smtp_url="smtp://localhost",
        secret_key="a key for tests only",
    )

    assert Policy.of(settings).steps == STEP
