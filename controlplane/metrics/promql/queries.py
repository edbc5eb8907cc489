"""The two questions that can be asked: at one time, and at steps from one time to another."""

from __future__ import annotations

import numpy as np

from controlplane.metrics.promql.errors import PromQLError
from controlplane.metrics.promql.evaluate import evaluate, range_windows
from controlplane.metrics.promql.evaluation import Evaluation
from controlplane.metrics.promql.model import (
    LOOKBACK_MS,
    Ints,
    Limits,
    Notes,
    Result,
    Series,
    Source,
    Vector,
)  # fmt: skip
from controlplane.metrics.promql.parsing import Query, parse


def instant(
    query: Query | str,
    source: Source,
    at: int,
    *,
    lookback_ms: int = LOOKBACK_MS,
    limits: Limits | None = None,
) -> Result:
    """The answer at one time (Unix milliseconds), of the type of the query."""
    query = parse(query) if isinstance(query, str) else query
    notes = Notes(query.text)
    ev = Evaluation(source, np.array([at], dtype=np.int64), at, at, lookback_ms, limits or Limits(), notes)
    with np.errstate(all="ignore"):
        found = _ranges(query, ev) if query.type == "matrix" else _instant(query, ev, at)
    return _noted(found, notes)


def ranged(
    query: Query | str, source: Source, start: int, end: int, step: int, *,
    lookback_ms: int = LOOKBACK_MS, limits: Limits | None = None,
) -> Result:  # fmt: skip
    """The answers at start, start + step, … up to end (Unix milliseconds): always a matrix."""
    query = parse(query) if isinstance(query, str) else query
    limits = limits or Limits()
    check_steps(query, start, end, step, limits)
    notes = Notes(query.text)
    steps = np.arange(start, end + 1, step, dtype=np.int64)
    ev = Evaluation(source, steps, start, end, lookback_ms, limits, notes)
    with np.errstate(all="ignore"):
        found = evaluate(query.ast, ev)
    assert not isinstance(found, str)
    vector = found if isinstance(found, Vector) else _scalars(found)
    return _noted(
        Result("matrix", sorted(_series(vector, steps), key=lambda each: sorted(each.labels.items()))), notes
    )


def check_steps(query: Query, start: int, end: int, step: int, limits: Limits | None = None) -> None:
    limits = limits or Limits()
    if query.type not in ("scalar", "vector"):
        kind = "range vector" if query.type == "matrix" else query.type
        _refuse(query, f'invalid expression type "{kind}" for range query, must be Scalar or instant Vector')
    if step <= 0:
        _refuse(
            query, "zero or negative query resolution step widths are not accepted. Try a positive integer"
        )
    if end < start:
        _refuse(query, "end timestamp must not be before start time")
    if (end - start) // step > limits.points:
        _refuse(
            query,
            f"exceeded maximum resolution of {limits.points:,} points per timeseries."
            " Try decreasing the query resolution (?step=XX)",
        )


def _refuse(query: Query, message: str) -> None:
    raise PromQLError(message, 0, query.text)


def _scalars(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Vector:
    return Vector([()], values[None, :], np.ones((1, len(values)), dtype=np.bool_))


def _series(vector: Vector, steps: Ints) -> list[Series]:
    return [
        Series(dict(labels), steps[present], values[present])
        for labels, values, present in zip(vector.labels, vector.values, vector.present, strict=True)
        if present.any()
    ]


def _instant(query: Query, ev: Evaluation, at: int) -> Result:
    found = evaluate(query.ast, ev)
    if isinstance(found, str):
        return Result("string", at=at, text=found)
    if isinstance(found, Vector):
        return Result("vector", _series(found, ev.steps), at=at)
    return Result("scalar", at=at, value=float(found[0]))


def _ranges(query: Query, ev: Evaluation) -> Result:
    w = range_windows(query.ast, ev)
    parts = [slice(int(lo), int(hi)) for lo, hi in zip(w.lo[:, 0], w.hi[:, 0], strict=True)]
    return Result(
        "matrix",
        [
            Series(dict(labels), w.samples.times[part], w.samples.values[part])
            for labels, part in zip(w.samples.labels, parts, strict=True)
            if part.start < part.stop
        ],
    )


def _noted(found: Result, notes: Notes) -> Result:
    found.warnings.extend(notes.warnings)
    found.infos.extend(notes.infos)
    return found
