"""Durations as Prometheus writes them: `1h30m`, `0s`, `250ms`. Pure."""

from __future__ import annotations

import re
from datetime import timedelta

UNITS_MS: dict[str, int] = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
#: Units in falling order, each at most once; as prometheus/common/model.ParseDuration.
PATTERN = "".join(rf"(?:(?P<{unit}>[0-9]+){unit})?" for unit in UNITS_MS)
SHAPE = re.compile(PATTERN)
LONGEST = timedelta(days=10 * 365)


class BadDuration(ValueError):
    """What was written is no duration."""


def parse(text: str) -> timedelta:
    if text == "0":
        return timedelta()
    found = SHAPE.fullmatch(text) if text and text.isascii() and len(text) <= 40 else None
    if found is None:
        raise BadDuration(f"{text!r} is no duration; write it as 30s, 5m or 1h30m")
    milliseconds = sum(int(count) * UNITS_MS[unit] for unit, count in found.groupdict().items() if count)
    if milliseconds > LONGEST / timedelta(milliseconds=1):
        raise BadDuration(f"{text} is longer than ten years")
    return timedelta(milliseconds=milliseconds)


def text_of(duration: timedelta) -> str:
    """As Prometheus prints it: years and weeks only where they come out whole."""
    left = duration // timedelta(milliseconds=1)
    if left == 0:
        return "0s"
    out = ""
    for unit, size in UNITS_MS.items():
        whole_only = unit in ("y", "w")
        if (left % size if whole_only else left < size) or left < size:
            continue
        out += f"{left // size}{unit}"
        left %= size
    return out
