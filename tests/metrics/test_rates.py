from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.metrics.logic import ranges, rates


@pytest.mark.parametrize(
    ("times", "values", "expected"),
    [
        ([], [], []),
        ([0], [5.0], []),
        ([0, 10_000], [0.0, 50.0], [(10_000, 5.0)]),
        ([0, 10_000, 20_000], [100.0, 150.0, 30.0], [(10_000, 5.0), (20_000, 3.0)]),  # a restart at 20 s
        ([0, 60_000], [0.0, 600.0], []),  # a gap: nothing is known of what was between
        ([0, 0], [1.0, 2.0], []),
    ],
)
def test_rates_mind_restarts_and_gaps(
    times: list[int], values: list[float], expected: list[tuple[int, float]]
) -> None:
    assert rates.rates(times, values) == expected


@given(st.lists(st.floats(0, 1e12), min_size=2, max_size=50))
def test_a_rate_is_never_negative(values: list[float]) -> None:
    times = [10_000 * at for at in range(len(values))]
    assert all(rate >= 0 for _, rate in rates.rates(times, values))


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=50))
def test_a_growing_counter_is_summed_up_exactly_by_its_rates(steps: list[int]) -> None:
    values, total = [0.0], 0.0
    for step in steps:
        total += step
        values.append(total)
    times = [10_000 * at for at in range(len(values))]
    assert sum(rate * 10 for _, rate in rates.rates(times, values)) == pytest.approx(total)


@given(st.integers(1, 400 * 86_400_000))
def test_a_chart_has_at_most_some_four_hundred_points_on_whole_polls(span: int) -> None:
    step = rates.step_for(0, span)
    assert step % 10_000 == 0
    assert span / step <= 361


@pytest.mark.parametrize(
    ("query", "start", "end", "key"),
    [
        ({}, 6_400_000, 10_000_000, "1h"),
        ({"range": "15m"}, 9_100_000, 10_000_000, "15m"),
        ({"range": "forever"}, 6_400_000, 10_000_000, "1h"),
        ({"from": "100", "to": "200"}, 100_000, 200_000, ""),
        ({"from": "200", "to": "100"}, 6_400_000, 10_000_000, "1h"),
        ({"from": "x", "to": "²"}, 6_400_000, 10_000_000, "1h"),
        ({"from": "0", "to": "99999999999"}, 6_400_000, 10_000_000, "1h"),
    ],
)
def test_a_range_is_read_from_the_address_bar(query: dict[str, str], start: int, end: int, key: str) -> None:
    assert ranges.parse(query, 10_000_000) == ranges.TimeRange(start, end, key)
