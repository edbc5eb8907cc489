"""`histogram_quantile` over classic buckets: series of one histogram differ only in `le`.

Prometheus' rules: the last bucket must be +Inf, counts are made to rise, a quantile lies on a line within its bucket.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from controlplane.metrics.promql.model import (
    Bools,
    Floats,
    Labels,
    Notes,
    Vector,
    empty,
    merged,
    nameless,
    without,
)
from controlplane.metrics.promql.over_time import outside

#: Differences below this part are rounding, not a count that falls.
_SMALL = 1e-12


@dataclass
class _Buckets:
    bounds: list[float] = field(default_factory=list[float])
    rows: list[int] = field(default_factory=list[int])


def histogram_quantile(q: Floats, vector: Vector, notes: Notes, place: int) -> Vector:
    histograms = _histograms(vector, notes, place)
    if not histograms:
        return empty(vector.steps)
    values = np.full((len(histograms), vector.steps), np.nan)
    present = np.zeros(values.shape, dtype=np.bool_)
    forced = False
    for at, buckets in enumerate(histograms.values()):
        order = np.argsort(buckets.bounds, kind="stable")
        rows = np.array(buckets.rows)[order]
        bounds = np.array(buckets.bounds)[order]
        present[at] = vector.present[rows].any(axis=0)
        for steps, some in _patterns(vector.present[rows]):
            counts = vector.values[rows[some]][:, steps]
            values[at, steps], fixed = _quantile(q[steps], bounds[some], counts)
            forced |= fixed
    if forced:
        notes.info("input to histogram_quantile needed to be fixed for monotonicity", place)
    return merged(Vector([nameless(each) for each in histograms], values, present))


def _histograms(vector: Vector, notes: Notes, place: int) -> dict[Labels, _Buckets]:
    found: dict[Labels, _Buckets] = {}
    for row, labels in enumerate(vector.labels):
        le, name = dict(labels).get("le", ""), dict(labels).get("__name__", "")
        bound = _bound(le)
        if bound is None:
            of = f' for metric name "{name}"' if name else ""
            notes.warn(f'bucket label "le" is missing or has a malformed value of "{le}"{of}', place)
            continue
        buckets = found.setdefault(without(labels, ("le",)), _Buckets())
        buckets.bounds.append(bound)
        buckets.rows.append(row)
    return found


def _bound(le: str) -> float | None:
    try:
        return float(le.replace("_", "x"))
    except ValueError:
        return None


def _patterns(present: Bools) -> list[tuple[Bools, Bools]]:
    """(steps, buckets): steps at which the same buckets are there are answered together."""
    kinds, which = np.unique(present, axis=1, return_inverse=True)
    which = which.reshape(-1)
    return [(which == kind, kinds[:, kind]) for kind in range(kinds.shape[1]) if kinds[:, kind].any()]


def _quantile(q: Floats, bounds: Floats, counts: Floats) -> tuple[Floats, bool]:
    """`counts` is buckets × steps. Also whether a count had to be raised."""
    nothing = np.full(counts.shape[1], np.nan)
    if not np.isposinf(bounds[-1]):
        return outside(q, nothing), False
    bounds, counts = _coalesced(bounds, counts)
    counts, forced = _rising(counts)
    if len(bounds) < 2:
        return outside(q, nothing), forced
    rank = np.clip(np.nan_to_num(q), 0, 1) * counts[-1]
    reached = counts[:-1] >= rank
    bucket = np.where(reached.any(axis=0), reached.argmax(axis=0), len(bounds) - 1)
    found = np.where(counts[-1] == 0, np.nan, _within(rank, bucket, bounds, counts))
    return outside(q, found), forced


def _within(rank: Floats, bucket: Floats, bounds: Floats, counts: Floats) -> Floats:
    steps = np.arange(int(counts.shape[1]))
    place = bucket.astype(np.int64)
    below = np.maximum(place - 1, 0)
    start = np.where(place > 0, bounds[below], 0.0)
    before = np.where(place > 0, counts[below, steps], 0.0)
    inside = start + (bounds[place] - start) * ((rank - before) / (counts[place, steps] - before))
    found = np.where((place == 0) & (bounds[0] <= 0), bounds[0], inside)
    return np.where(place == len(bounds) - 1, bounds[-2], found)


def _coalesced(bounds: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Bounds may be the same number in other words ("1", "1.0"): their counts add up."""
    starts = np.flatnonzero(np.append(True, np.diff(bounds) != 0))
    return bounds[starts], np.add.reduceat(counts, starts, axis=0)


def _rising(counts: Floats) -> tuple[Floats, bool]:
    found, forced = counts.copy(), False
    highest: Floats = counts[0]
    for row in range(1, len(counts)):
        now: Floats = counts[row]
        tiny = _almost(highest, now)
        falls = (now < highest) & ~tiny
        forced |= bool(falls.any())
        highest = np.where(falls | tiny, highest, now)
        found[row] = highest
    return found, forced


def _almost(a: Floats, b: Floats) -> Bools:
    with np.errstate(invalid="ignore"):
        return np.asarray(
            np.abs(a - b) < _SMALL * np.minimum(np.abs(a) + np.abs(b), np.finfo(np.float64).max)
        )
