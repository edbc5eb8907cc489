"""Aggregations over series: `sum by (…)` and its kin, for all steps at once.

Rows are sorted by group, so one `reduceat` folds every group at every step. Absent values are neutral elements.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from controlplane.metrics.promql.errors import EvaluationError
from controlplane.metrics.promql.model import (
    Bools,
    Floats,
    Ints,
    Labels,
    Vector,
    empty,
    merged,
    only,
    without,
)
from controlplane.metrics.promql.over_time import outside
from controlplane.metrics.promql.windows import exactly


@dataclass(frozen=True, slots=True)
class Groups:
    """`vector`'s rows in the order of their groups; group `i` is rows `starts[i]` up to the next start."""

    labels: list[Labels]
    vector: Vector
    starts: Ints

    @property
    def sizes(self) -> Ints:
        return np.diff(np.append(self.starts, len(self.vector.labels)))

    def fold(self, ufunc: np.ufunc, data: Floats) -> Floats:
        return np.asarray(ufunc.reduceat(data, self.starts, axis=0))

    def present_or(self, neutral: float) -> Floats:
        return np.where(self.vector.present, self.vector.values, neutral)

    @property
    def counts(self) -> Floats:
        return self.fold(np.add, self.vector.present.astype(np.float64))

    def rows(self) -> list[slice]:
        ends = [*self.starts[1:], len(self.vector.labels)]
        return [slice(int(start), int(end)) for start, end in zip(self.starts, ends, strict=True)]

    def spread(self, data: Floats) -> Floats:
        """One row per group → one per series."""
        return np.repeat(data, self.sizes, axis=0)


def grouped(vector: Vector, labels: tuple[str, ...], *, excluded: bool) -> Groups:
    names = frozenset((*labels, "__name__")) if excluded else frozenset(labels)
    key = without if excluded else only
    places: dict[Labels, int] = {}
    group = np.array(
        [places.setdefault(key(each, names), len(places)) for each in vector.labels], dtype=np.int64
    )
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(len(places)))
    return Groups(list(places), vector.take(order), starts)


def aggregate(op: str, groups: Groups, param: Floats | None) -> Vector:
    if param is not None and op in _COUNTING:
        param = whole(param)
    if not groups.labels:
        return empty(groups.vector.steps)
    if op in _SELECTING:
        return groups.vector.keep(_SELECTING[op](groups, np.zeros(1) if param is None else param))
    if op == "quantile":
        values = _quantile(groups, np.zeros(1) if param is None else param)
    else:
        values = _FOLDING[op](groups)
    return Vector(groups.labels, values, groups.counts > 0)


def _sum(groups: Groups) -> Floats:
    data = groups.present_or(0.0)
    steps, bounds = data.shape[1], groups.rows()
    return exactly(
        groups.fold(np.add, data),
        groups.fold(np.add, np.abs(data)),
        np.broadcast_to(groups.sizes[:, None], (len(bounds), steps)),
        lambda cell: data[bounds[cell // steps], cell % steps],
    )


def _avg(groups: Groups) -> Floats:
    counts = groups.counts
    mean = _sum(groups) / counts
    if np.isinf(mean).any():
        # The sum of large values may not fit where their mean does.
        data = groups.present_or(0.0)
        finite = groups.fold(np.logical_and, np.isfinite(data).astype(np.float64)) > 0
        small = groups.fold(np.add, data / groups.spread(counts))
        mean = np.where(np.isinf(mean) & finite, small, mean)
    return mean


def _variance(groups: Groups) -> Floats:
    # Around one of the values: equal values have a variance of exactly 0.
    pivot = groups.spread(groups.fold(np.fmin, groups.present_or(np.nan)))
    off = np.where(groups.vector.present, groups.vector.values - pivot, 0.0)
    counts = groups.counts
    mean = groups.spread(groups.fold(np.add, off) / counts)
    square = np.where(groups.vector.present, (off - mean) ** 2, 0.0)
    return groups.fold(np.add, square) / counts


_FOLDING: Final[Mapping[str, Callable[[Groups], Floats]]] = {
    "sum": _sum,
    "avg": _avg,
    "min": lambda groups: groups.fold(np.fmin, groups.present_or(np.nan)),
    "max": lambda groups: groups.fold(np.fmax, groups.present_or(np.nan)),
    "count": lambda groups: groups.counts,
    "group": lambda groups: np.ones((len(groups.labels), groups.vector.steps)),
    "stdvar": _variance,
    "stddev": lambda groups: np.sqrt(_variance(groups)),
}


# Selecting some of the series


def _ranked(groups: Groups, k: Floats, *, largest: bool) -> Bools:
    """The k best of each group at each step; of equals, the first; NaN only when nothing else is left."""
    found = np.zeros_like(groups.vector.present)
    for rows in groups.rows():
        values, present = groups.vector.values[rows], groups.vector.present[rows]
        order = np.lexsort((-values if largest else values, np.isnan(values), ~present), axis=0)
        rank = np.argsort(order, axis=0)
        found[rows] = present & (rank < k)
    return found


def _first_of(groups: Groups, k: Floats) -> Bools:
    found = np.zeros_like(groups.vector.present)
    for rows in groups.rows():
        present = groups.vector.present[rows]
        found[rows] = present & (np.cumsum(present, axis=0) <= k)
    return found


def _part(groups: Groups, ratio: Floats) -> Bools:
    """A stable part of the series: those below the ratio, or with a negative one the others."""
    place = np.array([_place(each) for each in groups.vector.labels])[:, None]
    limit = np.clip(ratio, -1, 1)
    chosen = np.where(limit >= 0, place < limit, place >= 1 + limit)
    return np.asarray(groups.vector.present & chosen & (limit != 0))


def _place(labels: Labels) -> float:
    digest = hashlib.blake2b(repr(labels).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


_SELECTING: Final[Mapping[str, Callable[[Groups, Floats], Bools]]] = {
    "topk": lambda groups, k: _ranked(groups, k, largest=True),
    "bottomk": lambda groups, k: _ranked(groups, k, largest=False),
    "limitk": lambda groups, k: _first_of(groups, k),
    "limit_ratio": _part,
}


_COUNTING: Final = frozenset(("topk", "bottomk", "limitk"))


def whole(k: Floats) -> Floats:
    if (k < 1).all():
        return np.zeros_like(k)
    for bad in k[np.isnan(k)][:1]:
        raise EvaluationError(f"Parameter value is {_go(bad)}")
    for bad in k[np.abs(k) >= 2**63][:1]:
        raise EvaluationError(f"Scalar value {_go(bad)} {'over' if bad > 0 else 'under'}flows int64")
    return np.trunc(k)


def _go(value: float) -> str:
    return (
        "NaN"
        if np.isnan(value)
        else f"{value:+.0f}".replace("inf", "Inf")
        if np.isinf(value)
        else f"{value:g}"
    )


def best_first(op: str, vector: Vector) -> Vector:
    """An instant `topk` answers in the order of values, group by group."""
    values = vector.values[:, 0]
    order = np.lexsort((-values if op == "topk" else values, np.isnan(values)))
    return vector.take(order)


def _quantile(groups: Groups, q: Floats) -> Floats:
    found = np.full((len(groups.labels), groups.vector.steps), np.nan)
    for at, rows in enumerate(groups.rows()):
        values, present = groups.vector.values[rows], groups.vector.present[rows]
        order = np.lexsort((values, ~np.isnan(values), ~present), axis=0)
        ordered = np.take_along_axis(values, order, axis=0)
        last = np.maximum(present.sum(axis=0) - 1, 0)
        rank = np.clip(np.nan_to_num(q), 0, 1) * last
        lower = np.floor(rank)
        weight = rank - lower
        low = np.take_along_axis(ordered, lower.astype(np.int64)[None, :], axis=0)[0]
        upper = np.minimum(last, lower + 1).astype(np.int64)
        high = np.take_along_axis(ordered, upper[None, :], axis=0)[0]
        found[at] = outside(q, low * (1 - weight) + high * weight)
    return found


def count_values(label: str, groups: Groups) -> Vector:
    """How many series have each value; the value becomes a label."""
    labels: list[Labels] = []
    counts: list[Floats] = []
    for group, rows in zip(groups.labels, groups.rows() if groups.labels else [], strict=True):
        values, present = groups.vector.values[rows], groups.vector.present[rows]
        for value in np.unique(values[present]):
            same = np.isnan(values) if np.isnan(value) else values == value
            labels.append(tuple(sorted((*without(group, (label,)), (label, value_label(float(value)))))))
            counts.append((same & present).sum(axis=0).astype(np.float64))
    if not labels:
        return empty(groups.vector.steps)
    stacked = np.stack(counts)
    return merged(Vector(labels, stacked, stacked > 0))


def value_label(value: float) -> str:
    """The shortest decimal that reads back as the value, without an exponent."""
    if np.isnan(value):
        return "NaN"
    if np.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
