from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.records.logic.seek import Bounds, Browse, SeekMode, start_offsets

BOUNDS = {0: Bounds(10, 100), 1: Bounds(5, 5), 2: Bounds(0, 3)}


@pytest.mark.parametrize(
    ("browse", "expected"),
    [
        (Browse(SeekMode.OLDEST), {0: 10, 2: 0}),
        (Browse(SeekMode.NEWEST, limit=20), {0: 80, 2: 0}),
        (Browse(SeekMode.NEWEST, partition=0, limit=500), {0: 10}),
        (Browse(SeekMode.OFFSET, offset=50), {0: 50}),
        (Browse(SeekMode.OFFSET, partition=0, offset=2), {0: 10}),
        (Browse(SeekMode.OFFSET, partition=0, offset=100), {}),
        (Browse(SeekMode.TIME, timestamp_ms=1), {0: 40}),
        (Browse(SeekMode.OLDEST, partition=1), {}),
    ],
)
def test_each_mode_starts_where_it_says(browse: Browse, expected: dict[int, int]) -> None:
    assert start_offsets(browse, BOUNDS, {0: 40, 1: None, 2: None}) == expected


@given(
    st.dictionaries(st.integers(0, 9), st.tuples(st.integers(0, 99), st.integers(0, 99))),
    st.sampled_from(SeekMode),
    st.integers(0, 120),
    st.integers(1, 500),
)
def test_a_start_is_always_inside_a_partition_with_records(
    raw: dict[int, tuple[int, int]], mode: SeekMode, offset: int, limit: int
) -> None:
    bounds = {partition: Bounds(min(pair), max(pair)) for partition, pair in raw.items()}
    starts = start_offsets(Browse(mode, offset=offset, limit=limit), bounds, dict.fromkeys(bounds, offset))
    for partition, start in starts.items():
        assert bounds[partition].first <= start < bounds[partition].end
