"""The way home of groups that read copies: never past what they have read, and what is not known is said."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.replication.logic.flows import FlowRequest, Policy
from controlplane.replication.logic.homecoming import WayOut, home, homecomers
from controlplane.replication.logic.offset_plans import not_restored, plan_offsets
from controlplane.replication.logic.offsets import OffsetSync, SyncStore, Translated

HOME = FlowRequest("dr", "main")
WHERE = ("orders", 0)
SYNCS = [OffsetSync("orders", 0, 10, 0), OffsetSync("orders", 0, 100, 80), OffsetSync("orders", 0, 150, 120)]


def out(
    syncs: list[OffsetSync] = SYNCS, *, stopped: tuple[int, int] | None = None, first: int = 0, end: int = 200
) -> WayOut:
    return WayOut(SyncStore.of(syncs), {WHERE: stopped} if stopped else {}, {WHERE: first}, {WHERE: end})


@pytest.mark.parametrize(
    ("way", "read", "before", "offset", "behind"),
    [
        (out(), 0, None, 10, 0),
        (out(), 1, None, 11, 0),
        (out(), 79, None, 11, 78),
        (out(), 80, None, 100, 0),
        (out(), 90, None, 101, 9),
        (out(), 500, None, 151, 379),
        # Where the flow had stopped: all of the copy was read.
        (out(stopped=(180, 145)), 145, None, 180, 0),
        (out(stopped=(180, 145)), 500, None, 180, 0),
        (out(stopped=(180, 145)), 144, None, 151, 23),
        # Further syncs say that it was resumed since.
        (out([*SYNCS, OffsetSync("orders", 0, 190, 150)], stopped=(180, 145)), 150, None, 190, 0),
        # It never goes back behind its own commit in the original ...
        (out(), 90, 105, 105, 0),
        (out(), 90, 60, 101, 9),
        # ... unless it went back in the copy.
        (out(), 40, 105, 11, 39),
        # What retention has taken is gone.
        (out(first=120), 90, None, 120, 9),
    ],
)
def test_a_place_in_the_copy_is_one_in_the_original(
    way: WayOut, read: int, before: int | None, offset: int, behind: int
) -> None:
    assert home(way, WHERE, read, before) == Translated(offset, behind)


@pytest.mark.parametrize(
    ("way", "before", "offset", "behind"),
    [
        (out([], first=3, end=200), None, 3, 5),
        (out([OffsetSync("orders", 0, 10, 7)], first=3, end=5), None, 3, 2),
        # Its own commit there holds, and is not touched.
        (out([]), 4, None, None),
    ],
)
def test_where_nothing_says_its_place_it_reads_again_rather_than_nothing(
    way: WayOut, before: int | None, offset: int | None, behind: int | None
) -> None:
    found = home(way, WHERE, 5, before)
    assert (found.offset, found.behind) == (offset, behind)
    assert found.why


@pytest.mark.parametrize(
    ("way", "read", "before", "why"),
    [
        (out([]), 5, 4, "nothing says"),
        (out([OffsetSync("orders", 0, 10, 7)]), 5, 4, "older"),
        (out(end=50), 90, None, "made anew"),
        (WayOut(SyncStore.of(SYNCS)), 90, None, "not there any more"),
    ],
)
def test_it_is_refused_with_the_reason(way: WayOut, read: int, before: int | None, why: str) -> None:
    found = home(way, WHERE, read, before)
    assert found.offset is None
    assert why in found.why


def test_a_copy_that_was_made_anew_counts_from_there() -> None:
    syncs = SyncStore.of([*SYNCS, OffsetSync("orders", 0, 160, 0), OffsetSync("orders", 0, 170, 9)])
    assert [syncs.back("orders", 0, read).offset for read in (0, 1, 9, 100)] == [160, 161, 170, 171]


@st.composite
def copied(draw: st.DrawFn) -> tuple[list[int], list[int], list[OffsetSync], tuple[int, int]]:
    """Offsets of records in the source and of their copies, either with gaps (compaction, transactions); syncs of some of
    them; where the flow stopped."""
    gaps = draw(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3), st.booleans()), max_size=15))
    up, down, syncs = [], [], []
    upstream, downstream = draw(st.integers(0, 9)), draw(st.integers(0, 9))
    for ahead, behind, is_sync in gaps:
        up.append(upstream)
        down.append(downstream)
        if is_sync:
            syncs.append(OffsetSync("orders", 0, upstream, downstream))
        upstream, downstream = upstream + ahead, downstream + behind
    return up, down, syncs, (up[-1] + 1 if up else 0, downstream)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(copied(), st.integers(0, 50), st.integers(0, 50), st.integers(0, 20), st.booleans())
def test_nobody_is_put_past_what_he_has_read_and_who_read_more_never_before(
    scene: tuple[list[int], list[int], list[OffsetSync], tuple[int, int]],
    one: int,
    other: int,
    count: int,
    told: bool,
) -> None:
    up, down, syncs, stopped = scene
    # Of what the group had read before the failover it knows by itself.
    before = up[count] if count < len(up) else None
    way = WayOut(SyncStore.of(syncs), {WHERE: stopped} if told else {}, {WHERE: 0}, {WHERE: stopped[0]})
    less, more = sorted((one, other))
    places = [home(way, WHERE, read, before).offset for read in (less, more)]
    for read, place in zip((less, more), places, strict=True):
        unread = [offset for offset, copy in zip(up, down, strict=True) if copy >= read]
        first = min(unread, default=stopped[0])
        own = before if before is not None else 0
        assert place is None or place <= max(first, own)
    assert places[0] is None or (places[1] is not None and places[0] <= places[1])


def test_the_plan_shows_each_partition_and_what_is_not_restored() -> None:
    committed = {"app": {("main.orders", number): 90 for number in range(3)} | {("payments", 0): 1}}
    firsts = {("orders", number): 7 for number in range(3)}
    way = WayOut(SyncStore.of(SYNCS), {}, firsts, dict.fromkeys(firsts, 200))
    rows = homecomers(HOME, way, committed, {"app": {WHERE: 40, ("orders", 2): 8}})
    assert [(row.into, row.partition, row.there, row.translated) for row in rows] == [
        ("orders", 0, 40, 101),
        ("orders", 1, None, 7),
        ("orders", 2, 8, None),
    ]
    plan = plan_offsets(HOME, rows, ())
    ((change, anew),) = [step.changes for step in plan.steps]
    assert (change.field, change.before, change.after) == ("orders-0", "40", "101")
    assert "9 read again" in str(change)
    assert (anew.field, anew.before, anew.after) == ("orders-1", None, "7")
    assert not_restored(rows) == ("app in orders-2 (nothing says where its records were; it goes on at 8)",)
    said = " ".join(plan.warnings)
    assert "back to the originals" in said
    assert "From the first record, since nothing says how far they had come: app in orders-1." in said
    assert "app in orders-2" in said


@pytest.mark.parametrize(
    ("flow", "topic", "is_copied", "home_of"),
    [
        (HOME, "orders", True, None),
        (HOME, "main.orders", False, "orders"),
        (HOME, "main.a.b", False, "a.b"),
        (HOME, "eu.main.orders", False, None),  # by a ring: it came from there too, by another way
        (HOME, "mainland.orders", True, None),
        (FlowRequest("dr", "main", topics=("o*",)), "main.payments", False, None),
        (FlowRequest("dr", "main", policy=Policy.IDENTITY), "main.orders", True, None),
    ],
)
def test_what_came_from_the_target_is_not_copied_there(
    flow: FlowRequest, topic: str, is_copied: bool, home_of: str | None
) -> None:
    assert flow.copied(topic) is is_copied
    assert flow.home_of(topic) == home_of
