"""What the official tests leave open: limits, results over ranges, numbers as text, and laws that hold for any samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.metrics.promql import (
    STALE,
    EvaluationError,
    Limits,
    Matcher,
    PromQLError,
    Series,
    instant,
    ranged,
    to_json,
)  # fmt: skip
from controlplane.metrics.promql.notation import Memory, NotationError, parse_line, parse_values
from controlplane.metrics.promql.rendering import number
from controlplane.metrics.store.tiers import kept

MINUTE = 60_000


def memory(*lines: str) -> Memory:
    return Memory([parse_line(line).series(0, MINUTE) for line in lines])


@pytest.mark.parametrize(
    ("text", "values"),
    [("0+10x3", (0, 10, 20, 30)), ("5-1x2", (5, 4, 3)), ("1x2", (1, 1, 1)), ("1 _ 2", (1, None, 2)),
     ("_x2 1e3", (None, None, 1000)), ("-2+0.5x1", (-2, -1.5)), ("+Inf -Inf", (math.inf, -math.inf)), ("", ())],
)  # fmt: skip
def test_it_reads_the_notation_of_series(text: str, values: tuple[float | None, ...]) -> None:
    assert parse_values(text) == values


@pytest.mark.parametrize(
    "line", ["", "1 2 3", 'up{job=~"a"} 1', "up 1x", "up {{count:1}}", "up 1x9999999", "up{ 1"]
)
def test_it_refuses_another_notation(line: str) -> None:
    with pytest.raises(NotationError):
        parse_line(line)


def test_ranges_and_the_lookback_are_open_on_the_left() -> None:
    source = memory("up 1 2 3 4 5 6 7")
    assert instant("count_over_time(up[2m])", source, 5 * MINUTE).series[0].values[0] == 2
    assert instant("up", memory("up 1"), 5 * MINUTE - 1).series
    assert not instant("up", memory("up 1"), 5 * MINUTE).series
    assert instant("up", memory("up 1"), 5 * MINUTE, lookback_ms=5 * MINUTE + 1).series


def test_a_stale_mark_ends_a_series_and_another_nan_is_a_value() -> None:
    source = memory('up{a="1"} 1 stale', 'up{a="2"} 1 NaN')
    assert [each.labels["a"] for each in instant("up", source, MINUTE).series] == ["2"]
    assert [list(each.values) for each in instant("count_over_time(up[5m])", source, MINUTE).series] == [
        [1],
        [2],
    ]
    assert math.isnan(STALE)


def test_a_scalar_over_a_range_is_one_series_without_labels() -> None:
    found = to_json(ranged("1 + 1", memory(), 0, 2000, 1000))
    assert found == {
        "resultType": "matrix",
        "result": [{"metric": {}, "values": [[0, "2"], [1, "2"], [2, "2"]]}],
    }


def test_series_that_become_equal_at_other_steps_are_one() -> None:
    source = memory('up{a="1"} 1 1 _ _', 'up{a="2"} _ _ 2 2')
    found = ranged('label_replace(up, "a", "", "", "")', source, 0, 3 * MINUTE, MINUTE, lookback_ms=MINUTE)
    assert [list(each.values) for each in found.series] == [[1, 1, 2, 2]]
    with pytest.raises(EvaluationError, match="vector cannot contain metrics with the same labelset"):
        instant('label_replace(up, "a", "", "", "")', source, 3 * MINUTE)


def test_a_range_query_is_bounded_as_in_prometheus() -> None:
    with pytest.raises(PromQLError, match="exceeded maximum resolution of 11,000 points per timeseries"):
        ranged("up", memory(), 0, 11_001_000, 1000)
    for start, end, step in ((0, 1, 0), (1, 0, 1)):
        with pytest.raises(PromQLError):
            ranged("up", memory(), start, end, step)
    with pytest.raises(PromQLError, match="range vector"):
        ranged("up[5m]", memory(), 0, 1, 1)


@pytest.mark.parametrize(
    "query", ["up", "sum_over_time(up[10m])", "max_over_time(up[1y:1ms])", "max_over_time(up[10m:1s])"]
)
def test_samples_are_bounded(query: str) -> None:
    with pytest.raises(EvaluationError, match="too many samples"):
        ranged(query, memory("up 1x20"), 10 * MINUTE, 20 * MINUTE, MINUTE, limits=Limits(samples=10))


def test_the_deadline_is_asked_at_every_node() -> None:
    asked: list[int] = []
    instant("sum(up) + 1", memory("up 1"), 0, limits=Limits(deadline=lambda: asked.append(1)))
    assert len(asked) == 4


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-0.0, "-0"), (1e6, "1000000"), (1e20, "100000000000000000000"), (1e21, "1e+21"), (1e-7, "1e-07"),
     (1e-6, "0.000001"), (0.1, "0.1"), (math.nan, "NaN"), (math.inf, "+Inf"), (-math.inf, "-Inf"), (1.5e300, "1.5e+300"),
     (1234567.25, "1234567.25")],
)  # fmt: skip
def test_numbers_are_written_as_prometheus_writes_them(value: float, text: str) -> None:
    assert number(value) == text


def test_answers_have_the_shape_of_the_http_api() -> None:
    source = memory('up{job="kafka"} 1 2')
    assert to_json(instant("up", source, 61_500)) == {
        "resultType": "vector",
        "result": [{"metric": {"__name__": "up", "job": "kafka"}, "value": [61.5, "2"]}],
    }
    assert to_json(instant("up[5m]", source, MINUTE)) == {
        "resultType": "matrix",
        "result": [{"metric": {"__name__": "up", "job": "kafka"}, "values": [[0, "1"], [60, "2"]]}],
    }
    assert to_json(instant("2", source, 1000)) == {"resultType": "scalar", "result": [1, "2"]}
    assert to_json(instant('"a"', source, 1000)) == {"resultType": "string", "result": [1, "a"]}


@pytest.mark.parametrize("query", ["rate(missing[5m])", "sum(missing)", "missing + missing", "topk(1, missing)", "missing or missing",
    "quantile_over_time(0.5, missing[5m])", "histogram_quantile(0.5, missing)", "count_values(\"v\", missing)", "sort(missing)",
    "max_over_time(missing[5m:])", "predict_linear(missing[5m], 1)", "missing and up", "label_join(missing, \"a\", \"\")"])  # fmt: skip
def test_no_series_is_an_empty_answer(query: str) -> None:
    assert instant(query, memory("up 1"), 0).series == []
    assert ranged(query, memory("up 1"), 0, MINUTE, MINUTE).series == []


SAMPLES = st.lists(
    st.tuples(st.integers(1, 90_000), st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf])),
    min_size=1, max_size=40,
)  # fmt: skip


def series_of(samples: list[tuple[int, float]]) -> Series:
    times = np.cumsum([gap for gap, _ in samples])
    return Series({"__name__": "x"}, times, [value for _, value in samples])


@settings(deadline=None)  # the machine may be busy
@given(SAMPLES, st.sampled_from([15_000, 60_000, 300_000]))
def test_a_range_query_is_the_instant_queries_of_its_steps(
    samples: list[tuple[int, float]], step: int
) -> None:
    source = Memory([series_of(samples)])
    end = sum(gap for gap, _ in samples)
    for query in ("x", "rate(x[2m])", "sum_over_time(x[90s])", "quantile_over_time(0.3, x[3m])", "deriv(x[2m])",
                  "resets(x[5m])", "max_over_time(x[2m:20s])", "stddev_over_time(x[2m])", "mad_over_time(x[2m])"):  # fmt: skip
        over = ranged(query, source, 0, end, step)
        found = {
            int(at): value for each in over.series for at, value in zip(each.times, each.values, strict=True)
        }
        for at in range(0, end + 1, step):
            alone = instant(query, source, at).series
            assert (at in found) == bool(alone)
            if alone:
                np.testing.assert_allclose(found[at], alone[0].values[0], rtol=1e-9)


class Thinning:
    """A source that thins whatever it is allowed to, and remembers what it was allowed."""

    def __init__(self, series: Series) -> None:
        self.series, self.asked = series, list[int]()

    def select(self, matchers: tuple[Matcher, ...], start: int, end: int, distance: int) -> list[Series]:
        self.asked.append(distance)
        times, values = np.asarray(self.series.times), np.asarray(self.series.values)
        interval = MINUTE if distance >= MINUTE else 0
        stays = kept(times, values, interval, counter=False) & (times >= start) & (times <= end)
        return [Series(self.series.labels, times[stays], values[stays])]


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=360, max_size=400), st.sampled_from([5 * MINUTE, 10 * MINUTE]))
def test_thinned_samples_answer_as_all_of_them_do(values: list[float], step: int) -> None:
    series = Series({"__name__": "x"}, np.arange(len(values)) * 10_000 + 3_000, values)
    end = len(values) * 10_000
    for query in (
        "x",
        "max_over_time(x[10m])",
        "min_over_time(x[5m])",
        "last_over_time(x[20m])",
        "absent_over_time(x[5m])",
    ):
        thinning = Thinning(series)
        found = ranged(query, thinning, 10 * MINUTE, end, step).series
        assert thinning.asked == [
            MINUTE if step == 5 * MINUTE or "[5m]" in query or query == "x" else 2 * MINUTE
        ]
        whole = ranged(query, Memory([series]), 10 * MINUTE, end, step).series
        assert [list(each.values) for each in found] == [list(each.values) for each in whole]


@pytest.mark.parametrize(
    "query", ["count_over_time(x[1h])", "avg_over_time(x[1h])", "changes(x[1h])", "timestamp(x)", "deriv(x[1h])", "irate(x[1h])",
    "rate(x[4m])", "max_over_time(x[1h:1m])", "max_over_time(x[1h] @ 600)"])  # fmt: skip
def test_what_thinning_would_change_is_read_whole(query: str) -> None:
    thinning = Thinning(Series({"__name__": "x"}, np.arange(400) * 10_000, [1.0] * 400))
    ranged(query, thinning, 10 * MINUTE, 60 * MINUTE, 10 * MINUTE)
    assert max(thinning.asked) < MINUTE
    instant(query, thinning, 60 * MINUTE)
    assert max(thinning.asked) < MINUTE


@settings(deadline=None)
@given(SAMPLES)
def test_windows_are_folded_as_one_would_by_hand(samples: list[tuple[int, float]]) -> None:
    series = series_of(samples)
    source, end = Memory([series]), int(series.times[-1])
    inside = [
        float(value)
        for at, value in zip(series.times, series.values, strict=True)
        if end - 120_000 < int(at) <= end
    ]
    numbers = [value for value in inside if not math.isnan(value)]
    byhand = {
        "count_over_time": float(len(inside)),
        "last_over_time": inside[-1],
        "first_over_time": inside[0],
        "max_over_time": max(numbers, default=math.nan),
        "min_over_time": min(numbers, default=math.nan),
        "sum_over_time": math.nan if len(numbers) < len(inside) else math.fsum(inside),
    }
    for function, wanted in byhand.items():
        found = float(instant(f"{function}(x[2m])", source, end).series[0].values[0])
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_a_word_of_digits_is_refused_at_once() -> None:
    """Two ways to read a digit would take cubic time."""
    for word in ("1" * 90 + "+" + "1" * 90 + "!", "1" * 99 + "!", "1" * 50_000):
        with pytest.raises(NotationError):
            parse_values(word)


@pytest.mark.parametrize("build", ['label_replace({}, "a", "$1$1$1$1$1$1$1$1$1$1", "a", "(.*)")', 'label_join({}, "a", "", "a", "a", "a", "a", "a", "a", "a", "a")'])  # fmt: skip
def test_labels_do_not_grow_without_end(build: str) -> None:
    query = 'label_replace(up, "a", "xxxxxxxxxx", "", "")'
    for _ in range(9):
        query = build.replace("{}", query)
    with pytest.raises(EvaluationError, match="65,536 characters"):
        instant(query, memory("up 1"), 0)
