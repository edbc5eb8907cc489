"""Scrapes into blocks, blocks into longer and thinner ones, and old ones away (`tiers` says when).

Reading, coding and choosing happen outside of transactions; each transaction then moves some series whole: what was
read from is deleted where the result is written. So polls wait for milliseconds, and a kill repeats at most one step.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from controlplane.metrics.names import is_counter
from controlplane.metrics.store import codec
from controlplane.metrics.store.codec import Times, Values
from controlplane.metrics.store.databases import Cursor
from controlplane.metrics.store.history import MetricStore
from controlplane.metrics.store.tiers import (
    BLOCK_MS,
    GRACE_MS,
    INTERVAL_MS,
    Move,
    Retention,
    Tier,
    kept,
    moves,
)

SERIES_PER_TRANSACTION = 500
_UPSERT = (
    "INSERT INTO block (series, tier, start, stop, data) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (series, tier, start) DO UPDATE SET stop = excluded.stop, data = excluded.data"
)
Samples = tuple[Times, Values]


@dataclass(frozen=True, slots=True)
class _Block:
    series: int
    start: int
    data: bytes


def step(store: MetricStore, now: int, retention: Retention) -> bool:
    """Does the oldest thing that is due; False when nothing is. `now` is Unix milliseconds."""
    return _scrapes_to_blocks(store, now) or any(_move(store, move, now) for move in moves(retention))


def prune(store: MetricStore, now: int, retention: Retention) -> None:
    """Forgets what is older than all retention, layouts that no scrape uses, and series that have nothing left."""
    with store.database.write() as db:
        db.run(
            "DELETE FROM block WHERE tier = ? AND stop < ?", (Tier.TEN_MINUTES, now - retention.ten_minutes)
        )
        db.run("DELETE FROM layout WHERE id NOT IN (SELECT DISTINCT layout FROM scrape)")
        used = {series for (raw,) in db.rows("SELECT ids FROM layout") for series in array("I", raw)}
        empty = db.rows("SELECT id FROM series WHERE id NOT IN (SELECT series FROM block)")
        db.run_many("DELETE FROM series WHERE id = ?", [row for row in empty if row[0] not in used])


# Scrapes


def _scrapes_to_blocks(store: MetricStore, now: int) -> bool:
    window = BLOCK_MS[Tier.FRESH]
    with store.database.read() as db:
        oldest = db.rows("SELECT MIN(ts) FROM scrape")[0][0]
        if oldest is None or oldest // window * window + window + GRACE_MS > now:
            return False
        start = oldest // window * window
        columns = _columns(store, db, start, start + window)
        before = {
            series: codec.decode(data)
            for series, data in db.rows(
                "SELECT series, data FROM block WHERE tier = ? AND start = ?", (Tier.FRESH, start)
            )
        }
    rows = [
        _row(series, Tier.FRESH, start, _merged([before[series], found] if series in before else [found]))
        for series, found in columns.items()
    ]
    with store.database.write() as db:
        db.run_many(_UPSERT, rows)
        db.run("DELETE FROM scrape WHERE ts >= ? AND ts < ?", (start, start + window))
    return True


def _columns(store: MetricStore, db: Cursor, start: int, end: int) -> dict[int, Samples]:
    rows = db.rows(
        "SELECT target, layout, ts, data FROM scrape WHERE ts >= ? AND ts < ? ORDER BY target, layout, ts",
        (start, end),
    )
    parts: defaultdict[int, list[Samples]] = defaultdict(list)
    for (_, layout), scrapes in groupby(rows, key=lambda row: (row[0], row[1])):
        found = [(ts, codec.unpack(data)) for _, _, ts, data in scrapes]
        times = np.array([ts for ts, _ in found], dtype=np.int64)
        table = np.array([values for _, values in found])
        for at, series in enumerate(store.layout(db, layout)):
            parts[series].append((times, np.ascontiguousarray(table[:, at])))
    return {series: _merged(found) for series, found in parts.items()}


# Blocks


def _move(store: MetricStore, move: Move, now: int) -> bool:
    with store.database.read() as db:
        oldest = db.rows("SELECT MIN(start) FROM block WHERE tier = ?", (move.source,))[0][0]
        window = None if oldest is None else move.window(oldest, now)
        if window is None:
            return False
        blocks = _blocks(db, move.source, *window)
        target = window[0] // BLOCK_MS[move.target] * BLOCK_MS[move.target]
        before = {block.series: block for block in _blocks(db, move.target, target, target + 1)}
        store.index.refresh(db)
    grouped = [(series, list(found)) for series, found in groupby(blocks, key=lambda block: block.series)]
    for part in _parts(grouped):
        _write(store, move, target, part, before)
    return True


def _blocks(db: Cursor, tier: Tier, start: int, end: int) -> list[_Block]:
    rows = db.rows(
        "SELECT series, start, data FROM block WHERE tier = ? AND start >= ? AND start < ?"
        " ORDER BY series, start",
        (tier, start, end),
    )
    return [_Block(*row) for row in rows]


def _parts(
    grouped: Sequence[tuple[int, list[_Block]]],
) -> Iterator[Sequence[tuple[int, list[_Block]]]]:
    for at in range(0, len(grouped), SERIES_PER_TRANSACTION):
        yield grouped[at : at + SERIES_PER_TRANSACTION]


def _write(
    store: MetricStore,
    move: Move,
    target: int,
    part: Sequence[tuple[int, list[_Block]]],
    before: Mapping[int, _Block],
) -> None:
    rows: list[tuple[int, int, int, int, bytes]] = []
    for series, blocks in part:
        thinned = _thinned(store, move.target, series, _merged([codec.decode(each.data) for each in blocks]))
        known = [codec.decode(before[series].data)] if series in before else []
        rows.append(_row(series, move.target, target, _merged([*known, thinned])))
    gone = [(block.series, move.source, block.start) for _, blocks in part for block in blocks]
    with store.database.write() as db:
        db.run_many("DELETE FROM block WHERE series = ? AND tier = ? AND start = ?", gone)
        db.run_many(_UPSERT, rows)


def _thinned(store: MetricStore, tier: Tier, series: int, samples: Samples) -> Samples:
    times, values = samples
    name, _ = store.index.name_of(series)
    stays = kept(times, values, INTERVAL_MS[tier], counter=is_counter(name))
    return times[stays], np.ascontiguousarray(values[stays])


def _merged(parts: Sequence[Samples]) -> Samples:
    """In order of time; of two samples of one moment the later part's."""
    if len(parts) == 1:
        return parts[0]
    times = np.concatenate([times for times, _ in parts])[::-1]
    values = np.concatenate([values for _, values in parts])[::-1]
    times, places = np.unique(times, return_index=True)
    return times, np.ascontiguousarray(values[places])


def _row(series: int, tier: Tier, start: int, samples: Samples) -> tuple[int, int, int, int, bytes]:
    times, values = samples
    return series, int(tier), start, int(times[-1]), codec.encode(times, values)
