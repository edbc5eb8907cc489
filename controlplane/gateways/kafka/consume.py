"""Reading records: bounded in count, bytes and time, without a group and without a commit.

1. First and end offsets are asked beforehand; a partition with nothing between start and end is done at once.
2. The others are assigned at their starts. Reading one ends at its end offset as seen in 1, or where librdkafka
   reports the end of the partition: so gaps (compaction, transaction markers, aborted records) never wait.
3. The whole ends when all partitions did, at the limit, or at the deadline; `next_offsets` say where to go on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import confluent_kafka

from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.faults import of_confluent, translated
from controlplane.gateways.kafka.security import KafkaConnection, librdkafka_settings
from controlplane.gateways.kafka.types import Isolation, Record, RecordBatch, TimestampType

QUIET = logging.getLogger(f"{__name__}.librdkafka")
CONSUME_AT_ONCE = 500
WAIT_S = 0.1
RETAINED_BYTES = 64 * 1024 * 1024  # of one read in all; beyond it the read ends as at its limit
PARTITION_EOF = confluent_kafka.KafkaError._PARTITION_EOF
# Told by the way while librdkafka tries on by itself; they count only when nothing came by the deadline.
PASSING = frozenset(
    {
        confluent_kafka.KafkaError._TRANSPORT,
        confluent_kafka.KafkaError._ALL_BROKERS_DOWN,
        confluent_kafka.KafkaError._TIMED_OUT,
        confluent_kafka.KafkaError.GROUP_AUTHORIZATION_FAILED,  # we have no group; librdkafka looks for one
        confluent_kafka.KafkaError.COORDINATOR_NOT_AVAILABLE,
        confluent_kafka.KafkaError.NOT_LEADER_FOR_PARTITION,
    }
)
TIMESTAMP_TYPES = {
    confluent_kafka.TIMESTAMP_NOT_AVAILABLE: TimestampType.NONE,
    confluent_kafka.TIMESTAMP_CREATE_TIME: TimestampType.CREATE_TIME,
    confluent_kafka.TIMESTAMP_LOG_APPEND_TIME: TimestampType.LOG_APPEND_TIME,
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """First and end offset of a partition when the read starts."""

    first: int
    end: int


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """`limit` in all, `per_partition` for each; `stops` are exclusive. `max_bytes` per key, value and header."""

    topic: str
    starts: Mapping[int, int]
    stops: Mapping[int, int]
    limit: int
    per_partition: int | None
    max_bytes: int
    isolation: Isolation


@dataclass
class Progress:
    """What has been read so far. Pure: fed with records and ends, asked whether to go on."""

    plan: ReadPlan
    records: list[Record] = field(default_factory=list[Record])
    counts: dict[int, int] = field(default_factory=dict[int, int])
    next_offsets: dict[int, int] = field(default_factory=dict[int, int])
    ended: set[int] = field(default_factory=set[int])
    retained: int = 0

    def __post_init__(self) -> None:
        self.next_offsets = dict(self.plan.starts)
        self.ended = {p for p, start in self.plan.starts.items() if start >= self.plan.stops[p]}

    @property
    def pending(self) -> set[int]:
        return {p for p in self.plan.starts if p not in self.ended and not self._full(p)}

    @property
    def full(self) -> bool:
        return len(self.records) >= self.plan.limit or self.retained >= RETAINED_BYTES

    @property
    def finished(self) -> bool:
        return self.full or not self.pending

    @property
    def exhausted(self) -> bool:
        return len(self.ended) == len(self.plan.starts)

    def wants(self, partition: int, offset: int) -> bool:
        """Whether the record at this offset belongs to the answer; one at or past the stop ends its partition."""
        if partition not in self.pending or self.full or offset < self.next_offsets[partition]:
            return False
        if offset >= self.plan.stops[partition]:
            self.at_end(partition)
            return False
        return True

    def take(self, record: Record) -> None:
        self.records.append(record)
        self.retained += len(record.key or b"") + len(record.value or b"")
        self.counts[record.partition] = self.counts.get(record.partition, 0) + 1
        self.next_offsets[record.partition] = record.offset + 1
        if record.offset + 1 >= self.plan.stops[record.partition]:
            self.ended.add(record.partition)

    def at_end(self, partition: int) -> None:
        """Nothing more before the stop: the rest up to it are gaps."""
        if partition in self.pending:
            self.ended.add(partition)
            self.next_offsets[partition] = max(self.next_offsets[partition], self.plan.stops[partition])

    def _full(self, partition: int) -> bool:
        limit = self.plan.per_partition
        return limit is not None and self.counts.get(partition, 0) >= limit


def plan_read(
    topic: str,
    starts: Mapping[int, int],
    bounds: Mapping[int, Bounds],
    stop_at: Mapping[int, int] | None,
    *,
    limit: int,
    per_partition: int | None,
    max_bytes: int,
    isolation: Isolation,
) -> ReadPlan:
    """Partitions whose bounds are unknown (no leader now) are left out; starts are moved up to the first offset."""
    known = {p: start for p, start in starts.items() if p in bounds}
    stops = {p: min(bounds[p].end, (stop_at or {}).get(p, bounds[p].end)) for p in known}
    return ReadPlan(
        topic=topic,
        starts={p: max(start, bounds[p].first) for p, start in known.items()},
        stops=stops,
        limit=limit,
        per_partition=per_partition,
        max_bytes=max_bytes,
        isolation=isolation,
    )


def read(connection: KafkaConnection, plan: ReadPlan, deadline_s: float) -> RecordBatch:
    until = time.monotonic() + deadline_s
    progress = Progress(plan)
    if not progress.finished:
        with translated(f"topic {plan.topic}"), _consumer(connection, plan) as consumer:
            _read_all(consumer, progress, until)
    return RecordBatch(
        records=tuple(progress.records),
        next_offsets=progress.next_offsets,
        exhausted=progress.exhausted,
        ends=dict(plan.stops),
    )


def _read_all(consumer: Any, progress: Progress, until: float) -> None:
    topic = progress.plan.topic
    assigned = progress.pending
    consumer.assign(
        [confluent_kafka.TopicPartition(topic, p, progress.plan.starts[p]) for p in sorted(assigned)]
    )
    passing: GatewayError | None = None
    while not progress.finished and (left := until - time.monotonic()) > 0:
        for message in _arrived(consumer, min(left, WAIT_S)):
            passing = _one(message, progress) or passing
        done = assigned - progress.pending
        if done and not progress.finished:
            consumer.incremental_unassign([confluent_kafka.TopicPartition(topic, p) for p in sorted(done)])
            assigned -= done
    if passing is not None and not progress.records and not progress.finished:
        raise passing


def _arrived(consumer: Any, wait_s: float) -> list[Any]:
    """Waits for one, then takes what is there: `consume` itself would wait for the whole number."""
    first = consumer.poll(wait_s)
    return [] if first is None else [first, *consumer.consume(CONSUME_AT_ONCE, timeout=0)]


def _one(message: Any, progress: Progress) -> GatewayError | None:
    error = message.error()
    if error is None:
        if progress.wants(message.partition(), message.offset()):
            progress.take(record_of(message, progress.plan.max_bytes))
        return None
    if error.code() == PARTITION_EOF:
        # A leader that was just elected may not know yet what is committed, and ends before what was told of its end.
        if message.offset() >= progress.plan.stops[message.partition()]:
            progress.at_end(message.partition())
        return None
    ours = of_confluent(error, subject=f"topic {progress.plan.topic}")
    if error.code() not in PASSING:
        raise ours
    return ours


def record_of(message: Any, max_bytes: int) -> Record:
    key, value = message.key(), message.value()
    headers = tuple((name, _cut(content, max_bytes)) for name, content in message.headers() or ())
    kind, timestamp = message.timestamp()
    key_size, value_size = len(key or b""), len(value or b"")
    return Record(
        partition=message.partition(),
        offset=message.offset(),
        timestamp_ms=None if kind == confluent_kafka.TIMESTAMP_NOT_AVAILABLE else timestamp,
        timestamp_type=TIMESTAMP_TYPES.get(kind, TimestampType(f"UNKNOWN({kind})")),
        key=_cut(key, max_bytes),
        value=_cut(value, max_bytes),
        headers=headers,
        key_size=key_size,
        value_size=value_size,
        truncated=key_size > max_bytes or value_size > max_bytes,
    )


def _cut(content: bytes | None, max_bytes: int) -> bytes | None:
    return content if content is None else content[:max_bytes]


@contextmanager
def _consumer(connection: KafkaConnection, plan: ReadPlan) -> Generator[Any, None, None]:
    consumer: Any = confluent_kafka.Consumer(_settings(connection, plan), logger=QUIET)
    try:
        yield consumer
    finally:
        consumer.close()


def _settings(connection: KafkaConnection, plan: ReadPlan) -> dict[str, Any]:
    return librdkafka_settings(connection) | {
        "group.id": f"{connection.client_id}-browse",  # librdkafka wants one; nothing joins or commits
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",  # a start that retention deleted meanwhile
        "isolation.level": str(plan.isolation),
        "fetch.queue.backoff.ms": 10,
        "fetch.wait.max.ms": 100,
        "queued.max.messages.kbytes": 32 * 1024,
        "fetch.max.bytes": 16 * 1024 * 1024,
        "message.max.bytes": 16 * 1024 * 1024,
        "allow.auto.create.topics": False,
        "log_level": 0,
    }
