"""The samples that a range takes at every step: (end - length, end], found once, then reduced in one go.

`lo` and `hi` are series × steps: indices into the samples of all series. numpy's `reduceat` folds every window without
a loop; what needs whole windows (sorting, regression) takes them laid out as rows of equal length, by `blocks`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from controlplane.metrics.promql.model import Bools, Floats, Ints, Samples

#: Samples laid out at once: bounds the memory of windows that overlap a lot.
CHUNK = 1_000_000
#: A sum whose error could exceed this part of it is computed again exactly.
PRECISE = 1e-13


@dataclass(frozen=True, slots=True)
class Block:
    """Windows of the same size: row `i` of `index` has the samples of cell `cells[i]` (series × steps, flattened)."""

    cells: Ints
    index: Ints

    @property
    def size(self) -> int:
        return int(self.index.shape[1])


@dataclass(frozen=True, slots=True)
class Windows:
    samples: Samples
    lo: Ints
    hi: Ints
    #: Per step, milliseconds: the ends of the windows, and the evaluation's own time.
    ends: Ints
    steps: Ints
    length: int

    @property
    def counts(self) -> Ints:
        return self.hi - self.lo

    @property
    def present(self) -> Bools:
        return self.hi > self.lo

    @property
    def first(self) -> Ints:
        """The index of a window's first sample; any valid one where the window is empty."""
        return np.minimum(self.lo, max(len(self.samples.values) - 1, 0))

    @property
    def last(self) -> Ints:
        return np.maximum(self.hi - 1, 0)

    def fold(self, ufunc: np.ufunc, data: Floats, *, skip: int = 0, empty: float = 0.0) -> Floats:
        """The ufunc over each window of `data` without its first `skip` samples."""
        found = np.full(self.lo.shape, empty)
        some = self.counts > skip
        edges = np.empty(2 * int(some.sum()), dtype=np.int64)
        edges[0::2] = self.lo[some] + skip
        edges[1::2] = self.hi[some]
        if len(edges):
            found[some] = ufunc.reduceat(np.append(data, 0.0), edges)[::2]
        return found

    def sums(self, data: Floats) -> Floats:
        """As exact as Prometheus' compensated sums."""
        return exactly(
            self.fold(np.add, data),
            self.fold(np.add, np.abs(data)),
            self.counts,
            lambda cell: data[self.lo.flat[cell] : self.hi.flat[cell]],
        )

    def blocks(self, at_least: int = 1) -> Iterator[Block]:
        counts = self.counts.ravel()
        sizes: list[int] = np.unique(counts[counts >= at_least]).tolist()
        for size in sizes:
            cells = np.flatnonzero(counts == size)
            rows = max(CHUNK // size, 1)
            for begin in range(0, len(cells), rows):
                part = cells[begin : begin + rows]
                yield Block(part, self.lo.ravel()[part][:, None] + np.arange(size))


def exactly(sums: Floats, sizes: Floats, counts: Ints, parts: Callable[[int], Floats]) -> Floats:
    """Sums whose terms cancel so much that rounding shows are computed again without rounding.

    `sizes` are the sums of absolute values, `parts(cell)` the terms of a cell.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        doubtful = np.isfinite(sizes) & (sizes * counts * 2.3e-16 > np.abs(sums) * PRECISE)
    if not doubtful.any():
        return sums
    found = sums.copy()
    for cell in np.flatnonzero(doubtful):
        found.flat[cell] = math.fsum(parts(int(cell)))
    return found


def windows(samples: Samples, ends: Ints, steps: Ints, length: int) -> Windows:
    lo = np.empty((len(samples.labels), len(ends)), dtype=np.int64)
    hi = np.empty_like(lo)
    for row in range(len(samples.labels)):
        begin, stop = samples.bounds[row], samples.bounds[row + 1]
        times = samples.times[begin:stop]
        lo[row] = begin + np.searchsorted(times, ends - length, side="right")
        hi[row] = begin + np.searchsorted(times, ends, side="right")
    return Windows(samples, lo, hi, ends, steps, length)
