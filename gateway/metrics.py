"""GET /metrics in the words of Prometheus: what waits, and what all workers have done.

Everything is read from PostgreSQL at the scrape, so that one gateway answers for the deployment.
No value comes from a row's text: no address, no handle, no code can become a label.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from models import backlog, metrics
from models.backlog import Depth

_PATIENCE = 2  # seconds
_OUTCOMES = ("sent", "bounced", "abandoned")
_WEBHOOK_OUTCOMES = ("delivered", "abandoned")
_JOBS = (
    "deliver_mail",
    "deliver_webhook",
    "auto_accept_email_change",
    "relay",
    "clean_up",
    "fold_failed_logins",
)


async def respond(_request: Request) -> Response:
    """Answer a scrape; 503 while PostgreSQL is away, so that the scraper sees the target down."""
    try:
        async with asyncio.timeout(_PATIENCE):
            waiting = Waiting(
                await backlog.mails(),
                await backlog.acceptances(),
                await backlog.webhooks(),
                await backlog.unpublished(),
            )
            saved = await metrics.saved()
    except Exception:  # noqa: BLE001 -- whatever it is, the database does not answer
        return PlainTextResponse("database\n", 503, {"retry-after": "5"})
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Scrape(waiting, saved))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is due and not done."""

    mails: Depth
    acceptances: Depth
    webhooks: Depth
    events: Depth

    def gauges(self) -> dict[str, tuple[float, str]]:
        return {
            "nicgate_outbox_depth": (self.mails.waiting, "Mails that have not ended."),
            "nicgate_outbox_oldest_due_seconds": (
                self.mails.oldest_due,
                "For how long the oldest mail has been due; 0 when none is.",
            ),
            "nicgate_outbox_oldest_seconds": (
                self.mails.oldest,
                "For how long the oldest mail has not ended, due or waiting for its next attempt.",
            ),
            "nicgate_acceptances_due": (
                self.acceptances.waiting,
                "Changes of address whose deadline has passed.",
            ),
            "nicgate_acceptances_oldest_due_seconds": (
                self.acceptances.oldest_due,
                "For how long the oldest change has been overdue; 0 when none is.",
            ),
            **self._gauges_of_partners(),
        }

    def _gauges_of_partners(self) -> dict[str, tuple[float, str]]:
        return {
            "nicgate_webhooks_depth": (
                self.webhooks.waiting,
                "Deliveries to webhooks that have not ended.",
            ),
            "nicgate_webhooks_oldest_due_seconds": (
                self.webhooks.oldest_due,
                "For how long the oldest delivery to a webhook that does not fail has been due.",
            ),
            "nicgate_events_oldest_unpublished_seconds": (
                self.events.oldest,
                "For how long the oldest event has been told to nobody; 0 when all are.",
            ),
        }


class _Scrape(Collector):
    """The figures of one moment."""

    def __init__(self, waiting: Waiting, saved: dict[str, float]) -> None:
        self._waiting, self._saved = waiting, saved

    def collect(self) -> Iterator[Metric]:
        for name, (value, meaning) in self._waiting.gauges().items():
            yield GaugeMetricFamily(name, meaning, value)
        yield self._counter(
            metrics.DELIVERIES, "nicgate_deliveries", "Mails that ended, by outcome.", _OUTCOMES
        )
        yield self._counter(metrics.RETRIES, "nicgate_retries", "Attempts that failed for now.")
        yield self._counter(
            metrics.WEBHOOK_DELIVERIES,
            "nicgate_webhook_deliveries",
            "Deliveries to webhooks that ended, by outcome.",
            _WEBHOOK_OUTCOMES,
        )
        yield self._counter(
            metrics.WEBHOOK_RETRIES,
            "nicgate_webhook_retries",
            "Attempts to deliver to a webhook that failed for now.",
        )
        yield self._counter(
            metrics.LEASE_EXPIRIES,
            "nicgate_lease_expiries",
            "Mails and deliveries taken over from a worker that died or slept past its lease.",
        )
        yield self._counter(
            metrics.JOB_FAILURES, "nicgate_job_failures", "Jobs that raised, by job.", _JOBS
        )
        yield self._lateness()

    def _counter(
        self, metric: str, name: str, meaning: str, labels: tuple[str, ...] = ()
    ) -> Metric:
        label = "job" if metric == metrics.JOB_FAILURES else "outcome"
        family = CounterMetricFamily(name, meaning, labels=[label] if labels else [])
        for value in labels:
            family.add_metric([value], self._saved.get(f"{metric}:{value}", 0))
        if not labels:
            family.add_metric([], self._saved.get(metric, 0))
        return family

    def _lateness(self) -> Metric:
        total, buckets = 0.0, []
        for bound in (*map(str, metrics.BUCKETS), "+Inf"):
            total += self._saved.get(f"{metrics.LATENESS}:{bound}", 0)
            buckets.append((bound, total))
        return HistogramMetricFamily(
            "nicgate_accept_lateness_seconds",
            "From the deadline of a change to its acceptance by silence.",
            buckets=buckets,
            sum_value=self._saved.get(metrics.LATENESS_SUM, 0),
        )
