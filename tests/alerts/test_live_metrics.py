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
from controlplane.certificates import tasks as certificate_tasks
from controlplane.clusters.models import Cluster
from controlplane.core import durations
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.metrics import polling, probe, protocol_poll, query
from controlplane.metrics.selectors import store
from controlplane.workers import polling as connect_polling
from tests.alerts.workload import Workload
from tests.connecting import lines_into
from tests.waiting import eventually

#: Metric → why the work below does not make a cluster expose it.
LAZY = {
    "kastellan_flow_state": "flows need a second cluster: tests/replication/test_sampling.py has them",
    "kastellan_flow_poll_up": "as above",
    "kastellan_flow_lag_seconds": "as above",
    "kastellan_flow_lag_records": "as above",
    "kastellan_flow_heartbeat_age_seconds": "as above",
    "kastellan_flow_checkpoint_age_seconds": "as above, and a group that has committed in its source",
    "kastellan_flow_rpo_seconds": "as above, with an objective in seconds",
    "kastellan_flow_rpo_records": "as above, with an objective in records",
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


def poll_brokers(spec: ClusterSpec) -> None:
    for node in spec.nodes:
        assert polling.poll(spec.name, node.id) is None


def now() -> int:
    return time.time_ns() // 1_000_000


def highest(name: str, **labels: str) -> float:
    """Over all series of the name with these labels, as they are now."""
    return max(each.values[-1] for each in store().select("main", name, labels, 0, now()))


def test_every_shipped_rule_reads_what_a_cluster_exposes(
    cluster_spec: ClusterSpec,
    cluster: Cluster,
    gateway: KafkaGateway,
    prefix: str,
    make_topic: Callable[..., str],
    connect_worker: ConnectSpec,
) -> None:
    work = Workload(cluster, gateway, make_topic(f"{prefix}-rules"))
    lines_into(connect_worker, make_topic(f"{prefix}-lines"), prefix)
    work.produce()
    work.consume()
    work.transact()
    work.fail_to_log_in()
    with work.throttled() as user:
        for kind in ("fetch", "produce", "request"):
            user.exceed(kind)
            poll_brokers(cluster_spec)
            assert highest(f"kafka_server_{kind}_throttle_time", user=user.name) > 0
    with work.sharing():
        poll_brokers(cluster_spec)
    assert protocol_poll.poll(cluster, now()) is None
    assert connect_polling.poll(cluster.name, connect_worker, now()) is None
    # The first round makes its topic, which not every broker knows at once.
    eventually(lambda: probe.probe(cluster, now()) is None, timeout=60)
    certificate_tasks.sample()
    exposed = set(store().metric_names(cluster.name))
    read = {name: rule.name for rule in shipped_rules.RULES for name in read_by(rule)}
    assert {name: rule for name, rule in read.items() if name not in exposed | set(LAZY)} == {}
    assert set(LAZY) <= set(read), "a reason for a metric that no rule reads any more"
    assert not set(LAZY) & exposed, "an excuse for a metric that is there"
    # Not only there: they say what was done.
    assert highest("kafka_server_socket_server_metrics_failed_authentication_total") > 0
    assert highest("kafka_consumergroup_lag_sum", consumergroup=f"{work.topic}-group") > 0
    assert highest("kastellan_connector_tasks", connector=prefix, state="running") == 1


def test_no_rule_that_fires_at_once_fires_on_a_cluster_that_is_all_right(
    cluster_spec: ClusterSpec, cluster: Cluster
) -> None:
    for _ in range(2):
        poll_brokers(cluster_spec)
        assert protocol_poll.poll(cluster, now()) is None
    # What a busy test machine does for a moment, the others wait out.
    critical = [
        rule
        for rule in shipped_rules.RULES
        if rule.severity == "critical" and durations.parse(rule.hold) <= timedelta(minutes=1)
    ]
    holds = {rule.name: query.instant(cluster.name, rule.expr, now()) for rule in critical}
    assert {name: found for name, found in holds.items() if found} == {}
