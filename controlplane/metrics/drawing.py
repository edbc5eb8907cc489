"""Charts with their points: the named ones, and what Explore is asked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from controlplane.core.errors import Invalid
from controlplane.metrics import query
from controlplane.metrics.charts import Chart, Line, filled, named
from controlplane.metrics.logic.ranges import TimeRange
from controlplane.metrics.logic.rates import step_for
from controlplane.metrics.promql import EvaluationError
from controlplane.metrics.promql.model import Series

MOST_LINES = 30


@dataclass(frozen=True, slots=True)
class Drawn:
    name: str
    labels: Mapping[str, str]
    points: list[tuple[float, float | None]]


@dataclass(frozen=True, slots=True)
class ChartData:
    """Times in Unix seconds, `step` in seconds; a point without a value is a gap."""

    start: float
    end: float
    step: float
    unit: str
    lines: tuple[Drawn, ...]


def chart_data(cluster: str, chart: Chart, period: TimeRange, choices: Mapping[str, str]) -> ChartData:
    """`choices`: values for `$broker`, `$topic` and the like. Raises Invalid when it took too long."""
    try:
        found = [each for line in chart.lines for each in _drawn(cluster, line, period, choices)]
    except EvaluationError as error:
        raise Invalid(f"The chart could not be drawn: {error}") from error
    return of_period(period, chart.unit, found)


def _drawn(cluster: str, line: Line, period: TimeRange, choices: Mapping[str, str]) -> list[Drawn]:
    start, end, step = grid(period)
    expr = query.parse(filled(line.expr, step, choices))
    found = query.evaluate_range(cluster, expr, start, end, step).series
    drawn = [
        Drawn(named(line.legend, each.labels), dict(each.labels), points(each, start, end, step))
        for each in found
    ]
    return sorted(drawn, key=lambda each: _natural(each.name))


def of_period(period: TimeRange, unit: str, lines: list[Drawn]) -> ChartData:
    start, end, step = grid(period)
    return ChartData(start / 1000, end / 1000, step / 1000, unit, tuple(lines[:MOST_LINES]))


def grid(period: TimeRange) -> tuple[int, int, int]:
    """First point, last point, distance: in milliseconds, at whole steps, so that a chart does not move with the clock."""
    step = step_for(period.start, period.end)
    return period.start // step * step, period.end // step * step, step


def points(series: Series, start: int, end: int, step: int) -> list[tuple[float, float | None]]:
    """Every point of the range; None where there is no value."""
    known = {
        int(at): float(value) if math.isfinite(value) else None
        for at, value in zip(series.times, series.values, strict=True)
    }
    return [(at / 1000, known.get(at)) for at in range(start, end + 1, step)]


def _natural(text: str) -> tuple[str, int]:
    """`broker 2` before `broker 10`."""
    head, _, tail = text.rpartition(" ")
    return (head, int(tail)) if tail.isdigit() else (text, 0)
