"""Arithmetic over samples: rates of counters with resets, buckets for charts, sums over series. Pure.

A gap (no sample for longer than `STALE_MS`) stays a gap: nothing is drawn across it and nothing counts as current.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

#: Three polls of ten seconds (AL-3): a value older than this is not the present one.
STALE_MS = 35_000

Point = tuple[int, float]
Bucketed = dict[int, float]


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


def bucketed(points: Iterable[Point], start: int, step: int) -> Bucketed:
    """The mean of the points in each step, keyed by the bucket's start (Unix milliseconds)."""
    sums: dict[int, tuple[float, int]] = {}
    for ts, value in points:
        bucket = start + (ts - start) // step * step
        total, count = sums.get(bucket, (0.0, 0))
        sums[bucket] = (total + value, count + 1)
    return {bucket: total / count for bucket, (total, count) in sums.items()}


def combined(series: Iterable[Bucketed], how: Callable[[Sequence[float]], float]) -> Bucketed:
    """One series out of many: in each bucket, over those that have a value there."""
    gathered: dict[int, list[float]] = {}
    for buckets in series:
        for bucket, value in buckets.items():
            gathered.setdefault(bucket, []).append(value)
    return {bucket: how(values) for bucket, values in gathered.items()}


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


AGGREGATIONS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "max": max,
    "min": min,
    "avg": mean,
}


def points_of(buckets: Bucketed, start: int, end: int, step: int) -> list[tuple[float, float | None]]:
    """Every bucket of the range in seconds, None where there is no value: a gap shown as a gap."""
    return [(bucket / 1000, buckets.get(bucket)) for bucket in range(start, end + 1, step)]


def step_for(start: int, end: int, *, most: int = 360, interval: int = 10_000) -> int:
    """Milliseconds per bucket: at most `most` buckets, whole polls, never finer than one poll."""
    wanted = max((end - start) // most, interval)
    return -(-wanted // interval) * interval


def current(times: Sequence[int], values: Sequence[float], now: int) -> tuple[float, int] | None:
    """The newest value with its age in milliseconds, or None when it is stale: never the last value without its age."""
    if not times or now - times[-1] > STALE_MS:
        return None
    return values[-1], max(now - times[-1], 0)
