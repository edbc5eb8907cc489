"""Rules that people need first, as a few questions each: the answers become PromQL, a name and words. Pure.

What comes out is a draft for the form of rules, where everything can still be changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from controlplane.metrics.charts import escaped


@dataclass(frozen=True, slots=True)
class Draft:
    """Texts as a form of rules takes them."""

    name: str
    expr: str
    hold: str
    severity: str
    summary: str


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that is compared with a limit: `expr` has the place of a selector as `$where`; `scale` turns the unit of
    the limit into that of the metric."""

    key: str
    label: str
    unit: str
    expr: str
    above: bool = True
    scale: float = 1.0
    limit: float = 0
    said: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """`measures`: what can be chosen; `named`: the label whose value may be given."""

    key: str
    title: str
    measures: tuple[Measure, ...]
    named: str = ""
    required: bool = False

    def measure(self, key: str) -> Measure:
        return next((each for each in self.measures if each.key == key), self.measures[0])


_GROUP, _TOPIC = "consumergroup", "topic"
_TOPICS = "kafka_server_brokertopicmetrics_"
_MIB = 1024.0**2

CASES: tuple[Case, ...] = (
    Case(
        "group", "A consumer group is behind",
        (
            Measure("records", "records that it has not read", "records", "sum by (consumergroup) (kafka_consumergroup_lag$where)", limit=10_000, said="is {{ $value | humanize }} records behind"),
            Measure("seconds", "age of what it has not read", "seconds", "max by (consumergroup) (kastellan_group_lag_seconds$where)", limit=300, said="is {{ $value | humanizeDuration }} behind"),
            Measure("members", "members, when they get fewer", "members", "min by (consumergroup) (kafka_consumergroup_members$where)", above=False, limit=1, said="has {{ $value }} members"),
        ), _GROUP,
    ),
    Case(
        "topic", "A topic gets too much, or nothing",
        (
            Measure("bytes", "produced per second", "MiB/s", f"sum by (topic) (rate({_TOPICS}bytesin_total$where[5m]))", scale=_MIB, limit=10, said="gets {{ $value | humanize1024 }}B/s"),
            # By offsets: Kafka makes a meter only with the first record.
            Measure("records", "records in ten minutes, when they get fewer", "records", "sum by (topic) (increase(kafka_topic_partition_current_offset$where[10m]))", above=False, limit=1, said="got {{ $value | humanize }} records in ten minutes"),
            Measure("size", "size on disk, all replicas", "GiB", "sum by (topic) (kastellan_topic_size_bytes$where)", scale=_MIB * 1024, limit=100, said="takes {{ $value | humanize1024 }}B"),
        ), _TOPIC, required=True,
    ),
    Case(
        "broker", "A broker is short of something",
        (
            Measure("heap", "heap in use", "%", 'max by (broker) (jvm_memory_used_bytes{area="heap", worker=""} / jvm_memory_max_bytes{area="heap", worker=""})', scale=0.01, limit=80, said="uses {{ $value | humanizePercentage }} of its heap"),
            Measure("cpu", "processors in use", "%", "max by (broker) (rate(process_cpu_seconds_total[2m]) / jvm_available_processors)", scale=0.01, limit=90, said="uses {{ $value | humanizePercentage }} of its processors"),
            Measure("network", "idle network processors", "%", "min by (broker) (kafka_network_socketserver_networkprocessoravgidle_percent)", above=False, scale=0.01, limit=20, said="has {{ $value | humanizePercentage }} of its network processors idle"),
            Measure("handlers", "idle request handlers", "%", "min by (broker) (rate(kafka_server_kafkarequesthandlerpool_brokerrequesthandleravgidle_nanoseconds_total[2m]) / 1e9)", above=False, scale=0.01, limit=30, said="has {{ $value | humanizePercentage }} of its request handlers idle"),
            Measure("disk", "disk in use", "%", "max by (broker) (1 - kastellan_log_dir_usable_bytes / kastellan_log_dir_total_bytes)", scale=0.01, limit=85, said="has a disk that is {{ $value | humanizePercentage }} full"),
            Measure("produce", "time of a produce request, p99", "ms", 'max by (broker) (kafka_network_requestmetrics_totaltimems{request="Produce",quantile="0.99"})', limit=500, said="takes {{ $value | humanize }} ms for one in a hundred produce requests"),
        ),
    ),
    Case(
        "certificate", "A certificate ends soon",
        (Measure("days", "days that are left", "days", "min by (kind, name) (kastellan_certificate_expiry_seconds)", above=False, scale=86400, limit=21, said="ends in {{ $value | humanizeDuration }}"),),
    ),
    Case(
        "probe", "Records take too long end to end",
        (Measure("latency", "from produce to consume", "ms", "max by (broker) (kastellan_probe_latency_seconds)", scale=0.001, limit=500, said="takes {{ $value | humanizeDuration }} from produce to consume"),),
    ),
)  # fmt: skip
_SUBJECTS: Mapping[str, str] = {
    "group": "Consumer group {{ $labels.consumergroup }}", "topic": "Topic {{ $labels.topic }}",
    "broker": "Broker {{ $labels.broker }}", "certificate": "The certificate {{ $labels.name }}",
    "probe": "Broker {{ $labels.broker }}",
}  # fmt: skip


def find(key: str) -> Case:
    return next((case for case in CASES if case.key == key), CASES[0])


def draft(case: Case, measure: Measure, limit: float, minutes: int, name: str = "") -> Draft:
    """`name`: the group or topic; empty for all of them."""
    where = f'{{{case.named}="{escaped(name)}"}}' if case.named and name else ""
    expr = measure.expr.replace("$where", where)
    compared = f"{expr} {'>' if measure.above else '<'} {_number(limit * measure.scale)}"
    words = re.sub(r"[^A-Za-z0-9]+", " ", f"{case.key} {measure.key} {name}").split()
    return Draft(
        name="".join(word[0].upper() + word[1:] for word in words)[:200],
        expr=compared,
        hold=f"{minutes}m" if minutes else "0s",
        severity="warning",
        summary=f"{_SUBJECTS[case.key]} {measure.said}",
    )


def _number(value: float) -> str:
    """As short as it can be read back."""
    return str(int(value)) if value == int(value) else f"{value:.12g}"
