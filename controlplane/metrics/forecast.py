"""Forecasts: when a disk is full, which topics grow, how partitions and connections grow. By the history's own slope.

A slope is the least-squares one of PromQL's `deriv` over a window: a week, or as much of it as there is. Less than an hour
of history gives none: unknown is not "never". Disks are also looked at over short windows, since what fills one today is
not seen in the slope of a week; but a short window speaks of a near end only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from controlplane.metrics import query
from controlplane.metrics.promql import EvaluationError, PromQLError
from controlplane.metrics.query import Point, QueryError
from controlplane.metrics.selectors import store
from controlplane.metrics.sources import is_elsewhere

WEEK_MS, HOUR_S, DAY_S = 7 * 86_400_000, 3_600, 86_400
#: Of the cluster: what has limits of its own in brokers and operating systems.
TOTALS = (
    ("Partitions with their replicas", "kafka_server_replicamanager_partitioncount"),
    ("Connections", "kafka_server_socket_server_metrics_connection_count"),
)
#: How much of the past speaks for how much of what comes: a quarter of an hour for six hours.
HORIZON = 24
#: Of disks, in seconds.
SHORT_WINDOWS = (900, 3600, 21_600)
SHORTEST_S = 300
#: The fastest growing.
MOST_TOPICS = 20
#: Below this a disk's slope is noise: it would be full in ten years.
FAR_S = 3650 * DAY_S
USABLE = "kastellan_log_dir_usable_bytes"
FREE = f"min by (broker, dir) ({USABLE})"
TOTAL = "max by (broker, dir) (kastellan_log_dir_total_bytes)"
SIZE = "sum by (topic) (kastellan_topic_size_bytes)"


@dataclass(frozen=True, slots=True)
class Disk:
    """`full_in_s` None: at this pace never, or not in ten years; `full_at` is the same as a time. Growth in bytes per
    second, over the last `window_s`: of the paces that there are, the one that ends first."""

    broker: str
    dir: str
    free: float
    total: float | None
    growth: float
    full_in_s: float | None
    window_s: int
    full_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Growth:
    """What grows by how much per second."""

    name: str
    now: float
    growth: float

    def after(self, seconds: float) -> float:
        return max(self.now + self.growth * seconds, 0.0)

    @property
    def in_a_month(self) -> float:
        return self.after(30 * DAY_S)


@dataclass(frozen=True, slots=True)
class Forecast:
    """`window_s` is how much history the slopes are from; None: too little, and then there are only disks that are soon full.

    `unknown`: what a server that has the metrics does not have; `error`: why nothing could be asked.
    """

    window_s: int | None
    disks: tuple[Disk, ...] = ()
    topics: tuple[Growth, ...] = ()
    totals: tuple[Growth, ...] = ()
    unknown: tuple[str, ...] = ()
    error: str = ""


def forecast(cluster: str, now: int) -> Forecast:
    try:
        return _forecast(cluster, now)
    except (QueryError, PromQLError, EvaluationError) as error:
        return Forecast(None, error=str(error))


def _forecast(cluster: str, now: int) -> Forecast:
    elsewhere = is_elsewhere(cluster)
    history = (_history_elsewhere_s if elsewhere else _history_s)(cluster, now)
    asked = _Asked(cluster, now, history)
    if history < HOUR_S:
        return Forecast(None, _disks(asked))
    found = Forecast(history, _disks(asked), _topics(asked), _totals(asked))
    return replace(found, unknown=_unknown(found)) if elsewhere else found


def _unknown(found: Forecast) -> tuple[str, ...]:
    known = {each.name for each in found.totals}
    lacking = [
        (not found.disks, f"disks ({USABLE})"),
        (not found.topics, "topics (kastellan_topic_size_bytes)"),
    ]
    lacking += [(name not in known, f"{name.lower()} ({metric})") for name, metric in TOTALS]
    return tuple(what for lacks, what in lacking if lacks)


def _history_elsewhere_s(cluster: str, now: int) -> int:
    """As far back within a week as the server has anything of what is forecast, to a quarter of an hour."""
    text = " or ".join(f"count({metric})" for metric in (USABLE, *(metric for _, metric in TOTALS)))
    asked = query.parse(text)
    found = query.evaluate_range(cluster, asked, now - WEEK_MS, now, 900_000, timeout=query.TIMEOUT_S)
    first = min((int(series.times[0]) for series in found.series), default=now)
    return (now - first) // 1000


def _history_s(cluster: str, now: int) -> int:
    """As much of the last week as the poll of the cluster has been going on."""
    found = store().select(cluster, "kastellan_protocol_poll_up", {}, now - WEEK_MS, now)
    first = min((each.times[0] for each in found), default=now)
    return (now - first) // 1000


@dataclass(frozen=True, slots=True)
class _Asked:
    cluster: str
    now: int
    window_s: int

    def points(self, expr: str) -> list[Point]:
        return query.instant(self.cluster, expr, self.now)

    def values(self, expr: str, *labels: str) -> Mapping[tuple[str, ...], float]:
        return {
            tuple(each.labels.get(label, "") for label in labels): each.value for each in self.points(expr)
        }

    def slope(self, metric: str, window_s: int | None = None) -> str:
        return f"deriv({metric}[{window_s or self.window_s}s])"

    def paces(self) -> Mapping[int, Mapping[tuple[str, ...], float]]:
        """How fast each disk loses room, by window."""
        return {
            window: self.values(f"max by (broker, dir) (-{self.slope(USABLE, window)})", "broker", "dir")
            for window in disk_windows(self.window_s)
        }


def disk_windows(history_s: int) -> tuple[int, ...]:
    """The whole history, where it is long enough to speak for the far future, and the short windows within it."""
    short = tuple(each for each in SHORT_WINDOWS if each < history_s)
    return (*short, history_s) if history_s >= SHORTEST_S else ()


def _disks(asked: _Asked) -> tuple[Disk, ...]:
    paces, totals = asked.paces(), asked.values(TOTAL, "broker", "dir")
    found = []
    for key, free in asked.values(FREE, "broker", "dir").items() if paces else ():
        growths = {window: slopes[key] for window, slopes in paces.items() if key in slopes}
        pace = first_end(free, growths, asked.window_s)
        if pace is not None:
            broker, directory = key
            window, growth, end = pace
            at = None if end is None else datetime.fromtimestamp(asked.now / 1000 + end, UTC)
            found.append(Disk(broker, directory, free, totals.get(key), growth, end, window, at))
    return tuple(sorted(found, key=lambda disk: (disk.full_in_s is None, disk.full_in_s or 0, disk.broker)))


Pace = tuple[int, float, float | None]


def first_end(free: float, growths: Mapping[int, float], history_s: int) -> Pace | None:
    """The window, growth and end by which the disk is full first; a week's where none says anything near."""
    near = [
        (window, growth, end)
        for window, growth in growths.items()
        if (end := full_in_s(free, growth)) is not None and end <= HORIZON * window
    ]
    if near:
        return min(near, key=lambda pace: pace[2])
    if history_s < HOUR_S or history_s not in growths:
        return None
    return history_s, growths[history_s], full_in_s(free, growths[history_s])


def full_in_s(free: float, growth: float) -> float | None:
    """Seconds until nothing is free; None when that is more than ten years away."""
    if growth <= 0 or free / growth > FAR_S:
        return None
    return free / growth


def _topics(asked: _Asked) -> tuple[Growth, ...]:
    slopes = asked.values(f"sum by (topic) ({asked.slope('kastellan_topic_size_bytes')})", "topic")
    found = [Growth(key[0], size, slopes.get(key, 0.0)) for key, size in asked.values(SIZE, "topic").items()]
    return tuple(sorted(found, key=lambda each: (-each.growth, each.name))[:MOST_TOPICS])


def _totals(asked: _Asked) -> tuple[Growth, ...]:
    found = []
    for name, metric in TOTALS:
        now, slope = asked.points(f"sum({metric})"), asked.points(f"sum({asked.slope(metric)})")
        if now and slope:
            found.append(Growth(name, now[0].value, slope[0].value))
    return tuple(found)
