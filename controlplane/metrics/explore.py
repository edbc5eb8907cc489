"""Explore: PromQL by hand. One panel per query, with its chart's data and a legend of what the lines came to."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from controlplane.core.errors import Invalid
from controlplane.metrics import query
from controlplane.metrics.drawing import MOST_LINES, ChartData, Drawn, grid, of_period, points
from controlplane.metrics.logic.ranges import TimeRange
from controlplane.metrics.logic.units import unit_of
from controlplane.metrics.promql import EvaluationError, PromQLError, Query
from controlplane.metrics.promql.model import Series

MOST_QUERIES = 6


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a legend table, over the range that is shown."""

    name: str
    last: float | None
    lowest: float
    highest: float
    mean: float


@dataclass(frozen=True, slots=True)
class Panel:
    """`error` in plain words, with `excerpt` and a `caret` under its place; else the answer."""

    key: str
    text: str
    data_query: str = ""
    unit: str = ""
    rows: tuple[Row, ...] = ()
    found: int = 0
    warnings: tuple[str, ...] = ()
    error: str = ""
    excerpt: str = ""
    caret: str = ""


def panels(cluster: str, texts: Iterable[str], period: TimeRange) -> tuple[Panel, ...]:
    wanted = [text for text in texts if text.strip()]
    return tuple(_panel(cluster, f"q{place}", text, period) for place, text in enumerate(wanted, 1))


def _panel(cluster: str, key: str, text: str, period: TimeRange) -> Panel:
    try:
        parsed = query.parse(text)
        series, warnings = _evaluated(cluster, parsed, period)
    except PromQLError as error:
        lines = text.splitlines() or [""]
        excerpt = lines[error.line - 1] if error.line <= len(lines) else ""
        return Panel(key, text, error=error.message, excerpt=excerpt, caret=" " * (error.column - 1) + "^")
    except EvaluationError as error:
        return Panel(key, text, error=str(error))
    _, end, step = grid(period)
    return Panel(
        key,
        text,
        data_query=urlencode({"q": text}),
        unit=unit_of(text, _names(parsed)),
        rows=tuple(_row(each, end - 3 * step) for each in series[:MOST_LINES]),
        found=len(series),
        warnings=warnings,
    )


def chart_data(cluster: str, text: str, period: TimeRange) -> ChartData:
    """Raises Invalid with what is wrong with the query."""
    try:
        return chart_of(cluster, query.parse(text), period)
    except (PromQLError, EvaluationError) as error:
        raise Invalid(fields={"q": [str(error)]}) from error


def chart_of(cluster: str, parsed: Query, period: TimeRange) -> ChartData:
    """Raises PromQLError, EvaluationError."""
    series, _ = _evaluated(cluster, parsed, period)
    start, end, step = grid(period)
    lines = [
        Drawn(name_of(each), dict(each.labels), points(each, start, end, step))
        for each in series[:MOST_LINES]
    ]
    return of_period(period, unit_of(parsed.text, _names(parsed)), lines)


def _evaluated(cluster: str, parsed: Query, period: TimeRange) -> tuple[list[Series], tuple[str, ...]]:
    start, end, step = grid(period)
    found = query.evaluate_range(cluster, parsed, start, end, step)
    return found.series, (*found.warnings, *found.infos)


def _names(parsed: Query) -> tuple[str, ...]:
    """Of the metrics that it reads, one for each selector; empty where one selects by anything but a name."""
    found = [each.name for each in parsed.selectors()]
    return tuple(found) if all(found) else ()


def name_of(series: Series) -> str:
    """As Prometheus writes a series, without the cluster, which is that of the page."""
    labels = {name: value for name, value in series.labels.items() if name not in ("__name__", "cluster")}
    inside = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    name = series.labels.get("__name__", "")
    return f"{name}{{{inside}}}" if inside or not name else name


def _row(series: Series, fresh: int) -> Row:
    values = [float(value) for value in series.values if math.isfinite(value)] or [math.nan]
    last = float(series.values[-1]) if int(series.times[-1]) >= fresh else None
    return Row(name_of(series), last, min(values), max(values), sum(values) / len(values))
