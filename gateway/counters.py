"""Counters of attempts: one script in Redis, and the same rule in the memory of a process.

A counter is the list of the instants of its attempts, no longer than its limit can tell apart.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_LONGEST_WAIT = 15 * 60.0
_STEPS = 5  # 1, 2, 4, 8, 15 minutes
_KEPT = 50_000  # counters of one process, some 20 MB


@dataclass(frozen=True, slots=True)
class Limit:
    """So many uses within so many seconds.

    With `wait` the use that exhausts it, and each further one, is followed by a wait that doubles
    from this many seconds up to 15 minutes.
    """

    uses: int
    seconds: float
    wait: float = 0.0

    @property
    def remembered(self) -> int:
        return self.uses + _STEPS if self.wait else self.uses


@dataclass(frozen=True, slots=True)
class Counter:
    """One counter by its name, and the limit that it is held against."""

    key: str
    limit: Limit

    @property
    def arguments(self) -> tuple[int, int, int, int]:
        limit = self.limit
        return limit.uses, int(limit.seconds * 1000), int(limit.wait * 1000), limit.remembered


# Every counter is looked at before any is charged. The clock is the server's: gateways differ.
SCRIPT = f"""
local verb = ARGV[1]
if verb == 'clear' then
  if #KEYS > 0 then redis.call('DEL', unpack(KEYS)) end
  return 0
end
if verb == 'refund' then
  for _, key in ipairs(KEYS) do redis.call('RPOP', key) end
  return 0
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local waiting = 0
for place, key in ipairs(KEYS) do
  local uses, span, step = unpack(ARGV, place * 4 - 2, place * 4)
  uses, span, step = tonumber(uses), tonumber(span), tonumber(step)
  while tonumber(redis.call('LINDEX', key, 0) or now) <= now - span do
    redis.call('LPOP', key)
  end
  local count = redis.call('LLEN', key)
  if count >= uses then
    local free
    if step > 0 then
      local wait = math.min(step * 2 ^ (count - uses), {int(_LONGEST_WAIT * 1000)})
      free = redis.call('LINDEX', key, -1) + wait
    else
      free = redis.call('LINDEX', key, count - uses) + span
    end
    waiting = math.max(waiting, free - now)
  end
end
if waiting > 0 then return math.ceil(waiting) end
for place, key in ipairs(KEYS) do
  local _, span, _, remembered = unpack(ARGV, place * 4 - 2, place * 4 + 1)
  redis.call('RPUSH', key, now)
  redis.call('LTRIM', key, -tonumber(remembered), -1)
  redis.call('PEXPIRE', key, span)
end
return 0
"""


class LocalCounters:
    """Counters in memory; when there are too many, the one that was used least lately goes."""

    def __init__(self, *, kept: int = _KEPT, clock: Callable[[], float] = time.monotonic) -> None:
        self._uses: OrderedDict[str, list[float]] = OrderedDict()
        self._kept = kept
        self._clock = clock

    def __len__(self) -> int:
        return len(self._uses)

    def run(self, verb: str, counters: Sequence[Counter]) -> float:
        """Spend, refund or clear all counters at once; return the seconds to wait, 0 if none."""
        if verb == "spend":
            return self._spend(counters)
        for counter in counters:
            uses = self._uses.get(counter.key)
            if uses and verb == "refund":
                uses.pop()
            else:
                self._uses.pop(counter.key, None)
        return 0.0

    def _spend(self, counters: Sequence[Counter]) -> float:
        now = self._clock()
        waiting = max((self._waiting(counter, now) for counter in counters), default=0.0)
        if waiting > 0:
            return waiting
        for counter in counters:
            uses = self._uses.setdefault(counter.key, [])
            uses.append(now)
            del uses[: -counter.limit.remembered]
            self._uses.move_to_end(counter.key)
        while len(self._uses) > self._kept:
            self._uses.popitem(last=False)
        return 0.0

    def _waiting(self, counter: Counter, now: float) -> float:
        uses, limit = self._uses.get(counter.key), counter.limit
        while uses and uses[0] <= now - limit.seconds:
            del uses[0]
        if not uses or len(uses) < limit.uses:
            return 0.0
        if limit.wait:
            wait = limit.wait * 2.0 ** (len(uses) - limit.uses)
            return uses[-1] + min(wait, _LONGEST_WAIT) - now
        return uses[len(uses) - limit.uses] + limit.seconds - now
