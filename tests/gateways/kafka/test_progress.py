"""When a bounded read ends, and where the next one starts. Pure; the live reads are in test_records.py."""

from __future__ import annotations

from dataclasses import dataclass

from confluent_kafka import KafkaError
from hypothesis import given
from hypothesis import strategies as st

from controlplane.gateways.kafka import consume
from controlplane.gateways.kafka.consume import Bounds, Progress, ReadPlan, plan_read
from controlplane.gateways.kafka.gateway import merge_oldest
from controlplane.gateways.kafka.types import Isolation, Record, RecordBatch, TimestampType


def plan(
    starts: dict[int, int], stops: dict[int, int], limit: int = 100, each: int | None = None
) -> ReadPlan:
    return ReadPlan("t", starts, stops, limit, each, 1024, Isolation.READ_COMMITTED)


def record(partition: int, offset: int, time: int = 0) -> Record:
    return Record(partition, offset, time, TimestampType.CREATE_TIME, b"k", b"v", key_size=1, value_size=1)


def test_an_empty_partition_is_done_before_anything_is_asked() -> None:
    progress = Progress(plan({0: 5, 1: 7}, {0: 5, 1: 6}))
    assert progress.finished
    assert progress.exhausted
    assert progress.next_offsets == {0: 5, 1: 7}


def test_it_ends_at_the_stop_and_not_behind_it() -> None:
    progress = Progress(plan({0: 0}, {0: 2}))
    for offset in (0, 1):
        assert progress.wants(0, offset)
        progress.take(record(0, offset))
    assert progress.exhausted
    assert not progress.wants(0, 2)
    assert progress.next_offsets == {0: 2}


def test_a_gap_before_the_stop_ends_with_the_first_record_behind_it() -> None:
    progress = Progress(plan({0: 0}, {0: 10}))
    progress.take(record(0, 3))
    assert not progress.wants(0, 12)
    assert progress.exhausted
    assert progress.next_offsets == {0: 10}


def test_a_gap_up_to_the_end_ends_with_the_end_of_the_partition() -> None:
    progress = Progress(plan({0: 0, 1: 0}, {0: 10, 1: 10}))
    progress.take(record(0, 3))
    progress.at_end(0)
    assert progress.next_offsets == {0: 10, 1: 0}
    assert progress.pending == {1}
    assert not progress.exhausted


def test_the_limit_leaves_the_rest_for_the_next_page() -> None:
    progress = Progress(plan({0: 0}, {0: 10}, limit=2))
    progress.take(record(0, 0))
    progress.take(record(0, 1))
    assert progress.finished
    assert not progress.exhausted
    assert progress.next_offsets == {0: 2}


def test_a_partition_can_have_a_limit_of_its_own() -> None:
    progress = Progress(plan({0: 0, 1: 0}, {0: 10, 1: 10}, each=1))
    progress.take(record(0, 0))
    assert progress.pending == {1}
    assert not progress.wants(0, 1)
    progress.take(record(1, 0))
    assert progress.finished
    assert not progress.exhausted


def test_starts_below_the_first_offset_are_moved_up_and_stops_are_capped() -> None:
    made = plan_read(
        "t", {0: 1, 1: 4, 2: 0}, {0: Bounds(3, 9), 1: Bounds(0, 9)}, {1: 20}, limit=1, per_partition=None,
        max_bytes=1, isolation=Isolation.READ_COMMITTED,
    )  # fmt: skip
    assert made.starts == {0: 3, 1: 4}
    assert made.stops == {0: 9, 1: 9}


LOG = st.lists(st.integers(0, 30), unique=True, max_size=15).map(sorted)


@given(st.dictionaries(st.integers(0, 3), LOG, max_size=3), st.integers(1, 7))
def test_paging_returns_every_record_once_and_in_order(logs: dict[int, list[int]], limit: int) -> None:
    """Any log with gaps, any page size: the pages together are the log."""
    stops = dict.fromkeys(logs, 31)
    position = dict.fromkeys(logs, 0)
    seen: dict[int, list[int]] = {partition: [] for partition in logs}
    for _ in range(200):
        progress = Progress(plan(position, stops, limit=limit))
        for partition, offsets in logs.items():
            for offset in offsets:
                if offset >= position[partition] and progress.wants(partition, offset):
                    progress.take(record(partition, offset))
            if not progress.full:
                progress.at_end(partition)
        for each in progress.records:
            seen[each.partition].append(each.offset)
        assert len(progress.records) <= limit
        position = progress.next_offsets
        if progress.exhausted:
            break
    assert seen == logs
    assert position == stops


@given(
    st.dictionaries(st.integers(0, 3), st.lists(st.integers(0, 9), max_size=6), max_size=3), st.integers(0, 9)
)
def test_merging_keeps_each_partitions_order_and_goes_on_where_it_stopped(
    times: dict[int, list[int]], limit: int
) -> None:
    records = tuple(record(p, i, t) for p, stamps in times.items() for i, t in enumerate(stamps))
    ends = {p: len(stamps) for p, stamps in times.items()}
    merged = merge_oldest(RecordBatch(records, ends, exhausted=True, ends=ends), limit)
    assert len(merged.records) == min(limit, len(records))
    for partition, end in ends.items():
        offsets = [r.offset for r in merged.records if r.partition == partition]
        assert offsets == list(range(len(offsets)))
        assert merged.next_offsets[partition] == (len(offsets) if len(offsets) < end else end)
    assert merged.exhausted == (len(records) <= limit)


@dataclass(frozen=True)
class End:
    """As librdkafka tells of the end of a partition."""

    at: int

    def error(self) -> KafkaError:
        return KafkaError(KafkaError._PARTITION_EOF)

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.at


def test_a_leader_that_does_not_know_the_end_yet_ends_nothing() -> None:
    progress = Progress(plan({0: 0}, {0: 2}))
    assert consume._one(End(0), progress) is None
    assert (progress.finished, progress.next_offsets) == (False, {0: 0})
    assert consume._one(End(2), progress) is None
    assert (progress.finished, progress.exhausted, progress.next_offsets) == (True, True, {0: 2})
