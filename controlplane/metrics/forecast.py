"""Forecasts: when a disk is full, which topics grow, how partitions and connections grow. By the history's own slope.

A slope is the least-squares one of PromQL's `deriv` over a window: a week, or as much of it as there is. Less than an hour
of history gives none: unknown is not "never".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controlplane.core.errors import Invalid
from controlplane.metrics import query
from controlplane.metrics.query import Point, QueryError
from controlplane.metrics.selectors import store

WEEK_MS, HOUR_MS, DAY_S = 7 * 86_400_000, 3_600_000, 86_400
#: The fastest growing.
MOST_TOPICS = 20
#: Below this a disk's slope is noise: it would be full in ten years.
FAR_S = 3650 * DAY_S
FREE = "min by (broker, dir) (kastellan_log_dir_usable_bytes)"
TOTAL = "max by (broker, dir) (kastellan_log_dir_total_bytes)"
SIZE = "sum by (topic) (kastellan_topic_size_bytes)"


@dataclass(frozen=True, slots=True)
class Disk:
    """`full_in_s` None: at this pace never, or not in ten years. Growth in bytes per second."""

    broker: str
    dir: str
    free: float
    total: float | None
    growth: float
    full_in_s: float | None


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
    """`window_s` is how much history the slopes are from; None: too little, and then all is empty."""

    window_s: int | None
    disks: tuple[Disk, ...] = ()
    topics: tuple[Growth, ...] = ()
    totals: tuple[Growth, ...] = ()


def forecast(cluster: str, now: int) -> Forecast:
    window = _window(cluster, now)
    if window is None:
        return Forecast(None)
    asked = _Asked(cluster, now, window // 1000)
    return Forecast(window // 1000, _disks(asked), _topics(asked), _totals(asked))


def _window(cluster: str, now: int) -> int | None:
    """As much of the last week as the poll of the cluster has been going on."""
    found = store().select(cluster, "kastellan_protocol_poll_up", {}, now - WEEK_MS, now)
    first = min((each.times[0] for each in found), default=now)
    length = now - first
    return length if length >= HOUR_MS else None


@dataclass(frozen=True, slots=True)
class _Asked:
    cluster: str
    now: int
    window_s: int

    def points(self, expr: str) -> list[Point]:
        try:
            return query.instant(self.cluster, expr, self.now)
        except QueryError as error:
            raise Invalid(f"There is too much history for a forecast now: {error}") from error

    def values(self, expr: str, *labels: str) -> Mapping[tuple[str, ...], float]:
        return {
            tuple(each.labels.get(label, "") for label in labels): each.value for each in self.points(expr)
        }

    def slope(self, metric: str) -> str:
        return f"deriv({metric}[{self.window_s}s])"


def _disks(asked: _Asked) -> tuple[Disk, ...]:
    keys = ("broker", "dir")
    slopes = asked.values(f"min by (broker, dir) ({asked.slope('kastellan_log_dir_usable_bytes')})", *keys)
    totals = asked.values(TOTAL, *keys)
    found = []
    for key, free in asked.values(FREE, *keys).items():
        broker, directory = key
        if key in slopes:
            growth = -slopes[key]
            found.append(Disk(broker, directory, free, totals.get(key), growth, full_in_s(free, growth)))
    return tuple(sorted(found, key=lambda disk: (disk.full_in_s is None, disk.full_in_s or 0, disk.broker)))


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
    """Of the cluster: what has limits of its own in brokers and operating systems."""
    wanted = (
        ("Partitions with their replicas", "kafka_server_replicamanager_partitioncount"),
        ("Connections", "kafka_server_socket_server_metrics_connection_count"),
    )
    found = []
    for name, metric in wanted:
        now, slope = asked.points(f"sum({metric})"), asked.points(f"sum({asked.slope(metric)})")
        if now and slope:
            found.append(Growth(name, now[0].value, slope[0].value))
    return tuple(found)
