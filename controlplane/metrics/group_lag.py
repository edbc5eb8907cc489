"""Consumer groups of one poll: lag in records and in seconds, per partition, topic and group, and its state.

What the polls before said comes from the store: the history of end offsets gives seconds, the last ten polls a state.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from controlplane.gateways.kafka.types import GroupDescription
from controlplane.metrics.logic.lag import (
    WINDOW,
    LagState,
    Seen,
    group_state,
    partition_state,
    seconds_behind,
)
from controlplane.metrics.names import Sample, sample
from controlplane.metrics.readings import MOST_PARTITIONS, Key, Reading
from controlplane.metrics.selectors import store
from controlplane.metrics.store import Points, Series

END_OFFSET = "kafka_topic_partition_current_offset"
COMMITTED = "kafka_consumergroup_current_offset"
LAG = "kafka_consumergroup_lag"
#: How far back the end offset of a partition is looked up for a lag in seconds.
HISTORY_MS = 24 * 3_600_000
#: Ten polls, with room for some that failed.
STATE_MS = 600_000
#: Of all groups together; beyond it no series per member is kept.
MOST_MEMBERS = 2000
#: States of a group in which nobody waits for an assignment.
SETTLED = frozenset({"Stable", "Empty", "Dead"})

Group = tuple[str, str, int]


def samples(cluster: str, reading: Reading, now: int) -> Iterator[Sample]:
    lags = _lags(reading)
    listed = len(lags) <= MOST_PARTITIONS
    history = _History(cluster, now)
    ends = history.ends({(topic, index) for (_, topic, index), lag in lags.items() if lag > 0})
    windows = history.windows()
    states: defaultdict[str, list[LagState]] = defaultdict(list)
    longest: defaultdict[str, float] = defaultdict(float)
    sums: defaultdict[tuple[str, str], int] = defaultdict(int)
    places: defaultdict[tuple[str, str], int] = defaultdict(int)
    for (group, topic, index), lag in lags.items():
        committed = reading.groups[group][topic, index]
        where: dict[str, str | int] = {"consumergroup": group, "topic": topic, "partition": index}
        sums[group, topic] += lag
        places[group, topic] += committed
        seconds = _seconds(ends.get((topic, index)), committed, lag, reading.end[topic, index], now)
        longest[group] = max(longest[group], seconds)
        members = bool(_members(reading.described.get(group)))
        window = (*windows.get((group, topic, index), ()), Seen(committed, lag))[-WINDOW:]
        states[group].append(partition_state(window, members=members))
        if listed:
            yield sample(COMMITTED, committed, **where)
            yield sample(LAG, lag, **where)
            yield sample("kafka_consumergroup_lag_seconds", seconds, **where)
    for (group, topic), lag in sums.items():
        yield sample("kafka_consumergroup_lag_sum", lag, consumergroup=group, topic=topic)
        yield sample(f"{COMMITTED}_sum", places[group, topic], consumergroup=group, topic=topic)
    for group, described in reading.described.items():
        yield sample("kafka_consumergroup_members", _members(described), consumergroup=group)
        yield sample("kastellan_group_stable", described.state in SETTLED, consumergroup=group)
    yield from _of_members(reading)
    for group, found in states.items():
        yield sample("kastellan_group_lag_state", group_state(found), consumergroup=group)
        yield sample("kastellan_group_lag_seconds", longest[group], consumergroup=group)


def _of_members(reading: Reading) -> Iterator[Sample]:
    """By client id and host: a member's own id is another each time it joins."""
    if sum(len(each.members) for each in reading.described.values()) > MOST_MEMBERS:
        return
    for group, described in reading.described.items():
        assigned: defaultdict[tuple[str, str], int] = defaultdict(int)
        for member in described.members:
            assigned[member.client_id, member.host] += len(member.assignments)
        for (client, host), count in assigned.items():
            where = {"consumergroup": group, "client_id": client, "host": host}
            yield sample("kastellan_group_member_partitions", count, **where)


def _lags(reading: Reading) -> dict[Group, int]:
    """Where an end is unknown (the topic is gone, no leader) the lag is unknown: no sample, not 0."""
    return {
        (group, topic, index): max(reading.end[topic, index] - offset, 0)
        for group, offsets in reading.groups.items()
        for (topic, index), offset in offsets.items()
        if (topic, index) in reading.end and offset >= 0
    }


def _members(described: GroupDescription | None) -> int:
    return len(described.members) if described else 0


def _seconds(known: Series | None, committed: int, lag: int, end: int, now: int) -> float:
    if lag <= 0:
        return 0.0
    if known is None:
        return 0.0  # seen for the first time: it grows from here
    times, ends = np.append(known.times, now), np.append(known.values, float(end))
    return seconds_behind(committed, now, times, ends)


@dataclass(frozen=True, slots=True)
class _History:
    cluster: str
    now: int

    def ends(self, wanted: set[Key]) -> dict[Key, Series]:
        """End offsets of these partitions at past polls."""
        if not wanted:
            return {}
        found = store().fetch(
            self.cluster,
            END_OFFSET,
            lambda labels: (labels.get("topic", ""), int(labels.get("partition", "-1"))) in wanted,
            self.now - HISTORY_MS,
            self.now - 1,
        )
        return {(each.labels["topic"], int(each.labels["partition"])): each for each in found}

    def windows(self) -> dict[Group, tuple[Seen, ...]]:
        """Commits and lags of the last polls, oldest first."""
        since = self.now - STATE_MS
        lags = {
            _group(each): dict(zip(each.times, each.values, strict=True))
            for each in store().select(self.cluster, LAG, {}, since, self.now - 1)
        }
        commits = {
            _group(each): zip(each.times, each.values, strict=True)
            for each in store().select(self.cluster, COMMITTED, {}, since, self.now - 1)
        }
        return {
            group: tuple(Seen(int(committed), int(lag[at])) for at, committed in found if at in lag)[
                -(WINDOW - 1) :
            ]
            for group, found in commits.items()
            if (lag := lags.get(group)) is not None
        }


def _group(points: Points) -> Group:
    labels = points.labels
    return labels["consumergroup"], labels["topic"], int(labels["partition"])
