"""The metric store at 5,000 series each ten seconds: what taking them costs, what a sample takes, how fast it reads.

Ingest is measured on all series for some hours of polls, compaction included, as CPU time of this process. Reading is
measured on a store that holds eight days, in a process that has read nothing before.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np

from bench._report import finish, table
from controlplane.alerts.logic.preview import Sights, answer_of, fold
from controlplane.alerts.logic.seeing import Words
from controlplane.alerts.logic.states import Timing
from controlplane.metrics.names import Sample
from controlplane.metrics.promql import Matcher, parse, ranged
from controlplane.metrics.promql.matchers import chosen
from controlplane.metrics.store import MetricStore, Retention, Series, compaction, open_store

INTERVAL_MS = 10_000
BROKERS = 3
BEGIN = 1_790_000_000_000 // 7_200_000 * 7_200_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
RETENTION = Retention()


class Broker:
    """Series as a broker gives them: a third never moves, a third counts, the rest are gauges, half of them in fractions."""

    def __init__(self, number: int, series: int) -> None:
        self.number = number
        self._random = random.Random(number)
        self._values = [0.0] * series
        self._labels = [(("broker", str(number)), ("n", f"{at:05}")) for at in range(series)]

    def samples(self) -> list[Sample]:
        draw = self._random.random
        for at in range(len(self._values)):
            match at % 6:
                case 2 | 3:
                    self._values[at] += int(draw() * 50_000)
                case 4:
                    self._values[at] = float(int(draw() * 40))
                case 5:
                    self._values[at] = draw() * 900
                case _:
                    continue
        names = ("idle", "idle", "bytes_total", "bytes_total", "queue", "latency")
        return [
            Sample(names[at % 6], labels, value)
            for at, (labels, value) in enumerate(zip(self._labels, self._values, strict=True))
        ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench metrics")
    parser.add_argument("--series", type=int, default=5000)
    parser.add_argument("--hours", type=int, default=5, help="of polls, for what ingest costs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        ingest = _ingest(Path(directory) / "ingest.sqlite3", arguments.series, arguments.hours)
        read = _reads(Path(directory) / "week.sqlite3")
    figures = {**ingest, **read}
    table(("figure", "value", "wanted"), [(name, figures[name], LIMITS.get(name, "")) for name in figures])
    finish(
        "metrics",
        figures,
        {"compaction/ingest": ingest["compaction_cpu_percent"] / ingest["ingest_cpu_percent"]},
    )


LIMITS = {
    "ingest_cpu_percent": "< 10",
    "bytes_per_sample": "<= 4",
    "range_24h_ms": "< 50",
    "dashboard_7d_ms": "< 300",
    "preview_7d_ms": "< 2000",
    "preview_7d_wide_ms": "< 2000",
}


def _ingest(path: Path, series: int, hours: int) -> dict[str, float]:
    store = open_store(str(path))
    brokers = [Broker(number, series // BROKERS) for number in range(1, BROKERS + 1)]
    rounds = hours * HOUR_MS // INTERVAL_MS
    append = compact = longest = 0.0
    for number in range(rounds):
        now = BEGIN + number * INTERVAL_MS
        for broker in brokers:
            samples = broker.samples()  # reading and naming the MBeans is `bench poll`
            began = time.process_time()
            # Polls are some milliseconds off, each time.
            store.append("main", str(broker.number), now + random.randrange(80), samples)
            append += time.process_time() - began
        if number % 60 == 59:
            began = time.process_time()
            _compact(store, now)
            took = time.process_time() - began
            compact, longest = compact + took, max(longest, took)
    wall = rounds * INTERVAL_MS / 1000
    _compact(store, BEGIN + (hours + 1) * HOUR_MS)
    ((taken,),) = _taken(store)
    store.close()
    return {
        "series": series,
        "ingest_cpu_percent": round(100 * (append + compact) / wall, 2),
        "compaction_cpu_percent": round(100 * compact / wall, 2),
        "longest_compaction_s": round(longest, 2),
        "bytes_per_sample": round(taken / (rounds * (series // BROKERS) * BROKERS), 2),
    }


def _compact(store: MetricStore, now: int) -> None:
    while compaction.step(store, now, RETENTION):
        pass


def _taken(store: MetricStore) -> list[tuple[int]]:
    """Pages in use: SQLite gives freed pages out again, and keeps them in the file until then."""
    with store.database.read() as db:
        ((pages,),), ((size,),) = db.rows("PRAGMA page_count"), db.rows("PRAGMA page_size")
        ((free,),) = db.rows("PRAGMA freelist_count")
    return [((pages - free) * size,)]


def _reads(path: Path) -> dict[str, float]:
    store = open_store(str(path))
    broker = Broker(1, 180)
    end = BEGIN + 8 * DAY_MS
    for now in range(BEGIN, end, INTERVAL_MS):
        store.append("main", "1", now, broker.samples())
        if now % DAY_MS == 0:
            _compact(store, now)
    # As a running system: compacted ten minutes ago.
    _compact(store, end - 600_000)
    store.close()
    warm = open_store(str(path))
    _dashboard(warm, end)
    return {
        "range_24h_ms": _median(lambda: _one_day(path, end)),
        "dashboard_7d_ms": _median(lambda: _dashboard(open_store(str(path)), end)),
        "dashboard_7d_again_ms": _median(lambda: _dashboard(warm, end)),
        **{name: _median(partial(_preview, path, end, text)) for name, text in RULES.items()},
    }


def _one_day(path: Path, end: int) -> None:
    store = open_store(str(path))
    (found,) = store.fetch("main", "latency", lambda labels: labels["n"] == "00005", end - DAY_MS, end)
    assert len(found.times) == DAY_MS // INTERVAL_MS
    store.close()


#: Ten charts with 3 to 30 lines: what a page of a week asks.
CHARTS = (
    "sum(rate(bytes_total[30m]))",
    'sum by (n) (rate(bytes_total{n=~"0000.|0001."}[30m]))',
    "topk(5, rate(bytes_total[30m]))",
    'max by (n) (latency{n=~"000[0-5]."})',
    'avg_over_time(latency{n=~"0001."}[1h])',
    "max(latency)",
    "sum(queue)",
    'max_over_time(queue{n=~"000[0-5]."}[1h])',
    "sum(idle)",
    'quantile_over_time(0.99, latency{n="00005"}[1h])',
)


#: Conditions that come and go all the time, which costs most: of ten series, and of all sixty that count.
RULES = {
    "preview_7d_ms": 'latency{n=~"000[0-5]."} > 880',
    "preview_7d_wide_ms": "rate(bytes_total[5m]) > 2600",
}


def _preview(path: Path, end: int, text: str) -> None:
    """As the page of a rule asks for it: a week in minutes, judged by the live state machine (AL-9)."""
    store, step, start = open_store(str(path)), 60_000, end - 7 * DAY_MS
    times = np.arange(start, end + 1, step, dtype=np.int64)
    found = ranged(parse(text), _Source(store), start, end, step)
    answers = [answer_of(each, times) for each in found.series]
    sights = Sights(np.zeros(len(times), dtype=np.bool_))
    outcome = fold(Words("Bench"), Timing(timedelta(minutes=5)), times, answers, sights)
    assert outcome.series, text
    store.close()


class _Source:
    def __init__(self, store: MetricStore) -> None:
        self._store = store

    def select(self, matchers: tuple[Matcher, ...], start: int, end: int, distance: int) -> list[Series]:
        return self._store.fetch("main", *chosen(matchers), start, end, distance)


def _dashboard(store: MetricStore, end: int) -> None:
    step = 7 * DAY_MS // 360 // INTERVAL_MS * INTERVAL_MS
    for text in CHARTS:
        found = ranged(parse(text), _Source(store), end - 7 * DAY_MS, end, step)
        assert found.series, text
    store.close()


def _median(work: Callable[[], None], rounds: int = 5) -> float:
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(took), 1)


if __name__ == "__main__":
    main()
