"""The boards: which charts are looked at together. One table for pages, API, manual and Grafana. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from controlplane.metrics.charts import Board, Chart, Line
from controlplane.metrics.connect_boards import CONNECT, FLOW, FLOW_OVERVIEW, SINK_CONNECTOR, SOURCE_CONNECTOR

B = 'broker=~"$broker"'
#: The JVM of a Connect worker has the names of a broker's.
NO_WORKER = 'worker=""'
_TOPICS = "kafka_server_brokertopicmetrics_"
_REPLICAS = "kafka_server_replicamanager_"
_REQUESTS = "kafka_network_requestmetrics_"
_CONTROLLER = "kafka_controller_kafkacontroller_"
_GROUPS = "kafka_server_group_coordinator_metrics_"
_RAFT = "kafka_server_raft_metrics_"


def _total(metric: str, where: str = 'topic=""') -> tuple[Line, ...]:
    # Kafka keeps the broker's total under no topic at all: it must not be added to the topics' own.
    return (Line(f"sum by (broker) (rate({_TOPICS}{metric}_total{{{where}, {B}}}[$window]))"),)


def _worst(metric: str, where: str = "", *, how: str = "max") -> tuple[Line, ...]:
    """A gauge per broker whose highest value counts (`min`: whose lowest does)."""
    inside = f"{where}, {B}" if where else B
    return (Line(f"{how} by (broker) ({how}_over_time({metric}{{{inside}}}[$peak]))"),)


def _rate(metric: str, where: str = "") -> tuple[Line, ...]:
    inside = f"{where}, {B}" if where else B
    return (Line(f"sum by (broker) (rate({metric}{{{inside}}}[$window]))"),)


def _quantiles(metric: str, where: str) -> tuple[Line, ...]:
    return (
        Line(f"max by (quantile) (max_over_time({metric}{{{where}, {B}}}[$peak]))", "quantile {{quantile}}"),
    )


def _parts(request: str) -> tuple[Line, ...]:
    """Where a request's time goes, at the 99th percentile: the parts do not add up to the whole, but the largest is the cause."""
    parts = (
        ("requestqueue", "waits for a handler thread"), ("local", "leader reads or writes its log"),
        ("remote", "waits for followers, or for data"), ("responsequeue", "waits for a network thread"),
        ("responsesend", "is sent"),
    )  # fmt: skip
    return tuple(
        Line(
            f'max(max_over_time({_REQUESTS}{part}timems{{request="{request}", quantile="0.99", {B}}}[$peak]))',
            legend,
        )
        for part, legend in parts
    )


_MAIN = "Produce|FetchConsumer|FetchFollower"
_USUAL = f"{_MAIN}|Metadata|OffsetCommit|OffsetFetch|Heartbeat|ConsumerGroupHeartbeat|JoinGroup|SyncGroup|ListOffsets|InitProducerId|EndTxn"

BYTES_IN = Chart(
    "bytes-in", "Bytes in", "bytes/s", _total("bytesin"), "Produced by clients, without replication."
)
BYTES_OUT = Chart(
    "bytes-out", "Bytes out", "bytes/s", _total("bytesout"), "Fetched by consumers, without replication."
)
LATENCY = Chart(
    "request-latency", "Request latency, p99", "ms",
    (Line(f'max by (request) (max_over_time({_REQUESTS}totaltimems{{quantile="0.99", request=~"{_MAIN}", {B}}}[$peak]))', "{{request}}"),),
    "Slowest broker, from receipt to answer. A fetch that finds nothing waits for up to 500 ms (fetch.max.wait.ms).",
)  # fmt: skip
HANDLER_IDLE = Chart(
    "handler-idle", "Request handler idle", "fraction",
    (Line(f"clamp_max(avg by (broker) (rate(kafka_server_kafkarequesthandlerpool_brokerrequesthandleravgidle_nanoseconds_total{{{B}}}[$window])) * 1e-9, 1)"),),
    "Below 30 % a broker is busy, below 10 % it is overloaded.",
)  # fmt: skip
NETWORK_IDLE = Chart(
    "network-idle", "Network processor idle", "fraction",
    _worst("kafka_network_socketserver_networkprocessoravgidle_percent", how="min"), "Below 20 % add network threads.",
)  # fmt: skip
URP = Chart("urp", "Under-replicated partitions", "", _worst(f"{_REPLICAS}underreplicatedpartitions"),
            "Of the partitions that a broker leads. Above zero for minutes: a follower is down or too slow.")  # fmt: skip
MIN_ISR = Chart("min-isr", "Partitions under min ISR", "", _worst(f"{_REPLICAS}underminisrpartitioncount"),
                "Producers with acks=all are refused on these.")  # fmt: skip
CPU = Chart("cpu", "CPU", "cores", _rate("process_cpu_seconds_total", NO_WORKER), "1 is one core.")
HEAP = Chart("heap", "Heap used", "bytes", _worst("jvm_memory_used_bytes", f'area="heap", {NO_WORKER}'))
DISK = Chart(
    "disk-used", "Disk used", "fraction",
    (Line(f"1 - min by (broker) (kastellan_log_dir_usable_bytes{{{B}}} / kastellan_log_dir_total_bytes{{{B}}})"),),
    "The fullest log directory of each broker.",
)  # fmt: skip

GROUP_LAG = Chart("group-lag", "Lag of consumer groups", "",
                  (Line("sum by (consumergroup) (kafka_consumergroup_lag)", "{{consumergroup}}"),), "Records that have not been read yet.")  # fmt: skip

#: On the page of the cluster, below what holds now.
DASHBOARD = Board("dashboard", "Dashboard", (BYTES_IN, BYTES_OUT, LATENCY, GROUP_LAG))
OVERVIEW = Board("overview", "Overview", (
    BYTES_IN, BYTES_OUT,
    Chart("records-in", "Records in", "/s", _total("messagesin"), "Records produced."),
    LATENCY, HANDLER_IDLE, NETWORK_IDLE, URP, MIN_ISR, GROUP_LAG,
    CPU, HEAP, DISK,
))  # fmt: skip

REQUESTS = Board("requests", "Requests", (
    LATENCY,
    Chart("requests", "Requests", "/s",
          (Line(f'sum by (request) (rate({_REQUESTS}requests_total{{request=~"{_USUAL}", {B}}}[$window]))', "{{request}}"),)),
    Chart("probe-latency", "Probe: from producer to consumer", "s",
          (Line("max by (broker) (max_over_time(kastellan_probe_latency_seconds[$peak]))"),), "A record each half minute through a partition that the broker leads."),
    Chart("probe-up", "Probe: broker answers", "fraction",
          (Line("min by (broker) (min_over_time(kastellan_probe_up[$peak]))"),), "0: the record did not come back within 5 s."),
    Chart("produce-latency", "Produce: total time", "ms", _quantiles(f"{_REQUESTS}totaltimems", 'request="Produce"'), "Slowest broker."),
    Chart("produce-parts", "Produce: where the time goes, p99", "ms", _parts("Produce"),
          "Remote time is the wait for in-sync followers: long with acks=all when a follower is slow."),
    Chart("fetch-latency", "Consumer fetch: total time", "ms", _quantiles(f"{_REQUESTS}totaltimems", 'request="FetchConsumer"'),
          "A fetch that finds nothing waits for up to 500 ms (fetch.max.wait.ms)."),
    Chart("fetch-parts", "Consumer fetch: where the time goes, p99", "ms", _parts("FetchConsumer"),
          "Local time is long when what is read is no longer in the page cache."),
    Chart("follower-parts", "Follower fetch: where the time goes, p99", "ms", _parts("FetchFollower")),
    Chart("request-errors", "Answers with an error", "/s",
          (Line(f'sum by (error) (rate({_REQUESTS}errors_total{{error!="NONE", {B}}}[$window])) > 0', "{{error}}"),),
          "NOT_LEADER_OR_FOLLOWER is usual while leaders move."),
    HANDLER_IDLE, NETWORK_IDLE,
    Chart("request-queue", "Request queue", "", _worst("kafka_network_requestchannel_requestqueuesize"), "At most queued.max.requests (500)."),
    Chart("response-queue", "Response queue", "", _worst("kafka_network_requestchannel_responsequeuesize")),
    Chart("purgatory", "Delayed operations", "",
          (Line(f"sum by (delayedOperation) (kafka_server_delayedoperationpurgatory_numdelayedoperations{{{B}}})", "{{delayedOperation}}"),),
          "Requests that wait: for followers (Produce), for data (Fetch)."),
    Chart("log-flush", "Log flush time, p99", "ms", _worst("kafka_log_logflushstats_logflushrateandtimems", 'quantile="0.99"'),
          "Rises when the disk is slow."),
))  # fmt: skip

REPLICATION = Board("replication", "Replication", (
    URP, MIN_ISR,
    Chart("at-min-isr", "Partitions at min ISR", "", _worst(f"{_REPLICAS}atminisrpartitioncount"), "One more failure, and producers are refused."),
    Chart("offline-partitions", "Offline partitions", "",
          (Line(f"max(max_over_time({_CONTROLLER}offlinepartitionscount[$peak]))", "offline"),), "Without a leader: neither written nor read."),
    Chart("isr-changes", "ISR shrinks", "/s", _rate(f"{_REPLICAS}isrshrinks_total"), "A follower fell behind or went away."),
    Chart("isr-expands", "ISR expands", "/s", _rate(f"{_REPLICAS}isrexpands_total"), "A follower caught up."),
    Chart("fetcher-lag", "Replica fetcher lag", "", _worst("kafka_server_replicafetchermanager_maxlag"), "Records that the slowest follower is behind."),
    Chart("failed-fetchers", "Partitions that followers gave up", "", _worst("kafka_server_replicafetchermanager_failedpartitionscount")),
    Chart("replication-in", "Replication bytes in", "bytes/s", _total("replicationbytesin"), "What followers fetch from leaders."),
    Chart("replication-out", "Replication bytes out", "bytes/s", _total("replicationbytesout")),
    Chart("reassigning", "Reassigning partitions", "", _worst(f"{_REPLICAS}reassigningpartitions")),
    Chart("reassignment-in", "Reassignment bytes in", "bytes/s", (Line(f"sum by (broker) (rate({_TOPICS}reassignmentbytesin_total{{{B}}}[$window]))"),)),
    Chart("partitions", "Partitions", "", _worst(f"{_REPLICAS}partitioncount"), "Replicas that a broker holds."),
    Chart("leaders", "Leaders", "", _worst(f"{_REPLICAS}leadercount"), "Far apart: elect preferred leaders."),
    Chart("unclean", "Unclean leader elections", "/s",
          (Line("sum(rate(kafka_controller_controllerstats_uncleanleaderelections_total[$window]))", "unclean"),), "Each may have lost records."),
    Chart("preferred", "Partitions not led by their preferred replica", "",
          (Line(f"max({_CONTROLLER}preferredreplicaimbalancecount)", "partitions"),)),
))  # fmt: skip

QUORUM = Board("quorum", "KRaft quorum", (
    Chart("quorum-leader", "Active controller", "", (Line("kastellan_quorum_leader", "node"),), "The node that leads the metadata quorum; -1 is none."),
    Chart("quorum-epoch", "Leader epoch", "", (Line("kastellan_quorum_epoch", "epoch"),), "Each step is an election."),
    Chart("voter-lag", "Voter lag", "", (Line("max by (node) (max_over_time(kastellan_quorum_voter_lag_records[$peak]))", "node {{node}}"),),
          "Metadata records that a voter has not fetched."),
    Chart("voter-lag-seconds", "Voter lag in time", "s",
          (Line("max by (node) (max_over_time(kastellan_quorum_voter_lag_seconds[$peak]))", "node {{node}}"),)),
    Chart("metadata-lag", "Metadata lag", "ms", _worst("kafka_server_broker_metadata_metrics_last_applied_record_lag_ms"),
          "Idle clusters show a few hundred milliseconds: the time between no-op records."),
    Chart("metadata-appends", "Metadata records appended", "/s", (Line(f"max({_RAFT}append_records_rate)", "records"),)),
    Chart("commit-latency", "Commit latency, highest", "ms", (Line(f"max(max_over_time({_RAFT}commit_latency_max[$peak]))", "commit"),)),
    Chart("controller-queue", "Controller: event queue time, p99", "ms",
          _worst("kafka_controller_controllereventmanager_eventqueuetimems", 'quantile="0.99"')),
    Chart("controller-events", "Controller: event processing time, p99", "ms",
          _worst("kafka_controller_controllereventmanager_eventqueueprocessingtimems", 'quantile="0.99"')),
    Chart("active-brokers", "Brokers", "",
          (Line(f"max({_CONTROLLER}activebrokercount)", "active"), Line(f"max({_CONTROLLER}fencedbrokercount)", "fenced")),
          "A fenced broker is registered, but answers no heartbeats."),
    Chart("metadata-errors", "Metadata errors", "",
          (Line(f"max({_CONTROLLER}metadataerrorcount)", "controller"),
           Line(f'max by (broker) (kafka_server_broker_metadata_metrics_metadata_apply_error_count{{{B}}})'))),
    Chart("heartbeat-timeouts", "Broker heartbeats that timed out", "", (Line(f"max({_CONTROLLER}timedoutbrokerheartbeatcount)", "since start"),)),
))  # fmt: skip

GROUPS = Board("groups", "Consumer groups", (
    Chart("group-lag-all", "Lag", "", (Line("sum by (consumergroup) (kafka_consumergroup_lag)", "{{consumergroup}}"),), "Records that have not been read yet."),
    Chart("group-lag-seconds", "Lag in time", "s",
          (Line("max by (consumergroup) (max_over_time(kastellan_group_lag_seconds[$peak]))", "{{consumergroup}}"),),
          "How long ago the oldest record that has not been read was written."),
    Chart("group-reads", "Committed", "/s",
          (Line("sum by (consumergroup) (rate(kafka_consumergroup_current_offset[$window]))", "{{consumergroup}}"),), "Offsets that commits moved forward."),
    Chart("group-members", "Members", "", (Line("max by (consumergroup) (kafka_consumergroup_members)", "{{consumergroup}}"),)),
    Chart("rebalances", "Rebalances", "/s",
          (Line(f"sum by (broker) (rate({_GROUPS}group_completed_rebalance_count{{{B}}}[$window]))", "classic, broker {{broker}}"),
           Line(f"sum by (broker) (rate({_GROUPS}consumer_group_rebalance_count{{{B}}}[$window]))", "consumer, broker {{broker}}")),
          "Members that come and go; each stops classic groups for a while."),
    Chart("offset-commits", "Offset commits", "/s", _rate(f"{_GROUPS}offset_commit_count")),
    Chart("group-count", "Groups by type", "",
          tuple(Line(f"sum({_GROUPS}{kind}_group_count)", kind) for kind in ("classic", "consumer", "share", "streams")),
          "As the coordinators hold them."),
    Chart("coordinator-queue", "Coordinator: event queue time, p99", "ms", _worst(f"{_GROUPS}event_queue_time_ms_p99")),
    Chart("coordinator-idle", "Coordinator: threads idle", "fraction", _worst(f"{_GROUPS}thread_idle_ratio_avg", how="min")),
    Chart("late-transactions", "Partitions with late transactions", "", _worst(f"{_REPLICAS}partitionswithlatetransactionscount"),
          "Open for longer than their time-out: consumers with read_committed stand still there."),
    Chart("producer-ids", "Producer ids", "", _worst(f"{_REPLICAS}produceridcount"), "Idempotent and transactional producers that leaders remember."),
))  # fmt: skip

CLIENTS = Board("clients", "Clients", (
    Chart("connections", "Connections", "",
          (Line(f"sum by (listener) (kafka_server_socket_server_metrics_connection_count{{{B}}})", "{{listener}}"),)),
    Chart("logins", "Logins", "/s",
          (Line(f"sum by (listener) (rate(kafka_server_socket_server_metrics_successful_authentication_total{{{B}}}[$window]))", "{{listener}}"),)),
    Chart("failed-logins", "Failed logins", "/s",
          (Line(f"sum by (listener) (rate(kafka_server_socket_server_metrics_failed_authentication_total{{{B}}}[$window]))", "{{listener}}"),),
          "A wrong password, or a certificate that brokers do not take."),
    Chart("throttled", "Throttled clients: time of an answer held back", "ms",
          (Line(f"max by (user, client_id) (kafka_server_produce_throttle_time{{{B}}}) > 0", "produce {{user}} {{client_id}}"),
           Line(f"max by (user, client_id) (kafka_server_fetch_throttle_time{{{B}}}) > 0", "fetch {{user}} {{client_id}}")),
          "By quotas."),
    Chart("failed-produce", "Failed produce requests", "/s", _total("failedproducerequests")),
    Chart("failed-fetch", "Failed fetch requests", "/s", _total("failedfetchrequests")),
    Chart("conversions", "Record format conversions", "/s",
          (Line(f'sum by (broker) (rate({_TOPICS}producemessageconversions_total{{topic="", {B}}}[$window]) + rate({_TOPICS}fetchmessageconversions_total{{topic="", {B}}}[$window]))'),),
          "Very old clients; costs CPU and heap."),
    Chart("expired-connections", "Connections closed for lack of re-authentication", "", _worst("kafka_network_socketserver_expiredconnectionskilledcount")),
))  # fmt: skip

HOST = Board("host", "JVM and disk", (
    CPU, HEAP,
    Chart("heap-share", "Heap in use", "fraction",
          (Line(f'max by (broker) (jvm_memory_used_bytes{{area="heap", {NO_WORKER}, {B}}} / jvm_memory_max_bytes{{area="heap", {NO_WORKER}, {B}}})'),), "Above 80 % for minutes: give it more."),
    Chart("gc", "Time in garbage collection", "fraction", _rate("jvm_gc_collection_seconds_sum", NO_WORKER), "1 is one core that does nothing else."),
    Chart("gc-count", "Garbage collections", "/s", _rate("jvm_gc_collection_seconds_count", NO_WORKER)),
    Chart("threads", "Threads", "", _worst("jvm_threads_current", NO_WORKER)),
    Chart("open-files", "Open file descriptors", "", _worst("process_open_fds", NO_WORKER)),
    Chart("host-cpu", "CPU of the machine", "fraction", _worst("os_cpu_load")),
    Chart("host-memory", "Free memory of the machine", "bytes", _worst("os_memory_free_bytes", how="min"), "The page cache counts as used: little free memory is usual."),
    DISK,
    Chart("disk-free", "Disk free", "bytes", (Line(f"min by (broker) (kastellan_log_dir_usable_bytes{{{B}}})"),)),
    Chart("largest-topics", "Largest topics", "bytes",
          (Line("topk(10, sum by (topic) (kastellan_topic_size_bytes))", "{{topic}}"),), "All replicas together."),
    Chart("cleaner", "Log cleaner: since the last run", "ms", _worst("kafka_log_logcleanermanager_time_since_last_run_ms"),
          "Compaction that stopped: hours and growing."),
))  # fmt: skip

SELF = Board("kastellan", "Kastellan", (
    Chart("polls", "Brokers that answer polls", "", (Line("min by (broker) (min_over_time(up[$peak]))"),), "0 is a poll that failed."),
    Chart("poll-time", "Duration of a poll over JMX", "s", (Line("max by (broker) (max_over_time(kastellan_scrape_duration_seconds[$peak]))"),)),
    Chart("poll-samples", "Samples per poll", "", (Line("max by (broker) (kastellan_scrape_samples)"),)),
    Chart("protocol-poll", "Duration of a poll over the Kafka protocol", "s",
          (Line("max(max_over_time(kastellan_protocol_poll_duration_seconds[$peak]))", "cluster"),)),
    Chart("connect-poll", "Duration of a poll of a Connect worker", "s",
          (Line("max by (worker) (max_over_time(kastellan_connect_poll_duration_seconds[$peak]))", "{{worker}}"),)),
    Chart("flow-poll", "Duration of a poll of a flow", "s",
          (Line("max by (source) (max_over_time(kastellan_flow_poll_duration_seconds[$peak]))", "from {{source}}"),), "Beyond 3 s it is polled less often."),
))  # fmt: skip

_ONE = 'topic="$topic"'
TOPIC = Board("topic", "Topic", (
    Chart("topic-bytes-in", "Bytes in", "bytes/s", _total("bytesin", _ONE), "Produced to this topic."),
    Chart("topic-bytes-out", "Bytes out", "bytes/s", _total("bytesout", _ONE), "Fetched from this topic."),
    Chart("topic-records-in", "Records in", "/s", _total("messagesin", _ONE), "Records produced to this topic."),
    Chart("topic-partitions-in", "Records in, per partition", "/s",
          (Line(f"sum by (partition) (rate(kafka_topic_partition_current_offset{{{_ONE}}}[$window]))", "partition {{partition}}"),),
          "Far apart: the keys are unevenly spread."),
    Chart("topic-lag", "Lag of its groups", "",
          (Line(f"sum by (consumergroup) (kafka_consumergroup_lag{{{_ONE}}})", "{{consumergroup}}"),), "Records that have not been read yet."),
    Chart("topic-size", "Size on disk", "bytes", (Line(f"max by (broker) (kastellan_topic_size_bytes{{{_ONE}, {B}}})"),)),
    Chart("topic-requests", "Requests", "/s",
          (Line(f"sum(rate({_TOPICS}totalproducerequests_total{{{_ONE}, {B}}}[$window]))", "produce"),
           Line(f"sum(rate({_TOPICS}totalfetchrequests_total{{{_ONE}, {B}}}[$window]))", "fetch"))),
    Chart("topic-failed", "Failed requests", "/s",
          (Line(f"sum(rate({_TOPICS}failedproducerequests_total{{{_ONE}, {B}}}[$window]))", "produce"),
           Line(f"sum(rate({_TOPICS}failedfetchrequests_total{{{_ONE}, {B}}}[$window]))", "fetch"))),
    Chart("topic-in-sync", "Partitions without all replicas in sync", "",
          (Line(f"sum(kafka_topic_partition_under_replicated_partition{{{_ONE}}})", "partitions"),)),
), about=("topic",))  # fmt: skip

_MEMBERS = 'consumergroup="$group"'
GROUP = Board("group", "Consumer group", (
    Chart("one-group-lag", "Lag", "", (Line(f"sum by (topic) (kafka_consumergroup_lag{{{_MEMBERS}}})", "{{topic}}"),), "Records that have not been read yet."),
    Chart("one-group-lag-seconds", "Lag in time", "s",
          (Line(f"max by (topic) (max_over_time(kafka_consumergroup_lag_seconds{{{_MEMBERS}}}[$peak]))", "{{topic}}"),),
          "How long ago the oldest record that has not been read was written."),
    Chart("one-group-reads", "Committed", "/s",
          (Line(f"sum by (topic) (rate(kafka_consumergroup_current_offset{{{_MEMBERS}}}[$window]))", "{{topic}}"),), "Offsets that commits moved forward."),
    Chart("one-group-partitions", "Lag per partition, the ten largest", "",
          (Line(f"topk(10, kafka_consumergroup_lag{{{_MEMBERS}}})", "{{topic}} {{partition}}"),)),
    Chart("one-group-members", "Members", "", (Line(f"max(kafka_consumergroup_members{{{_MEMBERS}}})", "members"),)),
), about=("group",))  # fmt: skip

_CLIENT = 'user="$user", client_id="$client"'
CLIENT = Board("client", "Client", (
    Chart("client-produce", "Produced", "bytes/s", _worst("kafka_server_produce_byte_rate", _CLIENT), "As the quota counts it: per broker."),
    Chart("client-consume", "Consumed", "bytes/s", _worst("kafka_server_fetch_byte_rate", _CLIENT), "As the quota counts it: per broker."),
    Chart("client-request-time", "Request time", "fraction",
          (Line(f"max by (broker) (max_over_time(kafka_server_request_request_time{{{_CLIENT}, {B}}}[$peak])) / 100"),), "100 % is one thread of a broker."),
    Chart("client-produce-throttle", "Produce throttle time", "ms", _worst("kafka_server_produce_throttle_time", _CLIENT),
          "How long answers to produce requests were held. A gap: they were not."),
    Chart("client-consume-throttle", "Consume throttle time", "ms", _worst("kafka_server_fetch_throttle_time", _CLIENT),
          "How long answers to fetches were held. A gap: they were not."),
), about=("user", "client"))  # fmt: skip

BROKER = Board("broker", "Broker", (
    BYTES_IN, BYTES_OUT, LATENCY, HANDLER_IDLE, NETWORK_IDLE, *(chart for chart in REQUESTS.charts if chart.id == "request-queue"),
    *(chart for chart in REPLICATION.charts if chart.id in ("urp", "isr-changes", "fetcher-lag", "leaders")),
    *(chart for chart in HOST.charts if chart.id in ("cpu", "heap", "gc", "open-files", "disk-used")),
), about=("broker",))  # fmt: skip

#: In the order of the Metrics page's tabs.
OF_CLUSTER = (OVERVIEW, REQUESTS, REPLICATION, QUORUM, GROUPS, CLIENTS, CONNECT, HOST, SELF)
BOARDS: Mapping[str, Board] = {
    board.id: board
    for board in (*OF_CLUSTER, BROKER, TOPIC, GROUP, CLIENT, FLOW, SOURCE_CONNECTOR, SINK_CONNECTOR)
}
#: A few charts of a board, where a page has little room.
IN_SHORT: Mapping[str, Board] = {board.id: board for board in (DASHBOARD, FLOW_OVERVIEW)}
CHARTS: Mapping[str, Chart] = {chart.id: chart for board in BOARDS.values() for chart in board.charts}
