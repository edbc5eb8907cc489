"""Live reads of a flow: lag by partition, offsets of groups on either side, heartbeats. Everything is bounded in time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from django.utils import timezone

from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.gateways.errors import GatewayError, NotFound
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.types import OffsetSpec, Record, TopicPartition
from controlplane.replication import rests, selectors
from controlplane.replication.logic import checkpoints, homecoming, progress
from controlplane.replication.logic.connectors import Part, connector_name
from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.logic.homecoming import WayOut
from controlplane.replication.logic.offsets import (
    Checkpoint,
    NotARecord,
    SyncStore,
    read_checkpoint,
    read_heartbeat,
    read_sync,
)
from controlplane.replication.logic.progress import GroupOffset, Partition, PartitionLag, Totals

#: Of partitions that lag, so many are asked how long: one record of each is read.
DATED = 20
READ_SECONDS = 5.0
#: Compacted topics; what they hold beyond this is not looked at, and said so.
MOST_RECORDS = 100_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Progress:
    """`heartbeat_age_s`: since the newest heartbeat of the flow in the target; None where there is none. `placed`: whether
    the source connector said how far it is; where it did not, what is not copied looks like all there is."""

    rows: tuple[PartitionLag, ...]
    totals: Totals
    heartbeat_age_s: float | None = None
    error: str = ""
    placed: bool = True

    @property
    def known(self) -> bool:
        """Both sides said how far they are: only then are lags what they say."""
        return self.placed and not self.error

    @property
    def heartbeat_age_ms(self) -> float | None:
        return None if self.heartbeat_age_s is None else self.heartbeat_age_s * 1000


@dataclass(frozen=True, slots=True)
class Translation:
    rows: tuple[GroupOffset, ...]
    error: str = ""


def progress_of(asked: FlowRequest, source: Cluster, target: Cluster) -> Progress:
    """A source that does not answer leaves the ends unknown, never 0; the positions are in the target."""
    error = ""
    here, there = gateway_for(source), gateway_for(target)
    wanted = _partitions(asked, source, target)
    # Before the ends: what is copied in between may count as not copied, and never the other way round.
    placed = positions_if_told(asked, target)
    try:
        ends = _offsets(here, OffsetSpec.LATEST, wanted)
        firsts = _offsets(here, OffsetSpec.EARLIEST, wanted)
    except GatewayError as failure:
        ends, firsts, error = {}, {}, str(failure)
    positions = placed or {}
    try:
        copied = _offsets(there, OffsetSpec.LATEST, _copies(asked, wanted))
    except GatewayError:
        copied = {}
    rows = progress.lags(asked, ends, positions, copied, firsts)
    if not error:
        rows = rests.looked_at(asked, here, rows)
    now_ms = int(timezone.now().timestamp() * 1000)
    age = _heartbeat_age(asked, there, now_ms)
    # Where nothing is to be copied nothing waits, if both sides say so.
    known = progress.totals(rows, now_ms) if rows or error else Totals(0, 0.0, 0, 0)
    return Progress(rows, known, age, error, placed is not None)


def copy_ends(asked: FlowRequest, source: Cluster, target: Cluster) -> dict[Partition, int]:
    """The ends of the copies, by partition of the source."""
    copies = _copies(asked, _partitions(asked, source, target))
    found = _offsets(gateway_for(target), OffsetSpec.LATEST, copies)
    return {(asked.original_of(topic), partition): offset for (topic, partition), offset in found.items()}


def source_ends(asked: FlowRequest, source: Cluster, target: Cluster) -> dict[Partition, int]:
    return _offsets(gateway_for(source), OffsetSpec.LATEST, _partitions(asked, source, target))


def _partitions(asked: FlowRequest, source: Cluster, target: Cluster) -> list[TopicPartition]:
    """Of the source, that the flow copies."""
    return [
        TopicPartition(row.topic, index)
        for row in selectors.copied(asked, source, target)
        for index in range(row.partitions)
    ]


def _copies(asked: FlowRequest, partitions: Iterable[TopicPartition]) -> list[TopicPartition]:
    return [TopicPartition(asked.copy_of(each.topic), each.partition) for each in partitions]


def _offsets(gateway: KafkaGateway, which: OffsetSpec, wanted: list[TopicPartition]) -> dict[Partition, int]:
    return _by_name(gateway.list_offsets(which, wanted)) if wanted else {}


def _by_name(found: Mapping[TopicPartition, int]) -> dict[Partition, int]:
    return {(key.topic, key.partition): offset for key, offset in found.items()}


def positions_of(asked: FlowRequest, target: Cluster) -> dict[Partition, int]:
    """The next record to copy, by partition of the source, as the source connector has written it down."""
    return positions_if_told(asked, target) or {}


def positions_if_told(asked: FlowRequest, target: Cluster) -> dict[Partition, int] | None:
    """None: the worker did not say, as while it shares out its connectors anew."""
    connect = selectors.connect_of(target)
    if connect is None:
        return None
    try:
        found = connect.offsets(connector_name(asked, Part.SOURCE))
    except (GatewayError, OSError):
        return None
    return progress.positions((each.partition, each.offset) for each in found)


def newest_of(source: Cluster, rows: Iterable[PartitionLag]) -> int | None:
    """When the last of the records that wait was written; None where none can be read."""
    dates = []
    for row in sorted(rows, key=lambda row: -(row.lag or 0))[:DATED]:
        if row.end is None:
            continue
        start, end = {row.partition: max(row.end - 1, 0)}, {row.partition: row.end}
        try:
            batch = gateway_for(source).read(row.topic, start, limit=1, deadline_s=READ_SECONDS, stop_at=end)
        except GatewayError:
            continue
        dates += [record.timestamp_ms for record in batch.records if record.timestamp_ms is not None]
    return max(dates, default=None)


def _heartbeat_age(asked: FlowRequest, gateway: KafkaGateway, now_ms: int) -> float | None:
    """Of the newest that the flow's own connector wrote into the target."""
    try:
        newest = gateway.newest("heartbeats", limit=200, deadline_s=READ_SECONDS).records
    except GatewayError:
        return None
    beats = _read(newest, read_heartbeat)
    own = [each.timestamp_ms for each in beats if (each.source, each.target) == (asked.source, asked.target)]
    return max(now_ms - max(own), 0) / 1000 if own else None


def translation_of(asked: FlowRequest, source: Cluster, target: Cluster) -> Translation:
    here, there = gateway_for(source), gateway_for(target)
    groups = selectors.groups(asked, source)
    syncs = SyncStore.of(_read(_whole(there, asked.syncs_topic), read_sync))
    syncs.anchor(selectors.anchors_of(asked))
    records = _whole(there, asked.checkpoints_topic)
    marks = {(each.group, each.topic, each.partition): each for each in _read(records, read_checkpoint)}
    try:
        committed = {name: _by_name(found) for name, found in here.list_group_offsets(groups).items()}
        error = ""
    except GatewayError as failure:
        # The source is gone: what MirrorMaker wrote down last is the best that anybody knows.
        committed, error = _from_checkpoints(asked, marks), str(failure)
    try:
        others = {name: _by_name(found) for name, found in there.list_group_offsets(list(committed)).items()}
    except GatewayError:
        others = {}
    written = checkpoints.newest(_written(records))
    rows = tuple(
        replace(row, checkpoint_ms=written.get(row.group))
        for row in progress.group_offsets(asked, committed, syncs, marks, others)
    )
    if not error:
        rows += homecoming.homecomers(asked, _way_out(asked, here, there, committed), committed, others)
    return Translation(rows, error)


def _way_out(
    asked: FlowRequest,
    here: KafkaGateway,
    there: KafkaGateway,
    committed: Mapping[str, Mapping[Partition, int]],
) -> WayOut:
    """Of the flow that had copied from the target into the source, as far as groups have read its copies."""
    originals = {asked.home_of(topic) for offsets in committed.values() for topic, _ in offsets} - {None}
    if not originals:
        return WayOut()
    kept = [
        TopicPartition(topic.name, partition.index)
        for topic in there.list_topics()
        if topic.name in originals
        for partition in topic.partitions
    ]
    return WayOut(
        SyncStore.of(_read(_whole(here, asked.syncs_of_way_out), read_sync)),
        selectors.stopped(asked.target, asked.source),
        _offsets(there, OffsetSpec.EARLIEST, kept),
        _offsets(there, OffsetSpec.LATEST, kept),
    )


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """`due`: by group, whether MirrorMaker has yet to write one; `newest_ms`: when it last wrote one for it."""

    due: Mapping[str, bool]
    newest_ms: Mapping[str, int]


def checkpoints_of(asked: FlowRequest, source: Cluster, target: Cluster) -> Checkpoints:
    """Raises GatewayError where either side does not answer: then nothing is known of it."""
    there = gateway_for(target)
    records = _whole(there, asked.checkpoints_topic)
    marks = {(each.group, each.topic, each.partition): each for each in _read(records, read_checkpoint)}
    syncs = SyncStore.of(_read(_whole(there, asked.syncs_topic), read_sync))
    found = gateway_for(source).list_group_offsets(selectors.groups(asked, source))
    committed = {name: _by_name(offsets) for name, offsets in found.items()}
    due = checkpoints.due(asked, committed, syncs, marks)
    return Checkpoints(due, checkpoints.newest(_written(records)))


def _written(records: Iterable[Record]) -> Iterator[tuple[str, int | None]]:
    """When a checkpoint of which group was written."""
    for record in records:
        for mark in _read([record], read_checkpoint):
            yield mark.group, record.timestamp_ms


def _from_checkpoints(
    asked: FlowRequest, marks: Mapping[tuple[str, str, int], Checkpoint]
) -> dict[str, dict[Partition, int]]:
    found: dict[str, dict[Partition, int]] = {}
    for (group, copy, partition), mark in marks.items():
        found.setdefault(group, {})[asked.original_of(copy), partition] = mark.upstream
    return found


def _whole(gateway: KafkaGateway, topic: str) -> tuple[Record, ...]:
    """Every record of one of MirrorMaker's own topics; none where it is not there yet."""
    try:
        return gateway.oldest(topic, limit=MOST_RECORDS, deadline_s=READ_SECONDS).records
    except NotFound:
        return ()


def _read(records: Iterable[Record], reader: Callable[[bytes | None, bytes | None], T]) -> list[T]:
    found = []
    for record in records:
        try:
            found.append(reader(record.key, record.value))
        except NotARecord:
            continue
    return found
