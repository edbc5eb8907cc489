"""What waits in partitions of a source behind a flow's positions: records, or nothing but what transactions left there.

A marker of a transaction has an offset and is no record: nobody copies it. A partition that ends with one looks for ever as if a
record waited, and a drain would wait for it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.types import Isolation
from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.logic.progress import PartitionLag

#: Of partitions that lag, topics that are looked into at once: those with most that waits, and those with least.
MOST_TOPICS = 20
READ_SECONDS = 5.0
Key = tuple[str, str, int, Isolation]
#: Source, topic, partition and how it is read, to a stretch that was found empty, and until when that is believed: a topic made
#: anew, or an unclean election, puts records where markers were.
_EMPTY: OrderedDict[Key, tuple[tuple[int, int], float]] = OrderedDict()
MOST_KNOWN, KNOWN_SECONDS = 20_000, 60.0


@dataclass(frozen=True, slots=True)
class Rest:
    """`oldest_ms`: when the first record of each partition that has one was written. `empty`: partitions without any."""

    oldest_ms: Mapping[int, int] = field(default_factory=dict[int, int])
    empty: frozenset[int] = frozenset()


def looked_at(
    asked: FlowRequest, gateway: KafkaGateway, rows: tuple[PartitionLag, ...]
) -> tuple[PartitionLag, ...]:
    """With the age of what waits; where nothing does, the position is the end. Each look takes some topics more."""
    rows = tuple(_moved(asked, row) for row in rows)
    waiting = [row for row in rows if row.lag]
    found = {topic: rest_of(asked, gateway, topic, _stretches(waiting, topic)) for topic in _chosen(waiting)}
    return tuple(_with(row, found.get(row.topic, Rest())) for row in rows)


def rest_of(
    asked: FlowRequest, gateway: KafkaGateway, topic: str, stretches: Mapping[int, tuple[int, int]]
) -> Rest:
    """`stretches`: partition to its position and its end. Nothing is said of what could not be read."""
    if not stretches:
        return Rest()
    try:
        batch = gateway.read(
            topic,
            {partition: start for partition, (start, _) in stretches.items()},
            limit=len(stretches),
            per_partition=1,
            max_bytes=1,
            deadline_s=READ_SECONDS,
            stop_at={partition: end for partition, (_, end) in stretches.items()},
            isolation=_isolation(asked),
        )
    except GatewayError:
        return Rest()
    held = {record.partition for record in batch.records}
    empty = {p for p, (_, end) in stretches.items() if p not in held and batch.next_offsets.get(p, 0) >= end}
    until = time.monotonic() + KNOWN_SECONDS
    for partition in empty:
        _EMPTY[_key(asked, topic, partition)] = (stretches[partition], until)
    while len(_EMPTY) > MOST_KNOWN:
        _EMPTY.popitem(last=False)
    dates = {each.partition: each.timestamp_ms for each in batch.records if each.timestamp_ms is not None}
    return Rest(dates, frozenset(empty))


def _moved(asked: FlowRequest, row: PartitionLag) -> PartitionLag:
    stretch, until = _EMPTY.get(_key(asked, row.topic, row.partition), (None, 0.0))
    known = stretch == (row.position, row.end) and time.monotonic() < until
    return replace(row, position=row.end) if known else row


def _key(asked: FlowRequest, topic: str, partition: int) -> Key:
    return asked.source, topic, partition, _isolation(asked)


def _isolation(asked: FlowRequest) -> Isolation:
    """As MirrorMaker reads: aborted records are copied too, unless the flow writes exactly once."""
    return Isolation.READ_COMMITTED if asked.exactly_once else Isolation.READ_UNCOMMITTED


def _chosen(waiting: Iterable[PartitionLag]) -> set[str]:
    ordered = [row.topic for row in sorted(waiting, key=lambda row: row.lag or 0)]
    least, most = dict.fromkeys(ordered), dict.fromkeys(reversed(ordered))
    return {*islice(least, MOST_TOPICS), *islice(most, MOST_TOPICS)}


def _stretches(waiting: Iterable[PartitionLag], topic: str) -> dict[int, tuple[int, int]]:
    return {row.partition: (row.position or 0, row.end or 0) for row in waiting if row.topic == topic}


def _with(row: PartitionLag, rest: Rest) -> PartitionLag:
    if row.lag and row.partition in rest.empty:
        return replace(row, position=row.end)
    return replace(row, waiting_since_ms=rest.oldest_ms.get(row.partition)) if row.lag else row
