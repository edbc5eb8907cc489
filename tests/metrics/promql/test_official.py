"""Prometheus' own tests of its engine, run against ours. `SKIPPED` is every case that is not, with the reason."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from controlplane.metrics.promql import EvaluationError, PromQLError, Result, Series, instant, ranged
from controlplane.metrics.promql.model import SeriesLike
from tests.metrics.promql.official import Case, cases
from tests.metrics.promql.skipped import REFUSED_BY_US, SKIPPED

FOLDER = Path(__file__).parent / "testdata"
CASES = [case for path in sorted(FOLDER.glob("*.test")) for case in cases(path.stem, path.read_text())]


def reason_to_skip(case: Case) -> str:
    if case.unreadable:
        return "native histograms"
    for pattern, reason in REFUSED_BY_US.items():
        if re.search(pattern, case.query):
            return reason
    return SKIPPED.get(case.id, "")


def answer(case: Case) -> Result:
    if case.steps is None:
        return instant(case.query, case.source, case.at)
    start, end, step = case.steps
    return ranged(case.query, case.source, start, end, step)


def points(series: SeriesLike) -> dict[int, float]:
    return {int(at): float(value) for at, value in zip(series.times, series.values, strict=True)}


def expected_points(case: Case, values: Sequence[float | None]) -> dict[int, float]:
    start, _, step = case.range_vector or case.steps or (case.at, case.at, 1)
    return {start + at * step: value for at, value in enumerate(values) if value is not None}


def same(a: float, b: float) -> bool:
    """Prometheus' almost.Equal with 1e-6, the tolerance of its own tests."""
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    if a == b:
        return True
    if math.isinf(a) or math.isinf(b):
        return False
    return abs(a - b) / min(abs(a) + abs(b), 1.7e308) < 1e-6


def keyed(series: Sequence[SeriesLike]) -> dict[tuple[tuple[str, str], ...], dict[int, float]]:
    return {tuple(sorted(each.labels.items())): points(each) for each in series}


def check_values(case: Case, found: Result) -> None:
    wanted = {
        tuple(sorted(each.labels.items())): expected_points(case, each.values) for each in case.expected
    }
    if case.number is not None:
        numbers = [found.value] if found.type == "scalar" else [each.values[0] for each in found.series]
        assert len(numbers) == 1
        assert same(float(numbers[0]), case.number)
        return
    got = keyed(found.series)
    assert set(got) == set(wanted)
    for labels, values in wanted.items():
        assert set(got[labels]) == set(values), labels
        assert all(same(got[labels][at], value) for at, value in values.items()), (
            labels,
            got[labels],
            values,
        )


def check_order(case: Case, series: Sequence[Series]) -> None:
    assert [dict(each.labels) for each in series] == [dict(each.labels) for each in case.expected]


def check_remarks(case: Case, found: Result) -> None:
    remarks: Mapping[str, list[str]] = {"warn": found.warnings, "info": found.infos}
    for kind, texts in remarks.items():
        if kind in case.flags:
            assert texts, f"expected {kind}"
        if f"no_{kind}" in case.flags:
            assert not texts
        for wanted, how, text in case.messages:
            if wanted == kind:
                assert any(text == each if how == "msg" else re.search(text, each) for each in texts), (
                    text,
                    texts,
                )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_it_answers_as_prometheus_expects(case: Case) -> None:
    if reason := reason_to_skip(case):
        pytest.skip(reason)
    if "fail" in case.flags:
        with pytest.raises((EvaluationError, PromQLError)) as caught:
            answer(case)
        for kind, how, text in case.messages:
            if kind == "fail":
                message = caught.value.args[0]
                assert message == text if how == "msg" else re.search(text, message)
        return
    found = answer(case)
    if case.text is not None:
        assert found.text == case.text
        return
    check_values(case, found)
    check_remarks(case, found)
    if "ordered" in case.flags:
        check_order(case, found.series)
