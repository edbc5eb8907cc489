"""The charts: their PromQL is right whatever a page is about, and a real cluster exposes what they read."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.connect_spec import ConnectSpec
from broker.spec import ClusterSpec
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.produce import NewRecord
from controlplane.metrics import drawing, polling, protocol_poll, query
from controlplane.metrics.boards import BOARDS, CHARTS, OF_CLUSTER
from controlplane.metrics.charts import filled, for_grafana, named
from controlplane.metrics.logic.ranges import TimeRange
from controlplane.metrics.selectors import store
from controlplane.workers import polling as connect_polling
from tests.conftest import Api
from tests.connecting import lines_into
from tests.offsets import commit

LINES = [(chart.id, line) for chart in CHARTS.values() for line in chart.lines]

#: Metric → what has to happen before a cluster exposes it.
LAZY = {
    "kafka_server_produce_throttle_time": "a producer quota is set and a client has produced",
    "kafka_server_fetch_throttle_time": "a consumer quota is set and a client has fetched",
    "kafka_server_produce_byte_rate": "a producer quota is set and a client has produced",
    "kafka_server_fetch_byte_rate": "a consumer quota is set and a client has fetched",
    "kafka_server_request_request_time": "a request quota is set and a client has asked",
    "kafka_connect_connector_task_offset_commit_avg_time_ms": "offsets have been committed",
    "kafka_connect_sink_task_put_batch_avg_time_ms": "a sink has taken records",
    "kafka_connect_sink_task_sink_record_read_total": "there is a sink",
    "kafka_connect_sink_task_sink_record_send_total": "there is a sink",
    "kastellan_probe_up": "the probe has run (tests/metrics/test_probe.py)",
    "kastellan_probe_latency_seconds": "the probe has run",
}
#: There once a flow is polled (tests/replication/test_sampling.py).
OF_FLOWS = ("kastellan_flow_", "kafka_connect_mirror_")


@pytest.mark.parametrize(
    ("expr", "step", "text"),
    [
        ('rate(a{broker=~"$broker"}[$window])', 10_000, 'rate(a{broker=~".*"}[60s])'),
        ('rate(a{broker=~"$broker"}[$window])', 1_680_000, 'rate(a{broker=~".*"}[1680s])'),
        ('max by (b) (max_over_time(a{x="1"}[$peak]))', 10_000, 'max by (b) (a{x="1"})'),
        ('max by (b) (max_over_time(a{x="1"}[$peak]))', 120_000, 'max by (b) (max_over_time(a{x="1"}[120s]))'),
        ('min(min_over_time(up[$peak]) / max_over_time(x[$peak]))', 60_000, "min(up / x)"),
        ('a{topic="$topic"}', 10_000, 'a{topic="orders"}'),
    ],
)  # fmt: skip
def test_an_expression_is_filled_for_the_distance_of_its_points(expr: str, step: int, text: str) -> None:
    assert filled(expr, step, {"topic": "orders", "broker": ""}) == text


@given(st.text(max_size=30), st.sampled_from(["topic", "group", "user", "client", "connector"]))
def test_no_name_breaks_out_of_its_matcher(value: str, name: str) -> None:
    (only,) = query.parse(filled(f'a{{x="${name}", b="1"}}', 10_000, {name: value})).selectors()
    assert {each.name: each.value for each in only.matchers} == {"__name__": "a", "x": value, "b": "1"}


@pytest.mark.parametrize(("chart", "line"), LINES, ids=[name for name, _ in LINES])
def test_every_line_is_promql_whose_legend_has_its_labels(chart: str, line: Any) -> None:
    for step in (10_000, 600_000):
        assert "$" not in filled(line.expr, step, {"topic": "t"})
        query.parse(filled(line.expr, step, {"topic": "t"}))
    wanted = set(named(line.legend, dict.fromkeys("", "")).split())
    assert wanted or "{{" in line.legend, "a line needs a name"
    grafana = for_grafana(line.expr)
    assert "$window" not in grafana
    assert "$peak" not in grafana


def test_ids_are_unique_and_every_board_has_charts() -> None:
    for board in BOARDS.values():
        assert len({chart.id for chart in board.charts}) == len(board.charts) >= 4
    for chart in CHARTS.values():
        assert [
            each
            for board in BOARDS.values()
            for each in board.charts
            if each.id == chart.id and each is not chart
        ] == []


@pytest.fixture
def _own_store(tmp_path: Path, settings: Any) -> None:
    settings.METRICS_DATABASE = str(tmp_path / "metrics.sqlite3")


@pytest.mark.usefixtures("_own_store")
def test_every_chart_reads_what_a_cluster_exposes_and_is_drawn(
    cluster_spec: ClusterSpec,
    cluster: Cluster,
    gateway: KafkaGateway,
    prefix: str,
    make_topic: Callable[..., str],
    api: Callable[[Role], Api],
    connect_worker: ConnectSpec,
) -> None:
    topic, group = make_topic(f"{prefix}-board", 2), f'{prefix}-"group"'
    gateway.produce_all(topic, [NewRecord(b"k", b"v") for _ in range(20)])
    commit(cluster_connection(cluster), group, {(topic, 0): 0, (topic, 1): 0})
    lines_into(connect_worker, make_topic(f"{prefix}-lines"), prefix)
    for _ in range(2):
        assert connect_polling.poll(cluster.name, connect_worker, time.time_ns() // 1_000_000) is None
        for node in cluster_spec.nodes:
            assert polling.poll(cluster.name, node.id) is None
        assert protocol_poll.poll(cluster, time.time_ns() // 1_000_000) is None
    exposed = set(store().metric_names(cluster.name))
    missing = {
        each.name
        for _, line in LINES
        for each in query.parse(filled(line.expr, 10_000, {})).selectors()
        if each.name not in exposed and each.name not in LAZY and not each.name.startswith(OF_FLOWS)
    }
    assert missing == set()
    # Through the API, with a group that Kafka takes although its name has quotes.
    call = api(Role.VIEWER)
    until = int(time.time()) + 20
    asked = f"from={until - 900}&to={until}&group={prefix}-%22group%22"
    lag = call("GET", f"clusters/main/metrics/charts/one-group-lag/?{asked}").json()
    assert [line["name"] for line in lag["series"]] == [topic]
    assert lag["series"][0]["points"][-1][1] in (20.0, None)
    now = time.time_ns() // 1_000_000
    empty = {
        chart.id
        for board in OF_CLUSTER
        for chart in board.charts
        if not drawing.chart_data(cluster.name, chart, TimeRange(now - 900_000, now + 10_000), {}).lines
    }
    # Rates need a minute of polls; throttling needs a quota, and fetches a consumer.
    gauges = {
        chart.id for chart in CHARTS.values() if not any("[$window]" in line.expr for line in chart.lines)
    }
    assert empty & gauges <= {
        "throttled", "fetch-latency", "fetch-parts", "probe-latency", "probe-up", "flows-lag", "flow-poll", "connect-put-time",
    }  # fmt: skip


def cluster_connection(cluster: Cluster) -> Any:
    from controlplane.clusters.services import connection_for

    return connection_for(cluster)
