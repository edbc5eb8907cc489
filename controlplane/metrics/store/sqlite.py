"""Samples in one SQLite file beside the main database.

1. A scrape is one row: its values packed in the order of a *layout* (the list of series ids it had). One insert,
   one fsync-free WAL commit: kill -9 loses at most the last poll.
2. `compact` turns rows older than two hours into one chunk per series; reading a day of a series is then a dozen rows.
3. A series that a scrape does not name has a gap there. A failed scrape names only `up`, with the value 0.
Several processes write and read: WAL, immediate transactions, no state kept between calls but caches of ids.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from array import array
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from controlplane.metrics.names import Sample
from controlplane.metrics.store import codec

CHUNK_MS = 2 * 3600 * 1000
#: About 4 kB each: an hour of ten brokers.
CACHED_SCRAPES = 4000
SCHEMA = """
CREATE TABLE IF NOT EXISTS series (
  id INTEGER PRIMARY KEY, cluster TEXT NOT NULL, name TEXT NOT NULL, labels TEXT NOT NULL,
  UNIQUE (cluster, name, labels));
CREATE TABLE IF NOT EXISTS layout (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, ids BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS scrape (
  target TEXT NOT NULL, ts INTEGER NOT NULL, layout INTEGER NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY (target, ts)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS scrape_ts ON scrape (ts);
CREATE TABLE IF NOT EXISTS chunk (
  series INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY (series, start)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS chunk_end ON chunk (end);
"""


@dataclass(frozen=True, slots=True)
class Series:
    """`times` are Unix milliseconds in order, `values` beside them."""

    name: str
    labels: Mapping[str, str]
    times: array[int]
    values: array[float]


class MetricStore:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._ids: dict[tuple[str, str, str], int] = {}
        self._layouts: dict[int, array[int]] = {}
        # A page asks for twenty charts of the same scrapes: each is unpacked once.
        self._unpacked: OrderedDict[tuple[str, int], array[float]] = OrderedDict()
        self._lock = threading.Lock()

    # Writing

    def append(self, cluster: str, target: str, ts: int, samples: Iterable[Sample]) -> int:
        """One scrape of one target at `ts` (Unix milliseconds); returns how many samples it had."""
        found = sorted({(s.name, s.labels): s for s in samples}.values())
        keys = [(cluster, s.name, json.dumps(dict(s.labels), sort_keys=True)) for s in found]
        with self._write() as db:
            ids = self._series_ids(db, keys)
            layout = self._layout_id(db, ids)
            packed = codec.pack([s.value for s in found])
            db.execute(
                "INSERT OR REPLACE INTO scrape (target, ts, layout, data) VALUES (?, ?, ?, ?)",
                (f"{cluster}/{target}", ts, layout, packed),
            )
        return len(found)

    def _series_ids(self, db: sqlite3.Connection, keys: Sequence[tuple[str, str, str]]) -> list[int]:
        new = [key for key in keys if key not in self._ids]
        if new:
            db.executemany("INSERT OR IGNORE INTO series (cluster, name, labels) VALUES (?, ?, ?)", new)
            for key in new:
                row = db.execute(
                    "SELECT id FROM series WHERE cluster = ? AND name = ? AND labels = ?", key
                ).fetchone()
                self._ids[key] = row[0]
        return [self._ids[key] for key in keys]

    def _layout_id(self, db: sqlite3.Connection, ids: Sequence[int]) -> int:
        raw = array("I", ids).tobytes()
        digest = hashlib.sha256(raw).digest()
        db.execute("INSERT OR IGNORE INTO layout (digest, ids) VALUES (?, ?)", (digest, raw))
        found: int = db.execute("SELECT id FROM layout WHERE digest = ?", (digest,)).fetchone()[0]
        return found

    def compact(self, now: int) -> int:
        """Chunks of what is older than two full windows; returns how many scrapes were turned into chunks."""
        before = (now // CHUNK_MS - 1) * CHUNK_MS
        with self._write() as db:
            oldest = db.execute("SELECT MIN(ts) FROM scrape WHERE ts < ?", (before,)).fetchone()[0]
            if oldest is None:
                return 0
            start = oldest // CHUNK_MS * CHUNK_MS
            end = start + CHUNK_MS
            rows = db.execute(
                "SELECT ts, layout, data FROM scrape WHERE ts >= ? AND ts < ? ORDER BY ts", (start, end)
            ).fetchall()
            columns = self._columns(db, rows)
            db.executemany(
                "INSERT OR REPLACE INTO chunk (series, start, end, data) VALUES (?, ?, ?, ?)",
                [
                    (series, times[0], times[-1], codec.encode(times, values))
                    for series, (times, values) in columns.items()
                ],
            )
            db.execute("DELETE FROM scrape WHERE ts >= ? AND ts < ?", (start, end))
        return len(rows)

    def _columns(
        self, db: sqlite3.Connection, rows: Iterable[tuple[int, int, bytes]]
    ) -> dict[int, tuple[list[int], list[float]]]:
        columns: defaultdict[int, tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))
        for ts, layout, data in rows:
            for series, value in zip(self._layout(db, layout), codec.unpack(data), strict=True):
                times, values = columns[series]
                times.append(ts)
                values.append(value)
        return columns

    def prune(self, before: int) -> None:
        """Forgets samples older than `before`, and series and layouts that have none left."""
        with self._write() as db:
            db.execute("DELETE FROM scrape WHERE ts < ?", (before,))
            db.execute("DELETE FROM chunk WHERE end < ?", (before,))
            db.execute("DELETE FROM layout WHERE id NOT IN (SELECT DISTINCT layout FROM scrape)")
        self._layouts.clear()

    # Reading

    def select(
        self, cluster: str, name: str, matchers: Mapping[str, str | tuple[str, ...]], start: int, end: int
    ) -> list[Series]:
        """Series of a name whose labels equal (or are one of) what the matchers say, with samples in [start, end]."""
        with self._read() as db:
            wanted = self._matching(db, cluster, name, matchers)
            if not wanted:
                return []
            points = {series: (array("q"), array("d")) for series in wanted}
            self._read_chunks(db, points, start, end)
            self._read_scrapes(db, cluster, points, start, end)
        return [
            Series(name, wanted[series], times, values) for series, (times, values) in points.items() if times
        ]

    def _matching(
        self,
        db: sqlite3.Connection,
        cluster: str,
        name: str,
        matchers: Mapping[str, str | tuple[str, ...]],
    ) -> dict[int, dict[str, str]]:
        rows = db.execute("SELECT id, labels FROM series WHERE cluster = ? AND name = ?", (cluster, name))
        found = ((series, json.loads(labels)) for series, labels in rows)
        return {series: labels for series, labels in found if _matches(labels, matchers)}

    def _read_chunks(
        self, db: sqlite3.Connection, points: dict[int, tuple[array[int], array[float]]], start: int, end: int
    ) -> None:
        for series, (times, values) in points.items():
            rows = db.execute(
                "SELECT data FROM chunk WHERE series = ? AND start <= ? AND end >= ? ORDER BY start",
                (series, end, start),
            )
            for (data,) in rows:
                for ts, value in zip(*codec.decode(data), strict=True):
                    if start <= ts <= end:
                        times.append(ts)
                        values.append(value)

    def _read_scrapes(
        self,
        db: sqlite3.Connection,
        cluster: str,
        points: dict[int, tuple[array[int], array[float]]],
        start: int,
        end: int,
    ) -> None:
        places: dict[int, list[tuple[int, int]]] = {}
        rows = db.execute(
            "SELECT target, ts, layout, data FROM scrape"
            " WHERE ts >= ? AND ts <= ? AND target >= ? AND target < ? ORDER BY ts",
            (start, end, f"{cluster}/", f"{cluster}0"),  # '0' is the character after '/'
        )
        for target, ts, layout, data in rows:
            if layout not in places:
                index = {series: at for at, series in enumerate(self._layout(db, layout))}
                places[layout] = [(series, index[series]) for series in points if series in index]
            if not places[layout]:
                continue
            unpacked = self._values(target, ts, data)
            for series, at in places[layout]:
                points[series][0].append(ts)
                points[series][1].append(unpacked[at])

    def _values(self, target: str, ts: int, data: bytes) -> array[float]:
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

    def latest(
        self, cluster: str, target: str, since: int
    ) -> tuple[int, dict[tuple[str, str], float]] | None:
        """The newest scrape of a target not older than `since`: its time, and (name, labels as JSON) → value."""
        with self._read() as db:
            row = db.execute(
                "SELECT ts, layout, data FROM scrape WHERE target = ? AND ts >= ? ORDER BY ts DESC LIMIT 1",
                (f"{cluster}/{target}", since),
            ).fetchone()
            if row is None:
                return None
            ts, layout, data = row
            ids = self._layout(db, layout)
            names = self._names(db, cluster)
            found = {names[series]: value for series, value in zip(ids, codec.unpack(data), strict=True)}
        return ts, found

    def _names(self, db: sqlite3.Connection, cluster: str) -> dict[int, tuple[str, str]]:
        rows = db.execute("SELECT id, name, labels FROM series WHERE cluster = ?", (cluster,))
        return {series: (name, labels) for series, name, labels in rows}

    def targets(self, cluster: str, since: int) -> tuple[str, ...]:
        with self._read() as db:
            rows = db.execute(
                "SELECT DISTINCT target FROM scrape WHERE ts >= ? AND target >= ? AND target < ?",
                (since, f"{cluster}/", f"{cluster}0"),
            ).fetchall()
        return tuple(sorted(target.partition("/")[2] for (target,) in rows))

    def label_values(self, cluster: str, name: str, label: str) -> tuple[str, ...]:
        with self._read() as db:
            rows = db.execute("SELECT labels FROM series WHERE cluster = ? AND name = ?", (cluster, name))
            return tuple(sorted({json.loads(labels).get(label, "") for (labels,) in rows} - {""}))

    def _layout(self, db: sqlite3.Connection, layout: int) -> array[int]:
        known = self._layouts.get(layout)
        if known is None:
            raw = db.execute("SELECT ids FROM layout WHERE id = ?", (layout,)).fetchone()[0]
            known = self._layouts[layout] = array("I", raw)
        return known

    # Connections: one per thread

    def close(self) -> None:
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is not None:
            db.close()
            self._local.db = None

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        db = self._connection()
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        except BaseException:
            db.execute("ROLLBACK")
            self._ids.clear()  # ids of a rolled-back insert do not exist
            raise
        db.execute("COMMIT")

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        yield self._connection()

    def _connection(self) -> sqlite3.Connection:
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = sqlite3.connect(self._path, timeout=10, isolation_level=None)
            self._path.chmod(0o600)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.executescript(SCHEMA)
            self._local.db = db
        return db


def _matches(labels: Mapping[str, str], matchers: Mapping[str, str | tuple[str, ...]]) -> bool:
    for name, wanted in matchers.items():
        value = labels.get(name, "")
        if value not in wanted if isinstance(wanted, tuple) else value != wanted:
            return False
    return True
