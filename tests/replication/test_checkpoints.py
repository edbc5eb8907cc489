"""When a checkpoint is due, and how long it has been."""

from __future__ import annotations

import pytest

from controlplane.replication.logic import checkpoints
from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.logic.offsets import Checkpoint, OffsetSync, SyncStore

ASKED = FlowRequest("main", "dr", topics=("orders",))
KEY = ("app", "main.orders", 0)


@pytest.mark.parametrize(
    ("syncs", "committed", "mark", "due"),
    [
        # (upstream, downstream) of syncs; what the group committed; (upstream, downstream) of its checkpoint
        ([(0, 0), (100, 100)], 100, (100, 100), False),  # it was written
        ([(0, 0), (100, 100)], 100, (50, 1), True),  # caught up, and the checkpoint is from before
        ([(0, 0), (100, 100)], 100, None, True),  # caught up, and never written
        ([], 100, None, False),  # nothing was copied: nothing can be said
        ([(200, 0)], 100, None, False),  # older than what was copied
        ([(0, 0), (100, 100)], 150, (101, 101), False),  # 101 in either case: MirrorMaker writes nothing new
        ([(0, 0), (90, 90), (100, 100)], 95, (85, 1), False),  # moved by 10, 5 behind: not certain
        ([(0, 0), (90, 90), (100, 100)], 95, (20, 1), True),  # moved by 75, 5 behind
        (
            [(0, 0), (500, 500), (9000, 9000)],
            600,
            (400, 1),
            False,
        ),  # far behind: MirrorMaker knows less than the topic
        ([(0, 0), (100, 100)], 40, (100, 100), False),  # rewound: not judged
    ],
)
def test_a_checkpoint_is_due_where_mirrormaker_would_write_one(
    syncs: list[tuple[int, int]], committed: int, mark: tuple[int, int] | None, due: bool
) -> None:
    store = SyncStore.of(OffsetSync("orders", 0, *pair) for pair in syncs)
    marks = {KEY: Checkpoint(*KEY, *mark)} if mark else {}
    assert checkpoints.due(ASKED, {"app": {("orders", 0): committed}}, store, marks) == {"app": due}


def test_topics_that_are_not_copied_do_not_count() -> None:
    assert checkpoints.due(ASKED, {"app": {("other", 0): 5}}, SyncStore(), {}) == {}


@pytest.mark.parametrize(
    ("due", "newest", "before", "age"),
    [
        (False, {"app": 0}, {"app": 400.0}, 0.0),  # none is due
        (True, {}, {}, 0.0),  # seen for the first time: it grows from here
        (True, {}, {"app": 0.0}, 30.0),
        (True, {}, {"app": 300.0}, 330.0),
        (True, {"app": 95_000}, {"app": 300.0}, 5.0),  # a busy group: one is written all the time
        (True, {"app": 0}, {"app": 0.0}, 30.0),  # an idle group that has just committed
    ],
)
def test_the_age_grows_while_one_is_due(
    due: bool, newest: dict[str, int], before: dict[str, float], age: float
) -> None:
    assert checkpoints.ages({"app": due}, newest, before, 30.0, 100_000) == {"app": age}


def test_the_newest_of_each_group_counts() -> None:
    assert checkpoints.newest([("a", 5), ("a", 9), ("a", 7), ("b", None)]) == {"a": 9}
