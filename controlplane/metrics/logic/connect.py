"""MBeans of a Connect worker → metric names and labels, as the JMX exporter with Strimzi's rules gives them. Pure.

1. `kafka.connect:type=T-metrics` is `kafka_connect_<T>_<attribute>`, where T loses a `connect-` that would be said twice.
2. `status` of a task is `kafka_connect_connector_status` 1 under a label of that name, as it is no number.
3. `kafka.connect.mirror:type=T` is `kafka_connect_mirror_<T>_<attribute>`: of each partition what somebody watches.
4. The worker's JVM has the names that a broker's has, and the label `worker` instead of `broker`.

`connector-metrics` has texts only: the state of a connector is asked of the REST API.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from controlplane.metrics.names import Sample, parse_keys, sample, samples_of

MBeans = Mapping[str, Mapping[str, Any]]
QUERIES: tuple[str, ...] = (
    "kafka.connect:type=connect-worker-metrics",
    "kafka.connect:type=connect-worker-metrics,*",
    "kafka.connect:type=connect-worker-rebalance-metrics",
    "kafka.connect:type=connect-coordinator-metrics,*",
    "kafka.connect:type=connector-task-metrics,*",
    "kafka.connect:type=source-task-metrics,*",
    "kafka.connect:type=sink-task-metrics,*",
    "kafka.connect:type=task-error-metrics,*",
    "kafka.connect.mirror:type=MirrorSourceConnector,*",
    "kafka.connect.mirror:type=MirrorCheckpointConnector,*",
    "java.lang:type=Memory",
    "java.lang:type=GarbageCollector,*",
    "java.lang:type=Threading",
    "java.lang:type=OperatingSystem",
)
#: Of tasks and of partitions that are copied: what is beyond it in the order of names is counted and left out.
MOST_TASKS = 500
MOST_PARTITIONS = 2000

_OF_TASKS = re.compile(
    r".+-(?:total|count|ms|ratio|avg|failures|requests|timestamp|logged|errors|retries|skipped)"
)
_OF_COORDINATOR = re.compile(r".+-(?:total|avg|count|connectors|tasks|ago)")
_EVERY = re.compile(r".+")
#: Type → the stem of its names, and which attributes are kept.
STEMS: Mapping[str, tuple[str, re.Pattern[str]]] = {
    "connect-worker-metrics": ("kafka_connect_worker", _EVERY),
    "connect-worker-rebalance-metrics": ("kafka_connect_worker_rebalance", _EVERY),
    "connect-coordinator-metrics": ("kafka_connect_coordinator", _OF_COORDINATOR),
    "connector-task-metrics": ("kafka_connect_connector_task", _OF_TASKS),
    "source-task-metrics": ("kafka_connect_source_task", _OF_TASKS),
    "sink-task-metrics": ("kafka_connect_sink_task", _OF_TASKS),
    "task-error-metrics": ("kafka_connect_task_error", _OF_TASKS),
    "MirrorSourceConnector": (
        "kafka_connect_mirror_mirrorsourceconnector",
        re.compile(r"(?:record|byte)-count|byte-rate|(?:record-age|replication-latency)-ms(?:-avg|-max)?"),
    ),
    "MirrorCheckpointConnector": (
        "kafka_connect_mirror_mirrorcheckpointconnector",
        re.compile(r"checkpoint-latency-ms(?:-max)?"),
    ),
}
#: The exporter's label for it, in lower case as its rules ask for.
_LABELS = {"client-id": "clientid"}
#: Of the machine, which brokers' samples have already.
_OF_MACHINE = ("os_", "jvm_available_processors")


def samples_of_worker(mbeans: MBeans, worker: str) -> list[Sample]:
    """Every sample of one poll, each with the label `worker`."""
    by_type = _by_type(mbeans)
    left_out = 0
    found: list[Sample] = []
    for kind, named in by_type.items():
        most = _most(kind)
        left_out += max(len(named) - most, 0)
        for keys, attributes in named[:most]:
            found.extend(_of_kafka(kind, keys, attributes))
    found.extend(_of_jvm(mbeans))
    found.append(sample("kastellan_connect_poll_left_out", left_out))
    return [
        Sample(each.name, tuple(sorted((*each.labels, ("worker", worker)))), each.value) for each in found
    ]


def _by_type(mbeans: MBeans) -> dict[str, list[tuple[dict[str, str], Mapping[str, Any]]]]:
    found: defaultdict[str, list[tuple[dict[str, str], Mapping[str, Any]]]] = defaultdict(list)
    for name in sorted(mbeans):
        keys = parse_keys(name.partition(":")[2])
        if keys.get("type") in STEMS:
            found[keys["type"]].append((keys, mbeans[name]))
    return found


def _most(kind: str) -> int:
    return MOST_PARTITIONS if kind.startswith("Mirror") else MOST_TASKS


def _of_kafka(kind: str, keys: Mapping[str, str], attributes: Mapping[str, Any]) -> Iterator[Sample]:
    stem, wanted = STEMS[kind]
    labels: dict[str, str | int] = {
        _LABELS.get(key, key): value for key, value in keys.items() if key != "type"
    }
    for attribute, value in attributes.items():
        if _is_number(value) and wanted.fullmatch(attribute):
            yield sample(f"{stem}_{attribute.replace('-', '_')}", value, **labels)
    status = attributes.get("status")
    if kind == "connector-task-metrics" and isinstance(status, str):
        yield sample("kafka_connect_connector_status", 1, **labels, status=status)


def _of_jvm(mbeans: MBeans) -> Iterator[Sample]:
    own = {name: attributes for name, attributes in mbeans.items() if name.startswith("java.lang:")}
    return (each for each in samples_of(own) if not each.name.startswith(_OF_MACHINE))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
