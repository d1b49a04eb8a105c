"""Budgets: how often a client may try, counted in Redis before the attempt is made.

While Redis is away each process counts for itself, by the same limits; nothing waits for it.
"""

import asyncio
import hashlib
import hmac
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from gateway import buckets
from gateway.buckets import Bucket, Level, LocalBuckets
from gateway.counters import SCRIPT, Counter, Limit, LocalCounters
from models.clients import Client
from models.errors import OverloadedError

log = logging.getLogger(__name__)

_PATIENCE = 0.5  # seconds that an answer of Redis may take
_PAUSE = 5.0  # seconds without asking a Redis that did not answer
MINUTE, HOUR = 60.0, 3600.0


@dataclass(frozen=True, slots=True)
class Budget:
    """What an attempt is charged to: its client, its keys whoever asks, or both together."""

    client: tuple[Limit, ...] = ()
    keys: tuple[Limit, ...] = ()
    both: tuple[Limit, ...] = ()


# From the sixth wrong password in an hour: 1, 2, 4 ... 15 minutes.
_GUESSES = (Limit(10, MINUTE), Limit(6, HOUR, wait=MINUTE))
BUDGETS = {
    "login": Budget(client=(Limit(60, MINUTE),), both=_GUESSES),
    # The key is the session: who shares an account with a thief is not locked out by them.
    "password": Budget(client=(Limit(60, MINUTE),), keys=_GUESSES),
    "code": Budget(client=(Limit(60, MINUTE),)),
    "signup": Budget(client=(Limit(60, MINUTE),), both=(Limit(30, HOUR),)),
    "reset": Budget(client=(Limit(60, MINUTE),)),
    # Each leaves a row for a day. Partners have a budget of another kind.
    "key": Budget(client=(Limit(300, MINUTE),)),
}


class Limits:
    """The counters of one deployment; `secret` keeps addresses out of Redis."""

    def __init__(
        self, redis_url: str, *, secret: bytes, budgets: dict[str, Budget] | None = None
    ) -> None:
        self._redis = Redis.from_url(
            redis_url, socket_connect_timeout=_PATIENCE, socket_timeout=_PATIENCE
        )
        self._script = self._redis.register_script(SCRIPT)
        self._bucket = self._redis.register_script(buckets.SCRIPT)
        self._local, self._buckets = LocalCounters(), LocalBuckets()
        self._secret = secret
        self._budgets = BUDGETS if budgets is None else budgets
        self._away_until = 0.0
        self._is_away = False

    def of(self, client: Client) -> "ClientBudgets":
        """Return the budgets of one client: an IPv4 address, or a /64 of IPv6."""
        return ClientBudgets(self, client)

    async def run(self, verb: str, counters: Sequence[Counter]) -> float:
        """Spend, refund or clear all counters at once; return the seconds to wait, 0 if none."""
        numbers = [number for counter in counters for number in counter.arguments]
        keys = [counter.key for counter in counters]
        waiting = await self._asked(self._script, keys, [verb, *numbers])
        return self._local.run(verb, counters) if waiting is None else float(waiting) / 1000

    async def take(self, bucket: Bucket, wish: int) -> Level:
        """Take points from a bucket, all of them or none."""
        numbers = [bucket.points, int(bucket.seconds * 1000), wish]
        found = await self._asked(self._bucket, [bucket.key], numbers)
        if found is None:
            return self._buckets.take(bucket, wish)
        full_in, waiting = found
        return Level(float(full_in) / 1000, float(waiting) / 1000)

    def counters(self, name: str, network: str, keys: Sequence[str]) -> "Charges":
        """List what an attempt of this name is charged to."""
        budget = self._budgets[name]
        return Charges(
            shared=self._named(name, "client", budget.client, [network]),
            own=[
                *self._named(name, "keys", budget.keys, keys),
                *self._named(name, "both", budget.both, [network, *keys]),
            ],
        )

    async def close(self) -> None:
        await self._redis.aclose()

    async def _asked(
        self, script: AsyncScript, keys: Sequence[str], numbers: Sequence[str | int]
    ) -> Any:
        """Return what a script answers; None while Redis is away."""
        now = time.monotonic()
        if now < self._away_until:
            return None
        # Whoever asks meanwhile does not wait for the answer of a Redis that may be away.
        self._away_until = now + _PAUSE if self._is_away else 0.0
        try:
            async with asyncio.timeout(_PATIENCE):
                answer = await script(keys=keys, args=numbers)
        except (RedisError, OSError) as fault:
            self._lost(fault)
            return None
        self._found()
        return answer

    def _named(
        self, name: str, scope: str, limits: Sequence[Limit], parts: Sequence[str]
    ) -> list[Counter]:
        text = "\0".join([name, scope, *parts]).encode("utf-8", "surrogatepass")
        digest = hmac.digest(self._secret, text, hashlib.sha256).hex()[:32]
        return [
            Counter(f"nicgate:budget:{name}:{scope}:{place}:{digest}", limit)
            for place, limit in enumerate(limits)
        ]

    def _lost(self, fault: Exception) -> None:
        self._away_until = time.monotonic() + _PAUSE
        if not self._is_away:
            log.warning("budgets counted locally", extra={"reason": type(fault).__name__})
        self._is_away = True

    def _found(self) -> None:
        self._away_until = 0.0
        if self._is_away:
            log.warning("budgets counted in redis again")
        self._is_away = False


@dataclass(frozen=True, slots=True)
class Charges:
    """The counters of one attempt; those of its own are given back when it was no guess."""

    shared: list[Counter]
    own: list[Counter]


@dataclass(frozen=True, slots=True)
class ClientBudgets:
    """The budgets of the client of one request."""

    limits: Limits
    client: Client

    async def spend(self, name: str, *keys: str) -> None:
        """Charge an attempt before it is made: all of its counters, or none if one is exhausted.

        Raises OverloadedError.
        """
        charges = self._charges(name, keys)
        waiting = await self.limits.run("spend", [*charges.shared, *charges.own])
        if waiting > 0:
            raise OverloadedError(retry_after=math.ceil(waiting))

    async def refund(self, name: str, *keys: str) -> None:
        """Give back one attempt that tried nothing; not to the client's own counters."""
        await self.limits.run("refund", self._charges(name, keys).own)

    async def clear(self, name: str, *keys: str) -> None:
        """Forget the attempts before a success; not those of the client's own counters."""
        await self.limits.run("clear", self._charges(name, keys).own)

    def _charges(self, name: str, keys: Sequence[str]) -> Charges:
        return self.limits.counters(name, self.client.network(ipv4=32, ipv6=64), keys)
