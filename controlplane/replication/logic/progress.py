"""How far a flow is: what each partition has still to copy, and where each group would go on in the target. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from controlplane.core.plans import Json
from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.logic.offsets import Checkpoint, SyncStore

Partition = tuple[str, int]


def by_topic(places: Mapping[Partition, int]) -> dict[str, Json]:
    """As it is kept: topic to a list of partition and offset."""
    return {
        topic: [[partition, offset] for (_, partition), offset in found]
        for topic, found in groupby(sorted(places.items()), key=lambda place: place[0][0])
    }


def from_topics(stored: Mapping[str, Iterable[tuple[int, int]]]) -> dict[Partition, int]:
    return {(topic, partition): offset for topic, pairs in stored.items() for partition, offset in pairs}


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """`end`: of the source; `position`: the next record to copy, None before the first was; `copy_end`: of the copy.
    `waiting_since_ms`: when the oldest record that is not copied was written."""

    topic: str
    partition: int
    end: int | None
    position: int | None
    copy_end: int | None = None
    waiting_since_ms: int | None = None

    @property
    def lag(self) -> int | None:
        """Records of the source that are not in the target yet, transaction markers included; None unknown."""
        if self.end is None:
            return None
        return max(self.end - (self.position or 0), 0)


@dataclass(frozen=True, slots=True)
class Totals:
    """Over all partitions. `records` is None where none could be told; `unknown`: of how many partitions."""

    records: int | None
    seconds: float | None
    partitions: int
    unknown: int = 0

    @property
    def milliseconds(self) -> float | None:
        return None if self.seconds is None else self.seconds * 1000


def positions(
    offsets: Iterable[tuple[Mapping[str, object], Mapping[str, object] | None]],
) -> dict[Partition, int]:
    """From `GET …/offsets` of the source connector (KIP-875): it names the last record that was copied."""
    found: dict[Partition, int] = {}
    for where, what in offsets:
        topic, partition, offset = where.get("topic"), where.get("partition"), (what or {}).get("offset")
        if isinstance(topic, str) and isinstance(partition, int) and isinstance(offset, int):
            found[topic, partition] = offset + 1
    return found


def lags(
    asked: FlowRequest,
    ends: Mapping[Partition, int],
    known: Mapping[Partition, int],
    copies: Mapping[Partition, int],
    firsts: Mapping[Partition, int],
) -> tuple[PartitionLag, ...]:
    """`firsts`: the first offsets of the source; what was deleted there before it was copied is no lag."""
    every = sorted({*ends, *(key for key in known if asked.copied(key[0]))})
    found = []
    for topic, partition in every:
        key = (topic, partition)
        position = known.get(key)
        start = max(position if position is not None else 0, firsts.get(key, 0))
        found.append(
            PartitionLag(
                topic,
                partition,
                ends.get(key),
                start if position is not None or key in firsts else None,
                copies.get((asked.copy_of(topic), partition)),
            )
        )
    return tuple(found)


def totals(rows: Iterable[PartitionLag], now_ms: int) -> Totals:
    rows = tuple(rows)
    known = [row.lag for row in rows if row.lag is not None]
    waiting = [row.waiting_since_ms for row in rows if row.waiting_since_ms is not None]
    behind = any(known)
    seconds = max(now_ms - min(waiting), 0) / 1000 if waiting else None if behind else 0.0
    return Totals(
        sum(known) if known else None, seconds if known else None, len(rows), len(rows) - len(known)
    )


@dataclass(frozen=True, slots=True)
class GroupOffset:
    """One partition of a group. `committed` in the source; `translated`: the same place in the copy, from the newest
    syncs; `checkpoint`: what MirrorMaker last wrote; `there`: what the group has committed in the target, of the topic
    `into`: the copy, or of a copy that came from the target its original there; `checkpoint_ms`: when MirrorMaker last wrote
    one for the group."""

    group: str
    topic: str
    partition: int
    committed: int
    translated: int | None
    behind: int | None
    checkpoint: int | None = None
    there: int | None = None
    why: str = ""
    into: str = ""
    checkpoint_ms: int | None = None

    @property
    def in_place(self) -> bool:
        return self.translated is not None and self.translated == self.there

    @property
    def comes_home(self) -> bool:
        """From a copy to its original: `main.orders` to `orders`."""
        return self.topic.endswith(f".{self.into}")


def group_offsets(
    asked: FlowRequest,
    committed: Mapping[str, Mapping[Partition, int]],
    syncs: SyncStore,
    checkpoints: Mapping[tuple[str, str, int], Checkpoint],
    there: Mapping[str, Mapping[Partition, int]],
) -> tuple[GroupOffset, ...]:
    found = []
    for group in sorted(committed):
        for (topic, partition), offset in sorted(committed[group].items()):
            if not asked.copied(topic):
                continue
            copy = asked.copy_of(topic)
            place = syncs.translate(topic, partition, offset)
            mark = checkpoints.get((group, copy, partition))
            found.append(
                GroupOffset(
                    group,
                    topic,
                    partition,
                    offset,
                    place.offset,
                    place.behind,
                    mark.downstream if mark else None,
                    there.get(group, {}).get((copy, partition)),
                    place.why,
                    copy,
                )
            )
    return tuple(found)
