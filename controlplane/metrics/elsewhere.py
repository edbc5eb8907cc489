"""What the dashboard and the lists of clients show of a cluster whose metrics are on a Prometheus server: asked there, in
one request each. What the server lacks is unknown, and so is all of it while it does not answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

from controlplane.metrics import query
from controlplane.metrics.query import Point
from controlplane.metrics.selectors import WHOLE, Health, Reading, natural

#: Servers scrape each minute at worst: a rate needs some of that.
WINDOW = "5m"
FIGURE = "kastellan_figure"
LACKS = "The Prometheus server has no such series now"
_TOPIC = "kafka_server_brokertopicmetrics_"
_TIMES = "kafka_network_requestmetrics_totaltimems"
_IDLE = "kafka_server_kafkarequesthandlerpool_brokerrequesthandleravgidle_nanoseconds_total"
_REPLICAS = "kafka_server_replicamanager_"
#: Figure → how brokers are put together, and its expression; $B is the broker that is asked about.
FIGURES: Mapping[str, tuple[str, str]] = {
    "bytes_in": ("sum", f'rate({_TOPIC}bytesin_total{{topic="",$B}}[{WINDOW}])'),
    "bytes_out": ("sum", f'rate({_TOPIC}bytesout_total{{topic="",$B}}[{WINDOW}])'),
    "records_in": ("sum", f'rate({_TOPIC}messagesin_total{{topic="",$B}}[{WINDOW}])'),
    "produce_p99": ("max", f'{_TIMES}{{request="Produce",quantile="0.99",$B}}'),
    "fetch_p99": ("max", f'{_TIMES}{{request="FetchConsumer",quantile="0.99",$B}}'),
    "handler_idle": ("min", f"clamp_max(rate({_IDLE}{{$B}}[{WINDOW}]) * 1e-9, {WHOLE})"),
    "network_idle": ("min", "kafka_network_socketserver_networkprocessoravgidle_percent{$B}"),
    "heap": (
        "max",
        'jvm_memory_used_bytes{area="heap",worker="",$B} / jvm_memory_max_bytes{area="heap",worker="",$B}',
    ),
    "cpu": ("max", f'rate(process_cpu_seconds_total{{worker="",$B}}[{WINDOW}])'),
    "under_replicated": ("sum", f"{_REPLICAS}underreplicatedpartitions{{$B}}"),
    "offline_partitions": ("max", "kafka_controller_kafkacontroller_offlinepartitionscount{$B}"),
    "under_min_isr": ("sum", f"{_REPLICAS}underminisrpartitioncount{{$B}}"),
}
TOGETHER: Mapping[str, Callable[[Iterable[float]], float]] = {"sum": sum, "max": max, "min": min}


def health(cluster: str, now: int, *, broker: str = "") -> Health:
    """Raises QueryError."""
    only = f'broker="{broker}"' if broker else ""
    parts = (
        f'label_replace({how} by (broker) ({expr.replace("$B", only)}), "{FIGURE}", "{figure}", "", "")'
        for figure, (how, expr) in FIGURES.items()
    )
    found: dict[str, dict[str, float]] = {}
    for point in query.instant(cluster, " or ".join(parts), now):
        found.setdefault(point.labels[FIGURE], {})[point.labels.get("broker", "")] = point.value
    names = {name for values in found.values() for name in values}
    readings: dict[str, Any] = {
        figure: _reading(found.get(figure, {}), how) for figure, (how, _) in FIGURES.items()
    }
    return Health(
        **readings, brokers=tuple(sorted(filter(None, names), key=natural)), silent=(), lacking=LACKS
    )


def nothing(reason: str) -> Health:
    """All unknown."""
    unknown: dict[str, Any] = {
        each.name: Reading(None, {}) for each in fields(Health) if each.name in FIGURES
    }
    return Health(**unknown, brokers=(), silent=(), lacking=reason)


def _reading(values: Mapping[str, float], how: str) -> Reading:
    if not values:
        return Reading(None, {})
    shown: dict[str, float | None] = dict(sorted(values.items(), key=lambda item: natural(item[0])))
    return Reading(TOGETHER[how](values.values()), shown)


def latest(cluster: str, names: Iterable[str], now: int) -> dict[str, list[Point]]:
    """What the server has of these metrics now, by name. Raises QueryError."""
    found: dict[str, list[Point]] = {}
    for point in query.instant(cluster, f'{{__name__=~"{"|".join(names)}"}}', now):
        found.setdefault(point.labels.get("__name__", ""), []).append(point)
    return found
