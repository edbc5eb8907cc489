"""The named charts: what is drawn, from which metric, how. One table for pages, API and manual.

`rate` charts derive per-second values from counters, `value` charts show gauges as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

REQUESTS = ("Produce", "FetchConsumer", "FetchFollower")


class Scope(StrEnum):
    CLUSTER = "cluster"
    TOPIC = "topic"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Chart:
    """`by` is the label that makes one line each; `over` how the series of a line are put together; `scale` multiplies."""

    id: str
    title: str
    unit: str
    metric: str
    rate: bool = False
    by: str = "broker"
    over: str = "sum"
    where: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    scale: float = 1.0
    scope: Scope = Scope.CLUSTER
    help: str = ""


def _topic(
    id_: str, title: str, unit: str, metric: str, help_: str, *, scope: Scope, topic: str = ""
) -> Chart:
    # Kafka keeps the broker's total under no topic at all: it must not be added to the topics' own.
    where = {} if scope is Scope.TOPIC else {"topic": topic}
    return Chart(id_, title, unit, metric, rate=True, where=where, scope=scope, help=help_)


CHARTS: tuple[Chart, ...] = (
    _topic("bytes-in", "Bytes in", "bytes/s", "kafka_server_brokertopicmetrics_bytesin_total",
           "Produced by clients, without replication.", scope=Scope.CLUSTER),
    _topic("bytes-out", "Bytes out", "bytes/s", "kafka_server_brokertopicmetrics_bytesout_total",
           "Fetched by consumers, without replication.", scope=Scope.CLUSTER),
    _topic("records-in", "Records in", "/s", "kafka_server_brokertopicmetrics_messagesin_total",
           "Records produced.", scope=Scope.CLUSTER),
    Chart("replication-in", "Replication bytes in", "bytes/s",
          "kafka_server_brokertopicmetrics_replicationbytesin_total", rate=True, where={"topic": ""},
          help="What followers fetch from leaders."),
    Chart("request-latency", "Request latency, p99", "ms", "kafka_network_requestmetrics_totaltimems",
          by="request", over="max", where={"quantile": "0.99", "request": REQUESTS},
          help="Slowest broker, from receipt to answer. A fetch that finds nothing waits for up to 500 ms (fetch.max.wait.ms)."),
    Chart("requests", "Requests", "/s", "kafka_network_requestmetrics_requests_total", rate=True, by="request",
          where={"request": (*REQUESTS, "Metadata", "OffsetCommit", "Heartbeat", "ConsumerGroupHeartbeat")}),
    Chart("handler-idle", "Request handler idle", "fraction",
          "kafka_server_kafkarequesthandlerpool_brokerrequesthandleravgidle_nanoseconds_total", rate=True,
          over="avg", scale=1e-9, help="Below 30 % a broker is busy, below 10 % it is overloaded."),
    Chart("network-idle", "Network processor idle", "fraction",
          "kafka_network_socketserver_networkprocessoravgidle_percent", over="avg",
          help="Below 20 % add network threads."),
    Chart("request-queue", "Request queue", "", "kafka_network_requestchannel_requestqueuesize", over="max"),
    Chart("urp", "Under-replicated partitions", "", "kafka_server_replicamanager_underreplicatedpartitions"),
    Chart("min-isr", "Partitions under min ISR", "", "kafka_server_replicamanager_underminisrpartitioncount"),
    Chart("isr-changes", "ISR shrinks", "/s", "kafka_server_replicamanager_isrshrinks_total", rate=True),
    Chart("fetcher-lag", "Replica fetcher lag", "", "kafka_server_replicafetchermanager_maxlag", over="max",
          help="Records that the slowest follower is behind."),
    Chart("log-flush", "Log flush time, p99", "ms", "kafka_log_logflushstats_logflushrateandtimems", over="max",
          where={"quantile": "0.99"}),
    Chart("partitions", "Partitions", "", "kafka_server_replicamanager_partitioncount"),
    Chart("leaders", "Leaders", "", "kafka_server_replicamanager_leadercount"),
    Chart("heap", "Heap used", "bytes", "jvm_memory_used_bytes", where={"area": "heap"}, over="max"),
    Chart("cpu", "CPU", "cores", "process_cpu_seconds_total", rate=True, help="1 is one core."),
    Chart("gc", "Time in garbage collection", "fraction", "jvm_gc_collection_seconds_sum", rate=True),
    Chart("open-files", "Open file descriptors", "", "process_open_fds"),
    Chart("metadata-lag", "Metadata lag", "ms", "kafka_server_broker_metadata_metrics_last_applied_record_lag_ms",
          over="max", help="Idle clusters show a few hundred milliseconds: the time between no-op records."),
    _topic("topic-bytes-in", "Bytes in", "bytes/s", "kafka_server_brokertopicmetrics_bytesin_total",
           "Produced to this topic.", scope=Scope.TOPIC),
    _topic("topic-bytes-out", "Bytes out", "bytes/s", "kafka_server_brokertopicmetrics_bytesout_total",
           "Fetched from this topic.", scope=Scope.TOPIC),
    _topic("topic-records-in", "Records in", "/s", "kafka_server_brokertopicmetrics_messagesin_total",
           "Records produced to this topic.", scope=Scope.TOPIC),
    Chart("client-produce", "Produced", "bytes/s", "kafka_server_produce_byte_rate", scope=Scope.CLIENT,
          help="As the quota counts it: per broker."),
    Chart("client-consume", "Consumed", "bytes/s", "kafka_server_fetch_byte_rate", scope=Scope.CLIENT,
          help="As the quota counts it: per broker."),
    Chart("client-request-time", "Request time", "fraction", "kafka_server_request_request_time", scale=0.01, scope=Scope.CLIENT,
          help="100 % is one thread of a broker."),
    Chart("client-produce-throttle", "Produce throttle time", "ms", "kafka_server_produce_throttle_time",
          over="max", scope=Scope.CLIENT, help="How long answers to produce requests were held. A gap: they were not."),
    Chart("client-consume-throttle", "Consume throttle time", "ms", "kafka_server_fetch_throttle_time",
          over="max", scope=Scope.CLIENT, help="How long answers to fetches were held. A gap: they were not."),
)  # fmt: skip
BY_ID: Mapping[str, Chart] = {chart.id: chart for chart in CHARTS}
CLUSTER_CHARTS = tuple(chart for chart in CHARTS if chart.scope is Scope.CLUSTER)
TOPIC_CHARTS = tuple(chart for chart in CHARTS if chart.scope is Scope.TOPIC)
CLIENT_CHARTS = tuple(chart for chart in CHARTS if chart.scope is Scope.CLIENT)
