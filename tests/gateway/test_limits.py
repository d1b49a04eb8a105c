"""Budgets: counted in Valkey, or in the process while Valkey is away; the same limits in both."""

import asyncio
import signal
import tempfile
import time as wall
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from gateway.counters import Counter, Limit, LocalCounters
from gateway.embedded import processes
from gateway.embedded.valkey import Store
from gateway.limits import BUDGETS, Budget, Limits
from models.clients import Client
from models.errors import OverloadedError

ALICE = Client("192.0.2.7", "Firefox")
NOWHERE = "unix:///nowhere/valkey.sock"
SECRET = b"a key for tests only"
MINUTE, HOUR = 60.0, 3600.0
GUESSES = "login", "alice@example.org"


@pytest.fixture
async def valkey(redis_url):
    async with Redis.from_url(redis_url) as valkey:
        await valkey.flushdb()
        yield valkey


@pytest.fixture(params=["valkey", "local"])
async def limits_of(request, valkey, redis_url):
    """Limits with budgets of one's own, counted in Valkey or, as it is not there, locally."""
    made = []

    def make(**budgets):
        url = redis_url if request.param == "valkey" else NOWHERE
        made.append(Limits(url, secret=SECRET, budgets=budgets or None))
        return made[-1]

    yield make
    for limits in made:
        await limits.close()


@contextmanager
def own_valkey():
    """A Valkey that can be stopped, its URL and the process."""
    with tempfile.TemporaryDirectory(prefix="nicgate-") as folder:
        store = Store(Path(folder) / "valkey", log=Path(folder) / "log")
        store.prepare()
        running = []

        def start():
            running.append(processes.spawn(store.command()))
            while not store.is_ready(running[-1].pid):
                wall.sleep(0.01)
            return running[-1]

        try:
            yield store.url, start
        finally:
            for process in running:
                process.kill()
                process.wait()
            store.clean()


async def spent(budgets, *name, times=1):
    """The seconds to wait that each of so many attempts was answered with; 0 for none."""
    answers = []
    for _ in range(times):
        try:
            await budgets.spend(*name)
        except OverloadedError as refused:
            answers.append(refused.retry_after)
        else:
            answers.append(0)
    return answers


def refused(answers):
    return [answer > 0 for answer in answers]


async def test_lets_so_many_through_and_says_when_to_come_back(limits_of):
    """The sixty-first login of an address within a minute waits for the rest of the minute."""
    budgets = limits_of().of(ALICE)

    answers = [await spent(budgets, "login", f"{number}@example.org") for number in range(62)]

    assert answers[:60] == [[0]] * 60
    assert all(58 <= answer <= 60 for (answer,) in answers[60:])


async def test_counts_the_pair_of_identifier_and_address(limits_of):
    """Ten attempts in a minute exhaust a pair; another identifier, another address go on."""
    limits = limits_of(login=Budget(client=(Limit(60, MINUTE),), both=(Limit(10, MINUTE),)))
    budgets = limits.of(ALICE)

    answers = await spent(budgets, *GUESSES, times=11)

    assert refused(answers) == [False] * 10 + [True]
    assert await spent(budgets, "login", "bob@example.org") == [0]
    assert await spent(limits.of(Client("192.0.2.8", "")), *GUESSES) == [0]


async def test_makes_who_guesses_wait_longer_each_time(limits_of):
    """From the sixth failure on, waits that double, up to a longest one."""
    step = 0.3
    limits = limits_of(login=Budget(both=(Limit(6, HOUR, wait=step),)))
    budgets = limits.of(ALICE)
    assert await spent(budgets, *GUESSES, times=6) == [0] * 6
    waits = []

    for _ in range(3):
        started = wall.monotonic()
        while refused(await spent(budgets, *GUESSES)) == [True]:  # noqa: ASYNC110 -- it only counts
            await asyncio.sleep(0.01)
        waits.append(wall.monotonic() - started)

    assert waits == pytest.approx([step, 2 * step, 4 * step], abs=0.15)


async def test_asks_for_a_minute_after_the_sixth_failure(limits_of):
    """One minute, as the budget of logins has it; it is the pair that waits, nobody else."""
    limits = limits_of()

    answers = await spent(limits.of(ALICE), *GUESSES, times=7)

    assert answers[:6] == [0] * 6
    assert 59 <= answers[6] <= 60
    assert await spent(limits.of(Client("2001:db8::1", "")), *GUESSES) == [0]


async def test_forgets_the_pair_with_a_success_and_never_the_address(limits_of):
    """Whoever has one account must not win free guesses at all others by signing in to it."""
    budgets = limits_of(login=Budget(client=(Limit(8, MINUTE),), both=(Limit(5, MINUTE),))).of(
        ALICE
    )
    await spent(budgets, *GUESSES, times=5)

    await budgets.clear(*GUESSES)

    assert refused(await spent(budgets, *GUESSES, times=4)) == [False] * 3 + [True]


async def test_gives_back_the_last_attempt_of_the_pair_alone(limits_of):
    """What tried no password is not a failure; the address has asked all the same."""
    budgets = limits_of(login=Budget(client=(Limit(4, MINUTE),), both=(Limit(2, MINUTE),))).of(
        ALICE
    )
    await spent(budgets, *GUESSES, times=2)

    await budgets.refund(*GUESSES)

    assert refused(await spent(budgets, *GUESSES, times=2)) == [False, True]
    assert refused(await spent(budgets, "login", "bob", times=2)) == [False, True]


async def test_charges_all_counters_or_none(limits_of):
    """A refused attempt costs nothing: hammering on a closed door does not close others."""
    budgets = limits_of(login=Budget(client=(Limit(3, MINUTE),), both=(Limit(1, MINUTE),))).of(
        ALICE
    )

    answers = await spent(budgets, *GUESSES, times=50)

    assert refused(answers) == [False] + [True] * 49
    assert await spent(budgets, "login", "bob") == [0]


async def test_frees_uses_as_they_leave_the_window(limits_of):
    """A window slides: there is no moment at which twice the limit goes through."""
    budgets = limits_of(code=Budget(client=(Limit(2, 0.4),))).of(ALICE)
    first = await spent(budgets, "code")
    await asyncio.sleep(0.25)
    second = await spent(budgets, "code", times=2)
    await asyncio.sleep(0.25)

    third = await spent(budgets, "code", times=2)

    assert refused([*first, *second]) == [False, False, True]
    assert refused(third) == [False, True]


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("192.0.2.7", "192.0.2.8", False),
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
async def test_takes_a_64_of_ipv6_for_one_client(limits_of, one, other, shared):
    """Who has an IPv6 connection has 2^64 addresses."""
    limits = limits_of(code=Budget(client=(Limit(1, MINUTE),)))
    await spent(limits.of(Client(one, "")), "code")

    answer = await spent(limits.of(Client(other, "")), "code")

    assert refused(answer) == [shared]


async def test_counts_attempts_at_once_one_by_one(limits_of):
    """A hundred attempts in parallel are not one."""
    budgets = limits_of(code=Budget(client=(Limit(10, MINUTE),))).of(ALICE)

    answers = await asyncio.gather(*(spent(budgets, "code") for _ in range(100)))

    assert sorted(refused([answer for (answer,) in answers])) == [False] * 10 + [True] * 90


async def test_shares_counters_between_processes(valkey, redis_url):
    """Two gateways are one door."""
    gateways = [Limits(redis_url, secret=SECRET) for _ in range(2)]

    answers = [await spent(gateway.of(ALICE), *GUESSES, times=3) for gateway in gateways]

    assert answers == [[0] * 3] * 2
    assert refused(await spent(gateways[0].of(ALICE), *GUESSES)) == [True]
    for gateway in gateways:
        await gateway.close()


async def test_keeps_no_address_in_redis_and_nothing_for_long(valkey, redis_url):
    """A counter is named by a digest, and goes when its window has passed."""
    limits = Limits(redis_url, secret=SECRET)
    await spent(limits.of(ALICE), *GUESSES, times=2)

    names = [name.decode() for name in await valkey.keys("*")]

    lives = [await valkey.pttl(name) for name in names]
    assert len(names) == 3
    assert not [name for name in names if "alice" in name or "192.0.2" in name]
    assert all(0 < life <= HOUR * 1000 for life in lives)
    await limits.close()


async def test_outlives_a_redis_that_forgets_its_scripts(valkey, redis_url):
    """A restarted Valkey has no scripts; the next attempt brings it along."""
    limits = Limits(redis_url, secret=SECRET)
    await spent(limits.of(ALICE), "code")
    await valkey.script_flush()

    answer = await spent(limits.of(ALICE), "code")

    (name,) = await valkey.keys("*")
    assert answer == [0]
    assert await valkey.llen(name) == 2
    await limits.close()


async def test_counts_locally_while_valkey_is_away(caplog, monkeypatch):
    """Killed: the same limits hold at once, it is said once; back: Valkey counts again."""
    monkeypatch.setattr("gateway.limits._PAUSE", 0.2)
    with own_valkey() as (url, start):
        limits = Limits(url, secret=SECRET, budgets={"code": Budget(client=(Limit(5, MINUTE),))})
        process = start()
        before = await spent(limits.of(ALICE), "code", times=6)
        process.kill()
        process.wait()

        away = await spent(limits.of(ALICE), "code", times=6)

        assert refused(before) == refused(away) == [False] * 5 + [True]
        assert [record.message for record in caplog.records] == ["budgets counted locally"]
        start()
        await asyncio.sleep(0.25)
        async with Redis.from_url(url) as valkey:
            await valkey.flushdb()
            assert await spent(limits.of(ALICE), "code") == [0]
            assert len(await valkey.keys("*")) == 1
        assert caplog.records[-1].message == "budgets counted in redis again"
        await limits.close()


async def test_waits_once_for_a_valkey_that_hangs(caplog):
    """A frozen Valkey costs the first attempt half a second, and the others nothing."""
    with own_valkey() as (url, start):
        limits = Limits(url, secret=SECRET)
        process = start()
        await spent(limits.of(ALICE), "code")
        process.send_signal(signal.SIGSTOP)
        started = wall.monotonic()
        await spent(limits.of(ALICE), "code")
        first = wall.monotonic() - started

        started = wall.monotonic()
        await spent(limits.of(ALICE), "code", times=50)

        assert 0.4 < first < 1.5
        assert wall.monotonic() - started < 0.2
        assert len(caplog.records) == 1
        await limits.close()


def test_keeps_only_so_many_counters_in_memory():
    """Whoever invents identifiers while Valkey is away does not fill the memory."""
    counters = LocalCounters(kept=100)

    for number in range(10_000):
        counters.run("spend", [Counter(str(number), Limit(1, MINUTE))])

    assert len(counters) == 100
    assert counters.run("spend", [Counter("9999", Limit(1, MINUTE))]) > 0
    assert counters.run("spend", [Counter("0", Limit(1, MINUTE))]) == 0


def test_waits_a_quarter_of_an_hour_at_most():
    """No lock for good: 1, 2, 4, 8 and then 15 minutes, whatever comes."""
    now = [0.0]
    counters = LocalCounters(clock=lambda: now[0])
    pair = [Counter("pair", BUDGETS["login"].both[1])]
    for _ in range(6):
        assert counters.run("spend", pair) == 0
    waits = []

    for _ in range(7):
        waits.append(counters.run("spend", pair) / MINUTE)
        now[0] += waits[-1] * MINUTE
        assert counters.run("spend", pair) == 0

    assert waits == pytest.approx([1, 2, 4, 8, 15, 15, 15])
