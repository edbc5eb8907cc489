"""One cluster, all of Kafka's operations, in our types and errors: what everything above `gateways` works with.

Safe to use from many threads and to keep for the life of a process. Connections are made on first use and again
after a fork or a break; every call has a deadline. Administration goes by kafka-python, records by librdkafka.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

from controlplane.gateways.addresses import NOTHING, Allowed
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka import consume
from controlplane.gateways.kafka._channel import Channel
from controlplane.gateways.kafka._listeners import guard_of
from controlplane.gateways.kafka.admin._acls import AclsAdmin
from controlplane.gateways.kafka.admin._cluster import ClusterAdmin
from controlplane.gateways.kafka.admin._configs import ConfigsAdmin
from controlplane.gateways.kafka.admin._groups import GroupsAdmin
from controlplane.gateways.kafka.admin._log_dirs import LogDirsAdmin
from controlplane.gateways.kafka.admin._partitions import PartitionsAdmin
from controlplane.gateways.kafka.admin._quotas import QuotasAdmin
from controlplane.gateways.kafka.admin._reassignments import ReassignmentsAdmin
from controlplane.gateways.kafka.admin._topics import TopicsAdmin
from controlplane.gateways.kafka.admin._users import UsersAdmin
from controlplane.gateways.kafka.consume import Bounds
from controlplane.gateways.kafka.preflight import preflight
from controlplane.gateways.kafka.produce import Delivery, NewRecord, RecordProducer
from controlplane.gateways.kafka.round_trip import Trip, round_trips
from controlplane.gateways.kafka.security import KafkaConnection
from controlplane.gateways.kafka.types import (
    Headers,
    Isolation,
    OffsetSpec,
    ProducedRecord,
    Record,
    RecordBatch,
    TopicPartition,
)

__all__ = ["KafkaGateway", "NewRecord", "preflight"]

TIMEOUT_S = 10.0
READ_S = 8.0
MAX_BYTES = 64 * 1024


class KafkaGateway(
    TopicsAdmin,
    PartitionsAdmin,
    ReassignmentsAdmin,
    ConfigsAdmin,
    ClusterAdmin,
    LogDirsAdmin,
    GroupsAdmin,
    AclsAdmin,
    UsersAdmin,
    QuotasAdmin,
):
    def __init__(
        self, connection: KafkaConnection, timeout_s: float = TIMEOUT_S, *, allowed: Allowed = NOTHING
    ) -> None:
        self.connection = connection
        self._guard = guard_of(connection, allowed)
        self._channel = Channel(connection, timeout_s, self._guard)
        self._producer = RecordProducer(connection)

    def close(self) -> None:
        """The gateway may be used again afterwards; it connects anew."""
        self._channel.close()
        self._producer.close()

    def produce(
        self,
        topic: str,
        *,
        partition: int | None = None,
        key: bytes | None = None,
        value: bytes | None = None,
        headers: Headers = (),
        timestamp_ms: int | None = None,
    ) -> ProducedRecord:
        record = NewRecord(key, value, headers, partition, timestamp_ms)
        (delivery,) = self.produce_all(topic, [record])
        if isinstance(delivery, GatewayError):
            raise delivery
        return delivery

    def produce_all(self, topic: str, records: Sequence[NewRecord]) -> tuple[Delivery, ...]:
        """Each record's own outcome, in order. `NotFound` before anything is sent: a topic is never created so."""
        self._reachable_by_librdkafka()
        self.describe_topics([topic])
        return self._producer.produce(topic, records, self._channel.timeout_s)

    def round_trips(self, topic: str, ends: Mapping[int, int], *, deadline_s: float) -> dict[int, Trip]:
        """A record to each of these partitions and back; see `round_trip`."""
        self._reachable_by_librdkafka()
        return round_trips(self.connection, topic, ends, deadline_s=deadline_s)

    def read(
        self,
        topic: str,
        starts: Mapping[int, int],
        *,
        limit: int = 50,
        deadline_s: float = READ_S,
        stop_at: Mapping[int, int] | None = None,
        isolation: Isolation = Isolation.READ_COMMITTED,
        max_bytes: int = MAX_BYTES,
        per_partition: int | None = None,
    ) -> RecordBatch:
        """Records from `starts` (partition to offset), in the order they arrive. See `consume` for when it ends."""
        bounds = self.bounds(topic, starts, isolation=isolation)
        plan = consume.plan_read(
            topic,
            starts,
            bounds,
            stop_at,
            limit=limit,
            per_partition=per_partition,
            max_bytes=max_bytes,
            isolation=isolation,
        )
        self._reachable_by_librdkafka()
        return consume.read(self.connection, plan, deadline_s)

    def newest(self, topic: str, limit: int = 50, *, deadline_s: float = READ_S) -> RecordBatch:
        """The last records by time, newest first. `next_offsets` are the ends: what comes after."""
        bounds = self.bounds(topic)
        starts = {p: max(b.first, b.end - limit) for p, b in bounds.items()}
        batch = self.read(topic, starts, limit=limit * max(len(starts), 1), deadline_s=deadline_s)
        newest = heapq.nlargest(limit, batch.records, key=_by_time)
        return RecordBatch(tuple(newest), batch.next_offsets, batch.exhausted, batch.ends)

    def oldest(self, topic: str, limit: int = 50, *, deadline_s: float = READ_S) -> RecordBatch:
        """The first records by time, oldest first; goes on with `from_offsets(topic, batch.next_offsets)`."""
        starts = {p: b.first for p, b in self.bounds(topic).items()}
        return self.from_offsets(topic, starts, limit, deadline_s=deadline_s)

    def from_time(
        self, topic: str, timestamp_ms: int, limit: int = 50, *, deadline_s: float = READ_S
    ) -> RecordBatch:
        partitions = [TopicPartition(topic, p) for p in self.bounds(topic)]
        found = self.list_offsets(timestamp_ms, partitions)
        starts = {partition.partition: offset for partition, offset in found.items() if offset >= 0}
        return self.from_offsets(topic, starts, limit, deadline_s=deadline_s)

    def from_offsets(
        self, topic: str, starts: Mapping[int, int], limit: int = 50, *, deadline_s: float = READ_S
    ) -> RecordBatch:
        """Merged by time, oldest first; a partition's next offset is that of its first record not returned."""
        total = limit * max(len(starts), 1)
        batch = self.read(topic, starts, limit=total, per_partition=limit, deadline_s=deadline_s)
        return merge_oldest(batch, limit)

    def bounds(
        self,
        topic: str,
        partitions: Mapping[int, int] | None = None,
        *,
        isolation: Isolation = Isolation.READ_COMMITTED,
    ) -> dict[int, Bounds]:
        """First and end offsets; the end is where a reader of that isolation stops. Leaderless ones are left out."""
        if partitions is None:
            (described,) = self.describe_topics([topic])
            wanted = [TopicPartition(topic, p.index) for p in described.partitions]
        else:
            wanted = [TopicPartition(topic, p) for p in partitions]
        first = self.list_offsets(OffsetSpec.EARLIEST, wanted)
        end = self.list_offsets(OffsetSpec.LATEST, wanted, isolation=isolation)
        return {p.partition: Bounds(first[p], end[p]) for p in wanted if p in first and p in end}

    def _reachable_by_librdkafka(self) -> None:
        """librdkafka has no hook before it connects, so every advertised address is judged beforehand."""
        if self._guard is not None:
            for broker in self.describe_cluster().brokers:
                self._guard(broker.host, broker.port)


def merge_oldest(batch: RecordBatch, limit: int) -> RecordBatch:
    """Pure. Within a partition the order is that of its offsets, whatever the clocks of the producers said."""
    kept = _merge(batch.records)[:limit]
    if len(kept) == len(batch.records):
        return RecordBatch(kept, batch.next_offsets, batch.exhausted, batch.ends)
    left_out: dict[int, int] = {}
    taken = {(record.partition, record.offset) for record in kept}
    for record in batch.records:
        if (record.partition, record.offset) not in taken:
            known = left_out.get(record.partition, record.offset)
            left_out[record.partition] = min(known, record.offset)
    return RecordBatch(kept, {**batch.next_offsets, **left_out}, exhausted=False, ends=batch.ends)


def _merge(records: Sequence[Record]) -> tuple[Record, ...]:
    queues: dict[int, list[Record]] = {}
    for record in sorted(records, key=lambda r: (r.partition, r.offset)):
        queues.setdefault(record.partition, []).append(record)
    # heapq.merge keeps each partition's own order even where its times run backwards.
    return tuple(heapq.merge(*queues.values(), key=_by_time))


def _by_time(record: Record) -> tuple[int, int, int]:
    return (record.timestamp_ms or 0, record.partition, record.offset)
