"""MirrorMaker's records of offsets, and how an offset of the source becomes one of the target. Pure.

Formats: `OffsetSync`, `Checkpoint` and `Heartbeat` of org.apache.kafka.connect.mirror (4.3.1). Translation follows its
`OffsetSyncStore`: never ahead of what was copied, so that a consumer may read again and never misses a record.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


class NotARecord(ValueError):
    """Bytes that are no record of that kind: another version, or somebody else's topic."""


@dataclass(frozen=True, slots=True)
class OffsetSync:
    """The record at `upstream` of the source is that at `downstream` of the copy. `topic` is the source's name."""

    topic: str
    partition: int
    upstream: int
    downstream: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`topic` is the copy's name; the group has committed `upstream` in the source, which is `downstream` there."""

    group: str
    topic: str
    partition: int
    upstream: int
    downstream: int
    metadata: str = ""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    source: str
    target: str
    timestamp_ms: int


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, code: str) -> int:
        size = struct.calcsize(f">{code}")
        if self._at + size > len(self._data):
            raise NotARecord(f"{len(self._data)} bytes end too soon")
        (value,) = struct.unpack_from(f">{code}", self._data, self._at)
        self._at += size
        return int(value)

    def text(self) -> str:
        size = self.number("h")
        if size < 0 or self._at + size > len(self._data):
            raise NotARecord(f"a text of {size} bytes does not fit")
        raw = self._data[self._at : self._at + size]
        self._at += size
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise NotARecord("a text that is no UTF-8") from error


def read_sync(key: bytes | None, value: bytes | None) -> OffsetSync:
    names, numbers = _Reader(key or b""), _Reader(value or b"")
    return OffsetSync(names.text(), names.number("i"), numbers.number("q"), numbers.number("q"))


def read_checkpoint(key: bytes | None, value: bytes | None) -> Checkpoint:
    names, body = _Reader(key or b""), _Reader(value or b"")
    version = body.number("h")
    if version != 0:
        raise NotARecord(f"a checkpoint of version {version}")
    group, topic, partition = names.text(), names.text(), names.number("i")
    return Checkpoint(group, topic, partition, body.number("q"), body.number("q"), body.text())


def read_heartbeat(key: bytes | None, value: bytes | None) -> Heartbeat:
    names, body = _Reader(key or b""), _Reader(value or b"")
    version = body.number("h")
    if version != 0:
        raise NotARecord(f"a heartbeat of version {version}")
    return Heartbeat(names.text(), names.text(), body.number("q"))


@dataclass(frozen=True, slots=True)
class Translated:
    """`offset` in the target, None where nothing says; `behind`: records from there to the source's offset that a consumer
    would read again."""

    offset: int | None
    behind: int | None = None
    why: str = ""


@dataclass
class SyncStore:
    """The syncs that the topic still holds, by partition of the source, in the order of upstream offsets."""

    _syncs: dict[tuple[str, int], list[OffsetSync]] = field(default_factory=dict)

    @classmethod
    def of(cls, syncs: Iterable[OffsetSync]) -> SyncStore:
        """In the order of the topic. One that goes back invalidates those ahead of it: the source topic was made anew."""
        store = cls()
        for sync in syncs:
            known = store._syncs.setdefault((sync.topic, sync.partition), [])
            while known and known[-1].upstream >= sync.upstream:
                known.pop()
            known.append(sync)
        return store

    def anchor(self, known: Iterable[OffsetSync]) -> None:
        """Places that are the same on both sides though no record was copied there: where a flow was turned round."""
        for sync in known:
            syncs = self._syncs.setdefault((sync.topic, sync.partition), [])
            at = bisect_left([each.upstream for each in syncs], sync.upstream)
            if at == len(syncs) or syncs[at].upstream != sync.upstream:
                syncs.insert(at, sync)

    @property
    def partitions(self) -> Mapping[tuple[str, int], OffsetSync]:
        """The newest sync of each."""
        return {key: syncs[-1] for key, syncs in self._syncs.items() if syncs}

    def back(self, topic: str, partition: int, downstream: int) -> Translated:
        """The other way: of an offset that a group has committed in the copy, the place in the source from which on it has
        not read. `behind`: records of the copy from there to `downstream`, which it reads again."""
        syncs = self._rising(topic, partition)
        at = bisect_right([sync.downstream for sync in syncs], downstream) - 1
        if not syncs:
            return Translated(None, why="nothing says where its records were")
        if at < 0:
            return Translated(None, why="older than everything that was written down")
        sync = syncs[at]
        if sync.downstream == downstream:
            return Translated(sync.upstream, 0)
        # It has read the record of the sync; of those after it nobody knows how far apart they lay in the source.
        return Translated(sync.upstream + 1, downstream - sync.downstream - 1)

    def _rising(self, topic: str, partition: int) -> list[OffsetSync]:
        """Without what a copy that was made anew has overtaken: later syncs count."""
        found: list[OffsetSync] = []
        for sync in self._syncs.get((topic, partition), []):
            while found and found[-1].downstream >= sync.downstream:
                found.pop()
            found.append(sync)
        return found

    def translate(self, topic: str, partition: int, upstream: int) -> Translated:
        """Of the offset that a group has committed: the next record that it would read."""
        syncs = self._syncs.get((topic, partition), [])
        at = bisect_right([sync.upstream for sync in syncs], upstream) - 1
        if not syncs:
            return Translated(None, why="nothing of this partition was copied yet")
        if at < 0:
            return Translated(None, why="older than everything that was copied")
        sync = syncs[at]
        if sync.upstream == upstream:
            return Translated(sync.downstream, 0)
        # Somewhere behind the sync: the record after it exists in the copy, further ones may not.
        return Translated(sync.downstream + 1, upstream - sync.upstream - 1)
