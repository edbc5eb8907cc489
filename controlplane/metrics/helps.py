"""What a metric says, in a sentence: for `# HELP`, and for the metadata of the Prometheus API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from controlplane.metrics import query
from controlplane.metrics.boards import CHARTS
from controlplane.metrics.charts import filled
from controlplane.metrics.names import QUERIES

#: Of what is read over the Kafka protocol: kafka_exporter's names.
_PROTOCOL = {
    "kafka_brokers": "Brokers that are up.",
    "kafka_broker_info": "1 for each broker that is up, with its address.",
    "kafka_topic_partitions": "Partitions of the topic.",
    "kafka_topic_partition_current_offset": "End of the partition: the offset of its next record.",
    "kafka_topic_partition_oldest_offset": "Offset of the first record that is kept.",
    "kafka_topic_partition_in_sync_replica": "Replicas in sync.",
    "kafka_topic_partition_replicas": "Replicas.",
    "kafka_topic_partition_leader": "Id of the leader, -1 without one.",
    "kafka_topic_partition_leader_is_preferred": "1 where the first replica leads.",
    "kafka_topic_partition_under_replicated_partition": "1 where replicas are out of sync.",
    "kafka_consumergroup_current_offset": "Offset that the group has committed.",
    "kafka_consumergroup_current_offset_sum": "Committed offsets, over the partitions of a topic.",
    "kafka_consumergroup_lag": "Records that the group has not committed yet.",
    "kafka_consumergroup_lag_sum": "Records that the group has not committed yet, over the partitions of a topic.",
    "kafka_consumergroup_lag_seconds": "Age of the first record that the group has not committed yet.",
    "kafka_consumergroup_members": "Members of the group.",
    "up": "1 where the last poll of the target succeeded.",
}
_QUERY = re.compile(r"(?P<domain>[a-z.]+):type=(?P<type>[^,*]+)")


def help_of(name: str) -> str:
    """Empty for a name that nothing is known of."""
    known = _PROTOCOL.get(name) or _mbean(name) or _own(name)
    return " ".join(filter(None, (known, _charted().get(name) if name not in _PROTOCOL else "")))


@cache
def _charted() -> Mapping[str, str]:
    """Of every metric that has a chart of its own, what the chart says."""
    helps: dict[str, str] = {}
    for chart in CHARTS.values():
        names = {
            each.name for line in chart.lines for each in query.parse(filled(line.expr, 0, {})).selectors()
        }
        if len(names) == 1:
            helps.setdefault(names.pop() or "", chart.help)
    return helps


def _mbean(name: str) -> str:
    found = next((mbean for prefix, mbean in _prefixes() if name.startswith(prefix)), None)
    return f"Of the MBean {found}." if found else ""


@cache
def _prefixes() -> tuple[tuple[str, str], ...]:
    """How the names begin that an MBean gives, the longest first."""
    found = {}
    for each in (*QUERIES, *_OF_CONNECT):
        if (match := _QUERY.match(each)) and match["domain"] != "java.lang":
            # Kafka Connect's names leave `-metrics` out, as the JMX exporter's rules do.
            kind = (
                match["type"].removesuffix("-metrics")
                if match["domain"] == "kafka.connect"
                else match["type"]
            )
            prefix = f"{match['domain']}_{kind}_".replace(".", "_").replace("-", "_").lower()
            found[prefix] = f"{match['domain']}:type={match['type']}"
    return tuple(sorted(found.items(), key=lambda item: -len(item[0])))


_OF_CONNECT = (
    "kafka.connect:type=connect-worker-metrics",
    "kafka.connect:type=connect-worker-rebalance-metrics",
    "kafka.connect:type=connect-coordinator-metrics",
    "kafka.connect:type=connector-metrics",
    "kafka.connect:type=connector-task-metrics",
    "kafka.connect:type=source-task-metrics",
    "kafka.connect:type=sink-task-metrics",
    "kafka.connect:type=task-error-metrics",
    "kafka.connect.mirror:type=MirrorSourceConnector",
    "kafka.connect.mirror:type=MirrorCheckpointConnector",
)


def _own(name: str) -> str:
    """Names of ours, of the JVM and of the process say what they are: in words, with the unit at their end."""
    kind, _, rest = name.partition("_")
    if kind not in ("kastellan", "jvm", "process", "probe"):
        return ""
    words = {"kastellan": "Kastellan", "jvm": "JVM", "process": "Process", "probe": "Probe"}
    return f"{words[kind]}: {rest.removesuffix('_total').replace('_', ' ')}."
