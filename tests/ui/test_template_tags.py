"""Numbers and times as people read them: tables of the template filters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.template import Context, Template
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from controlplane.core.templatetags import kastellan as tags


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (12400, "12,400"), (-1, "-1"), (1_284_311, "1,284,311"), (3.14, "3.1")],
)
def test_numbers_have_thousands_separators(value: Any, text: str) -> None:
    assert tags.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1_234_567, "1.23 MB"),
        (1_200_000_000, "1.2 GB"),
        (5 * 10**15, "5e+03 TB"),
    ],
)
def test_bytes_come_in_decimal_units(value: int, text: str) -> None:
    assert tags.bytes_(value) == text


@given(st.integers(min_value=0, max_value=10**18))
def test_bytes_always_name_a_unit(value: int) -> None:
    assert tags.bytes_(value).split()[-1] in {"B", "kB", "MB", "GB", "TB"}


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0/s"), (12.34, "12.3/s"), (3412.2, "3.41k/s"), (2_500_000, "2.5M/s")]
)
def test_rates_are_short(value: float, text: str) -> None:
    assert tags.rate(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0 %"), (0.123, "12 %"), (1, "100 %")])
def test_fractions_become_per_cent(value: float, text: str) -> None:
    assert tags.percent(value) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (-1, "unlimited"),
        (5, "5 ms"),
        (1500, "1.5 s"),
        (59_949, "59.9 s"),
        (59_960, "1 min"),
        (90_000, "1 min 30 s"),
        (198_600, "3 min 19 s"),
        (3_599_700, "1 h"),
        (7_200_000, "2 h"),
        (7_500_000, "2 h 5 min"),
        (604_800_000, "7 days"),
    ],
)
def test_durations_are_said_in_two_units_at_most(ms: int, text: str) -> None:
    assert tags.duration_ms(ms) == text


@pytest.mark.parametrize("name", ["number", "bytes_", "rate", "percent", "duration_ms", "ago", "at_ms"])
def test_unknown_is_a_dash_with_a_reason_never_zero_or_blank(name: str) -> None:
    text = getattr(tags, name)(None)
    assert "—" in text
    assert 'title="' in text


def test_a_time_carries_its_exact_value_in_utc() -> None:
    nepal = datetime(2026, 3, 29, 5, 45, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    assert tags.ago(nepal) == (
        '<time datetime="2026-03-29T00:00:00.000+00:00" data-ago title="2026-03-29 00:00:00 UTC">'
        "2026-03-29 00:00:00 UTC</time>"
    )
    assert "2026-03-29 00:00:00.007" in tags.at_ms(
        int(datetime(2026, 3, 29, tzinfo=UTC).timestamp() * 1000) + 7
    )


@pytest.mark.parametrize(
    ("word", "tone"),
    [
        ("Stable", "ok"),
        ("PreparingRebalance", "info"),
        ("Empty", "warn"),
        ("FATAL", "critical"),
        ("?", "unknown"),
    ],
)
def test_a_state_has_a_tone(word: str, tone: str) -> None:
    assert tags.state_tone(word) == tone


def render(source: str, path: str = "/", **context: Any) -> str:
    request = RequestFactory().get(path)
    return Template("{% load kastellan %}" + source).render(Context({"request": request, **context}))


def test_the_query_string_keeps_what_is_not_changed_and_forgets_the_page() -> None:
    assert (
        render("{% query sort='-size' %}", "/?search=a%26b&sort=name&page=3")
        == "?search=a%26b&amp;sort=-size"
    )
    assert render("{% query search=None %}", "/?search=x") == "?"


def test_an_icon_is_decoration_for_screen_readers() -> None:
    assert 'aria-hidden="true"' in tags.icon("topic")
    with pytest.raises(KeyError):
        tags.icon("no-such-icon")


def test_values_are_escaped_where_markup_is_made() -> None:
    assert "<b>" not in tags.unknown('"><b>')


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("retention.ms", "604800000", "7 days"),
        ("retention.ms", "86400000", "1 day"),
        ("retention.ms", "-1", "unlimited"),
        ("segment.ms", "5400000", "90 minutes"),
        ("segment.ms", "123456789", "≈ 34 h 18 min"),
        ("segment.bytes", "1073741824", "≈ 1.07 GB"),
        ("retention.bytes", "-1", "unlimited"),
        ("max.compaction.lag.ms", str(2**63 - 1), "unlimited"),
        ("file.delete.delay.ms", "500", ""),
        ("retention.ms", "soon", ""),
        ("retention.ms", None, ""),
        ("partitions", "604800000", ""),
    ],
)
def test_a_settings_raw_number_is_said_in_words(name: str, value: str | None, text: str) -> None:
    assert tags.in_words(name, value) == text


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [(1, "topics", "1 topic"), (0, "topics", "0 topics"), (2400, "quotas", "2,400 quotas")],
)
def test_a_count_agrees_with_its_noun(count: int, noun: str, text: str) -> None:
    assert tags.counted(count, noun) == text
