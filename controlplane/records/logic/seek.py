"""Where a browse starts: the seek modes that the field's eyes know, turned into start offsets per partition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

MAX_LIMIT = 500
DEFAULT_LIMIT = 50


class SeekMode(StrEnum):
    NEWEST = "newest"
    OLDEST = "oldest"
    OFFSET = "offset"
    TIME = "time"

    @property
    def label(self) -> str:
        return {
            "newest": "Newest",
            "oldest": "Oldest",
            "offset": "From offset",
            "time": "Since time",
        }[self.value]


@dataclass(frozen=True, slots=True)
class Browse:
    """One request to look at records. `timestamp_ms` is Unix milliseconds; `partition` None means all."""

    mode: SeekMode
    partition: int | None = None
    offset: int | None = None
    timestamp_ms: int | None = None
    limit: int = DEFAULT_LIMIT


@dataclass(frozen=True, slots=True)
class Bounds:
    """First offset and end offset (one past the last record) of a partition."""

    first: int
    end: int

    @property
    def empty(self) -> bool:
        return self.end <= self.first


def start_offsets(
    browse: Browse, bounds: Mapping[int, Bounds], at_time: Mapping[int, int | None] | None = None
) -> dict[int, int]:
    """Start per partition that has something to read; empty partitions are left out, so nothing waits for them.

    NEWEST takes the last `limit` records of each partition, of which the newest `limit` by time are then shown.
    """
    starts: dict[int, int] = {}
    for partition, bound in bounds.items():
        if browse.partition not in (None, partition) or bound.empty:
            continue
        start = _start(browse, partition, bound, at_time or {})
        if start is not None and start < bound.end:
            starts[partition] = max(start, bound.first)
    return starts


def _start(browse: Browse, partition: int, bound: Bounds, at_time: Mapping[int, int | None]) -> int | None:
    match browse.mode:
        case SeekMode.NEWEST:
            return bound.end - browse.limit
        case SeekMode.OLDEST:
            return bound.first
        case SeekMode.OFFSET:
            return browse.offset or 0
        case SeekMode.TIME:
            return at_time.get(partition)
