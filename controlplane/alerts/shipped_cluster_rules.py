"""The shipped rules of a cluster as a whole: partitions, controllers, the quorum, metadata. A table, and nothing else."""

from __future__ import annotations

from controlplane.alerts.shipped_kind import BROKER, CRITICAL, WARNING, Shipped

_CONTROLLER = "kafka_controller_kafkacontroller_"
_METADATA = "kafka_server_broker_metadata_metrics_"

RULES: tuple[Shipped, ...] = (
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
        "PreferredLeaderImbalance", f"{_CONTROLLER}preferredreplicaimbalancecount > 0", WARNING, "30m",
        "{{ $value }} partitions of {{ $labels.cluster }} are not led by their preferred replica",
        "Load is uneven. Elect the preferred leaders.",
    ),
    Shipped(
        "MetadataLag", f"{_METADATA}last_applied_record_lag_ms > 10000", WARNING, "1m",
        f"{BROKER} is {{{{ $value }}}} ms behind the cluster's metadata", "It acts on what is past: leaders, ACLs, quotas.",
    ),
    Shipped(
        "MetadataErrors",
        f"{_METADATA}metadata_load_error_count > 0 or {_METADATA}metadata_apply_error_count > 0", CRITICAL, "0s",
        f"{BROKER} could not apply metadata", "It may serve wrongly. Restart it after reading its log.",
    ),
    Shipped(
        "ControllerChurn", f"max by (cluster) (increase({_CONTROLLER}newactivecontrollerscount[10m])) > 2", WARNING, "0s",
        "The controller of {{ $labels.cluster }} changed {{ $value }} times in ten minutes",
        "Look at the quorum: a voter is overloaded or hardly reachable.",
    ),
    Shipped(
        "QuorumVoterLag", "kastellan_quorum_voter_lag_seconds > 30", CRITICAL, "1m",
        "Voter {{ $labels.node }} of {{ $labels.cluster }} is {{ $value | humanizeDuration }} behind the controller",
        "With one more voter lost there may be no majority: then nothing can be created, changed or elected.",
    ),
    Shipped(
        "NotReadOverKafka", "kastellan_protocol_poll_up == 0", WARNING, "3m",
        "{{ $labels.cluster }} does not answer over the Kafka protocol",
        "Lag, offsets, disks and the quorum are not known meanwhile. No broker may be reachable, or the credentials are refused.",
    ),
)  # fmt: skip
