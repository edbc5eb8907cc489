"""Alertmanager's time intervals: times of day, weekdays, days of the month, months, years, in a place's time. Pure."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
MONTHS = tuple(name.lower() for name in calendar.month_name if name)
TIME = re.compile(r"(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)", re.ASCII)
FIELDS = ("times", "weekdays", "days_of_month", "months", "years", "location")
Range = tuple[int, int]


class BadInterval(ValueError):
    """What was written is no time interval."""


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """None: not asked about. Times are minutes of the day, their end excluded; the other ranges include it."""

    times: tuple[Range, ...] | None = None
    weekdays: tuple[Range, ...] | None = None
    days_of_month: tuple[Range, ...] | None = None
    months: tuple[Range, ...] | None = None
    years: tuple[Range, ...] | None = None
    location: str | None = None

    def contains(self, now: datetime) -> bool:
        there = now.astimezone(ZoneInfo(self.location) if self.location else UTC)
        minute, weekday = there.hour * 60 + there.minute, there.isoweekday() % 7
        return (
            (self.times is None or any(start <= minute < end for start, end in self.times))
            and _within(self.weekdays, weekday)
            and (self.days_of_month is None or any(_has_day(each, there) for each in self.days_of_month))
            and _within(self.months, there.month)
            and _within(self.years, there.year)
        )


def is_muted(
    mute: Iterable[str], active: Sequence[str], known: Mapping[str, tuple[TimeInterval, ...]], now: datetime
) -> str | None:
    """The mute time that holds now, or `not active`; None when notifications may go out. An unknown name mutes nothing."""
    for name in mute:
        if any(each.contains(now) for each in known.get(name, ())):
            return name
    if active and not any(each.contains(now) for name in active for each in known.get(name, ())):
        return "outside of " + ", ".join(active)
    return None


def parse(document: Any) -> TimeInterval:
    """From the shape of Alertmanager's configuration file."""
    if not isinstance(document, Mapping):
        raise BadInterval("An interval is an object")
    unknown = sorted(set(map(str, document)) - set(FIELDS))
    if unknown:
        raise BadInterval(f"There is no field {unknown[0]!r}; there are {', '.join(FIELDS)}")
    return TimeInterval(
        times=_each(document, "times", _time_range),
        weekdays=_each(document, "weekdays", lambda each: _range(each, WEEKDAYS, 0, 6)),
        days_of_month=_each(document, "days_of_month", _days),
        months=_each(document, "months", lambda each: _range(each, ("", *MONTHS), 1, 12)),
        years=_each(document, "years", lambda each: _range(each, (), 1, 9999)),
        location=_location(document.get("location")),
    )


def _each(document: Mapping[str, Any], name: str, read: Any) -> tuple[Range, ...] | None:
    values = document.get(name)
    if values is None:
        return None
    if not isinstance(values, list) or len(values) > 100:
        raise BadInterval(f"{name} is a list of at most 100")
    return tuple(read(each) for each in values)


def _time_range(value: Any) -> Range:
    if not isinstance(value, Mapping) or set(value) != {"start_time", "end_time"}:
        raise BadInterval("times are objects with start_time and end_time")
    start, end = _minute(value["start_time"]), _minute(value["end_time"])
    if start >= end:
        raise BadInterval("start_time has to be before end_time")
    return start, end


def _minute(text: Any) -> int:
    found = TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise BadInterval(f"{text!r} is no time of day; write it as 09:30")
    return int(found[1]) * 60 + int(found[2]) if found[1] else 24 * 60


def _range(value: Any, names: Sequence[str], low: int, high: int) -> Range:
    parts = str(value).lower().split(":") if isinstance(value, (str, int)) else []
    if len(parts) not in (1, 2):
        raise BadInterval(f"{value!r} is no range; write it as a:b")
    begin, end = (_member(part, names, low, high) for part in (parts[0], parts[-1]))
    if begin > end:
        raise BadInterval(f"{value}: the end is before the start")
    return begin, end


def _member(text: str, names: Sequence[str], low: int, high: int) -> int:
    if text and text in names:
        return names.index(text)
    if names is WEEKDAYS or not re.fullmatch(r"[0-9]{1,4}", text, re.ASCII) or not low <= int(text) <= high:
        raise BadInterval(f"{text!r} is not one of {', '.join(filter(None, names)) or f'{low} to {high}'}")
    return int(text)


def _days(value: Any) -> Range:
    parts = str(value).split(":") if isinstance(value, (str, int)) else []
    if len(parts) not in (1, 2) or not all(re.fullmatch(r"-?[0-9]{1,2}", each, re.ASCII) for each in parts):
        raise BadInterval(f"{value!r} is no range of days; write it as 1:15 or -7:-1")
    begin, end = int(parts[0]), int(parts[-1])
    if not all(1 <= abs(each) <= 31 for each in (begin, end)):
        raise BadInterval(f"{value}: days are 1 to 31, or -31 to -1 from the end of the month")
    if begin < 0 < end:
        raise BadInterval(f"{value}: the end has to count from the end of the month too")
    if _early(begin) > _early(end):
        raise BadInterval(f"{value}: the end is always before the start")
    return begin, end


def _early(day: int) -> int:
    """In the shortest month."""
    return 28 + day if day < 0 else day


def _location(value: Any) -> str | None:
    if value is None:
        return None
    try:
        return ZoneInfo(str(value)).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadInterval(f"{value!r} is no place of the time zone database") from error


def _within(ranges: tuple[Range, ...] | None, value: int) -> bool:
    return ranges is None or any(begin <= value <= end for begin, end in ranges)


def _has_day(days: Range, there: datetime) -> bool:
    last = calendar.monthrange(there.year, there.month)[1]
    begin, end = (last + day + 1 if day < 0 else day for day in days)
    return begin <= last and max(begin, -last) <= there.day <= min(end, last)
