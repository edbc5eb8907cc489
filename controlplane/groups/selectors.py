"""Live reads of one group. The list comes from the snapshot in `clusters`."""

from __future__ import annotations

from dataclasses import dataclass

from controlplane.clusters import selectors as clusters
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.gateways.errors import GatewayError, NotFound
from controlplane.gateways.kafka.types import GroupDescription, OffsetSpec, TopicPartition
from controlplane.groups.logic import PartitionLag, partition_lags, total


@dataclass(frozen=True, slots=True)
class GroupDetail:
    group: GroupDescription
    rows: tuple[PartitionLag, ...]
    lag: int | None
    topics: tuple[str, ...]


def describe(cluster: Cluster, name: str) -> GroupDetail:
    gateway = gateway_for(cluster)
    found = gateway.describe_groups([name])
    if not found or found[0].state.lower() == "dead":
        raise NotFound(f"There is no consumer group {name!r} in {cluster.title}")
    group = found[0]
    committed = {(p.topic, p.partition): offset for p, offset in _committed(cluster, name).items()}
    assigned = {
        (partition.topic, partition.partition): (member.id, member.client_id, member.host)
        for member in group.members
        for partition in member.assignments
    }
    end = _end_offsets(cluster, sorted(committed.keys() | assigned.keys()))
    rows = partition_lags(committed, end, assigned)
    return GroupDetail(group, rows, total(rows), tuple(sorted({row.topic for row in rows})))


@dataclass(frozen=True, slots=True)
class TopicGroup:
    """A group with commits on a topic, and its lag there."""

    group: str
    state: str
    type: str
    lag: int | None


def groups_of_topic(cluster: Cluster, topic: str) -> tuple[TopicGroup, ...]:
    rows = {row.group: row for row in clusters.groups(cluster)}
    if not rows:
        return ()
    committed = gateway_for(cluster).list_group_offsets(list(rows))
    on_topic = {
        group: {(p.topic, p.partition): offset for p, offset in offsets.items() if p.topic == topic}
        for group, offsets in committed.items()
    }
    wanted = sorted({key for offsets in on_topic.values() for key in offsets})
    end = _end_offsets(cluster, wanted)
    return tuple(
        TopicGroup(group, rows[group].state, rows[group].type, total(partition_lags(offsets, end, {})))
        for group, offsets in sorted(on_topic.items())
        if offsets
    )


def _committed(cluster: Cluster, name: str) -> dict[TopicPartition, int]:
    return dict(gateway_for(cluster).list_group_offsets([name]).get(name, {}))


def _end_offsets(cluster: Cluster, keys: list[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """Unknown where a topic is gone or its leader does not answer: the lag is then unknown, not 0."""
    if not keys:
        return {}
    partitions = [TopicPartition(topic, partition) for topic, partition in keys]
    try:
        found = gateway_for(cluster).list_offsets(OffsetSpec.LATEST, partitions)
    except GatewayError:
        return {}
    return {(p.topic, p.partition): offset for p, offset in found.items()}
