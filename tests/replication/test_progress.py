"""Lag and translation of a flow, by table: what is unknown is never 0."""

from __future__ import annotations

from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.logic.offsets import Checkpoint, OffsetSync, SyncStore
from controlplane.replication.logic.progress import (
    PartitionLag,
    Totals,
    group_offsets,
    lags,
    positions,
    totals,
)

FLOW = FlowRequest("main", "dr", topics=("orders",))


def test_positions_are_read_and_what_is_strange_left_out() -> None:
    offsets = [
        ({"cluster": "main", "topic": "orders", "partition": 0}, {"offset": 9}),
        ({"cluster": "main", "topic": "orders", "partition": 1}, None),
        ({"topic": 3, "partition": "x"}, {"offset": "y"}),
    ]
    assert positions(offsets) == {("orders", 0): 10}


def test_lag_counts_from_what_is_still_there() -> None:
    rows = lags(
        FLOW,
        ends={("orders", 0): 100, ("orders", 1): 50, ("orders", 2): 7},
        known={("orders", 0): 90, ("orders", 1): 10},
        copies={("main.orders", 0): 88},
        firsts={("orders", 0): 0, ("orders", 1): 40, ("orders", 2): 5},
    )
    assert [(row.partition, row.position, row.lag, row.copy_end) for row in rows] == [
        (0, 90, 10, 88),
        # What was deleted before it was copied never comes; it is no lag.
        (1, 40, 10, None),
        (2, 5, 2, None),
    ]


def test_a_source_that_does_not_answer_leaves_the_lag_unknown() -> None:
    (row,) = lags(FLOW, {}, {("orders", 0): 90}, {}, {})
    assert (row.position, row.end, row.lag) == (90, None, None)
    assert totals([row], 1000) == Totals(None, None, 1, 1)


def test_the_time_is_that_of_the_oldest_record_that_waits() -> None:
    rows = [
        PartitionLag("orders", 0, 10, 10),
        PartitionLag("orders", 1, 10, 4, waiting_since_ms=5_000),
        PartitionLag("orders", 2, 10, 9, waiting_since_ms=8_000),
    ]
    assert totals(rows, 9_000) == Totals(7, 4.0, 3, 0)
    assert totals(rows[:1], 9_000) == Totals(0, 0.0, 1, 0)
    undated = [PartitionLag("orders", 1, 10, 4)]
    assert totals(undated, 9_000).seconds is None


def test_where_each_group_goes_on() -> None:
    syncs = SyncStore.of([OffsetSync("orders", 0, 0, 0), OffsetSync("orders", 0, 100, 90)])
    marks = {("app", "main.orders", 0): Checkpoint("app", "main.orders", 0, 100, 90)}
    rows = group_offsets(
        FLOW,
        {"app": {("orders", 0): 110, ("orders", 1): 5, ("other", 0): 1}},
        syncs,
        marks,
        {"app": {("main.orders", 0): 90}},
    )
    assert [
        (row.partition, row.committed, row.translated, row.behind, row.checkpoint, row.there) for row in rows
    ] == [
        (0, 110, 91, 9, 90, 90),
        (1, 5, None, None, None, None),
    ]
    assert rows[1].why
