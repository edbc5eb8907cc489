"""The shipped rules of a cluster as a whole: partitions, controllers, the quorum, metadata. A table, and nothing else."""

from __future__ import annotations

from controlplane.alerts.shipped_kind import BROKER, CRITICAL, WARNING, Shipped

_CONTROLLER = "kafka_controller_kafkacontroller_"
_METADATA = "kafka_server_broker_metadata_metrics_"
_EVENTS = "kafka_controller_controllereventmanager_"

RULES: tuple[Shipped, ...] = (
    Shipped(
        # `broker!=""`: a Prometheus has an `up` of everything that it scrapes.
        "NoBrokerReports", 'max by (cluster) (up{broker!=""}) == 0', CRITICAL, "5m",
        "No broker of {{ $labels.cluster }} is reached", "All of them are down, or the way to them is.",
    ),
    Shipped(
        "OfflinePartitions", f"{_CONTROLLER}offlinepartitionscount > 0", CRITICAL, "1m",
        "{{ $value }} partitions of {{ $labels.cluster }} have no leader",
        "Nobody can produce to them or consume from them until a replica is back.", "5m",
    ),
    Shipped(
        "ActiveControllers", f"sum by (cluster) ({_CONTROLLER}activecontrollercount) != 1", CRITICAL, "1m",
        "{{ $labels.cluster }} has {{ $value }} active controllers",
        "There has to be exactly one: without it no leader is elected and nothing can be created or changed.",
    ),
    Shipped(
        "UncleanLeaderElection", "increase(kafka_controller_controllerstats_uncleanleaderelections_total[10m]) > 0",
        CRITICAL, "0s",
        "A leader of {{ $labels.cluster }} was elected that had not all records",
        "Acknowledged records may be lost. Find the partition in the controller's log and compare with its producers.",
    ),
    Shipped(
        "BrokerFenced", f"{_CONTROLLER}fencedbrokercount > 0", CRITICAL, "1m",
        "{{ $value }} brokers of {{ $labels.cluster }} are fenced",
        "The controller hears no heartbeat of them: they lead nothing.",
    ),
    Shipped(
        "BrokerHeartbeatStale", f"max by (cluster, node) ({_CONTROLLER}timesincelastheartbeatreceivedms) > 5000", WARNING, "30s",
        "Broker {{ $labels.node }} of {{ $labels.cluster }} has sent no heartbeat for {{ $value }} ms",
        "After nine seconds the controller fences it: it loses its leaders. It hangs, or the controller is hardly reachable.",
    ),
    Shipped(
        "PreferredLeaderImbalance", f"{_CONTROLLER}preferredreplicaimbalancecount > 0", WARNING, "30m",
        "{{ $value }} partitions of {{ $labels.cluster }} are not led by their preferred replica",
        "Load is uneven. Elect the preferred leaders.",
    ),
    Shipped(
        # Bytes that nobody counted are none: `unless` holds where there is no such series.
        "ReassignmentStuck",
        "sum by (cluster) (kafka_server_replicamanager_reassigningpartitions) > 0 unless on (cluster) sum by (cluster)"
        ' (rate(kafka_server_brokertopicmetrics_reassignmentbytesin_total{topic=""}[5m])) >= 100000', WARNING, "15m",
        "The reassignment of {{ $value }} partitions of {{ $labels.cluster }} does not move",
        "Less than 0.1 MB/s is copied: a throttle that is too low, a broker that is down, or a replica that cannot catch up.",
    ),
    Shipped(
        "MetadataLag", f"{_METADATA}last_applied_record_lag_ms > 10000", WARNING, "1m",
        f"{BROKER} is {{{{ $value }}}} ms behind the cluster's metadata", "It acts on what is past: leaders, ACLs, quotas.",
    ),
    Shipped(
        "MetadataFarBehind", f"{_METADATA}last_applied_record_lag_ms > 60000", CRITICAL, "1m",
        f"{BROKER} is more than a minute behind the cluster's metadata",
        "It acts on what is past: rights that were taken away, leaders that have moved. Restart it after reading its log.",
    ),
    Shipped(
        "MetadataErrors",
        f"{_METADATA}metadata_load_error_count > 0 or {_METADATA}metadata_apply_error_count > 0"
        f" or {_CONTROLLER}metadataerrorcount > 0", CRITICAL, "0s",
        f"{BROKER} could not apply metadata", "It may serve or control wrongly. Restart it after reading its log.",
    ),
    Shipped(
        "ControllerChurn", f"max by (cluster) (increase({_CONTROLLER}newactivecontrollerscount[10m])) > 2", WARNING, "0s",
        "The controller of {{ $labels.cluster }} changed {{ $value }} times in ten minutes",
        "Look at the quorum: a voter is overloaded or hardly reachable.",
    ),
    Shipped(
        # Of the active one: a standby has too few events for what was slow at its start to pass.
        "ControllerQueueSlow",
        f'{_EVENTS}eventqueuetimems{{quantile="0.99"}} > 1000 and on (cluster, broker) {_CONTROLLER}activecontrollercount == 1',
        WARNING, "5m",
        "What the controller of {{ $labels.cluster }} has to do waits for {{ $value }} ms",
        "Elections, new topics and heartbeats wait as long. It has too much to do, or its disk is slow.",
    ),
    Shipped(
        "ControllerBusy", f"{_EVENTS}avgidleratio < 0.1", WARNING, "5m",
        "The controller on broker {{ $labels.broker }} of {{ $labels.cluster }} is idle only {{ $value | humanizePercentage }} of the time",
        "It is close to what it can do: many partitions, or somebody who makes and deletes topics all the time.", "5m",
    ),
    Shipped(
        "QuorumVoterLag", "kastellan_quorum_voter_lag_seconds > 30", CRITICAL, "1m",
        "Voter {{ $labels.node }} of {{ $labels.cluster }} is {{ $value | humanizeDuration }} behind the controller",
        "With one more voter lost there may be no majority: then nothing can be created, changed or elected.",
    ),
    Shipped(
        # One or two voters never have one to spare, and were meant so.
        "QuorumWithoutSpare",
        "count by (cluster) (kastellan_quorum_voter_lag_seconds < 10) <= on (cluster) floor(kastellan_quorum_voters / 2) + 1"
        " and on (cluster) kastellan_quorum_voters > 2", CRITICAL, "1m",
        "The quorum of {{ $labels.cluster }} has no voter to spare: {{ $value }} keep up",
        "With one more lost nothing can be created, changed or elected. Bring back those that are missing before anything else is restarted.",
    ),
    Shipped(
        "NotReadOverKafka", "kastellan_protocol_poll_up == 0", WARNING, "3m",
        "{{ $labels.cluster }} does not answer over the Kafka protocol",
        "Lag, offsets, disks and the quorum are not known meanwhile. No broker may be reachable, or the credentials are refused.",
    ),
)  # fmt: skip
