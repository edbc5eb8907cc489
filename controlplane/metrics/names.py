"""MBeans → metric names and labels, as the JMX exporter with Strimzi's rules gives them. Pure.

1. `kafka.<domain>:type=T,name=N` is `kafka_<domain>_<T>_<N>`, in lower case; further keys become labels.
2. A meter (`…PerSec`) keeps its Count as `…_total`; a meter of `…Percent` also gives `…_percent` (one-minute rate).
3. A histogram gives `quantile` samples and `_count`; a gauge its Value.
4. `kafka.server:type=X-metrics` (Kafka's own metrics) gives one gauge per attribute; java.lang follows client_java.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

QUANTILES = {
    "50thPercentile": "0.50",
    "95thPercentile": "0.95",
    "99thPercentile": "0.99",
    "999thPercentile": "0.999",
}
_KEY = re.compile(r'([^=,]+)=("(?:[^"\\]|\\.)*"|[^,]*)(?:,|$)')

#: MBeans that are there per listener and thread with two dozen attributes each: what somebody watches of them.
FEW_ATTRIBUTES = {
    "socket-server-metrics": frozenset(
        ("connection-count", "successful-authentication-total", "failed-authentication-total")
    ),
}

#: What is read in each poll: a fixed list (KAFKA.md section 0, 5). Per-partition MBeans are left out on purpose.
QUERIES: tuple[str, ...] = (
    "kafka.server:type=BrokerTopicMetrics,*",
    "kafka.server:type=ReplicaManager,*",
    "kafka.server:type=ReplicaFetcherManager,*",
    "kafka.server:type=KafkaRequestHandlerPool,*",
    "kafka.server:type=DelayedOperationPurgatory,*",
    "kafka.server:type=group-coordinator-metrics,*",
    "kafka.server:type=group-coordinator-metrics",
    "kafka.server:type=transaction-coordinator-metrics",
    "kafka.coordinator.transaction:type=TransactionMarkerChannelManager,*",
    "kafka.server:type=share-coordinator-metrics,*",
    "kafka.server:type=SharePartitionMetrics,*",
    "kafka.server:type=BrokerRegistrationState,*",
    "kafka.server:type=socket-server-metrics,listener=*,networkProcessor=*",
    "kafka.server:type=app-info,*",
    "kafka.server:type=raft-metrics",
    "kafka.server:type=broker-metadata-metrics",
    # Per client, where a quota of that kind is configured (controlplane.metrics.clients reads them).
    "kafka.server:type=Produce,*",
    "kafka.server:type=Fetch,*",
    "kafka.server:type=Request,*",
    "kafka.server:type=ControllerMutation,*",
    "kafka.controller:type=KafkaController,*",
    "kafka.controller:type=ControllerStats,*",
    "kafka.controller:type=ControllerEventManager,*",
    "kafka.network:type=RequestMetrics,name=TotalTimeMs,*",
    *(
        # Where the time of a request goes; for all types these would be most of all series.
        f"kafka.network:type=RequestMetrics,name={part}TimeMs,request={request}"
        for part in ("RequestQueue", "Local", "Remote", "ResponseQueue", "ResponseSend")
        for request in ("Produce", "FetchConsumer", "FetchFollower")
    ),
    "kafka.network:type=RequestMetrics,name=RequestsPerSec,*",
    "kafka.network:type=RequestMetrics,name=ErrorsPerSec,*",
    "kafka.network:type=RequestChannel,*",
    "kafka.network:type=SocketServer,*",
    "kafka.log:type=LogFlushStats,*",
    "kafka.log:type=LogManager,*",
    "kafka.log:type=LogCleaner,*",
    "kafka.log:type=LogCleanerManager,*",
    "java.lang:type=Memory",
    "java.lang:type=GarbageCollector,*",
    "java.lang:type=MemoryPool,*",
    "java.lang:type=Threading",
    "java.lang:type=OperatingSystem",
)


@dataclass(frozen=True, slots=True, order=True)
class Sample:
    """One value under a name and sorted labels."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


def sample(name: str, value: float, /, **labels: str | int) -> Sample:
    return Sample(name, tuple(sorted((key, str(text)) for key, text in labels.items())), float(value))


def samples_of(mbeans: Mapping[str, Mapping[str, Any]]) -> list[Sample]:
    """Every sample of one poll; MBeans with nothing numeric give none."""
    return [sample for name, attributes in mbeans.items() for sample in _samples(name, attributes)]


def _samples(mbean: str, attributes: Mapping[str, Any]) -> Iterator[Sample]:
    domain, _, rest = mbean.partition(":")
    keys = parse_keys(rest)
    if domain == "java.lang":
        yield from _jvm(keys, attributes)
    elif "name" in keys:
        yield from _yammer(domain, keys, attributes)
    else:
        yield from _kafka(domain, keys, attributes)


def parse_keys(text: str) -> dict[str, str]:
    """The key properties of an object name; quoted values are unquoted (javax.management.ObjectName)."""
    return {key: _unquoted(value) for key, value in _KEY.findall(text)}


def encoded_user(user: str) -> str:
    """As Kafka's Sanitizer names users in MBeans: java.net.URLEncoder, where only letters, digits, '.-_' stay."""
    return quote(user, safe="").replace("~", "%7E")


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _labels(keys: Mapping[str, str], *skipped: str) -> dict[str, str]:
    # The poller adds `broker`: a key of that name (KafkaController's per-broker gauges) gets one of its own.
    renamed = {"broker": "node"}
    named = {renamed.get(key, key): value for key, value in keys.items() if key not in skipped}
    return {key.replace("-", "_"): value for key, value in named.items()}  # as Prometheus wants labels


def _yammer(domain: str, keys: Mapping[str, str], attributes: Mapping[str, Any]) -> Iterator[Sample]:
    base = f"{domain.replace('.', '_')}_{keys['type']}_{keys['name']}".lower().replace("-", "_")
    labels = _labels(keys, "type", "name")
    if "Value" in attributes:
        yield from _one(re.sub(r"percent$", "_percent", base), labels, attributes["Value"])
    elif "50thPercentile" in attributes:
        if attributes.get("Count"):  # request types that never came would be most of all series
            for attribute, quantile in QUANTILES.items():
                yield from _one(base, {**labels, "quantile": quantile}, attributes.get(attribute))
            yield from _one(f"{base}_count", labels, attributes["Count"])
    elif "Count" in attributes:
        if base.endswith("percent"):
            stem = base.removesuffix("percent")
            yield from _one(f"{stem}_percent", labels, attributes.get("OneMinuteRate"))
            yield from _one(f"{stem}_nanoseconds_total", labels, attributes["Count"])
        else:
            yield from _one(f"{base.removesuffix('persec')}_total", labels, attributes["Count"])


def _kafka(domain: str, keys: Mapping[str, str], attributes: Mapping[str, Any]) -> Iterator[Sample]:
    base = f"{domain.replace('.', '_')}_{keys['type']}".lower().replace("-", "_")
    labels = _labels(keys, "type")
    wanted = FEW_ATTRIBUTES.get(keys["type"])
    for attribute, value in attributes.items():
        if wanted is not None and attribute not in wanted:
            continue
        yield from _one(f"{base}_{attribute.replace('-', '_').lower()}", labels, value)


def _jvm(keys: Mapping[str, str], attributes: Mapping[str, Any]) -> Iterator[Sample]:
    match keys["type"]:
        case "Memory":
            for area, key in (("heap", "HeapMemoryUsage"), ("nonheap", "NonHeapMemoryUsage")):
                usage = attributes.get(key) or {}
                for what in ("used", "committed", "max"):
                    if usage.get(what, -1) >= 0:
                        yield from _one(f"jvm_memory_{what}_bytes", {"area": area}, usage[what])
        case "MemoryPool":
            labels = {"pool": keys["name"]}
            after = attributes.get("CollectionUsage") or {}
            yield from _one("jvm_memory_pool_used_bytes", labels, (attributes.get("Usage") or {}).get("used"))
            yield from _one("jvm_memory_pool_collection_used_bytes", labels, after.get("used"))
        case "GarbageCollector":
            labels = {"gc": keys["name"]}
            yield from _one("jvm_gc_collection_seconds_count", labels, attributes.get("CollectionCount"))
            yield from _one("jvm_gc_collection_seconds_sum", labels, _milli(attributes.get("CollectionTime")))
        case "Threading":
            yield from _one("jvm_threads_current", {}, attributes.get("ThreadCount"))
            yield from _one("jvm_threads_deadlocked", {}, attributes.get("DeadlockedThreadCount"))
        case "OperatingSystem":
            nanoseconds = attributes.get("ProcessCpuTime")
            seconds = nanoseconds / 1e9 if isinstance(nanoseconds, int | float) else None
            yield from _one("process_cpu_seconds_total", {}, seconds)
            yield from _one("process_open_fds", {}, attributes.get("OpenFileDescriptorCount"))
            yield from _one("process_max_fds", {}, attributes.get("MaxFileDescriptorCount"))
            yield from _one("os_cpu_load", {}, attributes.get("CpuLoad"))
            yield from _one("os_memory_total_bytes", {}, attributes.get("TotalMemorySize"))
            yield from _one("os_memory_free_bytes", {}, attributes.get("FreeMemorySize"))
            yield from _one("jvm_available_processors", {}, attributes.get("AvailableProcessors"))


def _milli(value: Any) -> float | None:
    return value / 1000 if isinstance(value, int | float) else None


def _one(name: str, labels: Mapping[str, str], value: Any) -> Iterator[Sample]:
    """Numbers only: text, null and NaN are not samples."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return
    yield Sample(name, tuple(sorted(labels.items())), float(value))


def is_counter(name: str) -> bool:
    """By Prometheus' naming: values that only grow, except across a restart."""
    return name.endswith(("_total", "_count", "_sum"))
