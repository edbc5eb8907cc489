"""Every metric that a shipped rule reads is there on a real cluster, or is known to come only when something happened."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.connect_spec import ConnectSpec
from broker.spec import ClusterSpec
from controlplane.alerts import shipped_rules
from controlplane.clusters.models import Cluster
from controlplane.core import durations
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.produce import NewRecord
from controlplane.metrics import polling, protocol_poll, query
from controlplane.metrics.selectors import store
from controlplane.workers import polling as connect_polling
from tests.connecting import lines_into

#: Metric → what has to happen before a cluster exposes it.
LAZY = {
    "kafka_server_produce_throttle_time": "a producer quota is set and a client has produced",
    "kafka_server_fetch_throttle_time": "a consumer quota is set and a client has fetched",
    "kafka_log_logflushstats_logflushrateandtimems": "a segment has been flushed",
    "kafka_network_requestmetrics_totaltimems": "a client has sent a request of that type",
    "kastellan_certificate_expiry_seconds": "certificates.sample, a task of its own, has run",
    "kastellan_certificate_life_seconds": "certificates.sample, a task of its own, has run",
    "kastellan_group_lag_state": "a group has committed",
    "kastellan_group_lag_seconds": "a group has committed",
    "kastellan_flow_state": "a flow is polled (tests/replication/test_sampling.py)",
    "kastellan_flow_poll_up": "a flow is polled",
    "kastellan_flow_lag_seconds": "a flow is polled",
    "kastellan_flow_lag_records": "a flow is polled",
    "kastellan_flow_rpo_seconds": "a flow has an objective in seconds",
    "kastellan_flow_rpo_records": "a flow has an objective in records",
    "kastellan_flow_heartbeat_age_seconds": "a flow is polled",
    "kastellan_flow_checkpoint_age_seconds": "a flow is polled, and a group has committed",
    "kastellan_probe_up": "the probe has run (tests/metrics/test_probe.py)",
    "kastellan_probe_latency_seconds": "the probe has run",
}


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, settings: Any) -> None:
    settings.METRICS_DATABASE = str(tmp_path / "metrics.sqlite3")


def read_by(rule: shipped_rules.Shipped) -> set[str]:
    return {
        matcher.value
        for selector in query.parse(rule.expr).selectors()
        for matcher in selector.matchers
        if matcher.name == "__name__"
    }


def test_every_shipped_rule_reads_what_a_cluster_exposes(
    cluster_spec: ClusterSpec,
    cluster: Cluster,
    gateway: KafkaGateway,
    prefix: str,
    make_topic: Callable[..., str],
    connect_worker: ConnectSpec,
) -> None:
    topic = make_topic(f"{prefix}-rules")
    lines_into(connect_worker, make_topic(f"{prefix}-lines"), prefix)
    gateway.produce_all(topic, [NewRecord(b"k", b"v") for _ in range(20)])
    for node in cluster_spec.nodes:
        assert polling.poll(cluster.name, node.id) is None
    assert protocol_poll.poll(cluster, time.time_ns() // 1_000_000) is None
    assert connect_polling.poll(cluster.name, connect_worker, time.time_ns() // 1_000_000) is None
    exposed = set(store().metric_names(cluster.name))
    missing = {
        name: rule.name
        for rule in shipped_rules.RULES
        for name in read_by(rule) - exposed
        if name not in LAZY
    }
    assert missing == {}
    used = {name for rule in shipped_rules.RULES for name in read_by(rule)}
    assert set(LAZY) <= used, "a reason for a metric that no rule reads any more"


def test_no_rule_that_fires_at_once_fires_on_a_cluster_that_is_all_right(
    cluster_spec: ClusterSpec, cluster: Cluster
) -> None:
    for _ in range(2):
        for node in cluster_spec.nodes:
            assert polling.poll(cluster.name, node.id) is None
        assert protocol_poll.poll(cluster, time.time_ns() // 1_000_000) is None
    now = time.time_ns() // 1_000_000
    # What a busy test machine does for a moment, the others wait out.
    critical = [
        rule
        for rule in shipped_rules.RULES
        if rule.severity == "critical" and durations.parse(rule.hold) <= timedelta(minutes=1)
    ]
    holds = {rule.name: query.instant(cluster.name, rule.expr, now) for rule in critical}
    assert {name: found for name, found in holds.items() if found} == {}
