"""MirrorMaker's records and the translation of offsets, by table and with hypothesis."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.replication.logic.offsets import (
    Checkpoint,
    Heartbeat,
    NotARecord,
    OffsetSync,
    SyncStore,
    read_checkpoint,
    read_heartbeat,
    read_sync,
)


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack(">h", len(raw)) + raw


def test_the_three_records_are_read() -> None:
    key = text("orders") + struct.pack(">i", 3)
    assert read_sync(key, struct.pack(">qq", 100, 40)) == OffsetSync("orders", 3, 100, 40)
    key = text("app") + text("main.orders") + struct.pack(">i", 3)
    value = struct.pack(">hqq", 0, 100, 40) + text("note")
    assert read_checkpoint(key, value) == Checkpoint("app", "main.orders", 3, 100, 40, "note")
    key = text("main") + text("dr")
    assert read_heartbeat(key, struct.pack(">hq", 0, 1234)) == Heartbeat("main", "dr", 1234)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (None, None),
        (b"", struct.pack(">qq", 1, 1)),
        (text("t"), struct.pack(">qq", 1, 1)),
        (text("t") + struct.pack(">i", 0), b"\0"),
        (struct.pack(">h", 500) + b"short", struct.pack(">qq", 1, 1)),
        (struct.pack(">h", -1), struct.pack(">qq", 1, 1)),
        (struct.pack(">h", 1) + b"\xff" + struct.pack(">i", 0), struct.pack(">qq", 1, 1)),
    ],
)
def test_other_bytes_are_no_sync(key: bytes | None, value: bytes | None) -> None:
    with pytest.raises(NotARecord):
        read_sync(key, value)


def test_an_unknown_version_is_refused_by_name() -> None:
    with pytest.raises(NotARecord, match="version 7"):
        read_checkpoint(b"", struct.pack(">hqq", 7, 1, 1))
    with pytest.raises(NotARecord, match="version 7"):
        read_heartbeat(b"", struct.pack(">hq", 7, 1))


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(key: bytes, value: bytes) -> None:
    for read in (read_sync, read_checkpoint, read_heartbeat):
        try:
            read(key, value)
        except NotARecord:
            pass


SYNCS = [OffsetSync("t", 0, 10, 0), OffsetSync("t", 0, 100, 90), OffsetSync("t", 0, 150, 120)]


@pytest.mark.parametrize(
    ("upstream", "downstream", "behind"),
    [
        (9, None, None),
        (10, 0, 0),
        (11, 1, 0),
        (50, 1, 39),
        (99, 1, 88),
        (100, 90, 0),
        (101, 91, 0),
        (150, 120, 0),
        (1000, 121, 849),
    ],
)
def test_translation_is_never_ahead(upstream: int, downstream: int | None, behind: int | None) -> None:
    found = SyncStore.of(SYNCS).translate("t", 0, upstream)
    assert (found.offset, found.behind) == (downstream, behind)
    assert bool(found.why) is (downstream is None)


def test_a_partition_that_nobody_copied_is_said_so() -> None:
    assert "copied yet" in SyncStore.of(SYNCS).translate("t", 1, 10).why


def test_a_source_topic_that_was_made_anew_forgets_what_was_ahead() -> None:
    store = SyncStore.of([*SYNCS, OffsetSync("t", 0, 0, 121)])
    assert store.translate("t", 0, 100).offset == 122
    assert store.partitions == {("t", 0): OffsetSync("t", 0, 0, 121)}


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)), min_size=1, max_size=30),
    st.integers(0, 3000),
)
def test_no_record_is_missed(steps: list[tuple[int, int]], upstream: int) -> None:
    """Copies keep the order and may leave records out (compaction, transactions): the translated offset is at or before
    the place of every record from `upstream` on."""
    syncs, up, down = [], 0, 0
    for ahead, lost in steps:
        syncs.append(OffsetSync("t", 0, up, down))
        up, down = up + ahead + lost, down + ahead
    found = SyncStore.of(syncs).translate("t", 0, upstream)
    newest = max(sync.upstream for sync in syncs if sync.upstream <= upstream)
    base = next(sync for sync in syncs if sync.upstream == newest)
    assert found.offset is not None
    assert base.downstream <= found.offset <= base.downstream + (1 if upstream > newest else 0)
