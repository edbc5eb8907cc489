"""Reads of the metric history: the present health of a cluster. Never writes.

Unknown stays unknown: a stale value is None with the reason, never the last number and never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from django.conf import settings

from controlplane.metrics.logic import rates
from controlplane.metrics.logic.rates import STALE_MS
from controlplane.metrics.store import MetricStore, Points, Retention, open_store

#: Health derives rates from the last minute: long enough to be calm, short enough to be now.
HEALTH_WINDOW_MS = 60_000
#: How far back the last answer of a silent broker is looked for.
SILENCE_TOLD_MS = 3_600_000
NEVER_STARTED: Mapping[str, float] = {}
#: A fraction of a counter by two clocks, the broker's and ours, can come out a hair above all of it.
WHOLE = 1.0


@lru_cache(maxsize=4)
def _store(path: str) -> MetricStore:
    return open_store(path)


def store() -> MetricStore:
    return _store(str(settings.METRICS_DATABASE))


def end_series(cluster: str, target: str, now: int, since: int) -> bool:
    """Ends what a target said that is not polled any more; true where there was something newer than `since`. Unix ms."""
    latest = store().latest(cluster, target, since)
    if latest is None or not latest[1]:
        return False
    store().append(cluster, target, now, [])
    return True


def retention() -> Retention:
    day = 86_400_000
    return Retention(
        raw=settings.METRICS_RAW_HOURS * 3_600_000,
        minute=settings.METRICS_MINUTE_DAYS * day,
        ten_minutes=settings.METRICS_DAYS * day,
    )


def natural(text: str) -> tuple[int, str]:
    return (int(text), "") if text.isdigit() else (0, text)


# Health


@dataclass(frozen=True, slots=True)
class Reading:
    """A number now, with what each broker contributes; None where no broker gave a fresh sample, or one did not."""

    value: float | None
    per_broker: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Health:
    """Rates per second, times in milliseconds, idle and heap as fractions, CPU in cores. `lacking`: why a figure is unknown,
    where that is the same for all."""

    bytes_in: Reading
    bytes_out: Reading
    records_in: Reading
    produce_p99: Reading
    fetch_p99: Reading
    handler_idle: Reading
    network_idle: Reading
    heap: Reading
    cpu: Reading
    under_replicated: Reading
    offline_partitions: Reading
    under_min_isr: Reading
    brokers: tuple[str, ...]
    silent: tuple[Silent, ...]
    lacking: str = ""

    @property
    def speaking(self) -> tuple[str, ...]:
        mute = {each.broker for each in self.silent}
        return tuple(broker for broker in self.brokers if broker not in mute)


@dataclass(frozen=True, slots=True)
class Silent:
    """A broker whose last poll failed, or whose process has not been polled yet; `since` is its last sample."""

    broker: str
    since: float | None


_TOPIC = "kafka_server_brokertopicmetrics_"
_NO_TOPIC = {"topic": ""}


def cluster_health(
    cluster: str, now: int, *, broker: str = "", counts_from: Mapping[str, float] = NEVER_STARTED
) -> Health:
    """`counts_from`: what a broker said before this (Unix seconds) is of a process that is no more, or was not ready."""
    polls = _polls(cluster, now, {"broker": broker} if broker else {})
    mute = {each for each, poll in polls.items() if not poll.counts(counts_from.get(each, 0.0))}
    window = _Window(cluster, now, {"broker": broker} if broker else {}, frozenset(mute))
    return Health(
        bytes_in=window.rate(f"{_TOPIC}bytesin_total", _NO_TOPIC, "sum"),
        bytes_out=window.rate(f"{_TOPIC}bytesout_total", _NO_TOPIC, "sum"),
        records_in=window.rate(f"{_TOPIC}messagesin_total", _NO_TOPIC, "sum"),
        produce_p99=window.gauge("kafka_network_requestmetrics_totaltimems", _p99("Produce"), "max"),
        fetch_p99=window.gauge("kafka_network_requestmetrics_totaltimems", _p99("FetchConsumer"), "max"),
        handler_idle=window.rate(
            "kafka_server_kafkarequesthandlerpool_brokerrequesthandleravgidle_nanoseconds_total",
            {},
            "min",
            1e-9,
            most=WHOLE,
        ),
        network_idle=window.gauge("kafka_network_socketserver_networkprocessoravgidle_percent", {}, "min"),
        heap=window.heap(),
        cpu=window.rate("process_cpu_seconds_total", {}, "max"),
        under_replicated=window.gauge("kafka_server_replicamanager_underreplicatedpartitions", {}, "sum"),
        offline_partitions=window.gauge("kafka_controller_kafkacontroller_offlinepartitionscount", {}, "max"),
        under_min_isr=window.gauge("kafka_server_replicamanager_underminisrpartitioncount", {}, "sum"),
        brokers=tuple(sorted(polls, key=natural)),
        silent=tuple(Silent(each, polls[each].last_answer) for each in sorted(mute, key=natural)),
    )


def with_counts(
    health: Health, under_replicated: int | None, offline: int | None, min_isr: int | None
) -> Health:
    """A broker counts the partitions it leads, so what silent ones lead is missing from a sum of metrics: these
    counts of the whole cluster are Kafka's own, as the verdict beside them has them."""
    return replace(
        health,
        under_replicated=Reading(under_replicated, {}),
        offline_partitions=Reading(offline, {}),
        under_min_isr=Reading(min_isr, {}),
    )


@dataclass(frozen=True, slots=True)
class _Poll:
    """Whether the newest poll of a broker was answered, and when one last was (Unix seconds)."""

    answered: bool
    last_answer: float | None

    def counts(self, since: float) -> bool:
        return self.answered and self.last_answer is not None and self.last_answer >= since


def _polls(cluster: str, now: int, where: Mapping[str, str]) -> dict[str, _Poll]:
    found = {}
    for each in store().select(cluster, "up", where, now - SILENCE_TOLD_MS, now):
        if now - each.times[-1] > STALE_MS:
            continue
        answers = [at for at, value in zip(each.times, each.values, strict=True) if value]
        last = answers[-1] / 1000 if answers else None
        found[each.labels.get("broker", "")] = _Poll(bool(each.values[-1]), last)
    return found


def was_up(cluster: str, broker: int, now: int) -> bool | None:
    """Whether the last poll was answered; None when there was none lately."""
    poll = _polls(cluster, now, {"broker": str(broker)}).get(str(broker))
    return poll.answered if poll else None


def _p99(request: str) -> dict[str, str]:
    return {"quantile": "0.99", "request": request}


@dataclass(frozen=True, slots=True)
class _Window:
    """The last minute of a cluster's samples. What a silent broker said last is past: it does not count."""

    cluster: str
    now: int
    where: Mapping[str, str]
    mute: frozenset[str]

    def series(self, name: str, where: Mapping[str, str]) -> list[Points]:
        since = self.now - HEALTH_WINDOW_MS
        found = store().select(self.cluster, name, {**self.where, **where}, since, self.now)
        return [
            each
            for each in found
            if self.now - each.times[-1] <= STALE_MS
            and each.labels.get("broker", "") not in self.mute
            # The JVM of a Connect worker has the same names.
            and "worker" not in each.labels
        ]

    def values(self, name: str, where: Mapping[str, str]) -> dict[str, float]:
        return {each.labels.get("broker", ""): each.values[-1] for each in self.series(name, where)}

    def gauge(self, name: str, where: Mapping[str, str], over: str) -> Reading:
        return self._reading(self.values(name, where), over)

    def rate(
        self,
        name: str,
        where: Mapping[str, str],
        over: str,
        scale: float = 1.0,
        *,
        most: float = float("inf"),
    ) -> Reading:
        found = {}
        for each in self.series(name, where):
            points = rates.rates(each.times, each.values)
            if points:
                mean = rates.mean([value for _, value in points]) * scale
                found[each.labels.get("broker", "")] = min(mean, most)
        return self._reading(found, over)

    def heap(self) -> Reading:
        used = self.values("jvm_memory_used_bytes", {"area": "heap"})
        most = self.values("jvm_memory_max_bytes", {"area": "heap"})
        return self._reading({each: used[each] / most[each] for each in used if most.get(each)}, "max")

    def _reading(self, found: Mapping[str, float], over: str) -> Reading:
        value = rates.AGGREGATIONS[over](list(found.values())) if found else None
        shown: dict[str, float | None] = {**dict.fromkeys(self.mute), **found}
        return Reading(value, dict(sorted(shown.items(), key=lambda item: natural(item[0]))))
