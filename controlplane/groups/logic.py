"""Pure sums over a group's offsets: lag per partition and in all. Unknown stays None."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """`current` is the committed offset, `end` the log end offset; either may be unknown."""

    topic: str
    partition: int
    current: int | None
    end: int | None
    member: str = ""
    client: str = ""
    host: str = ""

    @property
    def lag(self) -> int | None:
        if self.current is None or self.end is None:
            return None
        return max(self.end - self.current, 0)


def total(rows: Iterable[PartitionLag]) -> int | None:
    """None when nothing is known; partitions without a commit are left out of the sum."""
    known = [row.lag for row in rows if row.lag is not None]
    return sum(known) if known else None


def partition_lags(
    committed: Mapping[tuple[str, int], int],
    end: Mapping[tuple[str, int], int],
    assigned: Mapping[tuple[str, int], tuple[str, str, str]],
) -> tuple[PartitionLag, ...]:
    """One row per partition that has a commit or a member; `assigned` gives (member, client, host)."""
    rows = []
    for topic, partition in sorted(committed.keys() | assigned.keys()):
        key = (topic, partition)
        member, client, host = assigned.get(key, ("", "", ""))
        offset = committed.get(key)
        current = offset if offset is not None and offset >= 0 else None
        rows.append(PartitionLag(topic, partition, current, end.get(key), member, client, host))
    return tuple(rows)
