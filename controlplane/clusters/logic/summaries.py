"""What the snapshot says about a topic, a broker, a cluster: pure sums over descriptions.

Unknown stays None (a config that was not read, a log directory that did not answer), never 0.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controlplane.gateways.kafka.types import ConfigEntry, ConfigSource, LogDir, TopicDescription


@dataclass(frozen=True, slots=True)
class TopicHealth:
    """`out_of_sync` counts replicas missing from an ISR; the others count partitions."""

    out_of_sync: int
    under_replicated: int
    leaderless: int
    under_min_isr: int


@dataclass(frozen=True, slots=True)
class BrokerLoad:
    leaders: int
    replicas: int
    in_sync: int


@dataclass(frozen=True, slots=True)
class BrokerDisk:
    """Bytes. `size` is what replicas take; total and usable are the volumes', None before Kafka 3.3.

    `offline`: the directories that Kafka has given up, of which it tells nothing else.
    """

    size: int | None
    total: int | None
    usable: int | None
    offline: tuple[str, ...] = ()


def topic_health(topic: TopicDescription, min_isr: int | None) -> TopicHealth:
    partitions = topic.partitions
    return TopicHealth(
        out_of_sync=sum(len(p.replicas) - len(p.isr) for p in partitions),
        under_replicated=sum(len(p.isr) < len(p.replicas) for p in partitions),
        leaderless=sum(p.leader is None for p in partitions),
        under_min_isr=sum(len(p.isr) < min(min_isr, len(p.replicas)) for p in partitions) if min_isr else 0,
    )


def broker_loads(topics: Iterable[TopicDescription]) -> dict[int, BrokerLoad]:
    leaders: Counter[int] = Counter()
    replicas: Counter[int] = Counter()
    in_sync: Counter[int] = Counter()
    for topic in topics:
        for partition in topic.partitions:
            replicas.update(partition.replicas)
            in_sync.update(partition.isr)
            if partition.leader is not None:
                leaders[partition.leader] += 1
    return {
        broker: BrokerLoad(leaders[broker], replicas[broker], in_sync[broker])
        for broker in replicas.keys() | leaders.keys()
    }


def topic_sizes(log_dirs: Iterable[LogDir]) -> dict[str, int]:
    """Bytes per topic over all replicas on the brokers that answered; moves in progress count as well."""
    sizes: defaultdict[str, int] = defaultdict(int)
    for log_dir in log_dirs:
        for replica in log_dir.replicas:
            sizes[replica.topic] += replica.size
    return dict(sizes)


def broker_disks(log_dirs: Iterable[LogDir]) -> dict[int, BrokerDisk]:
    by_broker: defaultdict[int, list[LogDir]] = defaultdict(list)
    for log_dir in log_dirs:
        by_broker[log_dir.broker].append(log_dir)
    return {broker: _disk(dirs) for broker, dirs in by_broker.items()}


def _disk(dirs: list[LogDir]) -> BrokerDisk:
    return BrokerDisk(
        size=sum(replica.size for each in dirs for replica in each.replicas),
        total=_sum_known([each.total_bytes for each in dirs]),
        usable=_sum_known([each.usable_bytes for each in dirs]),
        offline=tuple(sorted(each.path for each in dirs if each.error)),
    )


def _sum_known(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None and value >= 0]
    return sum(known) if known and len(known) == len(values) else None


def record_counts(first: Mapping[tuple[str, int], int], end: Mapping[tuple[str, int], int]) -> dict[str, int]:
    """End minus first offsets: an estimate (compaction and transaction markers leave gaps). Only whole topics."""
    counts: defaultdict[str, int] = defaultdict(int)
    for (topic, partition), last in end.items():
        counts[topic] += max(last - first.get((topic, partition), last), 0)
    return dict(counts)


def kafka_default(entry: ConfigEntry) -> str | None:
    """Kafka's own default, whatever overrides it; None where it has none."""
    if entry.source == ConfigSource.DEFAULT_CONFIG:
        return entry.value
    own = [each.value for each in entry.synonyms if each.source == ConfigSource.DEFAULT_CONFIG]
    return own[-1] if own else None


def total_lag(committed: Mapping[tuple[str, int], int], end: Mapping[tuple[str, int], int]) -> int | None:
    """Records behind over partitions with a commit; None when nothing is known of any of them."""
    known = [max(end[key] - offset, 0) for key, offset in committed.items() if key in end and offset >= 0]
    return sum(known) if known else None
