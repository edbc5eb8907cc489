"""The parts of a cluster's snapshot and how each is read and stored.

A part is read whole, then written in one transaction: rows are upserted and what was not seen is deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import models, transaction

from controlplane.clusters.logic import summaries
from controlplane.clusters.logic.topic_names import of_worker
from controlplane.clusters.models import (
    BrokerSnapshot,
    Cluster,
    GroupSnapshot,
    SnapshotPart,
    SnapshotState,
    TopicSnapshot,
)
from controlplane.gateways import broker as bundled
from controlplane.gateways.errors import GatewayError, NotBundled, NotFound
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.types import (
    ConfigEntry,
    GroupDescription,
    GroupListing,
    OffsetSpec,
    ResourceRef,
    ResourceType,
    TopicDescription,
    TopicPartition,
)

#: Kastellan writes to it and reads from it (metrics.probe): it stands with the internal ones.
PROBE_TOPIC = "_kastellan_probe"
BATCH = 500


@dataclass(frozen=True, slots=True)
class Part:
    name: SnapshotPart
    refresh: Callable[[Cluster, KafkaGateway, datetime], None]


def refresh_brokers(cluster: Cluster, gateway: KafkaGateway, now: datetime) -> None:
    description = gateway.describe_cluster()
    loads = summaries.broker_loads(gateway.list_topics(internal=True))
    nothing = summaries.BrokerLoad(0, 0, 0)
    rows = [
        BrokerSnapshot(
            cluster=cluster,
            broker_id=node.id,
            host=node.host,
            port=node.port,
            rack=node.rack or "",
            fenced=node.fenced,
            controller=node.id == description.controller_id,
            leaders=(load := loads.get(node.id, nothing)).leaders,
            replicas=load.replicas,
            in_sync=load.in_sync,
            taken_at=now,
        )
        for node in description.brokers
    ]
    fields = ("host", "port", "rack", "fenced", "controller", "leaders", "replicas", "in_sync", "taken_at")
    described = {row.broker_id for row in rows}
    rows.extend(_never_seen(cluster, described, loads, now))
    known_but_gone = sorted(loads.keys() - {row.broker_id for row in rows})
    with transaction.atomic():
        _upsert(BrokerSnapshot, rows, ("cluster", "broker_id"), fields)
        # A broker that is down is not described, but replicas name it: its last row stays, marked as fenced.
        absent = BrokerSnapshot.objects.filter(cluster=cluster, taken_at__lt=now)
        absent.exclude(broker_id__in=known_but_gone).delete()
        for broker in known_but_gone:
            absent.filter(broker_id=broker).update(fenced=True, controller=False, leaders=0, in_sync=0)


def _never_seen(
    cluster: Cluster, described: set[int], loads: Mapping[int, summaries.BrokerLoad], now: datetime
) -> list[BrokerSnapshot]:
    """Brokers of ours that Kafka knows nothing of: they have not come up yet, and must not be missing from any list."""
    try:
        nodes = bundled.bundled_cluster(cluster.name).staying
    except NotBundled:
        return []
    return [
        BrokerSnapshot(
            cluster=cluster,
            broker_id=node.id,
            host=(listener := node.listener("INTERNAL")).host,
            port=listener.port,
            fenced=True,
            taken_at=now,
        )
        for node in nodes
        if node.id not in described and node.id not in loads
    ]


def refresh_topics(cluster: Cluster, gateway: KafkaGateway, now: datetime) -> None:
    topics = gateway.list_topics(internal=True)
    configs = gateway.describe_configs([_ref(topic.name) for topic in topics])
    rows = [topic_row(cluster, topic, configs.get(_ref(topic.name), ()), now) for topic in topics]
    with transaction.atomic():
        _upsert(TopicSnapshot, rows, ("cluster", "name"), TOPIC_FIELDS)
        TopicSnapshot.objects.filter(cluster=cluster, taken_at__lt=now).delete()


def refresh_sizes(cluster: Cluster, gateway: KafkaGateway, now: datetime) -> None:
    brokers = list(
        BrokerSnapshot.objects.filter(cluster=cluster, fenced=False).values_list("broker_id", flat=True)
    )
    log_dirs = gateway.describe_log_dirs(brokers)
    sizes = summaries.topic_sizes(log_dirs)
    disks = summaries.broker_disks(log_dirs)
    names = list(TopicSnapshot.objects.filter(cluster=cluster).values_list("name", "partitions"))
    partitions = [TopicPartition(name, index) for name, count in names for index in range(count)]
    counts = summaries.record_counts(
        read_offsets(gateway, OffsetSpec.EARLIEST, partitions),
        read_offsets(gateway, OffsetSpec.LATEST, partitions),
    )
    with transaction.atomic():
        for topic in TopicSnapshot.objects.filter(cluster=cluster):
            size, records = sizes.get(topic.name), counts.get(topic.name)
            if (topic.size_bytes, topic.records) != (size, records):
                TopicSnapshot.objects.filter(pk=topic.pk).update(size_bytes=size, records=records)
        for broker, disk in disks.items():
            BrokerSnapshot.objects.filter(cluster=cluster, broker_id=broker).update(
                size_bytes=disk.size,
                disk_total_bytes=disk.total,
                disk_usable_bytes=disk.usable,
                offline_dirs=list(disk.offline),
            )


def refresh_groups(cluster: Cluster, gateway: KafkaGateway, now: datetime) -> None:
    listings = gateway.list_groups()
    names = [listing.group for listing in listings]
    described = {group.group: group for group in gateway.describe_groups(names)} if names else {}
    committed = gateway.list_group_offsets(names) if names else {}
    wanted = sorted({partition for offsets in committed.values() for partition in offsets})
    end = read_offsets(gateway, OffsetSpec.LATEST, wanted)
    rows = [
        group_row(cluster, listing, described.get(listing.group), committed.get(listing.group, {}), end, now)
        for listing in listings
    ]
    fields = ("type", "protocol", "state", "coordinator", "members", "topics", "lag", "taken_at")
    with transaction.atomic():
        _upsert(GroupSnapshot, rows, ("cluster", "group"), fields)
        GroupSnapshot.objects.filter(cluster=cluster, taken_at__lt=now).delete()


PARTS = (
    Part(SnapshotPart.BROKERS, refresh_brokers),
    Part(SnapshotPart.TOPICS, refresh_topics),
    Part(SnapshotPart.SIZES, refresh_sizes),
    Part(SnapshotPart.GROUPS, refresh_groups),
)
#: What a broker that goes or comes changes.
HEALTH = PARTS[:2]
TOPIC_FIELDS = (
    "topic_id", "internal", "partitions", "replication_factor", "out_of_sync", "under_replicated", "leaderless",
    "under_min_isr", "cleanup_policy", "retention_ms", "min_isr", "taken_at",
)  # fmt: skip


def topic_row(
    cluster: Cluster, topic: TopicDescription, entries: Iterable[ConfigEntry], now: datetime
) -> TopicSnapshot:
    values = {entry.name: entry.value for entry in entries}
    min_isr = _int(values.get("min.insync.replicas"))
    health = summaries.topic_health(topic, min_isr)
    return TopicSnapshot(
        cluster=cluster,
        name=topic.name,
        topic_id=topic.topic_id,
        internal=topic.internal or topic.name == PROBE_TOPIC or of_worker(topic.name),
        partitions=len(topic.partitions),
        replication_factor=max((len(p.replicas) for p in topic.partitions), default=0),
        out_of_sync=health.out_of_sync,
        under_replicated=health.under_replicated,
        leaderless=health.leaderless,
        under_min_isr=health.under_min_isr,
        cleanup_policy=values.get("cleanup.policy") or "",
        retention_ms=_int(values.get("retention.ms")),
        min_isr=min_isr,
        taken_at=now,
    )


def group_row(
    cluster: Cluster,
    listing: GroupListing,
    described: GroupDescription | None,
    committed: Mapping[TopicPartition, int],
    end: Mapping[tuple[str, int], int],
    now: datetime,
) -> GroupSnapshot:
    offsets = {(partition.topic, partition.partition): offset for partition, offset in committed.items()}
    return GroupSnapshot(
        cluster=cluster,
        group=listing.group,
        type=str(listing.type),
        protocol=listing.protocol,
        state=described.state if described else listing.state,
        coordinator=described.coordinator if described else None,
        members=len(described.members) if described else None,
        topics=len({topic for topic, _ in offsets}),
        lag=summaries.total_lag(offsets, end),
        taken_at=now,
    )


def patch_topic(cluster: Cluster, gateway: KafkaGateway, name: str, now: datetime) -> None:
    try:
        (topic,) = gateway.describe_topics([name])
    except NotFound:
        TopicSnapshot.objects.filter(cluster=cluster, name=name).delete()
        return
    configs = gateway.describe_configs([_ref(name)])
    row = topic_row(cluster, topic, configs.get(_ref(name), ()), now)
    _upsert(TopicSnapshot, [row], ("cluster", "name"), TOPIC_FIELDS)


def record_success(cluster: Cluster, part: SnapshotPart, started: datetime, ended: datetime) -> None:
    duration = round((ended - started).total_seconds() * 1000)
    SnapshotState.objects.update_or_create(
        cluster=cluster,
        part=part,
        defaults={"taken_at": started, "duration_ms": duration, "error": "", "error_at": None},
    )


def record_failure(cluster: Cluster, part: SnapshotPart, error: GatewayError, now: datetime) -> None:
    SnapshotState.objects.update_or_create(
        cluster=cluster, part=part, defaults={"error": error.what, "error_at": now}
    )


def _upsert(
    model: type[models.Model], rows: Sequence[models.Model], unique: tuple[str, ...], fields: tuple[str, ...]
) -> None:
    manager = model._default_manager
    manager.bulk_create(
        rows, update_conflicts=True, unique_fields=unique, update_fields=fields, batch_size=BATCH
    )


def read_offsets(
    gateway: KafkaGateway, spec: OffsetSpec, partitions: Sequence[TopicPartition]
) -> dict[tuple[str, int], int]:
    if not partitions:
        return {}
    found = gateway.list_offsets(spec, partitions)
    return {(partition.topic, partition.partition): offset for partition, offset in found.items()}


def _ref(topic: str) -> ResourceRef:
    return ResourceRef(ResourceType.TOPIC, topic)


def _int(raw: str | None) -> int | None:
    try:
        return int(raw) if raw is not None else None
    except ValueError:
        return None
