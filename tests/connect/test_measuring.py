"""What the metric history says of connectors, on samples as a poll of the worker stores them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controlplane.connect.measuring import is_measured, measured
from controlplane.metrics.names import Sample, sample
from controlplane.metrics.selectors import store

pytestmark = pytest.mark.django_db
SOURCE, SINK, ERRORS = (
    f"kafka_connect_{name}" for name in ("source_task_source", "sink_task_sink", "task_error")
)


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, settings: Any) -> None:
    settings.METRICS_DATABASE = str(tmp_path / "metrics.sqlite3")


def polls(*rounds: list[Sample], every_s: int = 10) -> int:
    """Stored so that the last was now; answers with that."""
    now = time.time_ns() // 1_000_000
    for before, samples in enumerate(reversed(rounds)):
        store().append("main", "connect", now - before * every_s * 1000, samples)
    return now


def of_source(task: int, read: int, written: int, errors: int = 0, last_ms: int = 0) -> list[Sample]:
    where: dict[str, str | int] = {"connector": "in", "task": task}
    return [
        sample(f"{SOURCE}_record_poll_total", read, **where),
        sample(f"{SOURCE}_record_write_total", written, **where),
        sample(f"{ERRORS}_total_record_errors", errors, **where),
        sample(f"{ERRORS}_last_error_timestamp", last_ms, **where),
    ]


def of_sink(read: int, sent: int) -> list[Sample]:
    where: dict[str, str | int] = {"connector": "out", "task": 0}
    return [
        sample(f"{SINK}_record_read_total", read, **where),
        sample(f"{SINK}_record_send_total", sent, **where),
        sample(f"{ERRORS}_total_record_errors", 0, **where),
        sample(f"{ERRORS}_last_error_timestamp", 0, **where),
    ]


def test_tasks_are_added_up_and_a_source_and_a_sink_are_told_alike() -> None:
    polls(
        *(
            [*of_source(0, 100 * n, 50 * n), *of_source(1, 100 * n, 50 * n), *of_sink(30 * n, 20 * n)]
            for n in range(6)
        )
    )
    found = measured("main")
    assert set(found) == {"in", "out"}
    assert found["in"].read == pytest.approx(20, rel=0.2)
    assert found["in"].written == pytest.approx(10, rel=0.2)
    assert found["out"].read == pytest.approx(3, rel=0.2)
    assert found["out"].written == pytest.approx(2, rel=0.2)
    assert (found["in"].errors, found["in"].last_error_at) == (0, None)


def test_one_error_is_one_and_says_when() -> None:
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=20)
    last = int(at.timestamp() * 1000)
    polls(*[of_source(0, 9, 9)] * 3, *[of_source(0, 9, 9, 1, last)] * 2)
    assert (measured("main")["in"].errors, measured("main")["in"].last_error_at) == (1, at)


def test_what_is_not_there_or_was_polled_once_is_unknown_and_not_nothing() -> None:
    assert measured("main") == {}
    polls(of_source(0, 9, 9))
    # One poll makes no rate, and says already that there was no error.
    assert {(each.read, each.errors) for each in measured("main").values()} <= {(None, None)}


def test_a_worker_that_is_not_polled_is_not_measured() -> None:
    assert is_measured("main", bundled=True)
    assert not is_measured("main", bundled=False)
