"""The state of one evaluation, and what selectors and subqueries read in it.

Ranges and the lookback are open on the left, as in Prometheus 3: a sample exactly at the far end is not in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from controlplane.metrics.promql.errors import EvaluationError
from controlplane.metrics.promql.model import (
    Ints,
    Labels,
    Limits,
    Notes,
    Samples,
    SeriesLike,
    Source,
    Vector,
    empty,
    is_stale,
    labels_of,
)  # fmt: skip
from controlplane.metrics.promql.tree import Edge, Selector
from controlplane.metrics.promql.windows import Windows, windows

#: Thinned samples do where a step and a window hold this many of them.
SAMPLES_PER_WINDOW = 5
TOO_MANY = "query processing would load too many samples into memory in query execution"


@dataclass(frozen=True)
class Evaluation:
    source: Source
    #: The times to answer for; a subquery's are its own.
    steps: Ints
    #: Of the whole query, for `@ start()` and `@ end()`.
    start: int
    end: int
    lookback: int
    limits: Limits
    notes: Notes
    #: Samples and answers so far; one list, shared with subqueries.
    used: list[int] = field(default_factory=lambda: [0])

    def at(self, steps: Ints) -> Evaluation:
        return replace(self, steps=steps)

    def charge(self, samples: int) -> None:
        self.used[0] += samples
        if self.used[0] > self.limits.samples:
            raise EvaluationError(TOO_MANY)

    def references(self, at: int | Edge | None, offset: int) -> Ints:
        """The time that a selector or subquery looks at, for each step."""
        if at is None:
            return self.steps - offset
        fixed = {Edge.START: self.start, Edge.END: self.end}[at] if isinstance(at, Edge) else at
        return np.full(len(self.steps), fixed - offset, dtype=np.int64)

    def samples(self, selector: Selector, ends: Ints, length: int, *, thinned: bool = False) -> Samples:
        """Everything that windows of this length ending at these times can hold; or, `thinned`, at least the last of
        every small part of them, the extremes and the resets."""
        start, end = int(ends.min()) - length + 1, int(ends.max())
        step = int(ends[1] - ends[0]) if thinned and len(ends) > 1 else 0
        distance = min(step, length) // SAMPLES_PER_WINDOW
        series = self.source.select(selector.matchers, start, end, distance)
        found = [(labels_of(each.labels), each) for each in series]
        found.sort(key=lambda pair: pair[0])
        samples = _joined([labels for labels, _ in found], [each for _, each in found])
        self.charge(len(samples.values) + len(found) * len(self.steps))
        return samples


def _joined(labels: list[Labels], series: Iterable[SeriesLike]) -> Samples:
    times = [np.asarray(each.times, dtype=np.int64) for each in series]
    values = [np.asarray(each.values, dtype=np.float64) for each in series]
    bounds = np.cumsum([0, *(len(each) for each in times)])
    none_times, none_values = np.zeros(0, dtype=np.int64), np.zeros(0)
    return Samples(
        labels, np.concatenate([none_times, *times]), np.concatenate([none_values, *values]), bounds
    )


def without_stale(samples: Samples) -> Samples:
    gone = is_stale(samples.values)
    if not gone.any():
        return samples
    kept = np.append(0, np.cumsum(~gone))
    return Samples(samples.labels, samples.times[~gone], samples.values[~gone], kept[samples.bounds])


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest sample of every series at every step: what an instant selector means."""

    vector: Vector
    times: Ints


def latest(ev: Evaluation, selector: Selector, *, thinned: bool = True) -> Latest:
    references = ev.references(selector.at, selector.offset)
    # With a fixed time every step has the same answer.
    ends = references[:1] if selector.at is not None else references
    samples = ev.samples(selector, ends, ev.lookback, thinned=thinned)
    if not len(samples.values):
        return Latest(empty(len(ev.steps)), np.zeros((0, len(ev.steps)), dtype=np.int64))
    found = windows(samples, ends, ends, ev.lookback)
    last = found.last
    present = found.present & ~is_stale(samples.values[last])
    wide = (len(samples.labels), len(ev.steps))
    vector = Vector(
        samples.labels, np.broadcast_to(samples.values[last], wide), np.broadcast_to(present, wide)
    )
    return Latest(vector, np.broadcast_to(samples.times[last], wide))


def as_samples(vector: Vector, steps: Ints) -> Samples:
    """The answers of a subquery's expression, read as if they were samples."""
    bounds = np.append(0, np.cumsum(vector.present.sum(axis=1)))
    times = np.broadcast_to(steps, vector.present.shape)[vector.present]
    return Samples(vector.labels, times, vector.values[vector.present], bounds)


def subquery_steps(ev: Evaluation, ends: Ints, length: int, step: int) -> Ints:
    """Multiples of the step, so that a subquery's answers do not move with the query's start."""
    start = int(ends.min()) - length
    first = (start // step + 1) * step
    last = int(ends.max())
    if (last - first) // step > ev.limits.samples:
        raise EvaluationError(TOO_MANY)
    return np.arange(first, last + 1, step, dtype=np.int64)


def none(ev: Evaluation, ends: Ints, length: int) -> Windows:
    nothing = Samples([], np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(1, dtype=np.int64))
    return windows(nothing, ends, ev.steps, length)
