"""Time intervals in words, and until when they hold or do not. Pure."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from controlplane.alerts.logic.mute_times import WEEKDAYS, Range, TimeInterval

DAY = 24 * 60
#: In Monday's order, as people read a week; Alertmanager counts from Sunday.
FROM_MONDAY = (1, 2, 3, 4, 5, 6, 0)
SHORT_DAYS = tuple(name[:3].capitalize() for name in WEEKDAYS)
SHORT_MONTHS = tuple(calendar.month_abbr)
#: Clocks are changed at quarters of an hour: near moments are looked for so finely, later ones by the day's own bounds.
FINE = timedelta(minutes=15)
FINE_FOR = timedelta(days=8)
LOOK_AHEAD = timedelta(days=400)
#: Whoever gives a thousand times of day is told nothing of the far future, instead of everybody else waiting for it.
MOST_WORK = 200_000


@dataclass(frozen=True, slots=True)
class Muted:
    """`until` None: for more than a year, or as far as was looked."""

    now: bool
    until: datetime | None


def describe(intervals: Sequence[TimeInterval]) -> str:
    """`Sat–Sun all day, Mon–Fri 18:00–08:00 Europe/Vienna`."""
    if not intervals:
        return "never"
    places = {each.location or "UTC" for each in intervals}
    if len(places) == 1:
        return f"{', '.join(map(_interval, intervals))} {places.pop()}"
    return ", ".join(f"{_interval(each)} {each.location or 'UTC'}" for each in intervals)


def _interval(each: TimeInterval) -> str:
    parts = [
        _weekdays(each.weekdays),
        _ranges("days", each.days_of_month, _day),
        _ranges("in", each.months, lambda month: SHORT_MONTHS[month]),
        _ranges("in", each.years, str),
        _times(each.times),
    ]
    found = [part for part in parts if part]
    return " ".join(found if found[:-1] else ["every day", *found])


def _weekdays(ranges: tuple[Range, ...] | None) -> str:
    if ranges is None:
        return ""
    chosen = [day in days_of(ranges) for day in FROM_MONDAY]
    if all(chosen):
        return "every day"
    found = []
    for start, end in runs(chosen):
        first, last = SHORT_DAYS[FROM_MONDAY[start]], SHORT_DAYS[FROM_MONDAY[end]]
        found.append(first if start == end else f"{first}–{last}")
    return ", ".join(found) or "no day"


def days_of(ranges: Iterable[Range]) -> frozenset[int]:
    return frozenset(day for begin, end in ranges for day in range(begin, end + 1))


def runs(chosen: Sequence[bool]) -> Iterator[tuple[int, int]]:
    edges = [index for index, (a, b) in enumerate(pairwise([False, *chosen, False])) if a != b]
    return zip(edges[::2], (end - 1 for end in edges[1::2]), strict=True)


def _ranges(word: str, ranges: tuple[Range, ...] | None, name: Callable[[int], str]) -> str:
    if ranges is None:
        return ""
    found = [name(begin) if begin == end else f"{name(begin)}–{name(end)}" for begin, end in ranges]
    return f"{word} {', '.join(found) or 'none'}"


def _day(day: int) -> str:
    if day > 0:
        return str(day)
    return "last" if day == -1 else f"{-day}th from the end"


def _times(ranges: tuple[Range, ...] | None) -> str:
    if ranges is None:
        return "all day"
    return ", ".join(f"{clock(start)}–{clock(end)}" for start, end in over_midnight(ranges)) or "at no time"


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def over_midnight(ranges: Sequence[Range]) -> tuple[Range, ...]:
    """Two that meet at midnight are one to people: 18:00–24:00 and 00:00–08:00 are 18:00–08:00 of the same days."""
    late = next((each for each in ranges if each[1] == DAY and each[0] > 0), None)
    early = next((each for each in ranges if each[0] == 0 and each[1] < DAY), None)
    if late is None or early is None or early[1] >= late[0]:
        return tuple(ranges)
    return (*(each for each in ranges if each not in (late, early)), (late[0], early[1]))


def within_days(start: int, end: int) -> tuple[Range, ...]:
    """The other way: what goes over midnight as Alertmanager has it."""
    if start < end:
        return ((start, end),)
    return ((start, DAY), (0, end)) if end else ((start, DAY),)


# --- Until when -------------------------------------------------------------------------------------------------------
def muted(intervals: Sequence[TimeInterval], now: datetime) -> Muted:
    """Whether any of them holds, and the next moment at which that is not so any more."""
    holds = _holds(intervals, now)
    looked = islice(_moments(intervals, now), MOST_WORK // _times_of_day(intervals))
    return Muted(holds, next((at for at in looked if _holds(intervals, at) != holds), None))


def _times_of_day(intervals: Iterable[TimeInterval]) -> int:
    return sum(1 + len(each.times or ()) for each in intervals) or 1


def _holds(intervals: Iterable[TimeInterval], at: datetime) -> bool:
    return any(each.contains(at) for each in intervals)


def _moments(intervals: Sequence[TimeInterval], now: datetime) -> Iterator[datetime]:
    """After `now`, in order: every moment at which an interval may begin or end."""
    if not intervals:
        return
    quarter = now.astimezone(UTC).replace(minute=now.minute - now.minute % 15, second=0, microsecond=0)
    fine = {quarter + FINE * count for count in range(1, FINE_FOR // FINE + 1)}
    near = now + FINE_FOR
    bounds = set(_bounds(intervals, now))
    yield from sorted({*fine, *(at for at in bounds if now < at <= near)})
    yield from sorted(at for at in bounds if at > near)


def _bounds(intervals: Iterable[TimeInterval], now: datetime) -> Iterator[datetime]:
    intervals = tuple(intervals)
    days = min(LOOK_AHEAD.days, max(FINE_FOR.days, MOST_WORK // 4 // _times_of_day(intervals)))
    for each in intervals:
        zone = ZoneInfo(each.location) if each.location else UTC
        minutes = {0, *(minute % DAY for times in each.times or () for minute in times)}
        first = now.astimezone(zone).date()
        for day in range(days):
            for minute in minutes:
                yield _at(first + timedelta(days=day), minute, zone)


def _at(day: date, minute: int, zone: ZoneInfo | object) -> datetime:
    local = datetime.combine(day, time(minute // 60, minute % 60), tzinfo=zone)  # type: ignore[arg-type]
    return local.astimezone(UTC)
