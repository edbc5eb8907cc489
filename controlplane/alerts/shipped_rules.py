"""The rules and inhibitions that come with Kastellan (KAFKA.md section 3): a table, and nothing else.

Rules keep the broker's label where they can: an alert of a broker that falls silent is then kept, not resolved.
"""

from __future__ import annotations

from controlplane.alerts.shipped_connect_rules import INHIBITIONS as OF_CONNECT
from controlplane.alerts.shipped_connect_rules import RULES as CONNECT_RULES
from controlplane.alerts.shipped_kind import CRITICAL, INFO, WARNING, Shipped

__all__ = ["INHIBITIONS", "RULES", "Shipped"]


_CONTROLLER = "kafka_controller_kafkacontroller_"
_REPLICAS = "kafka_server_replicamanager_"
_FETCHERS = "kafka_server_replicafetchermanager_"
_TOPICS = "kafka_server_brokertopicmetrics_"
_METADATA = "kafka_server_broker_metadata_metrics_"
#: The JVM of a Connect worker has the names of a broker's.
_HEAP = 'jvm_memory_used_bytes{area="heap",worker=""} / jvm_memory_max_bytes{area="heap",worker=""}'
_DISK_USED = "1 - kastellan_log_dir_usable_bytes / kastellan_log_dir_total_bytes"
_BROKER = "Broker {{ $labels.broker }} of {{ $labels.cluster }}"
_ENDS = (
    "kastellan_certificate_expiry_seconds < {days} * 86400"
    " and kastellan_certificate_expiry_seconds < 0.3 * kastellan_certificate_life_seconds"
)

#: A cluster of one broker never has a replica to spare.
_SEVERAL = f" and on (cluster) count by (cluster) (max_over_time({_REPLICAS}atminisrpartitioncount[1h])) > 1"
#: Groups that a flow keeps ready in its target have no members there, and are meant to have none.
_STANDS_BY = (
    " unless on (cluster, consumergroup) (kastellan_flow_checkpoint_age_seconds"
    ' and on (cluster, source, target) kastellan_flow_state{state="running"} == 1)'
)

RULES: tuple[Shipped, ...] = (
    Shipped(
        "Watchdog", "vector(1)", "none", "0s",
        "Alerting works", "Always fires. Route it to a dead man's switch: when it stops coming, alerting has stopped.",
    ),
    Shipped(
        "BrokerDown", "up == 0", CRITICAL, "0s",
        f"{_BROKER} is not reached", "Its last poll failed: the process is gone, hangs, or its agent does not answer.",
    ),
    Shipped(
        "OfflinePartitions", f"{_CONTROLLER}offlinepartitionscount > 0", CRITICAL, "1m",
        "{{ $value }} partitions of {{ $labels.cluster }} have no leader",
        "Nobody can produce to them or consume from them until a replica is back.", "5m",
    ),
    Shipped(
        "ActiveControllers", f"sum({_CONTROLLER}activecontrollercount) != 1", CRITICAL, "1m",
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
        "UnderMinIsr", f"{_REPLICAS}underminisrpartitioncount > 0", CRITICAL, "1m",
        f"{_BROKER} leads {{{{ $value }}}} partitions below min.insync.replicas",
        "Producers with acks=all are refused on them.", "5m",
    ),
    Shipped(
        "AtMinIsr", f"{_REPLICAS}atminisrpartitioncount > 0{_SEVERAL}", WARNING, "10m",
        f"{_BROKER} leads {{{{ $value }}}} partitions with no replica to spare",
        "One more failure and producers with acks=all are refused.", "5m",
    ),
    Shipped(
        "UnderReplicated", f"{_REPLICAS}underreplicatedpartitions > 0", WARNING, "5m",
        f"{_BROKER} leads {{{{ $value }}}} under-replicated partitions",
        "Some replicas are out of sync: a broker is down or slow, or the network is.", "5m",
    ),
    Shipped(
        "UnderReplicatedLong", f"{_REPLICAS}underreplicatedpartitions > 0", CRITICAL, "15m",
        f"{_BROKER} leads {{{{ $value }}}} partitions that have been under-replicated for a quarter of an hour",
        "What is lost now is lost for longer; look for the broker that does not keep up.", "5m",
    ),
    Shipped(
        "OfflineReplicas", f"{_REPLICAS}offlinereplicacount > 0", WARNING, "5m",
        f"{_BROKER} has {{{{ $value }}}} offline replicas", "A log directory failed or is missing.",
    ),
    Shipped(
        "LogDirectoryOffline", "kastellan_log_dir_online == 0", CRITICAL, "30s",
        f"{_BROKER} has lost its log directory {{{{ $labels.dir }}}}",
        "The disk failed or is full. Mend or enlarge it, then restart the broker. Never delete segment files by hand.",
    ),
    Shipped(
        "OfflineLogDirectory", "kafka_log_logmanager_offlinelogdirectorycount > 0", CRITICAL, "1m",
        f"{_BROKER} has lost a log directory", "The disk failed or is full. Its replicas are offline.",
    ),
    Shipped(
        "BrokerFenced", f"{_CONTROLLER}fencedbrokercount > 0", CRITICAL, "1m",
        "{{ $value }} brokers of {{ $labels.cluster }} are fenced",
        "The controller hears no heartbeat of them: they lead nothing.",
    ),
    Shipped(
        "IsrShrinking",
        f"rate({_REPLICAS}isrshrinks_total[5m]) > 0 and rate({_REPLICAS}isrexpands_total[5m]) == 0", WARNING, "5m",
        f"Replicas fall out of sync on {_BROKER[0].lower()}{_BROKER[1:]}", "And none comes back: a follower cannot keep up.",
    ),
    Shipped(
        "FailedIsrUpdates", f"increase({_REPLICAS}failedisrupdates_total[5m]) > 0", WARNING, "5m",
        f"{_BROKER} could not change an ISR", "The controller refused or did not answer.",
    ),
    Shipped(
        "PreferredLeaderImbalance", f"{_CONTROLLER}preferredreplicaimbalancecount > 0", WARNING, "30m",
        "{{ $value }} partitions of {{ $labels.cluster }} are not led by their preferred replica",
        "Load is uneven. Elect the preferred leaders.",
    ),
    Shipped(
        "ReplicaFetcherFailed", f"{_FETCHERS}failedpartitionscount > 0 or {_FETCHERS}deadthreadcount > 0", CRITICAL, "1m",
        f"Replication on {_BROKER[0].lower()}{_BROKER[1:]} has failed", "A fetcher gave up; restart the broker after reading its log.",
    ),
    Shipped(
        "FollowerLag", f"{_FETCHERS}maxlag > 10000", WARNING, "10m",
        f"{_BROKER} is {{{{ $value | humanize }}}} records behind its leaders", "It cannot keep up with what is produced.",
    ),
    Shipped(
        "RequestHandlersBusy",
        "rate(kafka_server_kafkarequesthandlerpool_brokerrequesthandleravgidle_nanoseconds_total[2m]) / 1e9 < 0.3",
        WARNING, "5m",
        f"Request handlers of {_BROKER[0].lower()}{_BROKER[1:]} are idle only {{{{ $value | humanizePercentage }}}} of the time",
        "It is close to what it can do.", "5m",
    ),
    Shipped(
        "NetworkProcessorsBusy", "kafka_network_socketserver_networkprocessoravgidle_percent < 0.3", WARNING, "5m",
        f"Network threads of {_BROKER[0].lower()}{_BROKER[1:]} are idle only {{{{ $value | humanizePercentage }}}} of the time",
        "More network threads, fewer connections, or another broker.", "5m",
    ),
    Shipped(
        "NetworkProcessorsExhausted", "kafka_network_socketserver_networkprocessoravgidle_percent < 0.2", CRITICAL, "5m",
        f"Network threads of {_BROKER[0].lower()}{_BROKER[1:]} are nearly never idle",
        "Requests wait before they are even read.", "5m",
    ),
    Shipped(
        "RequestQueue", "kafka_network_requestchannel_requestqueuesize > 400", WARNING, "5m",
        f"{{{{ $value }}}} requests wait on {_BROKER[0].lower()}{_BROKER[1:]}", "At queued.max.requests (500) it stops reading from the network.",
    ),
    Shipped(
        "ProduceSlow", 'kafka_network_requestmetrics_totaltimems{request="Produce",quantile="0.99"} > 1000', WARNING, "10m",
        f"{_BROKER} takes {{{{ $value }}}} ms for one in a hundred produce requests",
        "Look at the request's parts on the broker's page: queue, local time, waiting for replicas.",
    ),
    Shipped(
        "LogFlushSlow", 'kafka_log_logflushstats_logflushrateandtimems{quantile="0.999"} > 2000', WARNING, "10m",
        f"Flushes of {_BROKER[0].lower()}{_BROKER[1:]} take {{{{ $value }}}} ms", "The disk is slow or saturated.",
    ),
    Shipped(
        "FailedRequests",
        f'rate({_TOPICS}failedproducerequests_total{{topic=""}}[5m]) > 0'
        f' or rate({_TOPICS}failedfetchrequests_total{{topic=""}}[5m]) > 0', WARNING, "5m",
        f"{_BROKER} fails requests to produce or fetch", "Its log says which and why.",
    ),
    Shipped(
        "CorruptRecords",
        f'increase({_TOPICS}invalidmessagecrcrecords_total{{topic=""}}[10m]) > 0'
        f' or increase({_TOPICS}invalidmagicnumberrecords_total{{topic=""}}[10m]) > 0', CRITICAL, "0s",
        f"{_BROKER} refused corrupt records", "A client, the network or memory damages them.",
    ),
    Shipped(
        "LogCleanerDead", "kafka_log_logcleaner_deadthreadcount > 0", CRITICAL, "5m",
        f"Compaction on {_BROKER[0].lower()}{_BROKER[1:]} has stopped", "Compacted topics grow without end until the broker is restarted.",
    ),
    Shipped(
        "MetadataLag", f"{_METADATA}last_applied_record_lag_ms > 10000", WARNING, "1m",
        f"{_BROKER} is {{{{ $value }}}} ms behind the cluster's metadata", "It acts on what is past: leaders, ACLs, quotas.",
    ),
    Shipped(
        "MetadataErrors",
        f"{_METADATA}metadata_load_error_count > 0 or {_METADATA}metadata_apply_error_count > 0", CRITICAL, "0s",
        f"{_BROKER} could not apply metadata", "It may serve wrongly. Restart it after reading its log.",
    ),
    Shipped(
        "ControllerChurn", f"max(increase({_CONTROLLER}newactivecontrollerscount[10m])) > 2", WARNING, "0s",
        "The controller of {{ $labels.cluster }} changed {{ $value }} times in ten minutes",
        "Look at the quorum: a voter is overloaded or hardly reachable.",
    ),
    Shipped(
        "HangingTransactions", f"{_REPLICAS}partitionswithlatetransactionscount > 0", WARNING, "5m",
        f"Transactions hang in {{{{ $value }}}} partitions that {_BROKER[0].lower()}{_BROKER[1:]} leads",
        "Consumers that read committed records wait behind them.",
    ),
    Shipped(
        "HeapHigh", f"{_HEAP} > 0.8", WARNING, "5m",
        f"{_BROKER} uses {{{{ $value | humanizePercentage }}}} of its heap", "Collections get longer and more frequent.", "5m",
    ),
    Shipped(
        "HeapExhausted", f"{_HEAP} > 0.9", CRITICAL, "5m",
        f"{_BROKER} uses {{{{ $value | humanizePercentage }}}} of its heap", "It is about to stall or to die.", "5m",
    ),
    Shipped(
        "CpuHigh", "rate(process_cpu_seconds_total[2m]) / jvm_available_processors > 0.9", WARNING, "10m",
        f"{_BROKER} uses {{{{ $value | humanizePercentage }}}} of its processors", "Requests wait for a turn.", "5m",
    ),
    Shipped(
        "GarbageCollection", 'sum by (broker) (rate(jvm_gc_collection_seconds_sum{worker=""}[5m])) > 0.05', WARNING, "5m",
        f"{_BROKER} spends {{{{ $value | humanizePercentage }}}} of its time collecting garbage", "Everything waits meanwhile.", "5m",
    ),
    Shipped(
        "FileDescriptors", 'process_open_fds{worker=""} / process_max_fds{worker=""} > 0.9', WARNING, "5m",
        f"{_BROKER} uses {{{{ $value | humanizePercentage }}}} of its file descriptors",
        "At the limit it refuses connections and cannot open segments.",
    ),
    Shipped(
        "BrokerRestarted", "max by (broker) (changes(kafka_server_app_info_start_time_ms[10m])) > 0", INFO, "0s",
        f"{_BROKER} was restarted", "Planned or not: Operations says whether somebody did it, the broker's log why else.",
    ),
    Shipped(
        "NotReadOverKafka", "kastellan_protocol_poll_up == 0", WARNING, "3m",
        "{{ $labels.cluster }} does not answer over the Kafka protocol",
        "Lag, offsets, disks and the quorum are not known meanwhile. No broker may be reachable, or the credentials are refused.",
    ),
    Shipped(
        "DiskFilling", f"{_DISK_USED} > 0.85", WARNING, "10m",
        f"A disk of {_BROKER[0].lower()}{_BROKER[1:]} is {{{{ $value | humanizePercentage }}}} full",
        "Shorten retention, add a broker and move partitions, or enlarge the volume. Never delete segment files by hand.", "5m",
    ),
    Shipped(
        "DiskAlmostFull", f"{_DISK_USED} > 0.9", CRITICAL, "1m",
        f"A disk of {_BROKER[0].lower()}{_BROKER[1:]} is {{{{ $value | humanizePercentage }}}} full",
        "At the end the broker takes the directory offline, and with the last one itself. Never delete segment files by hand.", "5m",
    ),
    Shipped(
        "DiskFullInAnHour", f"predict_linear(kastellan_log_dir_usable_bytes[5m], 3600) < 0 and {_DISK_USED} > 0.5",
        CRITICAL, "30s", f"A disk of {_BROKER[0].lower()}{_BROKER[1:]} is full within an hour if it goes on like this",
        "By the last five minutes. Slow down or stop what writes so much (Quotas), or shorten retention of the topic that grows. "
        "Never delete segment files by hand.", "5m",
    ),
    Shipped(
        # Only of disks that are half full: a young cluster's first files would fill any disk by next week.
        "DiskFullInADay", f"predict_linear(kastellan_log_dir_usable_bytes[6h], 86400) < 0 and {_DISK_USED} > 0.5",
        WARNING, "30m", f"A disk of {_BROKER[0].lower()}{_BROKER[1:]} is full within a day if it goes on like this",
        "By the last six hours. Look for the topic that grows on the broker's page.",
    ),
    Shipped(
        "DiskFullInHours", f"predict_linear(kastellan_log_dir_usable_bytes[6h], 14400) < 0 and {_DISK_USED} > 0.5",
        CRITICAL, "30m", f"A disk of {_BROKER[0].lower()}{_BROKER[1:]} is full within four hours if it goes on like this",
        "By the last six hours. Look for the topic that grows on the broker's page.",
    ),
    Shipped(
        "QuorumVoterLag", "kastellan_quorum_voter_lag_seconds > 30", CRITICAL, "1m",
        "Voter {{ $labels.node }} of {{ $labels.cluster }} is {{ $value | humanizeDuration }} behind the controller",
        "With one more voter lost there may be no majority: then nothing can be created, changed or elected.",
    ),
    Shipped(
        "ConsumerGroupStalled", "kastellan_group_lag_state == 2", CRITICAL, "1m",
        "Consumer group {{ $labels.consumergroup }} has members and does not move",
        "Records wait, and no offset is committed: a record that it cannot handle, or a call that hangs. Look at the member's log.",
    ),
    Shipped(
        "ConsumerGroupRewound", "kastellan_group_lag_state == 4", WARNING, "1m",
        "Consumer group {{ $labels.consumergroup }} went back", "Offsets were reset: it reads records again.",
    ),
    Shipped(
        "ConsumerGroupStopped", f"kastellan_group_lag_state == 3{_STANDS_BY}", WARNING, "10m",
        "Consumer group {{ $labels.consumergroup }} has no members, and records wait",
        "Nobody reads for it. If that is meant, delete the group.",
    ),
    Shipped(
        "ConsumerGroupFallsBehind", "kastellan_group_lag_state == 1", WARNING, "5m",
        "Consumer group {{ $labels.consumergroup }} falls behind",
        "It commits, and its lag never shrinks: more consumers, faster ones, or fewer records.",
    ),
    Shipped(
        "ConsumerGroupLate", "kastellan_group_lag_seconds > 300", WARNING, "5m",
        "Consumer group {{ $labels.consumergroup }} is {{ $value | humanizeDuration }} behind",
        "The age of the first record that it has not committed.",
    ),
    # Of short lives the last third counts, with room for what renews itself then.
    Shipped(
        "CertificateEnds", _ENDS.format(days=30), WARNING, "5m",
        "Certificate {{ $labels.name }} ends in {{ $value | humanizeDuration }}",
        "Renew it, or have whoever presents it do so. Brokers' own are renewed by themselves.",
    ),
    Shipped(
        "CertificateEndsInTwoWeeks", _ENDS.format(days=14), WARNING, "5m",
        "Certificate {{ $labels.name }} ends in {{ $value | humanizeDuration }}",
        "Nobody has renewed it for two weeks: whoever it belongs to may not know.",
    ),
    Shipped(
        "CertificateEndsSoon", _ENDS.format(days=7), CRITICAL, "5m",
        "Certificate {{ $labels.name }} ends in {{ $value | humanizeDuration }}",
        "After that clients that check it, or are checked by it, no longer connect.",
    ),
    Shipped(
        "CertificateEndsTomorrow", _ENDS.format(days=1), CRITICAL, "5m",
        "Certificate {{ $labels.name }} ends in {{ $value | humanizeDuration }}, or has ended",
        "What presents it, or checks it, stops working then. Renew it now.",
    ),
    Shipped(
        "AuthenticationFailures",
        "sum by (broker) (rate(kafka_server_socket_server_metrics_failed_authentication_total[5m])) > 1", WARNING, "5m",
        f"{{{{ $value | humanize }}}} logins a second fail on {_BROKER[0].lower()}{_BROKER[1:]}",
        "A client with an old password or certificate, or somebody who guesses. The broker's log names the address.",
    ),
    Shipped(
        "ClientsThrottled",
        "max by (user, client_id) (kafka_server_produce_throttle_time) > 0"
        " or max by (user, client_id) (kafka_server_fetch_throttle_time) > 0", INFO, "10m",
        "A client is held back by its quota: {{ $labels.user }} {{ $labels.client_id }}",
        "Its limit is what somebody decided; Quotas shows the limit beside the use.",
    ),
    Shipped(
        "UncleanablePartitions", "kafka_log_logcleanermanager_uncleanable_partitions_count > 0", WARNING, "5m",
        f"{_BROKER} cannot compact {{{{ $value }}}} partitions", "They grow without end. The cleaner's log names them.",
    ),
    Shipped(
        "ProbeFailing", "kastellan_probe_up == 0", CRITICAL, "1m",
        f"{_BROKER} does not carry records", "A record to a partition that it leads did not come back within five seconds, twice or more.",
    ),
    Shipped(
        "ProbeSlow", "kastellan_probe_latency_seconds > 1", WARNING, "5m",
        f"{_BROKER} takes {{{{ $value | humanizeDuration }}}} from producer to consumer",
        "Usual are some tens of milliseconds. The board Requests says where the time goes.",
    ),
    *CONNECT_RULES,
)  # fmt: skip
#: name, source, target, equal: what explains others keeps them quiet.
INHIBITIONS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (
        "A broker that is down explains what it does not do",
        'alertname="BrokerDown"',
        'alertname!="BrokerDown",alertname!="Watchdog"',
        ("cluster", "broker"),
    ),
    (
        "A broker that is down explains missing replicas",
        'alertname="BrokerDown"',
        'alertname=~"AtMinIsr|UnderReplicated|UnderReplicatedLong|BrokerFenced|PreferredLeaderImbalance|IsrShrinking"',
        ("cluster",),
    ),
    (
        "Partitions without a leader explain those with too few replicas",
        'alertname="OfflinePartitions"',
        'alertname=~"AtMinIsr|UnderMinIsr|UnderReplicated|UnderReplicatedLong"',
        ("cluster",),
    ),
    (
        "No single controller explains what metadata does",
        'alertname="ActiveControllers"',
        'alertname=~"MetadataLag|MetadataErrors|ControllerChurn"',
        ("cluster",),
    ),
    (
        "A disk that is almost full explains one that fills",
        'alertname="DiskAlmostFull"',
        'alertname=~"DiskFilling|DiskFullInADay|DiskFullInHours"',
        ("cluster", "broker", "dir"),
    ),
    (
        "A disk that is full within the hour explains that it is within the day",
        'alertname="DiskFullInAnHour"',
        'alertname=~"DiskFilling|DiskFullInADay|DiskFullInHours"',
        ("cluster", "broker", "dir"),
    ),
    (
        "A log directory by name explains that one is lost",
        'alertname="LogDirectoryOffline"',
        'alertname=~"OfflineLogDirectory|OfflineReplicas"',
        ("cluster", "broker"),
    ),
    (
        "A certificate that ends tomorrow explains the same in a week",
        'alertname="CertificateEndsTomorrow"',
        'alertname=~"CertificateEnds|CertificateEndsInTwoWeeks|CertificateEndsSoon"',
        ("cluster", "kind", "name"),
    ),
    (
        "A certificate that ends in a week explains the same in two",
        'alertname="CertificateEndsSoon"',
        'alertname=~"CertificateEnds|CertificateEndsInTwoWeeks"',
        ("cluster", "kind", "name"),
    ),
    (
        "A certificate that ends in two weeks explains the same in a month",
        'alertname="CertificateEndsInTwoWeeks"',
        'alertname="CertificateEnds"',
        ("cluster", "kind", "name"),
    ),
    *OF_CONNECT,
)
