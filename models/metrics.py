"""What workers have done, in numbers that only grow: tallied in the process, saved every second.

The table is one for all processes, so that whoever is asked answers for all of them, and a restart
loses nothing. Labels are words of the code, never of a row.
"""

from bisect import bisect_left
from collections import defaultdict

from tortoise import fields
from tortoise.connection import get_connection
from tortoise.models import Model

DELIVERIES = "deliveries"  # by outcome
RETRIES = "retries"
WEBHOOK_DELIVERIES = "webhook_deliveries"  # by outcome
WEBHOOK_RETRIES = "webhook_retries"
LEASE_EXPIRIES = "lease_expiries"
JOB_FAILURES = "job_failures"  # by job
LATENESS = "accept_lateness"  # by bucket
LATENESS_SUM = "accept_lateness_sum"
BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 3600.0)  # seconds

_unsaved: defaultdict[str, float] = defaultdict(float)


class Counter(Model):
    """One number that only grows; its name is `metric` or `metric:label`."""

    name = fields.CharField(max_length=60, primary_key=True)
    value = fields.FloatField(default=0)

    class Meta:
        table = "counters"


def count(metric: str, label: str = "", *, by: float = 1) -> None:
    """Note that something happened once more."""
    _unsaved[f"{metric}:{label}" if label else metric] += by


def observe_lateness(seconds: float) -> None:
    """Note how long after its deadline a change was accepted."""
    place = bisect_left(BUCKETS, seconds)
    count(LATENESS, str(BUCKETS[place]) if place < len(BUCKETS) else "+Inf")
    count(LATENESS_SUM, by=seconds)


async def save() -> None:
    """Add what this process has tallied to the table; what cannot be saved is kept for later."""
    tallied = sorted(_unsaved.items())  # one order of rows for all processes
    _unsaved.clear()
    if not tallied:
        return
    try:
        await get_connection("default").execute_query(
            "INSERT INTO counters (name, value) SELECT * FROM unnest($1::text[], $2::float8[])"
            " ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value",
            [[name for name, _ in tallied], [value for _, value in tallied]],
        )
    except BaseException:
        for name, value in tallied:
            _unsaved[name] += value
        raise


async def saved() -> dict[str, float]:
    """Return what all processes have saved, by name."""
    return {counter.name: counter.value for counter in await Counter.all()}
