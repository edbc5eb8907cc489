"""Mute times as people read them, and until when: by table, and against a clock that is asked each minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.alerts.logic import mute_times, mute_words
from controlplane.alerts.logic.mute_times import TimeInterval
from controlplane.alerts.logic.mute_words import Muted

NIGHT = [{"start_time": "18:00", "end_time": "24:00"}, {"start_time": "00:00", "end_time": "08:00"}]
VIENNA = "Europe/Vienna"


def read(*documents: Any) -> tuple[TimeInterval, ...]:
    return tuple(map(mute_times.parse, documents))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("documents", "words"),
    [
        ([], "never"),
        ([{}], "every day all day UTC"),
        (
            [
                {"weekdays": ["saturday", "sunday"], "location": VIENNA},
                {"weekdays": ["monday:friday"], "times": NIGHT, "location": VIENNA},
            ],
            "Sat–Sun all day, Mon–Fri 18:00–08:00 Europe/Vienna",
        ),
        ([{"weekdays": ["sunday:saturday"], "times": NIGHT[:1]}], "every day 18:00–24:00 UTC"),
        ([{"times": NIGHT[:1]}], "every day 18:00–24:00 UTC"),
        ([{"weekdays": ["monday", "wednesday:thursday"]}], "Mon, Wed–Thu all day UTC"),
        ([{"days_of_month": ["1:3", "-1"], "months": ["12"]}], "days 1–3, last in Dec all day UTC"),
        ([{"days_of_month": ["-7:-1"], "years": ["2026:2027"]}], "days 7th from the end–last in 2026–2027 all day UTC"),
        ([{"times": []}], "every day at no time UTC"),
        ([{"weekdays": ["monday"]}, {"weekdays": ["tuesday"], "location": VIENNA}], "Mon all day UTC, Tue all day Europe/Vienna"),
    ],
)  # fmt: skip
def test_in_words(documents: list[Any], words: str) -> None:
    assert mute_words.describe(read(*documents)) == words


@pytest.mark.parametrize(
    ("document", "now", "muted", "until"),
    [
        ({"weekdays": ["monday:friday"], "times": NIGHT}, "2026-11-27T20:00", True, "2026-11-28T00:00"),
        ({"weekdays": ["monday:friday"], "times": NIGHT}, "2026-11-27T12:00:30", False, "2026-11-27T18:00"),
        ({"weekdays": ["monday:friday"], "times": NIGHT, "location": VIENNA}, "2026-11-30T06:59", True, "2026-11-30T07:00"),
        # The clock jumps from two to three: half past two is not there.
        ({"times": [{"start_time": "02:30", "end_time": "04:00"}], "location": VIENNA}, "2026-03-29T00:30", False, "2026-03-29T01:00"),
        ({"days_of_month": ["-1"], "months": ["december"]}, "2026-01-01T00:00", False, "2026-12-31T00:00"),
        ({}, "2026-01-01T00:00", True, None),
        ({"years": ["2020"]}, "2026-01-01T00:00", False, None),
    ],
)  # fmt: skip
def test_until_when(document: Any, now: str, muted: bool, until: str | None) -> None:
    found = mute_words.muted(read(document), at(now))
    assert found == Muted(muted, at(until) if until else None)


MINUTE = st.integers(0, 1439)


@st.composite
def _document(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = {
        "location": draw(st.sampled_from([VIENNA, "UTC", "Asia/Kathmandu", "Australia/Lord_Howe"]))
    }
    if draw(st.booleans()):
        start, end = sorted((draw(MINUTE), draw(MINUTE) + 1))
        if start < end:
            found["times"] = [{"start_time": mute_words.clock(start), "end_time": mute_words.clock(end)}]
    if draw(st.booleans()):
        found["weekdays"] = draw(st.lists(st.sampled_from(mute_times.WEEKDAYS), min_size=1, max_size=3))
    return found


@settings(max_examples=20, deadline=None)
@given(st.lists(_document(), min_size=1, max_size=2), st.integers(0, 2 * 366 * 24 * 60))
def test_it_is_the_first_minute_at_which_it_changes(documents: list[Any], offset: int) -> None:
    intervals, now = read(*documents), at("2026-01-01T00:00") + timedelta(minutes=offset)
    found = mute_words.muted(intervals, now)
    holds = any(each.contains(now) for each in intervals)
    later = (now + timedelta(minutes=count) for count in range(1, 3 * 24 * 60))
    first = next((each for each in later if any(i.contains(each) for i in intervals) != holds), None)
    assert found.now == holds
    if first is not None:
        assert found.until == first
    else:
        assert found.until is None or found.until > now + timedelta(days=2)


@given(MINUTE, st.integers(1, 1439))
def test_what_goes_over_midnight_comes_back_as_one(start: int, length: int) -> None:
    end = (start + length) % mute_words.DAY
    ranges = mute_words.within_days(start, end)
    assert all(begin < until <= mute_words.DAY for begin, until in ranges)
    assert sum(until - begin for begin, until in ranges) == length
    assert mute_words.over_midnight(ranges) == ((start, end or mute_words.DAY),)
