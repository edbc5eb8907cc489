"""Forecasts from a history that is known: when disks are full, what grows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from controlplane.accounts.models import User
from controlplane.core.access import Role
from controlplane.metrics.forecast import FAR_S, Forecast, first_end, forecast, full_in_s
from controlplane.metrics.names import sample
from controlplane.metrics.selectors import store
from controlplane.metrics.templatetags.metric_charts import in_words, per_day
from controlplane.metrics.views import now_ms
from tests.alerts.scene import cluster
from tests.conftest import Api

GB = 1e9
PATH = "clusters/main/metrics/forecasts/"


@pytest.fixture(autouse=True)
def _own_store(db: None, tmp_path: Path, settings: Any) -> None:
    settings.METRICS_DATABASE = str(tmp_path / "metrics.sqlite3")
    cluster()


def history(minutes: int) -> None:
    """A minute apart: broker 1 fills by 1 GB an hour and has 10 left, broker 2 empties."""
    now = now_ms()
    for ago in range(minutes, -1, -1):
        hours = ago / 60
        found = [
            sample("kastellan_protocol_poll_up", 1.0),
            sample("kastellan_log_dir_usable_bytes", (10 + hours) * GB, broker=1, dir="/d"),
            sample("kastellan_log_dir_total_bytes", 100 * GB, broker=1, dir="/d"),
            sample("kastellan_log_dir_usable_bytes", (50 - hours) * GB, broker=2, dir="/d"),
            sample("kastellan_topic_size_bytes", (5 - hours) * GB, broker=1, topic="orders"),
            sample("kastellan_topic_size_bytes", 1 * GB, broker=1, topic="still"),
            sample("kafka_server_replicamanager_partitioncount", 100 - hours * 2, broker=1),
        ]
        store().append("main", "cluster", now - ago * 60_000, found)


def test_a_disk_that_fills_is_told_when_it_is_full() -> None:
    history(180)
    found = forecast("main", now_ms())
    one, two = found.disks
    assert (one.broker, two.broker) == ("1", "2")
    assert one.full_in_s == pytest.approx(10 * 3600, rel=0.01)
    assert one.growth == pytest.approx(GB / 3600, rel=0.01)
    assert (one.total, two.full_in_s) == (100 * GB, None)
    orders, still = found.topics
    assert (orders.name, still.name) == ("orders", "still")
    assert orders.in_a_month == pytest.approx((5 + 720) * GB, rel=0.01)
    assert still.growth == pytest.approx(0, abs=1)
    (partitions,) = found.totals
    assert partitions.growth * 3600 == pytest.approx(2, rel=0.01)


def test_a_disk_that_fills_fast_is_told_by_its_last_minutes() -> None:
    """A day of nothing, then a gigabyte a minute: the slope of the day alone would say a week."""
    now = now_ms()
    for ago in range(1440, -1, -1):
        used = max(20 - ago, 0)
        found = [
            sample("kastellan_protocol_poll_up", 1.0),
            sample("kastellan_log_dir_usable_bytes", (50 - used) * GB, broker=1, dir="/d"),
        ]
        store().append("main", "cluster", now - ago * 60_000, found)
    (disk,) = forecast("main", now).disks
    assert disk.window_s == 900
    assert disk.full_in_s == pytest.approx(30 * 60, rel=0.02)
    assert disk.full_at is not None
    assert disk.full_at.timestamp() == pytest.approx(now / 1000 + 1800, abs=60)


@pytest.mark.parametrize(
    ("free", "growths", "history", "window"),
    [
        (100, {}, 0, None),
        (100, {300: 1}, 300, 300),
        (10_000, {300: 1}, 300, None),
        (10_000, {900: 1}, 1200, 900),
        (100_000, {900: 1, 3600: 1}, 7200, None),
        (100_000, {900: 1, 3600: 1, 7200: 0.1}, 7200, 7200),
        (80_000, {900: 1, 3600: 1, 7200: 0.1}, 7200, 3600),
        (10_000, {900: 1, 3600: 2, 7200: 0.1}, 7200, 3600),
        (10_000, {900: -1, 3600: -2, 7200: -1}, 7200, 7200),
    ],
)
def test_a_short_time_speaks_of_a_near_end_only(
    free: float, growths: dict[int, float], history: int, window: int | None
) -> None:
    found = first_end(free, growths, history)
    assert (found[0] if found else None) == window


def test_minutes_are_no_forecast_and_less_than_an_hour_one_of_disks_that_are_full_soon(
    api: Callable[[Role], Api],
) -> None:
    history(4)
    assert forecast("main", now_ms()) == Forecast(None)
    assert api(Role.VIEWER)("GET", PATH).json() == {
        "window_s": None, "disks": [], "topics": [], "totals": [], "unknown": [], "error": "",
    }  # fmt: skip
    history(50)
    found = forecast("main", now_ms())
    assert [(disk.broker, disk.window_s) for disk in found.disks] == [("1", 3000)]
    assert (found.window_s, found.topics, found.totals) == (None, (), ())


def test_the_page_and_the_api(api: Callable[[Role], Api], client: Client, users: dict[Role, User]) -> None:
    history(120)
    answer = api(Role.VIEWER)("GET", PATH).json()
    assert [disk["broker"] for disk in answer["disks"]] == ["1", "2"]
    client.force_login(users[Role.VIEWER])
    text = client.get("/clusters/main/metrics/forecasts/").content.decode()
    for part in ("in 10 hours", "not in ten years", "last 2 hours", "+24 GB", "+48"):
        assert part in text


@given(st.floats(0, 1e15), st.floats(-1e9, 1e9))
def test_a_forecast_is_never_in_the_past_and_never_beyond_ten_years(free: float, growth: float) -> None:
    found = full_in_s(free, growth)
    assert found is None or 0 <= found <= FAR_S


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3600, "60 minutes"),
        (7200, "2 hours"),
        (36_000, "10 hours"),
        (604_800, "7 days"),
        (4e8, "13 years"),
        (10, "0 minutes"),
    ],
)
def test_spans_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
    assert per_day(-2 / 86_400, "") == "−2"
