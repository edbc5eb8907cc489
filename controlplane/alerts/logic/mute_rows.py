"""Time intervals as rows of a form, and back: weekdays, one time from–to that may go over midnight, days, months, years. Pure.

A row is one interval. An interval with several times is several rows, which together hold at the same moments; one that
never holds (a list without entries) is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from controlplane.alerts.logic import mute_times
from controlplane.alerts.logic.mute_times import MONTHS, WEEKDAYS, Range, TimeInterval
from controlplane.alerts.logic.mute_words import DAY, clock, days_of, over_midnight, runs, within_days


@dataclass(frozen=True, slots=True)
class Row:
    """Nothing chosen is not asked about. Times are minutes of the day, both or none; `end` 0 is midnight."""

    weekdays: tuple[int, ...] = ()
    start: int | None = None
    end: int | None = None
    days: str = ""
    months: tuple[int, ...] = ()
    years: str = ""
    location: str = ""

    @property
    def says_when(self) -> bool:
        return bool(self.weekdays or self.start is not None or self.days or self.months or self.years)


def rows_of(document: Any) -> Iterator[Row]:
    interval = mute_times.parse(document)
    fields = (interval.weekdays, interval.days_of_month, interval.months, interval.years)
    if any(each == () for each in (*fields, interval.times)):
        return
    for start, end in _times(interval):
        yield Row(
            weekdays=tuple(sorted(days_of(interval.weekdays or ()))),
            start=start,
            end=end,
            days=_text(interval.days_of_month),
            months=tuple(sorted(days_of(interval.months or ()))),
            years=_text(interval.years),
            location=interval.location or "",
        )


def _times(interval: TimeInterval) -> Sequence[tuple[int | None, int | None]]:
    if interval.times is None:
        return ((None, None),)
    return [(start, end % DAY) for start, end in over_midnight(interval.times)]


def _text(ranges: tuple[Range, ...] | None) -> str:
    return ", ".join(str(begin) if begin == end else f"{begin}:{end}" for begin, end in ranges or ())


def document_of(row: Row) -> dict[str, Any]:
    """In Alertmanager's shape; what is wrong with days and years is found when it is parsed."""
    found: dict[str, Any] = {}
    if row.start is not None and row.end is not None:
        found["times"] = [
            {"start_time": clock(start), "end_time": clock(end)}
            for start, end in within_days(row.start, row.end)
        ]
    if row.weekdays:
        found["weekdays"] = _named(WEEKDAYS, row.weekdays)
    if row.days:
        found["days_of_month"] = _listed(row.days)
    if row.months:
        found["months"] = _named(("", *MONTHS), row.months)
    if row.years:
        found["years"] = _listed(row.years)
    if row.location:
        found["location"] = row.location
    return found


def _named(names: Sequence[str], chosen: Sequence[int]) -> list[str]:
    ranges = runs([index in chosen for index in range(len(names))])
    return [names[begin] if begin == end else f"{names[begin]}:{names[end]}" for begin, end in ranges]


def _listed(text: str) -> list[str]:
    return [part for part in re.split(r"[,\s]+", text) if part]
