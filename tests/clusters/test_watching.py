"""When the snapshot is read at once: after a process moved, until all has settled, and never in a rush."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.clusters import present, selectors, services, watching
from controlplane.clusters.models import Cluster, SnapshotPart, SnapshotState
from controlplane.gateways import broker as bundled

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moved_ago", "read_ago", "due"),
    [
        ([3600, 3600, 3600], 9, False),
        ([3600, 1, 3600], 2, True),
        ([3600, 1, 3600], 1, False),
        ([3600, 29, 3600], 2, True),
        ([3600, 31, 3600], 9, False),
        ([], 9, False),
    ],
)
def test_it_is_read_while_brokers_settle(moved_ago: list[float], read_ago: float, due: bool) -> None:
    moved = [NOW.timestamp() - each for each in moved_ago]
    assert watching.is_due(moved, timedelta(seconds=read_ago), NOW) is due


def test_a_slow_read_is_not_repeated_at_every_look(cluster: Cluster) -> None:
    state = SnapshotState.objects.filter(cluster=cluster, part=SnapshotPart.TOPICS)
    state.update(taken_at=NOW - timedelta(seconds=5), duration_ms=2000)
    assert selectors.read_ago(cluster, SnapshotPart.TOPICS, NOW) < timedelta(0)
    state.update(duration_ms=100)
    assert selectors.read_ago(cluster, SnapshotPart.TOPICS, NOW) == timedelta(seconds=4.7)


def test_a_look_reads_the_cluster_whose_broker_moved(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    statuses = present.processes_by_broker(cluster)
    read: list[str] = []
    monkeypatch.setattr(services, "refresh_health", lambda each: read.append(each.name))
    settled = max(status.since for status in statuses.values()) + 3600
    assert cluster.name not in watching.look(datetime.fromtimestamp(settled, UTC))
    newest = max(status.since for status in statuses.values()) + 10
    SnapshotState.objects.update(taken_at=datetime.fromtimestamp(newest - 9, UTC), duration_ms=10)
    assert cluster.name in watching.look(datetime.fromtimestamp(newest, UTC))
    assert cluster.name in read


def test_every_broker_of_ours_is_in_the_snapshot_even_if_kafka_never_saw_it(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    spec = bundled.bundled_cluster(cluster.name)
    unborn = replace(spec.nodes[-1], id=9, controller=False)
    monkeypatch.setattr(bundled, "bundled_cluster", lambda name: replace(spec, nodes=(*spec.nodes, unborn)))
    services.refresh_health(cluster)
    row = selectors.brokers(cluster).get(broker_id=9)
    assert (row.fenced, row.leaders, row.replicas) == (True, 0, 0)
