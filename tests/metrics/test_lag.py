"""Lag in seconds and as a state: tables, and what must hold for every history."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.metrics.logic.lag import (
    WINDOW,
    LagState,
    Seen,
    group_state,
    next_poll_s,
    partition_state,
    seconds_behind,
)

#: One record a second for 100 s, polled each ten.
TIMES = np.arange(0, 101_000, 10_000)
ENDS = np.arange(0.0, 101.0, 10.0)


@pytest.mark.parametrize(
    ("committed", "expected"),
    [
        (100, 0.0),  # nothing behind
        (120, 0.0),  # beyond an end that is older than the commit
        (99, 0.0),  # the newest record, seen at the last poll
        (89, 10.0),
        (50, 49.0),
        (44, 55.0),  # between two polls: interpolated
        (0, 99.0),
    ],
)
def test_lag_in_seconds_is_the_age_of_the_first_uncommitted_record(committed: int, expected: float) -> None:
    assert seconds_behind(committed, 100_000, TIMES, ENDS) == pytest.approx(expected)


def test_what_was_there_before_the_history_is_at_least_as_old_as_it() -> None:
    assert seconds_behind(5, 100_000, TIMES[3:], ENDS[3:]) == 70.0


def test_a_partition_that_was_made_anew_is_read_from_then_on() -> None:
    ends = np.array([500.0, 510.0, 0.0, 10.0, 20.0])
    assert seconds_behind(12, 40_000, TIMES[:5], ends) == pytest.approx(7.0)


@given(
    st.lists(st.tuples(st.integers(1, 60_000), st.integers(0, 1000)), min_size=1, max_size=50),
    st.integers(0, 20_000),
)
def test_who_is_further_behind_is_not_fresher(polls: list[tuple[int, int]], committed: int) -> None:
    times = np.cumsum([delta for delta, _ in polls])
    ends = np.cumsum([float(grown) for _, grown in polls])
    now = int(times[-1])
    here = seconds_behind(committed, now, times, ends)
    assert 0 <= here <= (now - int(times[0])) / 1000
    assert seconds_behind(committed + 1, now, times, ends) <= here + 1e-9


def seen(*pairs: tuple[int, int]) -> list[Seen]:
    return [Seen(*pair) for pair in pairs]


MOVING = [(at, 5) for at in range(WINDOW)]


@pytest.mark.parametrize(
    ("window", "members", "state"),
    [
        ([*MOVING[:-1], (9, 0)], True, LagState.OK),
        ([(7, 3)] * WINDOW, True, LagState.STALL),
        ([(7, 3)] * WINDOW, False, LagState.STOP),
        ([(7, 3)] * 5, False, LagState.OK),  # too few to say
        ([(7, 0)] + [(7, 3)] * (WINDOW - 1), True, LagState.OK),  # it was caught up within the window
        ([(at, 5 + at) for at in range(WINDOW)], True, LagState.WARN),
        (MOVING, True, LagState.WARN),  # it never got nearer
        ([(at, 20 - at) for at in range(WINDOW)], True, LagState.OK),
        ([(50, 1)] * 5 + [(10, 41)] * 5, True, LagState.REWIND),
        ([(50, 1), (10, 41), (60, 9)], True, LagState.OK),  # it was read again and overtaken
    ],
)
def test_states_follow_burrow(window: list[tuple[int, int]], members: bool, state: LagState) -> None:
    assert partition_state(seen(*window), members=members) is state


@given(st.lists(st.sampled_from(LagState)))
def test_a_group_is_as_bad_as_its_worst_partition(states: list[LagState]) -> None:
    found = group_state(states)
    assert all(found >= state for state in states)
    assert found in states or (not states and found is LagState.OK)


def test_slow_clusters_are_read_less_often() -> None:
    spaces = [next_poll_s(took) for took in (0.1, 1.0, 3.0, 13.0, 60.0)]
    assert spaces == [10.0, 10.0, 30.0, 130.0, 300.0]
    assert all(before <= after for before, after in pairwise(spaces))
