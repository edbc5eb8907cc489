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
