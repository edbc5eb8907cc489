"""What explains what: the inhibitions that come with Kastellan (KAFKA.md section 3). A table, and nothing else."""

from __future__ import annotations

from controlplane.alerts.shipped_connect_rules import INHIBITIONS as OF_CONNECT

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
        'alertname=~"AtMinIsr|UnderReplicated|UnderReplicatedLong|BrokerFenced|BrokerHeartbeatStale|PreferredLeaderImbalance|IsrShrinking"',
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
        'alertname=~"MetadataLag|MetadataFarBehind|MetadataErrors|ControllerChurn|QuorumVoterLag|QuorumWithoutSpare"',
        ("cluster",),
    ),
    (
        "No broker that is reached explains that Kafka does not answer",
        'alertname="NoBrokerReports"',
        'alertname="NotReadOverKafka"',
        ("cluster",),
    ),
    (
        "A broker that is fenced explains its heartbeat",
        'alertname="BrokerFenced"',
        'alertname="BrokerHeartbeatStale"',
        ("cluster",),
    ),
    (
        "Metadata that is a minute old explains that it is old",
        'alertname="MetadataFarBehind"',
        'alertname="MetadataLag"',
        ("cluster", "broker"),
    ),
    (
        "Request handlers that are never idle explain that they are busy",
        'alertname="RequestHandlersExhausted"',
        'alertname=~"RequestHandlersBusy|RequestQueue"',
        ("cluster", "broker"),
    ),
    (
        "A dead cleaner explains that it does not run",
        'alertname="LogCleanerDead"',
        'alertname="LogCleanerStuck"',
        ("cluster", "broker"),
    ),
    (
        "A disk that is almost full explains one that fills",
        'alertname="DiskAlmostFull"',
        'alertname=~"DiskSevenTenths|DiskFilling|DiskFullInADay|DiskFullInHours"',
        ("cluster", "broker", "dir"),
    ),
    (
        "A disk that fills explains that it is seven tenths full",
        'alertname="DiskFilling"',
        'alertname="DiskSevenTenths"',
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
