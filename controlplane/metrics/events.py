"""Timelines out of the history: leaders and in-sync replicas of a topic, members and rebalances of a group."""

from __future__ import annotations

from collections.abc import Mapping

from controlplane.metrics.logic import events
from controlplane.metrics.logic.events import Brokers, Event, Samples
from controlplane.metrics.logic.ranges import TimeRange
from controlplane.metrics.selectors import retention, store
from controlplane.metrics.store import Points

#: The newest; a page is no log.
MOST = 200
POLLED = "kastellan_protocol_poll_up"
MEMBER = "kastellan_group_member_partitions"
STABLE = "kastellan_group_stable"
STARTED = "kafka_server_app_info_start_time_ms"


def of_topic(cluster: str, topic: str, period: TimeRange, now: int) -> tuple[Event, ...]:
    """Newest first. Of the time for which every poll is kept: thinned samples would lose steps."""
    start = _start(period, now)
    where = {"topic": topic}
    brokers = Brokers.of(*(_by_broker(cluster, name, start, period.end) for name in ("up", STARTED)))
    leaders = _series(cluster, "kafka_topic_partition_leader", where, start, period.end)
    in_sync = _series(cluster, "kafka_topic_partition_in_sync_replica", where, start, period.end)
    found = [*events.leader_events(leaders, brokers), *events.isr_events(in_sync, brokers)]
    return _newest(found)


def of_group(cluster: str, group: str, period: TimeRange, now: int) -> tuple[Event, ...]:
    """Newest first."""
    start = _start(period, now)
    where = {"consumergroup": group}
    polls = [at for each in _series(cluster, POLLED, {}, start, period.end) for at, up in each if up]
    members: Mapping[str, list[int]] = {
        f"{each.labels.get('client_id', '')} ({each.labels.get('host', '')})": list(each.times)
        for each in store().select(cluster, MEMBER, where, start, period.end)
    }
    stalls = [
        event
        for each in _series(cluster, STABLE, where, start, period.end)
        for event in events.stall_events(each)
    ]
    return _newest([*events.presence_events(polls, members), *stalls])


def _by_broker(cluster: str, name: str, start: int, end: int) -> Mapping[str, Samples]:
    found = store().select(cluster, name, {}, start - events.BEFORE_MS, end + events.AFTER_MS)
    return {each.labels.get("broker", ""): _samples(each) for each in found}


def _start(period: TimeRange, now: int) -> int:
    return max(period.start, now - retention().raw)


def _series(cluster: str, name: str, where: Mapping[str, str], start: int, end: int) -> list[Samples]:
    return [_samples(each) for each in store().select(cluster, name, where, start, end)]


def _samples(points: Points) -> Samples:
    return list(zip(points.times, points.values, strict=True))


def _newest(found: list[Event]) -> tuple[Event, ...]:
    return tuple(sorted(found, key=lambda each: (-each.at, each.text))[:MOST])
