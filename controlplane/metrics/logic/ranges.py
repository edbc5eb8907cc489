"""The time range of a page: `?range=1h`, or `?from=&to=` in Unix seconds. Pure; wrong input gives the default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

RANGES: Mapping[str, tuple[str, int]] = {
    "15m": ("15 min", 900),
    "1h": ("1 h", 3600),
    "6h": ("6 h", 6 * 3600),
    "24h": ("24 h", 24 * 3600),
    "7d": ("7 days", 7 * 24 * 3600),
}
DEFAULT = "1h"
LONGEST_S = 400 * 24 * 3600


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Unix milliseconds. `key` names a relative range that moves with the clock; '' is a fixed one."""

    start: int
    end: int
    key: str = ""


def parse(query: Mapping[str, str], now: int) -> TimeRange:
    begin, end = _seconds(query.get("from")), _seconds(query.get("to"))
    if begin is not None and end is not None and 0 < end - begin <= LONGEST_S:
        return TimeRange(begin * 1000, end * 1000)
    key = query.get("range", DEFAULT)
    key = key if key in RANGES else DEFAULT
    return TimeRange(now - RANGES[key][1] * 1000, now, key)


def _seconds(raw: str | None) -> int | None:
    return int(raw) if raw and raw.isascii() and raw.isdigit() and len(raw) <= 11 else None
