"""The embedded store: nothing is lost or invented by packing, compaction, several writers or kill -9."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.metrics.names import Sample
from controlplane.metrics.store import MetricStore, codec
from controlplane.metrics.store.sqlite import CHUNK_MS
from tests.waiting import eventually

numbers = st.one_of(st.integers(-(2**60), 2**60).map(float), st.floats(allow_nan=False, allow_infinity=False))


@given(st.lists(st.tuples(st.integers(1, 100_000), numbers), min_size=1, max_size=200), st.integers(0, 2**42))
def test_a_chunk_gives_back_what_was_put_in(pairs: list[tuple[int, float]], first: int) -> None:
    times, values = [first], [pairs[0][1]]
    for delta, value in pairs[1:]:
        times.append(times[-1] + delta)
        values.append(value)
    back_times, back_values = codec.decode(codec.encode(times, values))
    assert list(back_times) == times
    assert [math.copysign(1, v) * v for v in back_values] == [math.copysign(1, v) * v for v in values]


@given(st.lists(numbers, max_size=300))
def test_a_scrape_gives_back_what_was_put_in(values: list[float]) -> None:
    assert codec.unpack(codec.pack(values)) == array("d", values)


@pytest.fixture
def store(tmp_path: Path) -> MetricStore:
    return MetricStore(tmp_path / "metrics.sqlite3")


def scrape(value: float, *, topic: str = "") -> list[Sample]:
    labels = (("broker", "1"), ("topic", topic)) if topic else (("broker", "1"),)
    return [Sample("bytes_total", labels, value), Sample("up", (("broker", "1"),), 1.0)]


def test_a_series_is_selected_by_its_labels(store: MetricStore) -> None:
    store.append("main", "1", 1000, scrape(5.0, topic="a") + scrape(6.0, topic="b"))
    (found,) = store.select("main", "bytes_total", {"topic": "b"}, 0, 2000)
    assert (list(found.times), list(found.values)) == ([1000], [6.0])
    assert len(store.select("main", "bytes_total", {"topic": ("a", "b")}, 0, 2000)) == 2
    assert store.select("main", "bytes_total", {"topic": "c"}, 0, 2000) == []
    assert store.select("other", "bytes_total", {}, 0, 2000) == []


def test_an_absent_label_is_asked_for_with_an_empty_value(store: MetricStore) -> None:
    store.append("main", "1", 1000, scrape(5.0) + scrape(6.0, topic="a"))
    (found,) = store.select("main", "bytes_total", {"topic": ""}, 0, 2000)
    assert list(found.values) == [5.0]


def test_a_cluster_whose_name_begins_alike_is_another(store: MetricStore) -> None:
    store.append("main", "1", 1000, scrape(1.0))
    store.append("main2", "1", 1000, scrape(2.0))
    assert [list(s.values) for s in store.select("main", "bytes_total", {}, 0, 9999)] == [[1.0]]


def test_a_failed_scrape_leaves_a_gap_in_every_series_but_up(store: MetricStore) -> None:
    store.append("main", "1", 10_000, scrape(1.0))
    store.append("main", "1", 20_000, [Sample("up", (("broker", "1"),), 0.0)])
    store.append("main", "1", 30_000, scrape(3.0))
    (found,) = store.select("main", "bytes_total", {}, 0, 99_999)
    assert list(found.times) == [10_000, 30_000]
    (up,) = store.select("main", "up", {}, 0, 99_999)
    assert list(up.values) == [1.0, 0.0, 1.0]


def test_compaction_changes_nothing_that_is_read(store: MetricStore) -> None:
    now = CHUNK_MS * 4
    for at in range(0, now, 60_000):
        store.append("main", "1", at, scrape(at / 7))
    before = store.select("main", "bytes_total", {}, 0, now)
    turned = 0
    while found := store.compact(now):
        turned += found
    after = store.select("main", "bytes_total", {}, 0, now)
    assert turned == 3 * CHUNK_MS // 60_000
    assert [(list(s.times), list(s.values)) for s in after] == [
        (list(s.times), list(s.values)) for s in before
    ]
    assert store.compact(now) == 0


def test_a_sample_of_a_chunk_costs_at_most_four_bytes(store: MetricStore, tmp_path: Path) -> None:
    times = list(range(0, CHUNK_MS, 10_000))
    counter = [float(1000 * at + (at * 37) % 251) for at in range(len(times))]
    gauge = [float((at * 31) % 97) for at in range(len(times))]
    for values in (counter, gauge, [0.0] * len(times)):
        assert len(codec.encode(times, values)) / len(times) <= 4


def test_pruning_forgets_what_is_old_and_keeps_the_rest(store: MetricStore) -> None:
    now = CHUNK_MS * 5
    for at in range(0, now, 600_000):
        store.append("main", "1", at, scrape(float(at)))
    while store.compact(now):
        pass
    store.prune(CHUNK_MS * 2)
    (found,) = store.select("main", "bytes_total", {}, 0, now)
    assert found.times[0] >= CHUNK_MS * 2
    assert found.times[-1] == now - 600_000


def test_samples_survive_kill_minus_nine(tmp_path: Path) -> None:
    """A writer is killed while it writes: every scrape that `append` returned from is there, and the file is sound."""
    path, progress = tmp_path / "m.sqlite3", tmp_path / "progress"
    code = (
        "import sys, itertools\n"
        "from pathlib import Path\n"
        "from controlplane.metrics.names import Sample\n"
        "from controlplane.metrics.store import MetricStore\n"
        f"store, progress = MetricStore(Path({str(path)!r})), open({str(progress)!r}, 'w')\n"
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
    (found,) = MetricStore(path).select("main", "x", {}, 0, 10**12)
    assert list(found.values)[:acknowledged] == [float(at) for at in range(1, acknowledged + 1)]
