"""What is read over the Kafka protocol, from the real cluster: group lag, offsets, disks, the quorum."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controlplane.clusters.models import Cluster
from controlplane.clusters.services import connection_for
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.produce import NewRecord
from controlplane.gateways.kafka.quorum import QuorumInfo, QuorumReplica
from controlplane.metrics import protocol_poll
from controlplane.metrics.group_lag import samples as group_samples
from controlplane.metrics.logic.lag import WINDOW, LagState
from controlplane.metrics.readings import Reading
from controlplane.metrics.readings import samples as reading_samples
from controlplane.metrics.selectors import store
from tests.offsets import commit

LEADER_MS = 1_700_000_000_000


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, settings: Any) -> None:
    settings.METRICS_DATABASE = str(tmp_path / "metrics.sqlite3")


def value(name: str, **labels: str) -> float:
    now = time.time_ns() // 1_000_000
    (found,) = store().select("main", name, labels, 0, now + 3_600_000)
    return found.values[-1]


def test_lag_of_a_group_in_records_in_seconds_and_as_a_state(
    cluster: Cluster, gateway: KafkaGateway, prefix: str, make_topic: Callable[..., str]
) -> None:
    name, group = make_topic(f"{prefix}-lag", partitions=2), f"{prefix}-group"
    gateway.produce_all(name, [NewRecord(None, b"x", partition=0) for _ in range(30)])
    commit(connection_for(cluster), group, {(name, 0): 10, (name, 1): 0})
    now = time.time_ns() // 1_000_000
    assert protocol_poll.due("main", now)
    for number in range(WINDOW):
        assert protocol_poll.poll(cluster, now + number * 10_000) is None
    assert value("kafka_consumergroup_lag", consumergroup=group, topic=name, partition="0") == 20
    assert value("kafka_consumergroup_lag", consumergroup=group, topic=name, partition="1") == 0
    assert value("kafka_consumergroup_lag_sum", consumergroup=group, topic=name) == 20
    assert value("kafka_consumergroup_current_offset_sum", consumergroup=group, topic=name) == 10
    assert value("kafka_consumergroup_members", consumergroup=group) == 0
    assert value("kastellan_group_lag_state", consumergroup=group) == LagState.STOP
    # The records were there at the first poll already: they are at least as old as it.
    assert value("kastellan_group_lag_seconds", consumergroup=group) == 90
    assert not protocol_poll.due("main", now + (WINDOW - 1) * 10_000 + 5_000)


def test_the_cluster_itself(cluster: Cluster, prefix: str, make_topic: Callable[..., str]) -> None:
    name = make_topic(f"{prefix}-t", partitions=3)
    assert protocol_poll.poll(cluster, time.time_ns() // 1_000_000) is None
    assert value("kafka_brokers") == 3
    assert value("kafka_broker_info", id="1") == 1
    assert value("kafka_topic_partitions", topic=name) == 3
    assert value("kafka_topic_partition_in_sync_replica", topic=name, partition="2") == 3
    assert value("kafka_topic_partition_under_replicated_partition", topic=name, partition="2") == 0
    assert value("kafka_topic_partition_leader_is_preferred", topic=name, partition="2") in (0, 1)
    assert value("kastellan_quorum_voters") == 3
    leader = int(value("kastellan_quorum_leader"))
    assert value("kastellan_quorum_voter_lag_seconds", node=str(leader)) == 0
    for broker in ("1", "2", "3"):
        (total,) = store().select("main", "kastellan_log_dir_total_bytes", {"broker": broker}, 0, 10**13)
        (usable,) = store().select("main", "kastellan_log_dir_usable_bytes", {"broker": broker}, 0, 10**13)
        assert total.values[-1] > usable.values[-1] > 0


@pytest.mark.parametrize(
    ("caught_up", "seconds"),
    [(LEADER_MS - 4_000, 4), (LEADER_MS + 50, 0), (None, None), (0, None)],
)
def test_a_voter_is_behind_by_the_leaders_clock(caught_up: int | None, seconds: float | None) -> None:
    """The clocks of the cluster may be hours away from ours."""
    leader = QuorumReplica(1, None, 100, None, LEADER_MS)
    voter = QuorumReplica(2, None, 90, None, caught_up)
    info = QuorumInfo(1, 5, 100, (leader, voter), ())
    found = {
        (each.name, dict(each.labels)["node"]): each.value
        for each in reading_samples(Reading((), {}, {}, {}, {}, (), info, ()))
        if "voter_lag" in each.name
    }
    assert found["kastellan_quorum_voter_lag_records", "2"] == 10
    assert found.get(("kastellan_quorum_voter_lag_seconds", "2")) == seconds
    assert found["kastellan_quorum_voter_lag_seconds", "1"] == 0


def test_a_cluster_that_does_not_answer_is_a_sample_too(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    from controlplane.gateways.errors import Unreachable

    def fails(_: object) -> KafkaGateway:
        raise Unreachable("nobody there")

    monkeypatch.setattr(protocol_poll, "gateway_for", fails)
    now = time.time_ns() // 1_000_000
    assert isinstance(protocol_poll.poll(cluster, now), Unreachable)
    assert value("kastellan_protocol_poll_up") == 0


def test_a_partition_whose_end_is_unknown_has_no_lag(db: None) -> None:
    reading = Reading((), {}, {("t", 0): 5}, {"g": {("t", 0): 3, ("gone", 0): 1}}, {}, (), None, ())
    lags = [s for s in group_samples("main", reading, 1000) if s.name == "kafka_consumergroup_lag"]
    assert [(dict(s.labels)["topic"], s.value) for s in lags] == [("t", 2.0)]
    assert next(s.name for s in reading_samples(reading)) == "kafka_brokers"
