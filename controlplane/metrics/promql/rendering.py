"""The `data` object of the Prometheus HTTP API: numbers as texts, times in seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal

from controlplane.metrics.promql.model import Result, Series

Json = Mapping[str, object]


def to_json(result: Result) -> Json:
    return {"resultType": result.type, "result": _result(result)}


def _result(result: Result) -> object:
    if result.type == "scalar":
        return [_seconds(result.at), number(result.value)]
    if result.type == "string":
        return [_seconds(result.at), result.text]
    if result.type == "vector":
        return [{"metric": dict(each.labels), "value": _points(each)[0]} for each in result.series]
    return [{"metric": dict(each.labels), "values": _points(each)} for each in result.series]


def _points(series: Series) -> list[list[object]]:
    return [
        [_seconds(int(at)), number(float(value))]
        for at, value in zip(series.times, series.values, strict=True)
    ]


def _seconds(milliseconds: int) -> int | float:
    return milliseconds // 1000 if milliseconds % 1000 == 0 else milliseconds / 1000


def number(value: float) -> str:
    """As Prometheus writes it: the shortest that reads back, with an exponent only when very small or large."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    if "e" not in text:
        return text.removesuffix(".0")
    if 1e-6 <= abs(value) < 1e21:
        return format(Decimal(text), "f")
    digits, _, exponent = text.partition("e")
    return f"{digits.removesuffix('.0')}e{exponent[0]}{exponent[1:]:0>2}"
