"""Reads records for a page or the API: bounded in count, bytes and time; commits nothing."""

from __future__ import annotations

from dataclasses import dataclass

from controlplane.clusters.logic.topic_names import of_worker
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.core.access import EVERY_CLUSTER
from controlplane.core.actors import acting
from controlplane.core.errors import Invalid
from controlplane.gateways.errors import NotFound
from controlplane.gateways.kafka.types import OffsetSpec, Record, TopicPartition
from controlplane.records.logic.decode import Shown, show
from controlplane.records.logic.seek import Bounds, Browse, SeekMode, start_offsets

DEADLINE_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class ShownRecord:
    record: Record
    key: Shown
    value: Shown
    headers: tuple[tuple[str, Shown], ...]


@dataclass(frozen=True, slots=True)
class Browsed:
    """`complete` is false when the deadline ended the read before the limit or the end was reached."""

    records: tuple[ShownRecord, ...]
    bounds: dict[int, Bounds]
    next_offsets: dict[int, int]
    complete: bool


def bounds_of(cluster: Cluster, topic: str) -> dict[int, Bounds]:
    gateway = gateway_for(cluster)
    found = gateway.describe_topics([topic])
    if not found:
        raise NotFound(f"There is no topic {topic!r} in {cluster.title}")
    partitions = [TopicPartition(topic, p.index) for p in found[0].partitions if p.leader is not None]
    first = gateway.list_offsets(OffsetSpec.EARLIEST, partitions)
    end = gateway.list_offsets(OffsetSpec.LATEST, partitions)
    return {p.partition: Bounds(first[p], end[p]) for p in partitions if p in first and p in end}


def _must_be_shown(topic: str) -> None:
    """Of a Connect worker's own topics."""
    if not of_worker(topic):
        return
    if topic.endswith("-configs"):
        raise Invalid(
            f"{topic} is not shown: it holds what connectors are told, and the key by which workers trust each other",
            hint="The pages of Connect show settings, without secrets.",
        )
    actor = acting()
    if actor is not None and EVERY_CLUSTER not in actor.roles:
        raise Invalid(
            f"{topic} is shown to those with a role on every cluster: it names all connectors, also those of flows from clusters "
            "that others do not see, and says how they failed",
            hint="The pages of Connect show the connectors that you may see.",
        )


def browse(cluster: Cluster, topic: str, request: Browse) -> Browsed:
    _must_be_shown(topic)
    bounds = bounds_of(cluster, topic)
    at_time = _offsets_at(cluster, topic, request, bounds)
    starts = start_offsets(request, bounds, at_time)
    if not starts:
        return Browsed((), bounds, {}, complete=True)
    # Newest: the tail of each partition is read, then the newest of all are kept.
    newest = request.mode is SeekMode.NEWEST
    limit = request.limit * len(starts) if newest else request.limit
    stop_at = {partition: bounds[partition].end for partition in starts}
    batch = gateway_for(cluster).read(
        topic, starts, limit=limit, deadline_s=DEADLINE_SECONDS, stop_at=stop_at
    )
    ordered = sorted(batch.records, key=_time_order, reverse=newest)[: request.limit]
    return Browsed(
        records=tuple(shown(record) for record in ordered),
        bounds=bounds,
        next_offsets=dict(batch.next_offsets),
        complete=batch.exhausted or len(batch.records) >= limit,
    )


def _offsets_at(
    cluster: Cluster, topic: str, request: Browse, bounds: dict[int, Bounds]
) -> dict[int, int | None]:
    if request.mode is not SeekMode.TIME or request.timestamp_ms is None:
        return {}
    partitions = [TopicPartition(topic, index) for index in bounds]
    found = gateway_for(cluster).list_offsets(request.timestamp_ms, partitions)
    # A partition without a record at or after that time answers -1.
    return {p.partition: offset if offset >= 0 else None for p, offset in found.items()}


def _time_order(record: Record) -> tuple[int, int, int]:
    return (record.timestamp_ms or 0, record.partition, record.offset)


def shown(record: Record) -> ShownRecord:
    return ShownRecord(
        record=record,
        key=show(record.key, size=record.key_size),
        value=show(record.value, size=record.value_size),
        headers=tuple((name, show(value)) for name, value in record.headers),
    )
