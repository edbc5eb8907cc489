"""Arithmetic over samples: rates of counters with resets, the distance of a chart's points. Pure.

A gap (no sample for longer than `STALE_MS`) stays a gap: nothing is drawn across it and nothing counts as current.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

#: Three polls of ten seconds (AL-3): a value older than this is not the present one.
STALE_MS = 35_000

Point = tuple[int, float]


def rates(times: Sequence[int], values: Sequence[float]) -> list[Point]:
    """Per-second rate at the end of each pair of neighbouring samples; a fall is a restart, counted from zero."""
    found: list[Point] = []
    for at in range(1, len(times)):
        span = times[at] - times[at - 1]
        if not 0 < span <= STALE_MS:
            continue
        grown = values[at] - values[at - 1]
        found.append((times[at], (values[at] if grown < 0 else grown) * 1000 / span))
    return found


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


AGGREGATIONS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "max": max,
    "min": min,
    "avg": mean,
}


def step_for(start: int, end: int, *, most: int = 360, interval: int = 10_000) -> int:
    """Milliseconds per bucket: at most `most` buckets, whole polls, never finer than one poll."""
    wanted = max((end - start) // most, interval)
    return -(-wanted // interval) * interval
