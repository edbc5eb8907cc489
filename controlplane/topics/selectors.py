"""Live reads of topics for plans and detail pages. Lists come from the snapshot in `clusters`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controlplane.clusters import selectors as clusters
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.gateways import workers
from controlplane.gateways.errors import GatewayError, NotFound
from controlplane.gateways.kafka.types import (
    ConfigEntry,
    ConfigSource,
    OffsetSpec,
    Partition,
    ResourceRef,
    ResourceType,
    TopicDescription,
    TopicPartition,
)
from controlplane.topics.logic.state import ClusterState, TopicState

TOPIC_SOURCES = frozenset({ConfigSource.DYNAMIC_TOPIC_CONFIG})


@dataclass(frozen=True, slots=True)
class PartitionRow:
    """A partition as the page shows it; offsets are None where its leader did not answer, sizes per leader replica."""

    partition: Partition
    first_offset: int | None
    end_offset: int | None
    size_bytes: int | None

    @property
    def records(self) -> int | None:
        if self.first_offset is None or self.end_offset is None:
            return None
        return self.end_offset - self.first_offset


def describe(cluster: Cluster, name: str) -> TopicDescription:
    found = gateway_for(cluster).describe_topics([name])
    if not found:
        raise NotFound(f"There is no topic {name!r} in {cluster.title}")
    return found[0]


def config_entries(cluster: Cluster, name: str) -> tuple[ConfigEntry, ...]:
    ref = ResourceRef(ResourceType.TOPIC, name)
    return gateway_for(cluster).describe_configs([ref])[ref]


def topic_state(cluster: Cluster, name: str) -> TopicState:
    topic = describe(cluster, name)
    entries = config_entries(cluster, name)
    snapshot = clusters.topics(cluster).filter(name=name).first()
    return TopicState(
        name=name,
        topic_id=topic.topic_id,
        replicas=tuple(partition.replicas for partition in topic.partitions),
        configs={e.name: e.value or "" for e in entries if e.source in TOPIC_SOURCES},
        defaults={e.name: default_value(e) for e in entries},
        internal=topic.internal or _of_our_worker(cluster, name) or name in clusters.kept_topics(cluster),
        size_bytes=snapshot.size_bytes if snapshot else None,
        records=snapshot.records if snapshot else None,
        groups=reading_groups(cluster, name),
    )


def _of_our_worker(cluster: Cluster, name: str) -> bool:
    """Not of one that was removed: then somebody may delete what it left."""
    worker = workers.worker_of(cluster.name)
    return worker is not None and name in worker.topics


def default_value(entry: ConfigEntry) -> str | None:
    """What would apply if the topic's own value went away: the next synonym, in the broker's order."""
    if entry.source not in TOPIC_SOURCES:
        return entry.value
    below = [synonym for synonym in entry.synonyms if synonym.source not in TOPIC_SOURCES]
    return below[0].value if below else None


def reading_groups(cluster: Cluster, name: str) -> tuple[str, ...]:
    """Groups with committed offsets on the topic; empty where groups cannot be read now (the plan goes on)."""
    gateway = gateway_for(cluster)
    names = list(clusters.groups(cluster).values_list("group", flat=True))
    if not names:
        return ()
    try:
        committed = gateway.list_group_offsets(names)
    except GatewayError:
        return ()
    return tuple(
        sorted(group for group, offsets in committed.items() if any(p.topic == name for p in offsets))
    )


def cluster_state(cluster: Cluster) -> ClusterState:
    gateway = gateway_for(cluster)
    description = gateway.describe_cluster()
    names = frozenset(topic.name for topic in gateway.list_topics(internal=True))
    return ClusterState(
        brokers=sum(not node.fenced for node in description.brokers),
        names=names,
        min_insync_replicas=_default_min_isr(cluster, description.controller_id),
    )


def _default_min_isr(cluster: Cluster, broker: int | None) -> int:
    if broker is None:
        return 1
    ref = ResourceRef(ResourceType.BROKER, str(broker))
    try:
        entries = gateway_for(cluster).describe_configs([ref])[ref]
    except GatewayError:
        return 1
    raw = next((entry.value for entry in entries if entry.name == "min.insync.replicas"), None)
    return int(raw) if raw and raw.isdigit() else 1


def partition_rows(cluster: Cluster, topic: TopicDescription) -> tuple[PartitionRow, ...]:
    """One broker that does not answer leaves its partitions' offsets and sizes unknown, and nothing else."""
    gateway = gateway_for(cluster)
    partitions = [TopicPartition(topic.name, p.index) for p in topic.partitions if p.leader is not None]
    first = _offsets(cluster, OffsetSpec.EARLIEST, partitions)
    end = _offsets(cluster, OffsetSpec.LATEST, partitions)
    brokers = sorted({broker for p in topic.partitions for broker in p.isr})
    try:
        log_dirs = gateway.describe_log_dirs(brokers)
    except GatewayError:
        log_dirs = ()
    sizes = {
        (log_dir.broker, replica.partition): replica.size
        for log_dir in log_dirs
        for replica in log_dir.replicas
        if replica.topic == topic.name and not replica.future
    }
    return tuple(
        PartitionRow(
            partition=p,
            first_offset=first.get(TopicPartition(topic.name, p.index)),
            end_offset=end.get(TopicPartition(topic.name, p.index)),
            size_bytes=sizes.get((p.leader, p.index)) if p.leader is not None else None,
        )
        for p in topic.partitions
    )


def _offsets(
    cluster: Cluster, spec: OffsetSpec, partitions: list[TopicPartition]
) -> Mapping[TopicPartition, int]:
    if not partitions:
        return {}
    try:
        return gateway_for(cluster).list_offsets(spec, partitions)
    except GatewayError:
        return {}
