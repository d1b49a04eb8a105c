"""Passwords: which are taken, how they are kept, and that a flood delays nobody else."""

import asyncio
import os
import statistics
import sys
import time as wall
import unicodedata

import pytest

from models import credentials
from models.errors import Fault, FaultCode, OverloadedError

GOOD = "Garden-Kettle-42-blue"
LONGEST = "Garden-Kettle-42-blue" + "x" * 51
TOO_LONG_IN_BYTES = "𝕏" * 14 + "é" + "Garden-Kettle-4"
# Marks of two classes in turn: composing them takes time with the square of their number.
TANGLE = "a" + "\u0301\u0316" * 30_000


async def judged(password, *personal):
    return await credentials.faults_of(password, field="password", personal=personal)


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        pytest.param("Xk4!pQ9-zR7m", id="12 characters"),
        pytest.param(LONGEST, id="72 bytes"),
        pytest.param("korrekt pferd batterie", id="lower-case words"),
        pytest.param("пароль-для-теста", id="Cyrillic"),
        pytest.param("密码密码很长的密码一二三四", id="Chinese"),
        pytest.param(" " + GOOD + " ", id="blanks around"),
        pytest.param("🐙🦑🐡🦐🦞🦀🐚🐠🐟🐬🐳🦈", id="emoji"),
    ],
)
async def test_takes_long_unusual_passwords(password):
    """Length and an estimator decide; there are no rules of composition."""
    faults = await judged(password)

    assert faults == []


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        pytest.param("", Fault("password", FaultCode.TOO_SHORT, 12), id="empty"),
        pytest.param("Xk4!pQ9-zR7", Fault("password", FaultCode.TOO_SHORT, 12), id="11"),
        pytest.param(
            "Xk4!pQ9-zRe\u0301", Fault("password", FaultCode.TOO_SHORT, 12), id="11 composed"
        ),
        pytest.param(LONGEST + "x", Fault("password", FaultCode.TOO_LONG, 72), id="73 bytes"),
        pytest.param(
            TOO_LONG_IN_BYTES, Fault("password", FaultCode.TOO_LONG, 72), id="73 bytes in 30"
        ),
        pytest.param("x\0" * 5000, Fault("password", FaultCode.TOO_LONG, 72), id="10,000"),
        pytest.param(TANGLE, Fault("password", FaultCode.TOO_LONG, 72), id="tangle of marks"),
        pytest.param(GOOD + "\0", Fault("password", FaultCode.INVALID), id="NUL"),
        pytest.param(GOOD + "\ud800", Fault("password", FaultCode.INVALID), id="lone surrogate"),
        pytest.param("password1234", Fault("password", FaultCode.TOO_COMMON), id="common"),
        pytest.param("azertyuiopqs", Fault("password", FaultCode.TOO_COMMON), id="keyboard"),
        pytest.param("123456789012", Fault("password", FaultCode.TOO_COMMON), id="sequence"),
        pytest.param(" " * 12, Fault("password", FaultCode.TOO_COMMON), id="blanks"),
        pytest.param("a" * 72, Fault("password", FaultCode.TOO_COMMON), id="one letter"),
    ],
)
async def test_refuses_what_is_weak_or_cannot_be_hashed(password, fault):
    """Lengths count what is hashed: characters at least, bytes at most, after composition."""
    faults = await judged(password)

    assert faults == [fault]


@pytest.mark.parametrize(
    ("password", "personal"),
    [
        pytest.param("Wolkenstein-1987", ["Wolkenstein"], id="a name and a year"),
        pytest.param("wolkensteiner87", ["o@wolkenstein.example"], id="the domain"),
        pytest.param("oswald.wolkenstein", ["oswald.wolkenstein@web.de"], id="the local part"),
        pytest.param("oswaldwolkenstein", ["Oswald", "Wolkenstein"], id="both names"),
        pytest.param("dm429850-OVH", ["dm429850-OVH"], id="the NIC-handle"),
    ],
)
async def test_refuses_what_its_holder_suggests(password, personal):
    """A password that is strong for others may be weak for the one who bears its name."""
    for_others = await judged(password)

    for_its_holder = await judged(password, *personal)

    assert for_others == []
    assert for_its_holder == [Fault("password", FaultCode.TOO_SIMILAR)]


async def test_survives_any_personal_words():
    """What is given as personal is input of the same form, and may be as bad."""
    faults = await judged(GOOD, "", " ", "\0", "\ud800@\udfff", "(" * 10_000, "é" * 10_000)

    assert faults == []


async def test_judges_everyone_by_their_own_words():
    """The estimator keeps its words in a global: judgements at the same time must not mix."""
    names = [f"Qzorvex{letter}plim" for letter in "abcdefghijklmnopqrstuvwxyz"]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    try:
        found = [
            faults
            for _ in range(10)
            for faults in await asyncio.gather(*(judged(f"{name}-77!", name) for name in names))
        ]
    finally:
        sys.setswitchinterval(interval)

    assert found == [[Fault("password", FaultCode.TOO_SIMILAR)]] * 260


async def test_matches_what_was_hashed():
    """The same password matches, and no other."""
    password_hash = await credentials.hashed(GOOD, cost=4)

    right = await credentials.matches(GOOD, password_hash, cost=4)
    wrong = [
        await credentials.matches(other, password_hash, cost=4)
        for other in ("", GOOD.lower(), GOOD + " ", GOOD[:-1], "\0", "\ud800")
    ]

    assert right is True
    assert wrong == [False] * 6


async def test_keeps_salt_and_cost_in_the_hash():
    """One password has another hash each time; the cost stands in it."""
    hashes = {await credentials.hashed(GOOD, cost=5) for _ in range(2)}

    assert len(hashes) == 2
    assert {password_hash[:7] for password_hash in hashes} == {"$2b$05$"}
    assert {len(password_hash) for password_hash in hashes} == {60}
    assert not credentials.is_outdated(hashes.copy().pop(), cost=5)
    assert credentials.is_outdated(hashes.pop(), cost=6)


async def test_reads_composed_and_decomposed_letters_alike():
    """A password typed on another system, where letters are decomposed, is the same."""
    password = "Grüße-aus-Köln-1288"
    password_hash = await credentials.hashed(password, cost=4)

    right = await credentials.matches(unicodedata.normalize("NFD", password), password_hash, cost=4)

    assert right is True


async def test_counts_all_72_bytes():
    """All that bcrypt reads counts to the last byte, and a 73rd is refused instead of ignored."""
    password_hash = await credentials.hashed(LONGEST, cost=4)

    matches = [
        await credentials.matches(password, password_hash, cost=4)
        for password in (LONGEST, LONGEST[:-1] + "y", LONGEST + "x")
    ]

    assert matches == [True, False, False]


@pytest.mark.parametrize("password", ["x" * 73, "x\0", "\ud800"])
async def test_hashes_nothing_that_it_could_not_compare(password):
    """Whoever hashes has judged before; what cannot be hashed here is a fault of ours."""
    with pytest.raises(ValueError, match="cannot be hashed"):
        await credentials.hashed(password, cost=4)


@pytest.mark.parametrize("password", ["", "nobodyhasthispassword", GOOD])
async def test_matches_nothing_without_a_hash(password):
    """An unknown account has no password."""
    right = await credentials.matches(password, None, cost=4)

    assert right is False


@pytest.mark.parametrize("cost", [4, 8, 9, 10])
async def test_takes_the_same_time_without_a_hash(cost):
    """How long a refusal takes does not tell whether there is a hash, nor how old it is."""
    password_hash = await credentials.hashed(GOOD, cost=cost)

    with_hash = await quickest(credentials.matches, "wrong", password_hash, cost=10)
    without = await quickest(credentials.matches, "wrong", None, cost=10)

    assert 0.8 < without / with_hash < 1.25


async def test_takes_the_same_time_for_a_hash_that_is_none():
    """What another system left in the column is nobody's password, and no sign of an account."""
    broken = await quickest(credentials.matches, GOOD, "{SSHA}gvSnVzvL", cost=10)
    without = await quickest(credentials.matches, GOOD, None, cost=10)

    assert 0.8 < without / broken < 1.25


async def test_spends_no_time_on_what_cannot_match():
    """Anybody may send 120 kB of marks as a password; reading them must not take seconds."""
    before = wall.process_time()

    right = await credentials.matches(TANGLE, None, cost=4)

    assert right is False
    assert wall.process_time() - before < 0.3


async def test_leaves_the_event_loop_alone():
    """While passwords are hashed, everything else goes on."""
    hashing = asyncio.gather(*(credentials.hashed(GOOD, cost=11) for _ in range(4)))
    waits = []

    while not hashing.done():
        before = wall.perf_counter()
        await asyncio.sleep(0.005)
        waits.append(wall.perf_counter() - before)

    assert len(await hashing) == 4
    assert statistics.median(waits) < 0.05  # one that waits for a hash waits ten times as long


async def test_refuses_when_the_queue_is_full():
    """The queue is bounded; who finds it full is told when to come back, and then there is room."""
    room = (os.cpu_count() or 1) * 17

    answers = await asyncio.gather(
        *(credentials.hashed(GOOD, cost=4) for _ in range(room + 3)), return_exceptions=True
    )

    refused = [answer for answer in answers if isinstance(answer, OverloadedError)]
    assert [refusal.retry_after for refusal in refused] == [5, 5, 5]
    assert len([answer for answer in answers if isinstance(answer, str)]) == room
    assert await credentials.hashed(GOOD, cost=4)


async def test_frees_the_places_of_those_who_gave_up():
    """A client that hangs up does not keep its place in the queue for ever."""
    room = (os.cpu_count() or 1) * 17
    waiting = [asyncio.create_task(credentials.hashed(GOOD, cost=6)) for _ in range(room)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    given_up = await asyncio.gather(*waiting, return_exceptions=True)

    async with asyncio.timeout(10):
        while await some_are_refused(room):
            pass

    assert {type(answer) for answer in given_up} == {asyncio.CancelledError}


async def quickest(operation, *args, **kwargs):
    times = []
    for _ in range(8):
        before = wall.process_time()
        await operation(*args, **kwargs)
        times.append(wall.process_time() - before)
    return min(times)


async def some_are_refused(number):
    answers = await asyncio.gather(
        *(credentials.hashed(GOOD, cost=4) for _ in range(number)), return_exceptions=True
    )
    return any(isinstance(answer, OverloadedError) for answer in answers)
