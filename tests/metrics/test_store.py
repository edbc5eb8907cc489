"""The embedded store: nothing is lost or invented by packing, compaction, several writers or kill -9."""

from __future__ import annotations

import math
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.metrics.names import Sample
from controlplane.metrics.store import MetricStore, Retention, codec, compaction, open_store
from controlplane.metrics.store.databases import PostgresDatabase
from controlplane.metrics.store.tiers import (
    BLOCK_MS,
    DAY_MS,
    HOUR_MS,
    INTERVAL_MS,
    LASTING,
    MINUTE_MS,
    Tier,
    aligned,
    kept,
    reading_order,
)
from tests.postgres import postgres_url
from tests.waiting import eventually

numbers = st.one_of(st.integers(-(2**60), 2**60).map(float), st.floats())
FOREVER = 10**13
DEFAULT = Retention()
FRESH_MS = BLOCK_MS[Tier.FRESH]


@given(
    st.lists(st.tuples(st.integers(1, 100_000), numbers, st.booleans()), min_size=1, max_size=200),
    st.integers(0, 2**42),
)
def test_a_block_gives_back_what_was_put_in(rows: list[tuple[int, float, bool]], first: int) -> None:
    times = np.cumsum([first, *(delta for delta, _, _ in rows[1:])])
    values = np.array([float(codec.STALE) if stale else value for _, value, stale in rows])
    assert list(codec.decode_times(codec.encode_times(times))) == list(times)
    back = codec.decode_values(codec.encode_values(values))
    assert list(codec.is_stale(back)) == list(codec.is_stale(values))
    np.testing.assert_array_equal(back, values)


@given(st.lists(numbers, max_size=300))
def test_a_scrape_gives_back_what_was_put_in(values: list[float]) -> None:
    np.testing.assert_array_equal(codec.unpack(codec.pack(values)), values)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MetricStore]:
    if request.param == "sqlite":
        found = open_store(str(tmp_path / "metrics.sqlite3"))
    else:
        found = MetricStore(PostgresDatabase(postgres_url(), f"metrics_{secrets.token_hex(8)}"))
    yield found
    found.close()


def scrape(value: float, *, topic: str = "") -> list[Sample]:
    labels = (("broker", "1"), ("topic", topic)) if topic else (("broker", "1"),)
    return [Sample("bytes_total", labels, value), Sample("up", (("broker", "1"),), 1.0)]


def everything(store: MetricStore, name: str = "bytes_total") -> list[tuple[int, float | None]]:
    """None is a stale marker."""
    (found,) = store.fetch("main", name, lambda _: True, 0, FOREVER)
    values = [None if math.isnan(value) else value for value in found.values.tolist()]
    return list(zip(found.times.tolist(), values, strict=True))


def compact(store: MetricStore, now: int, retention: Retention = DEFAULT) -> int:
    steps = 0
    while compaction.step(store, now, retention):
        steps += 1
    return steps


def test_a_series_is_selected_by_its_labels(store: MetricStore) -> None:
    store.append("main", "1", 1000, scrape(5.0, topic="a") + scrape(6.0, topic="b"))
    (found,) = store.select("main", "bytes_total", {"topic": "b"}, 0, 2000)
    assert (list(found.times), list(found.values)) == ([1000], [6.0])
    assert len(store.select("main", "bytes_total", {"topic": ("a", "b")}, 0, 2000)) == 2
    assert store.select("main", "bytes_total", {"topic": "c"}, 0, 2000) == []
    assert store.select("other", "bytes_total", {}, 0, 2000) == []


def test_every_name_can_be_asked_for(store: MetricStore) -> None:
    store.append("main", "1", 1000, scrape(5.0))
    found = store.fetch("main", None, lambda labels: labels["broker"] == "1", 0, 2000)
    assert sorted(each.labels["__name__"] for each in found) == ["bytes_total", "up"]
    assert {each.labels["cluster"] for each in found} == {"main"}
    assert store.metric_names("main") == ("bytes_total", "up")


def test_an_absent_label_is_asked_for_with_an_empty_value(store: MetricStore) -> None:
    store.append("main", "1", 1000, scrape(5.0) + scrape(6.0, topic="a"))
    (found,) = store.select("main", "bytes_total", {"topic": ""}, 0, 2000)
    assert list(found.values) == [5.0]


def test_a_cluster_whose_name_begins_alike_is_another(store: MetricStore) -> None:
    store.append("main", "1", 1000, scrape(1.0))
    store.append("main2", "1", 1000, scrape(2.0))
    assert [list(s.values) for s in store.select("main", "bytes_total", {}, 0, 9999)] == [[1.0]]


def test_a_failed_scrape_ends_every_series_but_up(store: MetricStore) -> None:
    store.append("main", "1", 10_000, scrape(1.0))
    for at in (20_000, 30_000):
        store.append("main", "1", at, [Sample("up", (("broker", "1"),), 0.0)])
    store.append("main", "1", 40_000, scrape(3.0))
    (found,) = store.select("main", "bytes_total", {}, 0, 99_999)
    assert list(found.times) == [10_000, 40_000]
    (raw,) = store.fetch("main", "bytes_total", lambda _: True, 0, 99_999)
    assert list(raw.times) == [10_000, 20_000, 40_000], "one marker, where it ended"
    assert list(codec.is_stale(raw.values)) == [False, True, False]
    (up,) = store.select("main", "up", {}, 0, 99_999)
    assert list(up.values) == [1.0, 0.0, 0.0, 1.0]


def test_compaction_changes_nothing_that_is_read(store: MetricStore) -> None:
    now = 5 * HOUR_MS
    for at in range(0, now, 60_000):
        store.append("main", "1", at, scrape(at / 7) if at % 600_000 else scrape(0.0)[1:])
    before = everything(store)
    assert compact(store, now) > 10
    assert everything(store) == before
    assert compact(store, now) == 0


def test_a_sample_that_comes_late_is_not_lost(store: MetricStore) -> None:
    now = FRESH_MS * 3
    store.append("main", "1", 1000, scrape(1.0))
    compact(store, now)
    store.append("main", "1", 5000, scrape(2.0))
    compact(store, now)
    assert everything(store) == [(1000, 1.0), (5000, 2.0)]


def test_what_is_older_than_two_days_is_thinned_to_minutes_and_then_to_ten(store: MetricStore) -> None:
    retention = Retention(raw=4 * HOUR_MS, minute=DAY_MS, ten_minutes=30 * DAY_MS)
    last = 2 * DAY_MS
    for at in range(0, last, 30_000):
        store.append("main", "1", at, scrape(float(at)))
    compact(store, last, retention)
    times = [time for time, _ in everything(store)]
    gaps: dict[str, set[int]] = {tier: set() for tier in ("ten", "minute", "raw")}
    for before, after in pairwise(times):
        age = last - after
        gaps[
            "ten"
            if age > DAY_MS + 2 * HOUR_MS
            else "minute"
            if 6 * HOUR_MS < age < DAY_MS - HOUR_MS
            else "raw"
        ].add(after - before)
    assert gaps["ten"] == {10 * MINUTE_MS}
    assert gaps["minute"] == {MINUTE_MS}
    assert 30_000 in gaps["raw"]
    assert times[-1] == last - 30_000


def test_a_thinned_read_ends_each_interval_with_its_last_sample_and_is_whole_where_it_is_new(
    store: MetricStore,
) -> None:
    last = 7 * HOUR_MS + 50 * MINUTE_MS
    for at in range(0, last, 20_000):
        store.append("main", "1", at, scrape(float(at)))
    compact(store, last)
    for distance, tier in ((MINUTE_MS, Tier.MINUTE), (10 * MINUTE_MS, Tier.TEN_MINUTES)):
        (found,) = store.fetch("main", "bytes_total", lambda _: True, HOUR_MS, last, distance)
        interval = INTERVAL_MS[tier]
        thinned = [at for at in found.times.tolist() if at < 6 * HOUR_MS]
        assert thinned == [at + interval - 20_000 for at in range(HOUR_MS, 6 * HOUR_MS, interval)]
        newest = [at for at in found.times.tolist() if at >= 6 * HOUR_MS]
        assert newest == list(range(6 * HOUR_MS, last, 20_000)), "not yet two hours together"
        assert found.values.tolist() == [float(at) for at in found.times]


@given(st.integers(0, 10 * DAY_MS), st.sampled_from([0, 59_999, 60_000, 599_999, 600_000, DAY_MS]))
def test_every_tier_that_may_hold_the_oldest_is_asked(oldest: int, distance: int) -> None:
    order = [tier for tiers in reading_order(distance) for tier in tiers]
    assert order == sorted(order), "the finest first: each next one only for what is older"
    assert (order[0], order[-1]) == (Tier.FRESH, Tier.TEN_MINUTES)
    assert any(INTERVAL_MS[tier] <= distance for tier in order[1:]) or distance == 0
    for tier in LASTING:
        begin, end = aligned(oldest, tier)
        assert begin <= oldest < end == begin + BLOCK_MS[tier]


def test_pruning_forgets_what_is_old_and_keeps_the_rest(store: MetricStore) -> None:
    retention = Retention(raw=3 * HOUR_MS, minute=DAY_MS, ten_minutes=40 * DAY_MS)
    store.append("main", "1", 1000, [Sample("gone", (), 1.0)])
    compact(store, DAY_MS, retention)
    store.append("main", "1", 70 * DAY_MS, scrape(7.0))
    now = 100 * DAY_MS
    compact(store, now, retention)
    compaction.prune(store, now, retention)
    assert everything(store) == [(70 * DAY_MS, 7.0)]
    assert [labels["__name__"] for labels in open_again(store).known("main", None, lambda _: True)] == [
        "bytes_total",
        "up",
    ]
    # The process that still remembers the pruned series writes it again under a new id.
    store.append("main", "1", now, [Sample("gone", (), 2.0)])
    (found,) = open_again(store).select("main", "gone", {}, 0, FOREVER)
    assert list(found.values) == [2.0]


def open_again(store: MetricStore) -> MetricStore:
    return MetricStore(store.database)


series_of = st.lists(st.tuples(st.integers(1, 50_000), st.integers(-5, 5)), min_size=1, max_size=120)


@given(series_of, st.sampled_from([60_000, 600_000]))
def test_thinning_keeps_the_extremes_and_the_last_of_each_interval(
    rows: list[tuple[int, int]], interval: int
) -> None:
    times = np.cumsum([delta for delta, _ in rows])
    values = np.array([float(value) for _, value in rows])
    stays = kept(times, values, interval, counter=False)
    for bucket in set((times // interval).tolist()):
        inside = times // interval == bucket
        assert values[inside & stays].min() == values[inside].min()
        assert values[inside & stays].max() == values[inside].max()
        assert values[inside & stays][-1] == values[inside][-1]
        assert (inside & stays).sum() <= 3


@given(st.lists(st.tuples(st.integers(1, 50_000), st.floats(0, 10), st.booleans()), min_size=1, max_size=120))
def test_thinning_a_counter_loses_no_increase(rows: list[tuple[int, float, bool]]) -> None:
    times = np.cumsum([delta for delta, _, _ in rows])
    total, numbers_ = 0.0, []
    for _, grown, restart in rows:
        total = grown if restart else total + grown
        numbers_.append(total)
    values = np.array(numbers_)
    stays = kept(times, values, 60_000, counter=True)
    first = int(np.nonzero(stays)[0][0])
    assert math.isclose(increase(values[stays]), increase(values[first:]), abs_tol=1e-6)


def increase(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    grown = np.diff(values)
    return float(np.where(grown < 0, values[1:], grown).sum())


def test_a_sample_of_a_block_costs_at_most_four_bytes() -> None:
    count = BLOCK_MS[Tier.RAW] // 10_000
    counter = [float(1000 * at + (at * 37) % 251) for at in range(count)]
    gauge = [float((at * 31) % 97) for at in range(count)]
    for values in (counter, gauge, [0.0] * count):
        assert len(codec.encode_values(values)) / count <= 4


def test_series_of_one_scrape_share_their_times(store: MetricStore) -> None:
    for at in range(0, FRESH_MS, 10_000):
        store.append("main", "1", at + at % 77, [Sample("x", (("n", str(n)),), at / 7) for n in range(50)])
    compact(store, FRESH_MS * 2)
    with store.database.read() as db:
        assert db.rows("SELECT COUNT(*) FROM clock") == [(1,)]
        assert db.rows("SELECT COUNT(*) FROM block") == [(50,)]


def test_samples_survive_kill_minus_nine(tmp_path: Path) -> None:
    """A writer is killed while it writes: every scrape that `append` returned from is there, and the file is sound."""
    path, progress = tmp_path / "m.sqlite3", tmp_path / "progress"
    code = (
        "import sys, itertools\n"
        "from controlplane.metrics.names import Sample\n"
        "from controlplane.metrics.store import open_store\n"
        f"store, progress = open_store({str(path)!r}), open({str(progress)!r}, 'w')\n"
        "for at in itertools.count(1):\n"
        "    store.append('main', '1', at * 1000, [Sample('x', (), float(at))])\n"
        "    progress.write(f'{at}\\n'); progress.flush()\n"
    )
    root = Path(__file__).resolve().parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, env={**os.environ, "PYTHONPATH": str(root)}
    )
    try:
        eventually(lambda: progress.exists() and len(progress.read_text().split()) > 50, timeout=30)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    acknowledged = int(progress.read_text().split()[-2])
    (found,) = open_store(str(path)).select("main", "x", {}, 0, 10**12)
    assert list(found.values)[:acknowledged] == [float(at) for at in range(1, acknowledged + 1)]
