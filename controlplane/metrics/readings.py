"""One reading of a cluster over the Kafka protocol, and the samples that it gives by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from controlplane.clusters.snapshots import read_offsets
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.quorum import QuorumInfo, QuorumReplica
from controlplane.gateways.kafka.types import (
    BrokerNode,
    GroupDescription,
    LogDir,
    OffsetSpec,
    TopicDescription,
    TopicPartition,
)
from controlplane.metrics.names import Sample, sample

#: Beyond this many partitions of a cluster (and as many of groups) no series per partition is kept.
MOST_PARTITIONS = 5000
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one poll read. `groups` has commits by group; offsets are of all listed partitions."""

    topics: tuple[TopicDescription, ...]
    first: Mapping[Key, int]
    end: Mapping[Key, int]
    groups: Mapping[str, Mapping[Key, int]]
    described: Mapping[str, GroupDescription]
    log_dirs: tuple[LogDir, ...]
    quorum: QuorumInfo | None
    brokers: tuple[BrokerNode, ...]


def read(gateway: KafkaGateway) -> Reading:
    topics = gateway.list_topics(internal=True)
    listed = [TopicPartition(topic.name, p.index) for topic in topics for p in topic.partitions]
    names = [listing.group for listing in gateway.list_groups()]
    committed = gateway.list_group_offsets(names) if names else {}
    used = {partition for commits in committed.values() for partition in commits}
    few = len(listed) <= MOST_PARTITIONS
    wanted = listed if few else sorted(used.intersection(listed))
    description = gateway.describe_cluster()
    alive = tuple(node for node in description.brokers if not node.fenced)
    return Reading(
        topics=topics,
        first=read_offsets(gateway, OffsetSpec.EARLIEST, listed if few else []),
        end=read_offsets(gateway, OffsetSpec.LATEST, wanted),
        groups={
            group: {(p.topic, p.partition): offset for p, offset in commits.items()}
            for group, commits in committed.items()
        },
        described={group.group: group for group in gateway.describe_groups(names)} if names else {},
        log_dirs=gateway.describe_log_dirs([node.id for node in alive]),
        quorum=_quorum(gateway),
        brokers=alive,
    )


def _quorum(gateway: KafkaGateway) -> QuorumInfo | None:
    """Clusters without KRaft, or without the permission, have everything else."""
    try:
        return gateway.describe_quorum()
    except GatewayError:
        return None


def samples(reading: Reading) -> Iterator[Sample]:
    yield sample("kafka_brokers", len(reading.brokers))
    for node in reading.brokers:
        yield sample("kafka_broker_info", 1, id=node.id, address=f"{node.host}:{node.port}")
    yield from _of_topics(reading)
    for directory in reading.log_dirs:
        yield from _of_log_dir(directory)
    yield from _of_sizes(reading.log_dirs)
    if reading.quorum is not None:
        yield from _of_quorum(reading.quorum)


def _of_topics(reading: Reading) -> Iterator[Sample]:
    for topic in reading.topics:
        yield sample("kafka_topic_partitions", len(topic.partitions), topic=topic.name)
    if sum(len(topic.partitions) for topic in reading.topics) > MOST_PARTITIONS:
        return
    for topic in reading.topics:
        for partition in topic.partitions:
            where: dict[str, str | int] = {"topic": topic.name, "partition": partition.index}
            first = partition.replicas[0] if partition.replicas else None
            yield sample("kafka_topic_partition_replicas", len(partition.replicas), **where)
            yield sample("kafka_topic_partition_in_sync_replica", len(partition.isr), **where)
            behind = len(partition.isr) < len(partition.replicas)
            yield sample("kafka_topic_partition_under_replicated_partition", behind, **where)
            leader = -1 if partition.leader is None else partition.leader
            yield sample("kafka_topic_partition_leader", leader, **where)
            yield sample("kafka_topic_partition_leader_is_preferred", leader == first, **where)
    for name, offsets in (("oldest", reading.first), ("current", reading.end)):
        for (topic_name, index), offset in offsets.items():
            yield sample(f"kafka_topic_partition_{name}_offset", offset, topic=topic_name, partition=index)


def _of_log_dir(directory: LogDir) -> Iterator[Sample]:
    where: dict[str, str | int] = {"broker": directory.broker, "dir": directory.path}
    yield sample("kastellan_log_dir_online", not directory.error, **where)
    if directory.total_bytes is not None:
        yield sample("kastellan_log_dir_total_bytes", directory.total_bytes, **where)
    if directory.usable_bytes is not None:
        yield sample("kastellan_log_dir_usable_bytes", directory.usable_bytes, **where)


def _of_sizes(log_dirs: Iterable[LogDir]) -> Iterator[Sample]:
    sizes: defaultdict[tuple[int, str], int] = defaultdict(int)
    for directory in log_dirs:
        for replica in directory.replicas:
            sizes[directory.broker, replica.topic] += replica.size
    for (broker, topic), size in sizes.items():
        yield sample("kastellan_topic_size_bytes", size, broker=broker, topic=topic)


def _of_quorum(quorum: QuorumInfo) -> Iterator[Sample]:
    yield sample("kastellan_quorum_leader", -1 if quorum.leader_id is None else quorum.leader_id)
    yield sample("kastellan_quorum_epoch", quorum.leader_epoch)
    yield sample("kastellan_quorum_voters", len(quorum.voters))
    for role, replicas in (("voter", quorum.voters), ("observer", quorum.observers)):
        for replica in replicas:
            yield from _of_replica(role, replica, quorum)


def _of_replica(role: str, replica: QuorumReplica, quorum: QuorumInfo) -> Iterator[Sample]:
    where: dict[str, str | int] = {"node": replica.id}
    leader = quorum.leader
    if leader is None or leader.log_end_offset is None or replica.log_end_offset is None:
        return
    behind = max(leader.log_end_offset - replica.log_end_offset, 0)
    yield sample(f"kastellan_quorum_{role}_lag_records", behind, **where)
    lag_ms = quorum.lag_ms(replica) if behind else 0
    if lag_ms is not None:
        yield sample(f"kastellan_quorum_{role}_lag_seconds", lag_ms / 1000, **where)
