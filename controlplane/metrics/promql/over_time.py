"""Functions of ranges: what each makes of the samples of its window, for all series and steps at once.

Formulas and edge cases are Prometheus' (promql/functions.go): extrapolation to the ends of the window, counters that
start anew, NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from controlplane.metrics.promql.errors import EvaluationError
from controlplane.metrics.promql.model import Bools, Floats, Ints
from controlplane.metrics.promql.windows import Block, Windows

Found = tuple[Floats, Bools]


def _seconds(times: Ints) -> Floats:
    return times / 1000.0


# Rates


def _extrapolated(w: Windows, *, counter: bool, per_second: bool) -> Found:
    """The growth of a window, stretched to its ends where samples come close to them."""
    values, times = w.samples.values, w.samples.times
    first, last = w.first, w.last
    enough = w.counts >= 2
    growth = values[last] - values[first] + (_lost_in_resets(w) if counter else 0.0)
    covered = _seconds(times[last] - times[first])
    average = covered / np.maximum(w.counts - 1, 1)
    before = _seconds(times[first] - (w.ends - w.length))
    after = _seconds(w.ends - times[last])
    near = average * 1.1
    before = np.where(before >= near, average / 2, before)
    after = np.where(after >= near, average / 2, after)
    if counter:
        # A counter was never negative: no further back than where its line meets zero.
        rising = (growth > 0) & (values[first] >= 0)
        before = np.where(rising, np.minimum(before, covered * (values[first] / growth)), before)
    factor = np.where(covered == 0, 1.0, (covered + before + after) / covered)
    if per_second:
        factor = factor / (w.length / 1000)
    return growth * factor, enough


def _lost_in_resets(w: Windows) -> Floats:
    """What a counter had reached before each of its restarts in the window."""
    values = w.samples.values
    lost = np.zeros_like(values)
    fell = np.flatnonzero(values[1:] < values[:-1])
    lost[fell + 1] = values[fell]
    return w.fold(np.add, lost, skip=1) if len(fell) else np.zeros(w.lo.shape)


def _instant(w: Windows, *, counter: bool) -> Found:
    """Between the last two samples only."""
    values, times = w.samples.values, w.samples.times
    last = w.last
    before = np.maximum(last - 1, 0)
    change = values[last] - values[before]
    span = times[last] - times[before]
    if counter:
        change = np.where(values[last] < values[before], values[last], change) / _seconds(span)
    return change, (w.counts >= 2) & (span != 0)


def _events(w: Windows, happened: Bools) -> Found:
    flags = np.append(0.0, happened.astype(np.float64)) if len(w.samples.values) else w.samples.values
    return w.fold(np.add, flags, skip=1), w.present


def _resets(w: Windows) -> Found:
    values = w.samples.values
    return _events(w, values[1:] < values[:-1])


def _changes(w: Windows) -> Found:
    now, before = w.samples.values[1:], w.samples.values[:-1]
    return _events(w, (now != before) & ~(np.isnan(now) & np.isnan(before)))


# Regression


def _line(w: Windows, origin: Callable[[Block], Ints]) -> tuple[Floats, Floats, Bools]:
    """Least squares: the slope per second and the height at the origin of each window's time axis."""
    slope, height = np.full(w.lo.shape, np.nan), np.full(w.lo.shape, np.nan)
    since = (w.samples.times - w.samples.times[:1]).astype(np.float64)
    for block in w.blocks(at_least=2):
        x, y = since[block.index], w.samples.values[block.index]
        mean_x = _means(x)
        # Only differences count: from the mean in time, from the first value in height.
        dx, dy = x - mean_x[:, None], y - y[:, :1]
        # An infinite sample leaves no line: its mean is made NaN, and so is all that follows from it.
        mean_y = y[:, 0] + dy.sum(axis=1) / block.size
        mean_y = np.where(np.isinf(mean_y), np.nan, mean_y)
        tilt = 1000 * np.einsum("ij,ij->i", dx, dy) / np.einsum("ij,ij->i", dx, dx) + 0 * mean_y
        level = mean_y - tilt * (mean_x - (origin(block) - w.samples.times[0])) / 1000
        # A constant is exactly that, and an infinite one has no line.
        head = y[:, 0]
        same = (y == head[:, None]).all(axis=1)
        tilt = np.where(same, np.where(np.isinf(head), np.nan, 0.0), tilt)
        level = np.where(same, np.where(np.isinf(head), np.nan, head), level)
        slope.flat[block.cells], height.flat[block.cells] = tilt, level
    return slope, height, w.counts >= 2


def _means(rows: Floats) -> Floats:
    """Around the first value, so that equal values have exactly that mean."""
    head = rows[:, 0]
    return np.asarray(head + (rows - head[:, None]).sum(axis=1) / rows.shape[1])


def _deriv(w: Windows) -> Found:
    slope, _, enough = _line(w, lambda block: w.samples.times[block.index[:, 0]])
    return slope, enough


def _predict_linear(w: Windows, ahead: Floats) -> Found:
    slope, height, enough = _line(w, lambda block: w.steps[block.cells % len(w.steps)])
    return slope * ahead + height, enough


def _smoothed(w: Windows, factor: Floats, trend: Floats) -> Found:
    """Holt's double exponential smoothing; one pass per place in the window, over all windows."""
    enough = w.counts >= 2
    if enough.any():
        _check_factor("smoothing", factor)
        _check_factor("trend", trend)
    values, found = w.samples.values, np.full(w.lo.shape, np.nan)
    if not enough.any():
        return found, enough
    step = np.nonzero(enough)[1]
    lo, counts, sf, tf = w.lo[enough], w.counts[enough], factor[step], trend[step]
    previous, level = np.zeros(len(lo)), values[lo].copy()
    slope = values[lo + 1] - values[lo]
    for place in range(1, int(counts.max())):
        live = np.flatnonzero(counts > place)
        if place > 1:
            slope[live] = tf[live] * (level[live] - previous[live]) + (1 - tf[live]) * slope[live]
        new = sf[live] * values[lo[live] + place] + (1 - sf[live]) * (level[live] + slope[live])
        previous[live], level[live] = level[live], new
    found[enough] = level
    return found, enough


def _check_factor(name: str, factor: Floats) -> None:
    for bad in factor[(factor <= 0) | (factor >= 1)][:1]:
        short = {"smoothing": "sf", "trend": "tf"}[name]
        raise EvaluationError(f"invalid {name} factor. Expected: 0 < {short} < 1, got: {bad:f}")


# Aggregations over a window


def _average(w: Windows) -> Found:
    values = w.samples.values
    counts = np.maximum(w.counts, 1)
    mean = w.sums(values) / counts
    # The sum of large values may not fit where their mean does.
    for cell in np.flatnonzero(np.isinf(mean)):
        part = values[w.lo.flat[cell] : w.hi.flat[cell]]
        if np.isfinite(part).all():
            mean.flat[cell] = (part / len(part)).sum()
    return mean, w.present


def _variance(w: Windows) -> Found:
    found = np.full(w.lo.shape, np.nan)
    for block in w.blocks():
        data = w.samples.values[block.index]
        off = data - _means(data)[:, None]
        found.flat[block.cells] = (off * off).sum(axis=1) / block.size
    return found, w.present


def _deviation(w: Windows) -> Found:
    variance, present = _variance(w)
    return np.sqrt(variance), present


def _quantiles(w: Windows, q: Floats) -> Found:
    found = np.full(w.lo.shape, np.nan)
    for block in w.blocks():
        found.flat[block.cells] = _quantile(w.samples.values[block.index], q[block.cells % len(q)])
    return found, w.present


def _median_deviation(w: Windows) -> Found:
    found = np.full(w.lo.shape, np.nan)
    for block in w.blocks():
        data = w.samples.values[block.index]
        half = np.full(len(data), 0.5)
        spread = _quantile(np.abs(data - _quantile(data, half)[:, None]), half)
        found.flat[block.cells] = np.where(np.isnan(data).any(axis=1), np.nan, spread)
    return found, w.present


def _quantile(rows: Floats, q: Floats) -> Floats:
    """Between two samples by weight; NaN sorts first, as in Prometheus."""
    last = rows.shape[1] - 1
    # numpy sorts NaN last: turned by as many places, they are first.
    nans = np.isnan(rows).sum(axis=1)
    rank = np.clip(np.nan_to_num(q), 0, 1) * last
    lower = np.floor(rank)
    weight = rank - lower
    places = np.stack((lower, np.minimum(lower + 1, last))).astype(np.int64)
    ordered = np.sort(rows, axis=1)
    low, high = (
        np.take_along_axis(ordered, ((place - nans) % (last + 1))[:, None], axis=1)[:, 0] for place in places
    )
    return outside(q, low * (1 - weight) + high * weight)


def outside(q: Floats, inside: Floats) -> Floats:
    """The answer for quantiles that are none."""
    found = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, inside))
    return np.where(np.isnan(q), np.nan, found)


def _time_of(w: Windows, best: np.ufunc) -> Found:
    """When the extreme was reached: the last time among equals."""
    extreme = w.fold(best, w.samples.values, empty=np.nan)
    found = np.full(w.lo.shape, np.nan)
    for block in w.blocks():
        data, best_there = w.samples.values[block.index], extreme.flat[block.cells][:, None]
        hit = (data == best_there) | np.isnan(best_there)
        at = np.where(hit, w.samples.times[block.index], np.iinfo(np.int64).min)
        found.flat[block.cells] = at.max(axis=1) / 1000
    return found, w.present


PLAIN: Final[Mapping[str, Callable[[Windows], Found]]] = {
    "rate": lambda w: _extrapolated(w, counter=True, per_second=True),
    "increase": lambda w: _extrapolated(w, counter=True, per_second=False),
    "delta": lambda w: _extrapolated(w, counter=False, per_second=False),
    "irate": lambda w: _instant(w, counter=True),
    "idelta": lambda w: _instant(w, counter=False),
    "resets": _resets,
    "changes": _changes,
    "deriv": _deriv,
    "sum_over_time": lambda w: (w.sums(w.samples.values), w.present),
    "avg_over_time": _average,
    "min_over_time": lambda w: (w.fold(np.fmin, w.samples.values), w.present),
    "max_over_time": lambda w: (w.fold(np.fmax, w.samples.values), w.present),
    "count_over_time": lambda w: (w.counts.astype(np.float64), w.present),
    "stdvar_over_time": _variance,
    "stddev_over_time": _deviation,
    "mad_over_time": _median_deviation,
    "last_over_time": lambda w: (w.samples.values[w.last], w.present),
    "first_over_time": lambda w: (w.samples.values[w.first], w.present),
    "present_over_time": lambda w: (np.ones(w.lo.shape), w.present),
    "ts_of_first_over_time": lambda w: (_seconds(w.samples.times[w.first]), w.present),
    "ts_of_last_over_time": lambda w: (_seconds(w.samples.times[w.last]), w.present),
    "ts_of_max_over_time": lambda w: _time_of(w, np.fmax),
    "ts_of_min_over_time": lambda w: _time_of(w, np.fmin),
}
WITH_SCALARS: Final[Mapping[str, Callable[..., Found]]] = {
    "predict_linear": _predict_linear,
    "double_exponential_smoothing": _smoothed,
    "quantile_over_time": _quantiles,
}
#: These keep the metric's name: their answer is one of its samples.
NAMED: Final = frozenset(("last_over_time", "first_over_time"))
