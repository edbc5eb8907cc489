"""The PromQL engine: equal to a real Prometheus on how many queries, and how long a page of charts takes.

The page: 20 charts over 7 days of one-minute samples, 360 steps each, 3 to 30 series.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from bench._report import finish, table
from controlplane.metrics.promql import (
    EvaluationError,
    Matcher,
    PromQLError,
    Series,
    instant,
    ranged,
    to_json,
)
from tests.metrics.promql import reference

ROUNDS = 5
DAY = 86_400_000
END = 1_760_054_400_000
START = END - 7 * DAY
STEP = 7 * DAY // 360
CHARTS = (
    "sum by (topic) (rate(messages_total[30m]))",
    "sum(rate(messages_total[30m]))",
    "topk(5, sum by (topic) (rate(bytes_total[30m])))",
    "rate(bytes_total[1h])",
    "sum by (broker) (rate(bytes_total[30m])) / 1024",
    "idle_ratio",
    "avg by (broker) (idle_ratio)",
    "1 - avg_over_time(idle_ratio[1h])",
    "max_over_time(idle_ratio[1h])",
    "max(lag)",
    "sum by (topic) (lag)",
    "deriv(lag[1h])",
    "predict_linear(lag[2h], 3600)",
    "quantile_over_time(0.95, lag[1h])",
    "histogram_quantile(0.99, sum by (le) (rate(latency_bucket[30m])))",
    "histogram_quantile(0.5, rate(latency_bucket[30m]))",
    "increase(messages_total[1h])",
    "sum(rate(messages_total[30m])) - sum(rate(messages_total[30m] offset 1d))",
    "stddev by (topic) (lag)",
    "lag > 0 and on (broker) idle_ratio < 0.5",
)  # fmt: skip


class Columns:
    """A source as fast as one can be: what is measured is the engine."""

    def __init__(self, series: list[Series]) -> None:
        self._series = series

    def select(self, matchers: tuple[Matcher, ...], start: int, end: int, distance: int) -> list[Series]:
        return [
            self._cut(each, start, end)
            for each in self._series
            if all(matcher.matches(each.labels.get(matcher.name, "")) for matcher in matchers)
        ]

    def _cut(self, series: Series, start: int, end: int) -> Series:
        lo, hi = np.searchsorted(np.asarray(series.times), (start, end + 1))
        return Series(series.labels, series.times[lo:hi], series.values[lo:hi])


def page() -> Columns:
    chance = np.random.default_rng(7)
    times = np.arange(START - DAY, END, 60_000) + 3_700
    found = []
    for broker in range(3):
        labels = {"broker": str(broker)}
        found.append(Series({"__name__": "idle_ratio", **labels}, times, chance.random(len(times))))
        for topic in range(10):
            of = {**labels, "topic": f"topic-{topic}"}
            for name in ("messages_total", "bytes_total"):
                found.append(Series({"__name__": name, **of}, times, chance.random(len(times)).cumsum()))
            found.append(Series({"__name__": "lag", **of}, times, chance.normal(100, 50, len(times))))
        for place, le in enumerate(("0.01", "0.05", "0.1", "0.5", "1", "+Inf"), 1):
            counts = (chance.random(len(times)) * place).cumsum()
            found.append(Series({"__name__": "latency_bucket", "le": le, **labels}, times, counts))
    return Columns(found)


def timings() -> tuple[list[list[object]], float]:
    source, rows, total = page(), [], 0.0
    for query in CHARTS:
        spans, series = [], 0
        for _ in range(ROUNDS):
            started = time.process_time()
            series = len(ranged(query, source, START, END, STEP).series)
            spans.append((time.process_time() - started) * 1000)
        total += min(spans)
        rows.append([query, series, f"{min(spans):.1f}"])
    return rows, total


def compared() -> tuple[int, float]:
    """How many questions, and the worst relative difference."""
    series = reference.samples()
    memory, worst, count = reference.Memory(series), 0.0, 0
    first, last, step = reference.FIRST_QUESTION, reference.LAST_QUESTION, reference.STEP
    with tempfile.TemporaryDirectory() as folder, reference.prometheus(Path(folder), series) as server:
        for query in reference.QUERIES:
            if reference.changed_since(query):
                continue
            asked = reference.ask(server, query, time=first / 1000)
            over = reference.ask(server, query, start=first / 1000, end=last / 1000, step=step / 1000)
            try:
                at_once, mine = (
                    to_json(instant(query, memory, first)),
                    to_json(ranged(query, memory, first, last, step)),
                )
            except (EvaluationError, PromQLError):
                continue
            worst = max(worst, reference.difference(at_once, asked["data"], ordered=query.startswith("sort")))
            worst = max(worst, reference.difference(mine, over["data"], ordered=True))
            count += 2
    return count, worst


def main() -> None:
    rows, total = timings()
    table(("chart", "series", "best CPU ms"), rows)
    count, worst = compared() if reference.available() else (0, 0.0)
    print(
        f"{len(CHARTS)} charts over 7 days: {total:.0f} ms; {count} answers compared, worst difference {worst:.1e}"
    )
    finish(
        "promql",
        {
            "page_ms": round(total, 1),
            "charts": len(CHARTS),
            "compared": count,
            "worst_relative_difference": worst,
        },
    )


if __name__ == "__main__":
    main()
