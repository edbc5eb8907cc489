"""The shipped rules of those who use a cluster: groups, transactions, quotas, logins, certificates. A table, and nothing else."""

from __future__ import annotations

from controlplane.alerts.shipped_kind import A_BROKER, CRITICAL, INFO, WARNING, Shipped

_ENDS = (
    "kastellan_certificate_expiry_seconds < {days} * 86400"
    " and kastellan_certificate_expiry_seconds < 0.3 * kastellan_certificate_life_seconds"
)
#: Groups that a flow keeps ready in its target have no members there, and are meant to have none.
_STANDS_BY = (
    " unless on (cluster, consumergroup) (kastellan_flow_checkpoint_age_seconds"
    ' and on (cluster, source, target) kastellan_flow_state{state="running"} == 1)'
)

RULES: tuple[Shipped, ...] = (
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
    Shipped(
        "ConsumerGroupLagLarge", "sum by (cluster, consumergroup) (kafka_consumergroup_lag_sum) > 10000", WARNING, "1m",
        "Consumer group {{ $labels.consumergroup }} has {{ $value | humanize }} records to read",
        "More than the number that somebody set. Add consumers, or look for what slows them down.", off=True,
    ),
    Shipped(
        "TopicSilent", 'sum by (cluster, topic) (changes(kafka_topic_partition_current_offset{topic!~"__.*"}[10m])) == 0', INFO, "10m",
        "Nothing is written to {{ $labels.topic }}", "For ten minutes and more: its producers have stopped, or have nothing to say.",
        off=True,
    ),
    Shipped(
        "ShareGroupStuck",
        "sum by (cluster, group, topic) (rate(kafka_server_sharepartitionmetrics_acquisitionlocktimeout_total[5m])) > 0",
        WARNING, "10m",
        "Share group {{ $labels.group }} does not finish records of {{ $labels.topic }}",
        "It takes records and acknowledges none of them in time, so that others are given them again. Look at its members' logs.",
    ),
    Shipped(
        "HangingTransactions", "kafka_server_replicamanager_partitionswithlatetransactionscount > 0", WARNING, "5m",
        f"Transactions hang in {{{{ $value }}}} partitions that {A_BROKER} leads",
        "Consumers that read committed records wait behind them.",
    ),
    Shipped(
        "ClientsThrottled",
        "max by (cluster, user, client_id) (kafka_server_produce_throttle_time) > 0"
        " or max by (cluster, user, client_id) (kafka_server_fetch_throttle_time) > 0"
        " or max by (cluster, user, client_id) (kafka_server_request_throttle_time) > 0", INFO, "10m",
        "A client is held back by its quota: {{ $labels.user }} {{ $labels.client_id }}",
        "Its limit is what somebody decided; Quotas shows the limit beside the use.",
    ),
    Shipped(
        "AuthenticationFailures",
        "sum by (cluster, broker) (rate(kafka_server_socket_server_metrics_failed_authentication_total[5m])) > 1", WARNING, "5m",
        f"{{{{ $value | humanize }}}} logins a second fail on {A_BROKER}",
        "A client with an old password or certificate, or somebody who guesses. The broker's log names the address.",
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
)  # fmt: skip
