"""Reads the snapshot anew as soon as a broker goes or comes, and until the cluster has settled after that.

Kafka notices a broker's end seconds after the supervisor does, and its return in steps (registered, in sync, leader), so
one read at the moment of the change would show the state before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from controlplane.clusters import present, selectors, services
from controlplane.clusters.models import Cluster, SnapshotPart

SETTLES = timedelta(seconds=30)
LOOK_EVERY = timedelta(seconds=1.5)


def look(now: datetime) -> tuple[str, ...]:
    """Once, at every cluster; returns the names of those that were read."""
    read = []
    for cluster in Cluster.objects.all():
        moved = [status.since for status in present.processes_by_broker(cluster).values() if status.since]
        ago = selectors.read_ago(cluster, SnapshotPart.TOPICS, now)
        if is_due(moved, ago, now):
            services.refresh_health(cluster)
            read.append(cluster.name)
    return tuple(read)


def is_due(moved: Iterable[float], read_ago: timedelta, now: datetime) -> bool:
    """`moved`: when each process last changed its state, in Unix seconds."""
    settling = any(now - datetime.fromtimestamp(each, UTC) < SETTLES for each in moved)
    return settling and read_ago >= LOOK_EVERY
