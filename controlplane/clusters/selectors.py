"""Reads of the snapshot: lists with their age, and the facts that other domains' pages show. Never writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Max, Q, QuerySet, Sum, TextChoices
from django.utils.module_loading import import_string

from controlplane.clusters.logic.bundling_plans import FIRST
from controlplane.clusters.models import (
    BrokerSnapshot,
    Cluster,
    GroupSnapshot,
    SnapshotPart,
    SnapshotState,
    TopicSnapshot,
)
from controlplane.core.errors import NotFound


@dataclass(frozen=True, slots=True)
class Age:
    """When a part was last read whole (None: never), and the error that has kept it from being read since."""

    taken_at: datetime | None
    error: str = ""
    error_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    brokers: int
    fenced: int
    controller: int | None
    topics: int
    internal_topics: int
    partitions: int
    out_of_sync: int
    under_replicated: int
    leaderless: int
    under_min_isr: int
    groups: int
    disk_total: int | None
    disk_usable: int | None


def get_cluster(name: str) -> Cluster:
    try:
        return Cluster.objects.get(name=name)
    except Cluster.DoesNotExist:
        raise NotFound(f"There is no cluster {name!r}", hint="The cluster switch lists all.") from None


def kept_topics(cluster: Cluster) -> frozenset[str]:
    """Topics that replication keeps on it for itself: to everybody else as internal as Kafka's own."""
    kept: Callable[[Cluster], frozenset[str]] = import_string(settings.TOPICS_OF_FLOWS)
    return kept(cluster)


def clusters() -> QuerySet[Cluster]:
    return Cluster.objects.all()


def first_of(rows: Sequence[Cluster]) -> Cluster | None:
    """The installation's own where it may be seen; `rows` come by name."""
    return next((row for row in rows if row.name == FIRST), rows[0] if rows else None)


def age(cluster: Cluster, part: SnapshotPart) -> Age:
    state = SnapshotState.objects.filter(cluster=cluster, part=part).first()
    if state is None:
        return Age(None)
    return Age(state.taken_at, state.error, state.error_at)


class Trouble(TextChoices):
    """What may be wrong with a topic's partitions; `ill` topics have at least one such."""

    UNDER_REPLICATED = "under_replicated", "Under-replicated"
    UNDER_MIN_ISR = "under_min_isr", "Below min ISR"
    OFFLINE = "offline", "Offline"


TROUBLE_COUNTS = {
    Trouble.UNDER_REPLICATED: "under_replicated",
    Trouble.UNDER_MIN_ISR: "under_min_isr",
    Trouble.OFFLINE: "leaderless",
}


def ill_topics(cluster: Cluster) -> dict[Trouble, int]:
    """How many topics are in each trouble; internal ones too, since those hold up everybody."""
    wanted = {
        trouble.value: Count("pk", filter=Q(**{f"{count}__gt": 0}))
        for trouble, count in TROUBLE_COUNTS.items()
    }
    found = topics(cluster).aggregate(**wanted)
    return {trouble: found[trouble.value] for trouble in Trouble}


def trouble_of(text: str) -> Trouble | None:
    return Trouble(text) if text in Trouble.values else None


def read_ago(cluster: Cluster, part: SnapshotPart, now: datetime) -> timedelta:
    """How long ago it was read, less three times what that took: a read of a second is not repeated each second."""
    state = SnapshotState.objects.filter(cluster=cluster, part=part).first()
    if state is None or state.taken_at is None:
        return timedelta.max
    return now - state.taken_at - 3 * timedelta(milliseconds=state.duration_ms)


def topics(
    cluster: Cluster, *, search: str = "", internal: bool = True, trouble: Trouble | None = None
) -> QuerySet[TopicSnapshot]:
    rows = TopicSnapshot.objects.filter(cluster=cluster)
    if search:
        rows = rows.filter(name__icontains=search)
    if trouble is not None:
        rows = rows.filter(**{f"{TROUBLE_COUNTS[trouble]}__gt": 0})
    return rows if internal else rows.filter(internal=False)


def groups(cluster: Cluster, *, search: str = "") -> QuerySet[GroupSnapshot]:
    rows = GroupSnapshot.objects.filter(cluster=cluster)
    return rows.filter(group__icontains=search) if search else rows


def brokers(cluster: Cluster) -> QuerySet[BrokerSnapshot]:
    return BrokerSnapshot.objects.filter(cluster=cluster)


def facts(cluster: Cluster) -> ClusterFacts:
    sums = topics(cluster).aggregate(
        all=Count("pk"),
        own=Count("pk", filter=Q(internal=True)),
        partitions=Sum("partitions"),
        out_of_sync=Sum("out_of_sync"),
        under_replicated=Sum("under_replicated"),
        leaderless=Sum("leaderless"),
        under_min_isr=Sum("under_min_isr"),
    )
    nodes = list(brokers(cluster))
    controller = next((node.broker_id for node in nodes if node.controller), None)
    return ClusterFacts(
        brokers=len(nodes),
        fenced=sum(node.fenced for node in nodes),
        controller=controller,
        topics=sums["all"],
        internal_topics=sums["own"],
        partitions=sums["partitions"] or 0,
        out_of_sync=sums["out_of_sync"] or 0,
        under_replicated=sums["under_replicated"] or 0,
        leaderless=sums["leaderless"] or 0,
        under_min_isr=sums["under_min_isr"] or 0,
        groups=groups(cluster).count(),
        disk_total=_sum([node.disk_total_bytes for node in nodes]),
        disk_usable=_sum([node.disk_usable_bytes for node in nodes]),
    )


def last_refresh() -> datetime | None:
    """The newest successful read of any part of any cluster."""
    newest: datetime | None = SnapshotState.objects.aggregate(newest=Max("taken_at"))["newest"]
    return newest


def _sum(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def needed_by(cluster: Cluster) -> tuple[str, ...]:
    """What of the product would break without it, as those say who know (`settings.CLUSTER_USERS`)."""
    return tuple(name for path in settings.CLUSTER_USERS for name in import_string(path)(cluster))
