"""The probe on real brokers: every broker carries a record, one that is stopped does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controlplane.clusters.models import Cluster, TopicSnapshot
from controlplane.clusters.services import connection_for, refresh
from controlplane.clusters.snapshots import PROBE_TOPIC
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.round_trip import Trip, round_trips
from controlplane.gateways.kafka.types import Partition
from controlplane.metrics import probe
from controlplane.metrics.selectors import store
from controlplane.metrics.views import now_ms
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, settings: Any) -> None:
    settings.METRICS_DATABASE = str(tmp_path / "metrics.sqlite3")


@pytest.fixture
def _topic_goes_again(gateway: KafkaGateway) -> Iterator[None]:
    yield
    gateway.delete_topics([PROBE_TOPIC])


def values(name: str) -> dict[str, float]:
    return {each.labels["broker"]: each.values[-1] for each in store().select("main", name, {}, 0, 10**14)}


@pytest.mark.usefixtures("_topic_goes_again")
def test_a_record_goes_through_every_broker(cluster: Cluster, gateway: KafkaGateway) -> None:
    for _ in range(2):
        eventually(lambda: probe.probe(cluster, now_ms()) is None)
    up = values("kastellan_probe_up")
    assert set(up) == {"1", "2", "3"}
    assert set(up.values()) == {1.0}
    latency, produce = values("kastellan_probe_latency_seconds"), values("kastellan_probe_produce_seconds")
    for broker in up:
        assert 0 < produce[broker] < 5
        assert 0 < latency[broker] < 5
    refresh(cluster)
    assert TopicSnapshot.objects.get(cluster=cluster, name=PROBE_TOPIC).internal


def test_a_partition_that_nobody_answers_for_does_not_hold_up_the_others(
    cluster: Cluster, gateway: KafkaGateway, make_topic: Any, prefix: str
) -> None:
    """A partition that does not exist stands for one whose leader hangs."""
    topic = make_topic(prefix, 2)
    trips = round_trips(connection_for(cluster), topic, {0: 0, 1: 0, 9: 0}, deadline_s=2)
    assert trips[9] == Trip(None, None)
    for partition in (0, 1):
        assert trips[partition].arrived is not None
        assert trips[partition].acknowledged is not None


def partition(index: int, leader: int | None) -> Partition:
    return Partition(index, leader, (1, 2, 3), (1, 2, 3))


def test_each_broker_is_probed_by_a_partition_that_it_leads() -> None:
    partitions = [partition(2, 1), partition(0, 2), partition(1, 2), partition(3, None), partition(4, 9)]
    assert probe.led_by(partitions, [1, 2, 3]) == {2: 0, 1: 2}


def test_what_did_not_come_back_is_down_and_has_no_latency() -> None:
    trips = {0: Trip(0.01, 0.02), 1: Trip(0.01, None)}
    found = {
        (each.name, dict(each.labels)["broker"]): each.value
        for each in probe.samples({1: 0, 2: 1, 3: 2}, trips)
    }
    assert found == {
        ("kastellan_probe_up", "1"): 1.0,
        ("kastellan_probe_latency_seconds", "1"): 0.02,
        ("kastellan_probe_produce_seconds", "1"): 0.01,
        ("kastellan_probe_up", "2"): 0.0,
        ("kastellan_probe_produce_seconds", "2"): 0.01,
        ("kastellan_probe_up", "3"): 0.0,
    }
