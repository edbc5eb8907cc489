"""Polls of a real Connect worker, of one that does not answer, and the end of one that was stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from broker.connect_spec import ConnectSpec
from broker.ports import is_free
from controlplane.clusters.models import Cluster
from controlplane.connect import measuring
from controlplane.gateways import workers
from controlplane.gateways.connect import ConnectorStatus, State, TaskStatus
from controlplane.gateways.errors import Unreachable
from controlplane.metrics import query, selectors
from controlplane.metrics.charts import filled
from controlplane.metrics.connect_boards import CONNECT, SOURCE_CONNECTOR
from controlplane.metrics.selectors import store
from controlplane.workers import polling, tasks
from tests.connecting import lines_into
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)
#: Metric → what has to happen before a worker exposes it.
LAZY = {
    "kastellan_flow_lag_seconds": "a flow is polled (tests/replication/test_sampling.py)",
    "kafka_connect_sink_task_sink_record_send_total": "there is a sink",
    "kafka_connect_connector_task_offset_commit_avg_time_ms": "offsets have been committed",
    "kafka_connect_sink_task_put_batch_avg_time_ms": "a sink has taken records",
}


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, settings: Any) -> None:
    settings.METRICS_DATABASE = str(tmp_path / "metrics.sqlite3")


def now() -> int:
    return time.time_ns() // 1_000_000


def value(cluster: str, text: str) -> dict[str, float]:
    return {point.labels.get("state", ""): point.value for point in query.instant(cluster, text, now())}


def test_a_worker_says_how_its_connectors_are(
    connect_worker: ConnectSpec, cluster: Cluster, make_topic: Callable[..., str], prefix: str
) -> None:
    lines_into(connect_worker, make_topic(f"{prefix}-lines", 1), prefix)
    started = time.monotonic()
    assert polling.poll(cluster.name, connect_worker, now()) is None
    assert time.monotonic() - started < 3
    assert value("main", "kastellan_connect_worker_up") == {"": 1.0}
    assert value("main", "kastellan_connect_jmx_up") == {"": 1.0}
    states = value("main", f'kastellan_connector_state{{connector="{prefix}"}}')
    assert set(states) == set(polling.STATES)
    assert {state for state, is_now in states.items() if is_now} == {"running"}
    assert value("main", f'kastellan_connector_tasks{{connector="{prefix}"}} > 0') == {"running": 1.0}
    task = f'kastellan_connector_task_state{{connector="{prefix}", task="0", state="running"}}'
    assert value("main", task) == {"running": 1.0}

    def read() -> float:
        polling.poll(cluster.name, connect_worker, now())
        text = f'kafka_connect_source_task_source_record_write_total{{connector="{prefix}"}}'
        return max(value("main", text).values())

    eventually(lambda: read() == 3, timeout=30)
    # What the list of connectors says of it: two polls were enough.
    found = measuring.measured("main")[prefix]
    assert found.read is not None
    assert found.written is not None
    assert (found.errors, found.last_error_at) == (0, None)
    exposed = set(store().metric_names("main"))
    read_by = {
        each.name
        for chart in (*CONNECT.charts, *SOURCE_CONNECTOR.charts)
        for line in chart.lines
        for each in query.parse(filled(line.expr, 10_000, {})).selectors()
    }
    assert read_by - exposed - LAZY.keys() == set()
    # The heap of a worker is nobody's who asks for the brokers'.
    assert selectors.cluster_health("main", now()).heap.value is None
    workers.rest_api(connect_worker).delete(prefix)


def test_a_worker_that_does_not_answer_is_down_and_says_nothing(
    connect_worker: ConnectSpec, cluster: Cluster
) -> None:
    assert polling.poll("main", connect_worker, now() - 1000) is None
    free = next(port for port in range(45_990, 46_090) if is_free("127.0.0.1", port))
    gone = replace(connect_worker, port=free)
    assert isinstance(polling.poll("main", gone, now()), Unreachable)
    assert value("main", "kastellan_connect_worker_up") == {"": 0.0}
    assert value("main", "kastellan_connect_jmx_up") == {"": 1.0}
    assert value("main", "kastellan_connectors") == {}


def test_what_was_stopped_is_not_expected_to_answer(
    connect_worker: ConnectSpec, cluster: Cluster, settings: Any
) -> None:
    polling.poll("main", replace(connect_worker, port=1), now() - 1000)
    assert value("main", "kastellan_connect_worker_up == 0") == {"": 0.0}
    workers.remember_stopped(connect_worker, stopped=True)
    try:
        assert polling.polled("main") is None
        tasks.poll_all()
        assert value("main", "kastellan_connect_worker_up") == {}
        assert not polling.end("main", now())
    finally:
        workers.remember_stopped(replace(connect_worker, stopped=True), stopped=False)
    assert polling.polled("main") is not None


def test_beyond_a_bound_tasks_are_counted_and_not_listed() -> None:
    running = tuple(TaskStatus(at, State.RUNNING, "w") for at in range(polling.MOST_TASKS + 1))
    statuses = {"big": ConnectorStatus("big", State.RUNNING, "source", "w", running)}
    found = list(polling.of_connectors(statuses))
    assert not [each for each in found if each.name == "kastellan_connector_task_state"]
    counts = [
        each.value for each in found if dict(each.labels).get("state") == "running" and "tasks" in each.name
    ]
    assert counts == [polling.MOST_TASKS + 1]
