"""Buckets of points that refill steadily: one script in Redis, and the same rule in a process.

A bucket is the instant at which it is full again: what is taken puts it off, and when it lies in
the past the bucket is full. So there is nothing to refill, and nothing to store of a full one.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_KEPT = 10_000  # buckets of one process


@dataclass(frozen=True, slots=True)
class Level:
    """What became of a wish, in seconds: until the bucket is full, and until the wish can be had.

    Whoever has to wait was given nothing.
    """

    full_in: float
    waiting: float = 0.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """So many points that come back within so many seconds."""

    key: str
    points: int
    seconds: float

    def remaining(self, level: Level) -> int:
        """Return the whole points that are in it."""
        missing = self.points * level.full_in / self.seconds
        return max(0, math.floor(self.points - missing + 1e-3))

    def after(self, full_in: float, wish: int) -> Level:
        """Take points from a bucket that is full in so many seconds, all of them or none."""
        later = full_in + wish * self.seconds / self.points
        if later > self.seconds + 1e-6:
            return Level(full_in, later - self.seconds)
        return Level(later)


# The clock is the server's: gateways differ. Milliseconds, with what a point takes of one.
SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local points, span, wish = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or now) - now, 0)
local later = full + wish * span / points
if later > span + 0.001 then
  return {string.format('%.3f', full), string.format('%.3f', later - span)}
end
if wish > 0 then
  redis.call('SET', KEYS[1], string.format('%.3f', now + later), 'PX', math.ceil(later))
end
return {string.format('%.3f', later), '0'}
"""


class LocalBuckets:
    """Buckets in memory; when there are too many, the one that was used least lately goes."""

    def __init__(self, *, kept: int = _KEPT, clock: Callable[[], float] = time.monotonic) -> None:
        self._full_at: OrderedDict[str, float] = OrderedDict()
        self._kept = kept
        self._clock = clock

    def take(self, bucket: Bucket, wish: int) -> Level:
        """Take points, all of them or none."""
        now = self._clock()
        level = bucket.after(max(self._full_at.get(bucket.key, now) - now, 0.0), wish)
        self._full_at[bucket.key] = now + level.full_in
        self._full_at.move_to_end(bucket.key)
        while len(self._full_at) > self._kept:
            self._full_at.popitem(last=False)
        return level
