"""The rules and inhibitions that come with Kastellan, on from the first start (KAFKA.md section 3).

Only what today's metrics can answer. Rules keep the broker's label where they can: an alert of a broker that falls silent
is then kept, not resolved. An upgrade replaces what nobody has changed; a changed rule stays its editor's.
"""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction

from controlplane.alerts.logic import durations
from controlplane.alerts.models import Beat, InhibitionRule, RouteTree, Rule

GROUP = "kastellan"
OWNER = "Kastellan"


@dataclass(frozen=True, slots=True)
class Shipped:
    """`hold` and `keep` as Prometheus writes durations."""

    name: str
    expr: str
    severity: str
    hold: str
    summary: str
    description: str
    keep: str = "0s"


_CONTROLLER = "kafka_controller_kafkacontroller_"
_REPLICAS = "kafka_server_replicamanager_"
_FETCHERS = "kafka_server_replicafetchermanager_"
_TOPICS = "kafka_server_brokertopicmetrics_"
_METADATA = "kafka_server_broker_metadata_metrics_"
_HEAP = 'jvm_memory_used_bytes{area="heap"} / jvm_memory_max_bytes{area="heap"}'
_BROKER = "Broker {{ $labels.broker }} of {{ $labels.cluster }}"
WARNING, CRITICAL, INFO = "warning", "critical", "info"

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
        "AtMinIsr", f"{_REPLICAS}atminisrpartitioncount > 0", WARNING, "10m",
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
        "GarbageCollection", "sum by (broker) (rate(jvm_gc_collection_seconds_sum[5m])) > 0.05", WARNING, "5m",
        f"{_BROKER} spends {{{{ $value | humanizePercentage }}}} of its time collecting garbage", "Everything waits meanwhile.", "5m",
    ),
    Shipped(
        "FileDescriptors", "process_open_fds / process_max_fds > 0.9", WARNING, "5m",
        f"{_BROKER} uses {{{{ $value | humanizePercentage }}}} of its file descriptors",
        "At the limit it refuses connections and cannot open segments.",
    ),
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
)


def digest() -> str:
    return hashlib.sha256(
        repr((tuple(map(astuple, RULES)), INHIBITIONS, settings.BASE_URL)).encode()
    ).hexdigest()


def sync(now: datetime) -> bool:
    """Once per version: the evaluator calls it in every cycle, and finds its stamp."""
    wanted = digest()
    if Beat.objects.filter(pk=1, shipped=wanted).exists():
        return False
    with transaction.atomic():
        for each in RULES:
            _sync_rule(each, now)
        Rule.objects.filter(shipped=True, edited=False).exclude(
            name__in=[each.name for each in RULES]
        ).delete()
        # Whoever has written the routing has taken over what inhibits what as well.
        for name, source, target, equal in () if RouteTree.objects.exists() else INHIBITIONS:
            InhibitionRule.objects.update_or_create(
                name=name,
                defaults={"source": [source], "target": [target], "equal": list(equal), "shipped": True},
            )
        Beat.objects.update_or_create(pk=1, defaults={"shipped": wanted})
    return True


def _sync_rule(each: Shipped, now: datetime) -> None:
    found = fields_of(each)
    row = Rule.objects.filter(group=GROUP, name=each.name).first()
    if row is None:
        Rule.objects.create(
            group=GROUP, name=each.name, shipped=True, owner=OWNER, created_at=now, updated_at=now, **found
        )
    elif row.shipped and not row.edited and any(getattr(row, name) != value for name, value in found.items()):
        Rule.objects.filter(pk=row.pk).update(**found, updated_at=now, version=row.version + 1)


def fields_of(each: Shipped) -> dict[str, object]:
    return {
        "expr": each.expr,
        "hold": durations.parse(each.hold),
        "keep_firing": durations.parse(each.keep),
        "labels": {"severity": each.severity},
        "annotations": {
            "summary": each.summary,
            "description": each.description,
            "runbook_url": f"{settings.BASE_URL}/manual/alerts/#{each.name.lower()}",
        },
    }
