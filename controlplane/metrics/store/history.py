"""Samples in and out.

1. A scrape is one row: its values packed in the order of a *layout* (the list of series ids it had). One insert,
   one fsync-free WAL commit: kill -9 loses at most the last poll.
2. A series that the scrape before named and this one does not ends with a stale marker, as in Prometheus: nothing
   shows its last value as the present one. A failed scrape names only what the poller says itself (`up` = 0).
3. `compaction` turns rows into blocks per series; reading a day of a series is then a dozen rows.
Several processes write and read; between calls they remember ids only.
"""

from __future__ import annotations

import hashlib
import json
import threading
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from controlplane.metrics.names import Sample
from controlplane.metrics.store import codec
from controlplane.metrics.store.codec import Times, Values
from controlplane.metrics.store.databases import Cursor, Database, Row
from controlplane.metrics.store.index import Labels, SeriesIndex, Test
from controlplane.metrics.store.tiers import reading_order

Matchers = Mapping[str, str | tuple[str, ...]]
#: About 12 kB each: the scrapes that are not yet blocks, of ten brokers.
CACHED_SCRAPES = 1500
#: 32 MB in each process that reads.
CACHED_SAMPLES = 4_000_000
#: Up to 12 kB each.
CACHED_CLOCKS = 1000
SERIES_PER_QUERY = 500
ALL: Matchers = {}


@dataclass(frozen=True, slots=True)
class Series:
    """`times` are Unix milliseconds in order, `values` beside them; `labels` hold `__name__` and `cluster` too."""

    labels: Labels
    times: Times
    values: Values


@dataclass(frozen=True, slots=True)
class Points:
    """A series without its stale markers, as plain Python numbers."""

    name: str
    labels: Labels
    times: array[int]
    values: array[float]


class MetricStore:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.index = SeriesIndex()
        self._ids: dict[tuple[str, str, tuple[tuple[str, str], ...]], int] = {}
        self._layouts: dict[int, array[int]] = {}
        self._clocks: dict[int, Times] = {}
        # A page asks for twenty charts of the same scrapes: each is unpacked once.
        self._unpacked: OrderedDict[tuple[str, int], Values] = OrderedDict()
        # A page is looked at again, and its charts share series; blocks never change.
        self._blocks: OrderedDict[bytes, Values] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()

    def close(self) -> None:
        self.database.close()

    # Writing

    def append(self, cluster: str, target: str, ts: int, samples: Iterable[Sample]) -> int:
        """One scrape of one target at `ts` (Unix milliseconds); returns how many samples it had."""
        found = list({(s.name, s.labels): s for s in samples}.values())
        try:
            self._append(cluster, target, ts, found)
        except _ForgottenSeries:
            self._append(cluster, target, ts, found)
        return len(found)

    def _append(self, cluster: str, target: str, ts: int, samples: Sequence[Sample]) -> None:
        place = f"{cluster}/{target}"
        try:
            with self.database.write() as db:
                ids = self._series_ids(db, [(cluster, s.name, s.labels) for s in samples])
                values = {series: sample.value for series, sample in zip(ids, samples, strict=True)}
                self._end_missing(db, place, values)
                ordered = sorted(values)
                layout = self._layout_id(db, ordered)
                db.run(
                    "INSERT INTO scrape (target, ts, layout, data) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (target, ts) DO UPDATE SET layout = excluded.layout, data = excluded.data",
                    (place, ts, layout, codec.pack([values[series] for series in ordered])),
                )
        except BaseException:
            self._ids.clear()  # ids of a rolled-back insert do not exist
            raise

    def _series_ids(
        self, db: Cursor, keys: Sequence[tuple[str, str, tuple[tuple[str, str], ...]]]
    ) -> list[int]:
        new = sorted(key for key in keys if key not in self._ids)
        if new:
            db.alone()
            rows = [
                (cluster, name, json.dumps(dict(labels), sort_keys=True)) for cluster, name, labels in new
            ]
            db.run_many(
                "INSERT INTO series (cluster, name, labels) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows
            )
            for key, row in zip(new, rows, strict=True):
                ((found,),) = db.rows(
                    "SELECT id FROM series WHERE cluster = ? AND name = ? AND labels = ?", row
                )
                self._ids[key] = found
        return [self._ids[key] for key in keys]

    def _end_missing(self, db: Cursor, place: str, values: dict[int, float]) -> None:
        """Adds stale markers for what the scrape before had."""
        rows = db.rows("SELECT layout, data FROM scrape WHERE target = ? ORDER BY ts DESC LIMIT 1", (place,))
        for layout, data in rows:
            before = self.layout(db, layout)
            gone = set(before).difference(values)
            if gone:
                ended = codec.is_stale(last := codec.unpack(data))
                alive = {
                    series for series, stale in zip(before, ended[: len(last)], strict=True) if not stale
                }
                values.update(dict.fromkeys(gone & alive, codec.STALE))

    def _layout_id(self, db: Cursor, ids: Sequence[int]) -> int:
        raw = array("I", ids).tobytes()
        digest = hashlib.sha256(raw).digest()
        sql = "SELECT id FROM layout WHERE digest = ?"
        rows = db.rows(sql, (digest,))
        if not rows:
            _check_known(db, ids)
            db.run("INSERT INTO layout (digest, ids) VALUES (?, ?) ON CONFLICT DO NOTHING", (digest, raw))
            rows = db.rows(sql, (digest,))
        found: int = rows[0][0]
        return found

    # Reading

    def fetch(
        self, cluster: str, name: str | None, test: Test, start: int, end: int, distance: int = 0
    ) -> list[Series]:
        """Series (of a name, or of any) whose labels pass `test`, with samples in [start, end], markers included.

        Samples may be thinned to `distance` milliseconds, which is quicker; 0 gives all that there are.
        """
        with self.database.read() as db:
            self.index.refresh(db)
            wanted = self.index.matching(cluster, name, test)
            if not wanted:
                return []
            parts: dict[int, list[tuple[Times, Values]]] = {series: [] for series in wanted}
            self._read_blocks(db, parts, start, end, distance)
            self._read_scrapes(db, cluster, parts, start, end)
        return [
            Series(wanted[series], *_joined(found, start, end)) for series, found in parts.items() if found
        ]

    def select(self, cluster: str, name: str, matchers: Matchers, start: int, end: int) -> list[Points]:
        """Series of a name whose labels equal (or are one of) what the matchers say, with samples in [start, end]."""
        found = self.fetch(cluster, name, lambda labels: _matches(labels, matchers), start, end)
        return [points for series in found if (points := _points(name, series)).times]

    def known(
        self, cluster: str, name: str | None, test: Test, *, within: tuple[int, int] | None = None
    ) -> list[Labels]:
        """The labels of every series that passes, whenever it had samples; or of those with some about `within`."""
        with self.database.read() as db:
            self.index.refresh(db)
            found = self.index.matching(cluster, name, test)
            if within is not None:
                active = self._active(db, *within)
                found = {series: labels for series, labels in found.items() if series in active}
        return list(found.values())

    def _active(self, db: Cursor, start: int, end: int) -> set[int]:
        """Series with a block or a scrape that overlaps: to the accuracy of a block."""
        blocks = db.rows("SELECT DISTINCT series FROM block WHERE start <= ? AND stop >= ?", (end, start))
        layouts = db.rows("SELECT DISTINCT layout FROM scrape WHERE ts >= ? AND ts <= ?", (start, end))
        fresh = {series for (layout,) in layouts for series in self.layout(db, layout)}
        return fresh.union(series for (series,) in blocks)

    def metric_names(self, cluster: str) -> tuple[str, ...]:
        with self.database.read() as db:
            self.index.refresh(db)
        return self.index.names(cluster)

    def label_values(self, cluster: str, name: str, label: str) -> tuple[str, ...]:
        found = self.known(cluster, name, lambda labels: label in labels)
        return tuple(sorted({labels[label] for labels in found} - {""}))

    def latest(
        self, cluster: str, target: str, since: int
    ) -> tuple[int, dict[tuple[str, str], float]] | None:
        """The newest scrape of a target not older than `since`: its time, and (name, labels as JSON) → value."""
        with self.database.read() as db:
            rows = db.rows(
                "SELECT ts, layout, data FROM scrape WHERE target = ? AND ts >= ? ORDER BY ts DESC LIMIT 1",
                (f"{cluster}/{target}", since),
            )
            self.index.refresh(db)
            for ts, layout, data in rows:
                values = codec.unpack(data)
                found = zip(self.layout(db, layout), values.tolist(), codec.is_stale(values), strict=True)
                return ts, {self.index.name_of(series): value for series, value, stale in found if not stale}
        return None

    def targets(self, cluster: str, since: int) -> tuple[str, ...]:
        with self.database.read() as db:
            rows = db.rows(
                "SELECT DISTINCT target FROM scrape WHERE ts >= ? AND target >= ? AND target < ?",
                (since, *_of_cluster(cluster)),
            )
        return tuple(sorted(target.partition("/")[2] for (target,) in rows))

    def _read_blocks(
        self, db: Cursor, parts: dict[int, list[tuple[Times, Values]]], start: int, end: int, distance: int
    ) -> None:
        """Blocks in order of time; of a series the thinner ones only for what its finer ones do not reach."""
        until = dict.fromkeys(parts, end)
        for tiers in reading_order(distance):
            blocks: dict[int, list[tuple[Times, Values]]] = {}
            reached: dict[int, int] = {}
            for series, first, clock, data in _blocks(
                db, [s for s in parts if until[s] >= start], tiers, start, end
            ):
                if first > until[series]:
                    continue
                reached.setdefault(series, first)
                blocks.setdefault(series, []).append(
                    _until(self.times(db, clock), self._decoded(data), until[series])
                )
            for series, found in blocks.items():
                parts[series][:0] = found
                until[series] = reached[series] - 1

    def _decoded(self, data: bytes) -> Values:
        """By its bytes: a block that was written anew is another."""
        with self._lock:
            known = self._blocks.get(data)
            if known is not None:
                self._blocks.move_to_end(data)
                return known
        found = codec.decode_values(data)
        with self._lock:
            if data not in self._blocks:
                self._blocks[data] = found
                self._held += len(found)
            while self._held > CACHED_SAMPLES:
                self._held -= len(self._blocks.popitem(last=False)[1])
        return found

    def _read_scrapes(
        self,
        db: Cursor,
        cluster: str,
        parts: dict[int, list[tuple[Times, Values]]],
        start: int,
        end: int,
    ) -> None:
        """All scrapes of one layout make one table, a column of which is a series."""
        rows = db.rows(
            "SELECT target, ts, layout, data FROM scrape"
            " WHERE ts >= ? AND ts <= ? AND target >= ? AND target < ? ORDER BY target, ts",
            (start, end, *_of_cluster(cluster)),
        )
        columns = {layout: self._columns(db, layout, parts) for layout in {row[2] for row in rows}}
        tables: dict[tuple[str, int], list[tuple[int, Values]]] = {}
        for target, ts, layout, data in rows:
            if columns[layout]:
                tables.setdefault((target, layout), []).append((ts, self._values(target, ts, data)))
        for (_, layout), scrapes in tables.items():
            times = np.array([ts for ts, _ in scrapes], dtype=np.int64)
            table = np.array([values for _, values in scrapes])
            for series, at in columns[layout]:
                parts[series].append((times, table[:, at]))

    def _columns(self, db: Cursor, layout: int, wanted: Mapping[int, object]) -> list[tuple[int, int]]:
        return [(series, at) for at, series in enumerate(self.layout(db, layout)) if series in wanted]

    def _values(self, target: str, ts: int, data: bytes) -> Values:
        key = (target, ts)
        with self._lock:
            known = self._unpacked.get(key)
            if known is not None:
                self._unpacked.move_to_end(key)
                return known
        found = codec.unpack(data)
        with self._lock:
            self._unpacked[key] = found
            while len(self._unpacked) > CACHED_SCRAPES:
                self._unpacked.popitem(last=False)
        return found

    def times(self, db: Cursor, clock: int) -> Times:
        """What a clock of blocks says: shared by all series of a scrape, and remembered."""
        known = self._clocks.get(clock)
        if known is None:
            ((data,),) = db.rows("SELECT times FROM clock WHERE id = ?", (clock,))
            known = self._clocks[clock] = codec.decode_times(data)
            if len(self._clocks) > CACHED_CLOCKS:
                self._clocks.pop(next(iter(self._clocks)), None)
        return known

    def layout(self, db: Cursor, layout: int) -> array[int]:
        known = self._layouts.get(layout)
        if known is None:
            ((raw,),) = db.rows("SELECT ids FROM layout WHERE id = ?", (layout,))
            known = self._layouts[layout] = array("I", raw)
        return known


class _ForgottenSeries(Exception):
    """This process remembers the id of a series that was pruned since."""


def _check_known(db: Cursor, ids: Sequence[int]) -> None:
    for at in range(0, len(ids), 500):
        some = ids[at : at + 500]
        places = ",".join("?" * len(some))
        sql = f"SELECT COUNT(*) FROM series WHERE id IN ({places})"  # noqa: S608  # nosec B608  # question marks alone
        ((count,),) = db.rows(sql, some)
        if count != len(some):
            raise _ForgottenSeries


def _blocks(db: Cursor, series: Sequence[int], tiers: Sequence[int], start: int, end: int) -> Iterator[Row]:
    """(series, start, clock, data) of what overlaps, in that order."""
    for at in range(0, len(series), SERIES_PER_QUERY):
        some = series[at : at + SERIES_PER_QUERY]
        wanted, kinds = ",".join("?" * len(some)), ",".join("?" * len(tiers))
        yield from db.rows(
            f"SELECT series, start, clock, data FROM block WHERE series IN ({wanted}) AND tier IN ({kinds})"  # noqa: S608  # nosec B608  # question marks alone
            " AND start <= ? AND stop >= ? ORDER BY series, start",
            (*some, *tiers, end, start),
        )


def _joined(parts: Sequence[tuple[Times, Values]], start: int, end: int) -> tuple[Times, Values]:
    """In order of time and within [start, end]; blocks and scrapes meet only where a poll changed its layout."""
    times = parts[0][0] if len(parts) == 1 else np.concatenate([times for times, _ in parts])
    values = parts[0][1] if len(parts) == 1 else np.concatenate([values for _, values in parts])
    if len(times) > 1 and not np.all(times[1:] > times[:-1]):
        times, places = np.unique(times, return_index=True)
        values = values[places]
    low, high = np.searchsorted(times, (start, end + 1))
    return times[low:high], np.ascontiguousarray(values[low:high])


def _until(times: Times, values: Values, end: int) -> tuple[Times, Values]:
    if times[-1] <= end:
        return times, values
    count = np.searchsorted(times, end + 1)
    return times[:count], values[:count]


def _points(name: str, series: Series) -> Points:
    live = ~codec.is_stale(series.values)
    times, values = array("q"), array("d")
    times.frombytes(series.times[live].tobytes())
    values.frombytes(series.values[live].tobytes())
    return Points(name, series.labels, times, values)


def _of_cluster(cluster: str) -> tuple[str, str]:
    return f"{cluster}/", f"{cluster}0"  # '0' is the character after '/'


def _matches(labels: Labels, matchers: Matchers) -> bool:
    for name, wanted in matchers.items():
        value = labels.get(name, "")
        if value not in wanted if isinstance(wanted, tuple) else value != wanted:
            return False
    return True
