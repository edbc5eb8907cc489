"""The unit of a PromQL answer, as far as its metric's name tells it. Pure; an unknown one is the empty text."""

from __future__ import annotations

import re

_PER_SECOND = re.compile(r"\b(rate|irate|deriv)\s*\(")
_COUNTS = re.compile(
    r"\b(count|count_values|group|changes|resets|count_over_time|absent|absent_over_time)\b\s*(by|without|\()"
)
#: What divides by something of the same kind gives a share.
_RATIO = re.compile(r"[^/]+/[^/]+$")


def unit_of(text: str, names: tuple[str, ...]) -> str:
    """`names`: the metrics that the query reads. Units are those of the charts: bytes, ms, s, fraction, and …/s."""
    units = {_unit(name) for name in names}
    if not names or len(units) != 1 or _COUNTS.search(text):
        return ""
    (unit,) = units
    if len(names) == 2 and _RATIO.search(text):
        return "fraction"
    return f"{unit}/s" if _PER_SECOND.search(text) and unit in ("", "bytes") else unit


def _unit(name: str) -> str:
    stem = re.sub(r"_(total|sum|count)$", "", name)
    if name.endswith("_percent"):
        return "fraction"
    if "bytes" in stem or re.search(r"bytes(in|out|rejected)$", stem):
        return "bytes"
    if stem.endswith(("timems", "_ms")):
        return "ms"
    return "s" if stem.endswith("_seconds") else ""
