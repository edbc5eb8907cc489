"""The shipped rules of brokers' work: replication, requests, the probe. A table, and nothing else.

They keep the broker's label where they can: an alert of a broker that falls silent is then kept, not resolved.
"""

from __future__ import annotations

from controlplane.alerts.shipped_kind import A_BROKER, BROKER, CRITICAL, INFO, WARNING, Shipped

_REPLICAS = "kafka_server_replicamanager_"
_FETCHERS = "kafka_server_replicafetchermanager_"
_TOPICS = "kafka_server_brokertopicmetrics_"
#: A quantile over the last thousand requests is one of the past where few come: what was slow at a start would stay for hours.
_REQUESTS = "kafka_network_requestmetrics_"
#: A cluster of one broker never has a replica to spare.
_SEVERAL = f" and on (cluster) count by (cluster) (max_over_time({_REPLICAS}atminisrpartitioncount[1h])) > 1"

RULES: tuple[Shipped, ...] = (
    Shipped(
        "BrokerDown", "up == 0", CRITICAL, "0s",
        f"{BROKER} is not reached", "Its last poll failed: the process is gone, hangs, or its agent does not answer.",
    ),
    Shipped(
        "UnderMinIsr", f"{_REPLICAS}underminisrpartitioncount > 0", CRITICAL, "1m",
        f"{BROKER} leads {{{{ $value }}}} partitions below min.insync.replicas",
        "Producers with acks=all are refused on them.", "5m",
    ),
    Shipped(
        "AtMinIsr", f"{_REPLICAS}atminisrpartitioncount > 0{_SEVERAL}", WARNING, "10m",
        f"{BROKER} leads {{{{ $value }}}} partitions with no replica to spare",
        "One more failure and producers with acks=all are refused.", "5m",
    ),
    Shipped(
        "UnderReplicated", f"{_REPLICAS}underreplicatedpartitions > 0", WARNING, "5m",
        f"{BROKER} leads {{{{ $value }}}} under-replicated partitions",
        "Some replicas are out of sync: a broker is down or slow, or the network is.", "5m",
    ),
    Shipped(
        "UnderReplicatedLong", f"{_REPLICAS}underreplicatedpartitions > 0", CRITICAL, "15m",
        f"{BROKER} leads {{{{ $value }}}} partitions that have been under-replicated for a quarter of an hour",
        "What is lost now is lost for longer; look for the broker that does not keep up.", "5m",
    ),
    Shipped(
        "OfflineReplicas", f"{_REPLICAS}offlinereplicacount > 0", WARNING, "5m",
        f"{BROKER} has {{{{ $value }}}} offline replicas", "A log directory failed or is missing.",
    ),
    Shipped(
        "IsrShrinking",
        f"rate({_REPLICAS}isrshrinks_total[5m]) > 0 and rate({_REPLICAS}isrexpands_total[5m]) == 0", WARNING, "5m",
        f"Replicas fall out of sync on {A_BROKER}", "And none comes back: a follower cannot keep up.",
    ),
    Shipped(
        "FailedIsrUpdates", f"increase({_REPLICAS}failedisrupdates_total[5m]) > 0", WARNING, "5m",
        f"{BROKER} could not change an ISR", "The controller refused or did not answer.",
    ),
    Shipped(
        "ReplicaFetcherFailed", f"{_FETCHERS}failedpartitionscount > 0 or {_FETCHERS}deadthreadcount > 0", CRITICAL, "1m",
        f"Replication on {A_BROKER} has failed", "A fetcher gave up; restart the broker after reading its log.",
    ),
    Shipped(
        "FollowerLag", f"{_FETCHERS}maxlag > 10000", WARNING, "10m",
        f"{BROKER} is {{{{ $value | humanize }}}} records behind its leaders", "It cannot keep up with what is produced.",
    ),
    Shipped(
        "RequestHandlersBusy",
        "rate(kafka_server_kafkarequesthandlerpool_brokerrequesthandleravgidle_nanoseconds_total[2m]) / 1e9 < 0.3",
        WARNING, "5m",
        f"Request handlers of {A_BROKER} are idle only {{{{ $value | humanizePercentage }}}} of the time",
        "It is close to what it can do.", "5m",
    ),
    Shipped(
        "RequestHandlersExhausted",
        "rate(kafka_server_kafkarequesthandlerpool_brokerrequesthandleravgidle_nanoseconds_total[2m]) / 1e9 < 0.1",
        CRITICAL, "5m",
        f"Request handlers of {A_BROKER} are nearly never idle",
        "Requests wait for a free one: every client is slow. Spread the load, or limit who makes it (Quotas).", "5m",
    ),
    Shipped(
        "NetworkProcessorsBusy", "kafka_network_socketserver_networkprocessoravgidle_percent < 0.3", WARNING, "5m",
        f"Network threads of {A_BROKER} are idle only {{{{ $value | humanizePercentage }}}} of the time",
        "More network threads, fewer connections, or another broker.", "5m",
    ),
    Shipped(
        "NetworkProcessorsExhausted", "kafka_network_socketserver_networkprocessoravgidle_percent < 0.2", CRITICAL, "5m",
        f"Network threads of {A_BROKER} are nearly never idle",
        "Requests wait before they are even read.", "5m",
    ),
    Shipped(
        "RequestQueue", "kafka_network_requestchannel_requestqueuesize > 400", WARNING, "5m",
        f"{{{{ $value }}}} requests wait on {A_BROKER}", "At queued.max.requests (500) it stops reading from the network.",
    ),
    Shipped(
        "ProduceSlow",
        f'{_REQUESTS}totaltimems{{request="Produce",quantile="0.99"}} > 1000'
        f' and on (cluster, broker, request) rate({_REQUESTS}totaltimems_count{{request="Produce"}}[5m]) > 1', WARNING, "10m",
        f"{BROKER} takes {{{{ $value }}}} ms for one in a hundred produce requests",
        "Look at the request's parts on the broker's page: queue, local time, waiting for replicas.",
    ),
    Shipped(
        "FetchSlow",
        f'{_REQUESTS}localtimems{{request=~"FetchConsumer|FetchFollower",quantile="0.99"}} > 500'
        f' and on (cluster, broker, request) rate({_REQUESTS}localtimems_count[5m]) > 1', WARNING, "10m",
        f"{BROKER} takes {{{{ $value }}}} ms to read for one in a hundred {{{{ $labels.request }}}} requests",
        "It reads from a disk that is slow or saturated: consumers that are far behind read what is not in memory any more.",
    ),
    Shipped(
        "FailedRequests",
        f'rate({_TOPICS}failedproducerequests_total{{topic=""}}[5m]) > 0'
        f' or rate({_TOPICS}failedfetchrequests_total{{topic=""}}[5m]) > 0', WARNING, "5m",
        f"{BROKER} fails requests to produce or fetch", "Its log says which and why.",
    ),
    Shipped(
        "CorruptRecords",
        f'increase({_TOPICS}invalidmessagecrcrecords_total{{topic=""}}[10m]) > 0'
        f' or increase({_TOPICS}invalidmagicnumberrecords_total{{topic=""}}[10m]) > 0'
        f' or increase({_TOPICS}invalidoffsetorsequencerecords_total{{topic=""}}[10m]) > 0', CRITICAL, "0s",
        f"{BROKER} refused corrupt records", "A client, the network or memory damages them.",
    ),
    Shipped(
        "BrokerRestarted", "max by (cluster, broker) (changes(kafka_server_app_info_start_time_ms[10m])) > 0", INFO, "0s",
        f"{BROKER} was restarted", "Planned or not: Operations says whether somebody did it, the broker's log why else.",
    ),
    Shipped(
        "ProbeFailing", "kastellan_probe_up == 0", CRITICAL, "1m",
        f"{BROKER} does not carry records", "A record to a partition that it leads did not come back within five seconds, twice or more.",
    ),
    Shipped(
        "ProbeSlow", "kastellan_probe_latency_seconds > 1", WARNING, "5m",
        f"{BROKER} takes {{{{ $value | humanizeDuration }}}} from producer to consumer",
        "Usual are some tens of milliseconds. The board Requests says where the time goes.",
    ),
)  # fmt: skip
