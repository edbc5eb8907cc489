"""Scrapes into blocks, blocks into longer and into thinner ones, and old ones away (`tiers` says when).

Reading, coding and choosing happen outside of transactions; each transaction then moves some series whole: what was
read from is deleted where the result is written. So polls wait for milliseconds, and a kill repeats at most one step.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
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
    LASTING,
    Retention,
    Tier,
    aligned,
    kept,
    outlived,
    ripe,
)

SERIES_PER_TRANSACTION = 500
EVERY = (0, 2**62)
_UPSERT = (
    "INSERT INTO block (series, tier, start, stop, clock, data) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (series, tier, start) DO UPDATE"
    " SET stop = excluded.stop, clock = excluded.clock, data = excluded.data"
)
Samples = tuple[Times, Values]


@dataclass(frozen=True, slots=True)
class _Block:
    series: int
    start: int
    samples: Samples


def step(store: MetricStore, now: int, retention: Retention) -> bool:
    """Does the oldest thing that is due; False when nothing is. `now` is Unix milliseconds."""
    return _scrapes_to_blocks(store, now) or _to_lasting(store, now) or _drop_outlived(store, now, retention)


def prune(store: MetricStore, now: int, retention: Retention) -> None:
    """Forgets what is older than all retention, layouts that no scrape uses, and series that have nothing left."""
    with store.database.write() as db:
        db.alone()
        db.run(
            "DELETE FROM block WHERE tier = ? AND stop < ?", (Tier.TEN_MINUTES, now - retention.ten_minutes)
        )
        db.run("DELETE FROM clock WHERE id NOT IN (SELECT clock FROM block)")
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
        parts = _columns(store, db, start, start + window)
        for block in _blocks(
            store, db, Tier.FRESH, (start, start + 1)
        ):  # a scrape came after its block was made
            parts[block.series].insert(0, block.samples)
    coded = _coded({series: _merged(found) for series, found in parts.items()})
    with store.database.write() as db:
        _put(db, Tier.FRESH, start, coded)
        db.run("DELETE FROM scrape WHERE ts >= ? AND ts < ?", (start, start + window))
    return True


def _columns(store: MetricStore, db: Cursor, start: int, end: int) -> defaultdict[int, list[Samples]]:
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
    return parts


# Blocks


def _to_lasting(store: MetricStore, now: int) -> bool:
    with store.database.read() as db:
        oldest = db.rows("SELECT MIN(start) FROM block WHERE tier = ?", (Tier.FRESH,))[0][0]
        window = None if oldest is None else ripe(oldest, now)
        if window is None:
            return False
        sql = "SELECT DISTINCT series FROM block WHERE tier = ? AND start >= ? AND start < ? ORDER BY series"
        series = [found for (found,) in db.rows(sql, (Tier.FRESH, *window))]
        store.index.refresh(db)
    for at in range(0, len(series), SERIES_PER_TRANSACTION):
        part = series[at : at + SERIES_PER_TRANSACTION]
        _make_lasting(store, window, (part[0], part[-1]))
    return True


def _make_lasting(store: MetricStore, window: tuple[int, int], series: tuple[int, int]) -> None:
    with store.database.read() as db:
        blocks = _blocks(store, db, Tier.FRESH, window, series)
        before = {tier: _of_start(store, db, tier, aligned(window[0], tier)[0], series) for tier in LASTING}
    fresh = {
        each: _merged([block.samples for block in members])
        for each, members in groupby(blocks, key=lambda block: block.series)
    }
    coded = {tier: _coded(_added(store, tier, before[tier], fresh)) for tier in LASTING}
    with store.database.write() as db:
        db.run(
            "DELETE FROM block WHERE tier = ? AND start >= ? AND start < ? AND series BETWEEN ? AND ?",
            (Tier.FRESH, *window, *series),
        )
        for tier in LASTING:
            _put(db, tier, aligned(window[0], tier)[0], coded[tier])


def _of_start(
    store: MetricStore, db: Cursor, tier: Tier, start: int, series: tuple[int, int]
) -> dict[int, Samples]:
    return {block.series: block.samples for block in _blocks(store, db, tier, (start, start + 1), series)}


def _added(
    store: MetricStore, tier: Tier, before: Mapping[int, Samples], fresh: Mapping[int, Samples]
) -> dict[int, Samples]:
    """The blocks of a tier with what came since."""
    found: dict[int, Samples] = {}
    for series, samples in fresh.items():
        thinned = _thinned(store, tier, series, samples)
        found[series] = _merged([before[series], thinned] if series in before else [thinned])
    return found


def _drop_outlived(store: MetricStore, now: int, retention: Retention) -> bool:
    """The oldest block time of a tier at once: readers find the thinner blocks beside it since they were made."""
    for tier, latest in outlived(retention, now):
        with store.database.read() as db:
            ((oldest,),) = db.rows("SELECT MIN(start) FROM block WHERE tier = ?", (tier,))
        if oldest is not None and oldest <= latest:
            with store.database.write() as db:
                db.run("DELETE FROM block WHERE tier = ? AND start = ?", (tier, oldest))
            return True
    return False


def _blocks(
    store: MetricStore, db: Cursor, tier: Tier, window: tuple[int, int], series: tuple[int, int] = EVERY
) -> list[_Block]:
    rows = db.rows(
        "SELECT series, start, clock, data FROM block"
        " WHERE tier = ? AND start >= ? AND start < ? AND series BETWEEN ? AND ? ORDER BY series, start",
        (tier, *window, *series),
    )
    return [
        _Block(each, start, (store.times(db, clock), codec.decode_values(data)))
        for each, start, clock, data in rows
    ]


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


@dataclass(frozen=True, slots=True)
class _Coded:
    series: int
    stop: int
    times: bytes
    values: bytes


def _coded(found: Mapping[int, Samples]) -> list[_Coded]:
    """Series of one scrape have the same times: coded once."""
    clocks: dict[bytes, bytes] = {}
    coded: list[_Coded] = []
    for series, (times, values) in found.items():
        key = times.tobytes()
        if key not in clocks:
            clocks[key] = codec.encode_times(times)
        coded.append(_Coded(series, int(times[-1]), clocks[key], codec.encode_values(values)))
    return coded


def _put(db: Cursor, tier: Tier, start: int, coded: Sequence[_Coded]) -> None:
    # Alone with `prune`: it must not take a clock away that is about to be used.
    db.alone()
    clocks = {times: _clock(db, times) for times in {each.times for each in coded}}
    rows = [(each.series, int(tier), start, each.stop, clocks[each.times], each.values) for each in coded]
    db.run_many(_UPSERT, rows)


def _clock(db: Cursor, times: bytes) -> int:
    digest = hashlib.blake2b(times, digest_size=16).digest()
    db.run("INSERT INTO clock (digest, times) VALUES (?, ?) ON CONFLICT DO NOTHING", (digest, times))
    ((found,),) = db.rows("SELECT id FROM clock WHERE digest = ?", (digest,))
    return int(found)
