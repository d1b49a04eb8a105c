"""The jobs of a worker, seen in numbers."""

import pytest
from arq import Retry

from models import metrics
from workers import main


class Post:
    """Raises what it was told to."""

    def __init__(self, fault: BaseException) -> None:
        self.fault = fault

    async def deliver(self, mail_id):
        raise self.fault


MAIL = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("fault", "failures"), [(OSError("away"), 1), (Retry(defer=1), 0)], ids=["fault", "early"]
)
async def test_counts_jobs_that_failed(tables, monkeypatch, fault, failures):
    """A job that raised is a failure; one that came early is not."""
    monkeypatch.setattr(metrics, "_unsaved", type(metrics._unsaved)(float))  # noqa: SLF001

    with pytest.raises(type(fault)):
        await main.deliver_mail({"post": Post(fault)}, MAIL)

    await metrics.save()
    assert await metrics.saved() == ({"job_failures:deliver_mail": 1} if failures else {})
