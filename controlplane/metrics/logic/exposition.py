"""Prometheus text of a Kafka broker → the samples that our own poll gives under the same names. Pure.

1. Names of Strimzi's rules are ours already, in lower case or not.
2. The JMX exporter without rules (also Amazon MSK's open monitoring) says `<domain>_<type>_<attribute>{name=…}`: attributes
   that belong to one MBean are put together again, and `names` does with the MBean what it does with one of Jolokia's.
3. JVM metrics of older client libraries get the names of today.

What we do not poll by Jolokia is left out, so that a source cannot bring more series than a bundled broker has.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.metrics.names import FEW_ATTRIBUTES, QUANTILES, QUERIES, Sample, samples_of

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Raw:
    """One line of an exposition."""

    name: str
    labels: Labels
    value: float


def _flat(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", text.lower())


def _kinds() -> dict[str, tuple[str, str]]:
    """`kafka_server_brokertopicmetrics` → its domain and type, as QUERIES spell them."""
    found = {}
    for query in QUERIES:
        domain, _, rest = query.partition(":")
        kind = rest.removeprefix("type=").partition(",")[0]
        found[f"{_flat(domain)}_{_flat(kind)}"] = (domain, kind)
    return found


KINDS = _kinds()
_LONGEST_FIRST = sorted(KINDS, key=len, reverse=True)
#: Attributes of Yammer's MBeans, whatever the exporter made of their case.
YAMMER = {
    _flat(name): name
    for name in ("Count", "Value", "Mean", "Min", "Max", "StdDev", "MeanRate", "OneMinuteRate", "FiveMinuteRate",
                 "FifteenMinuteRate", "75thPercentile", "98thPercentile", *QUANTILES)
}  # fmt: skip
#: Attributes of java.lang that `names` reads; those of a composite have its key behind.
JAVA = {
    _flat(name): tuple(name.split("_"))
    for name in (
        *(f"{area}MemoryUsage_{key}" for area in ("Heap", "NonHeap") for key in ("used", "committed", "max")),
        "Usage_used", "CollectionUsage_used", "CollectionCount", "CollectionTime", "ThreadCount", "ProcessCpuTime",
        "OpenFileDescriptorCount", "MaxFileDescriptorCount", "CpuLoad", "TotalMemorySize", "FreeMemorySize",
        "AvailableProcessors",
    )
}  # fmt: skip
#: client_java before version 1 → since.
RENAMED = {
    **{f"jvm_memory_bytes_{key}": f"jvm_memory_{key}_bytes" for key in ("used", "committed", "max")},
    "jvm_memory_pool_bytes_used": "jvm_memory_pool_used_bytes",
}
JVM = frozenset(
    (
        *RENAMED.values(), "jvm_memory_pool_collection_used_bytes", "jvm_gc_collection_seconds_count",
        "jvm_gc_collection_seconds_sum", "jvm_threads_current", "jvm_threads_deadlocked",
        "process_cpu_seconds_total", "process_open_fds", "process_max_fds",
        "jvm_available_processors", "os_cpu_load", "os_memory_total_bytes", "os_memory_free_bytes",
    )
)  # fmt: skip
REQUESTS = "kafka_network_requestmetrics_"
#: Where the time of a request goes: for these requests alone, as `names.QUERIES` has it.
PART = re.compile(r"(?:requestqueue|local|remote|responsequeue|responsesend)timems(?:_count)?")
WHOLE = re.compile(r"totaltimems(?:_count)?|(?:requests|errors)(?:persec)?_total")
OF_PARTS = frozenset(("Produce", "FetchConsumer", "FetchFollower"))
#: Labels that name the broker or where it was scraped: the poller says which broker it asked.
WHERE = frozenset(("broker", "instance", "job"))


def normalised(lines: Iterable[Raw]) -> list[Sample]:
    """Each series once; of a name that came twice the later value."""
    mbeans: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    found: dict[tuple[str, tuple[tuple[str, str], ...]], Sample] = {}
    for line in lines:
        kind = _kind_of(line.name.lower())
        if kind and _collect(mbeans, kind, line):
            continue
        for sample in _own(line, kind):
            found[sample.name, sample.labels] = sample
    for sample in samples_of(mbeans):
        if _is_polled(sample):
            found[sample.name, sample.labels] = sample
    return list(found.values())


def _kind_of(lower: str) -> str:
    return next((kind for kind in _LONGEST_FIRST if lower.startswith(f"{kind}_")), "")


def _collect(mbeans: Mapping[str, dict[str, Any]], kind: str, line: Raw) -> bool:
    """Whether the line is an attribute of an MBean, which it is put to then."""
    domain, type_ = KINDS[kind]
    attribute = _flat(line.name[len(kind) + 1 :])
    mbean = _object_name(domain, type_, line.labels)
    if domain == "java.lang":
        if attribute not in JAVA:
            return True  # of the MBean, and of no use
        name, *key = JAVA[attribute]
        if key:
            mbeans[mbean].setdefault(name, {})[key[0]] = line.value
        else:
            mbeans[mbean][name] = line.value
        return True
    if "name" not in line.labels:
        return False
    if attribute in YAMMER:
        mbeans[mbean][YAMMER[attribute]] = line.value
    return True


def _object_name(domain: str, kind: str, labels: Labels) -> str:
    keys = {"type": kind, **{key: value for key, value in labels.items() if key not in WHERE}}
    quoted = (f'{key}="{_escaped(value)}"' for key, value in sorted(keys.items()))
    return f"{domain}:{','.join(quoted)}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _own(line: Raw, kind: str) -> Iterator[Sample]:
    """Of a name that is ours but for its case."""
    name = RENAMED.get(line.name.lower(), line.name.lower())
    if not (name in JVM or kind) or line.value != line.value:
        return
    few = FEW_ATTRIBUTES.get(KINDS[kind][1]) if kind else None
    if few is not None and name.removeprefix(f"{kind}_").replace("_", "-") not in few:
        return
    sample = Sample(name, tuple(sorted(_labels(line.labels).items())), line.value)
    if _is_polled(sample):
        yield sample


def _labels(labels: Labels) -> dict[str, str]:
    found = {key: value for key, value in labels.items() if key not in WHERE}
    if "quantile" in found:
        found["quantile"] = QUANTILE.get(found["quantile"], found["quantile"])
    return found


QUANTILE = {text.rstrip("0"): text for text in QUANTILES.values()}


def _is_polled(sample: Sample) -> bool:
    """Quantiles that no chart shows, and times of requests that nobody looks at, would be most of all series."""
    labels = dict(sample.labels)
    if labels.get("quantile", "0.99") not in QUANTILES.values():
        return False
    if not sample.name.startswith(REQUESTS):
        return True
    rest = sample.name.removeprefix(REQUESTS)
    if PART.fullmatch(rest):
        return labels.get("request") in OF_PARTS
    return WHOLE.fullmatch(rest) is not None
