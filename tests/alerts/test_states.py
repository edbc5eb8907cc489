"""One alert's life in tables: `for`, `keep_firing_for`, silence of the data, outages of the evaluator, clock jumps."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.alerts.logic.clock import TOLERATED, Reading, passage
from controlplane.alerts.logic.states import (
    CLEAR,
    Instance,
    Seen,
    Sight,
    State,
    Timing,
    ended,
    restored,
    step,
)
from tests.alerts.notation import LABELS, MINUTE, at, fold, pending_since, shown

TABLE = [
    # for, keep_firing_for (minutes), answers, states
    (0, 0, "5 5 _", "F F R"),
    (0, 0, "5 _ 5 _", "F R F R"),
    (2, 0, "5 5 5 5 _", "P P F F R"),
    (2, 0, "5 5 _ 5 5 5", "P P . P P F"),
    (0, 2, "5 _ _ _ 5", "F F F R F"),
    (0, 2, "5 _ 5 _ _ _", "F F F F F R"),
    # No data is never resolved: not by a silent broker, not by a failed evaluation, however long.
    (0, 0, "5 ~ ~ ~ 5 _", "F F? F? F? F R"),
    (0, 0, "5 ! ! 5", "F F? F? F"),
    (0, 0, "5 ~ ~ _", "F F? F? R"),
    (0, 1, "5 ~ ~ _ _", "F F? F? F R"),
    # A pending alert does not fire on what nobody saw: its clock stands still.
    (2, 0, "5 ~ ~ ~ 5 5 5", "P P? P? P? P F F"),
    (3, 0, "5 5 ~ 5 5 5", "P P P? P F F"),
    (2, 0, "5 ~ _", "P P? ."),
    # What was never there does not appear out of silence.
    (0, 0, "~ ! _", ". . ."),
]


@pytest.mark.parametrize(("hold", "keep", "answers", "states"), TABLE)
def test_the_states_minute_by_minute(hold: int, keep: int, answers: str, states: str) -> None:
    assert shown(fold(Timing(hold * MINUTE, keep * MINUTE), answers)) == states


def test_a_pending_alert_whose_data_came_back_waits_for_the_rest_of_its_time() -> None:
    instances = fold(Timing(hold=3 * MINUTE), "5 5 ~ ~ 5 5 5")
    assert shown(instances) == "P P P? P? P F F"


def test_a_longer_for_moves_a_firing_alert_back_to_pending() -> None:
    (firing,) = step(Timing(), {}, {"k": Seen(LABELS, {}, 1.0)}, CLEAR, at(0)).instances
    done = step(Timing(hold=5 * MINUTE), {"k": firing}, {"k": Seen(LABELS, {}, 1.0)}, CLEAR, at(1))
    (back,) = done.instances
    assert (back.state, back.fired_at, back.was_firing) == (State.PENDING, None, True)
    assert [(each.before, each.after) for each in done.transitions] == [(State.FIRING, State.PENDING)]
    again = step(Timing(hold=5 * MINUTE), {"k": back}, {"k": Seen(LABELS, {}, 1.0)}, CLEAR, at(5))
    assert again.instances[0].state is State.FIRING


def test_one_that_fired_and_went_back_to_pending_is_resolved_not_forgotten() -> None:
    back = replace(pending_since(0), was_firing=True)
    (gone,) = step(Timing(hold=5 * MINUTE), {"k": back}, {}, CLEAR, at(1)).instances
    assert (gone.state, gone.resolved_at) == (State.RESOLVED, at(1))


def test_the_start_of_the_episode_and_its_newest_value_and_words_are_kept() -> None:
    first = Seen(LABELS, {"summary": "5 of them"}, 5.0)
    (one,) = step(Timing(), {}, {"k": first}, CLEAR, at(0)).instances
    (two,) = step(
        Timing(), {"k": one}, {"k": Seen(LABELS, {"summary": "7 of them"}, 7.0)}, CLEAR, at(3)
    ).instances
    assert (two.active_at, two.fired_at, two.value, two.annotations) == (
        at(0),
        at(0),
        7.0,
        {"summary": "7 of them"},
    )


@pytest.mark.parametrize(
    ("sight", "labels", "kept"),
    [
        (Sight(silent_brokers=frozenset({"1"})), {"broker": "1"}, True),
        (Sight(silent_brokers=frozenset({"1"})), {"broker": "2"}, False),
        (Sight(silent_brokers=frozenset({"1"})), {"topic": "orders"}, False),
        (Sight(cluster_silent=True), {"broker": "2"}, True),
        (Sight(cluster_silent=True), {"topic": "orders"}, True),
        (CLEAR, {"broker": "1"}, False),
    ],
)
def test_what_is_kept_is_what_could_not_be_seen(sight: Sight, labels: dict[str, str], kept: bool) -> None:
    (firing,) = step(Timing(), {}, {"k": Seen(labels, {}, 1.0)}, CLEAR, at(0)).instances
    (after,) = step(Timing(), {"k": firing}, {}, sight, at(1)).instances
    assert (after.state is State.FIRING) is kept
    assert (after.no_data_since == at(1)) is kept


# --- TestForStateRestore: `for: 25m`, evaluations at 0 and 5 minutes, then an outage -------------------------------
HOLD = Timing(hold=25 * MINUTE)


@pytest.mark.parametrize(
    ("down_at", "up_at", "active_at"),
    [
        (5, 15, 10),  # normal restore: the outage is not counted
        (5, 20, 15),
        (5, 66, 66),  # beyond the tolerance of an hour: anew
        (5, 64, 59),
        (20, 25, 25 + 10 - 25),  # five minutes were left: fires after the grace period, not before
        (5, 10, 5),  # five minutes
        (5, 45, 40),  # forty minutes
    ],
)
def test_for_state_restore(down_at: float, up_at: float, active_at: float) -> None:
    (found,) = restored(HOLD, [pending_since(0)], at(down_at), at(up_at))
    assert found.active_at == at(active_at)


def test_a_rule_with_a_for_below_the_grace_period_starts_anew() -> None:
    (found,) = restored(Timing(hold=9 * MINUTE), [pending_since(0)], at(5), at(7))
    assert found.active_at == at(7)


def test_a_firing_alert_stays_firing_over_any_outage_and_resolves_when_its_condition_is_gone() -> None:
    (firing,) = step(Timing(), {}, {"k": Seen(LABELS, {}, 1.0)}, CLEAR, at(0)).instances
    (kept,) = restored(HOLD, [firing], at(1), at(500))
    assert kept == firing
    assert step(Timing(), {"k": kept}, {"k": Seen(LABELS, {}, 1.0)}, CLEAR, at(500)).transitions == ()
    assert step(Timing(), {"k": kept}, {}, CLEAR, at(500)).instances[0].state is State.RESOLVED


def test_a_rule_that_is_gone_resolves_what_fired_and_forgets_what_waited() -> None:
    (firing,) = step(Timing(), {}, {"k": Seen(LABELS, {}, 1.0)}, CLEAR, at(0)).instances
    after = ended(firing, at(3))
    assert after is not None
    assert (after.state, after.resolved_at) == (State.RESOLVED, at(3))
    assert ended(pending_since(0), at(3)) is None


WORDS = st.lists(st.sampled_from(["5", "_", "~", "!"]), min_size=1, max_size=40)


@given(WORDS, st.integers(0, 4), st.integers(0, 4))
def test_no_data_never_resolves_and_every_episode_ends_once(words: list[str], hold: int, keep: int) -> None:
    instances = fold(Timing(hold * MINUTE, keep * MINUTE), " ".join(words))
    for word, before, after in zip(words, [None, *instances], instances, strict=False):
        open_before = before is not None and before.resolved_at is None
        if word in ("~", "!") and open_before:
            assert before is not None
            assert after is not None
            assert (after.state, after.no_data_since is not None) == (before.state, True)
        if after is not None and after.state is State.RESOLVED:
            assert before is not None
            assert before.state is State.FIRING


@given(WORDS, st.integers(1, 4))
def test_nothing_fires_before_it_was_seen_for_as_long_as_it_has_to(words: list[str], hold: int) -> None:
    """Evaluations are a minute apart: `hold` minutes are hold + 1 answers in one run without a gap in sight."""
    run = 0
    for word, after in zip(words, fold(Timing(hold * MINUTE), " ".join(words)), strict=True):
        run = run + 1 if word == "5" else 0 if word == "_" else run
        if after is not None and after.state is State.FIRING and word == "5":
            assert run >= 2


# --- The clock ------------------------------------------------------------------------------------------------------
def reading(minutes: float, seconds: float, boot: str = "a") -> Reading:
    return Reading(at(minutes), seconds, boot)


@pytest.mark.parametrize(
    ("last", "now", "elapsed", "jump"),
    [
        (reading(0, 100), reading(1, 160), 60, 0),
        (reading(0, 100), reading(61, 160), 60, 3600),
        (reading(0, 100), reading(-59, 160), 60, -3600),
        (reading(0, 100), reading(1, 157), 57, 0),  # drift is no jump
        (reading(0, 100), reading(60, 5, "b"), 3600, 0),  # a boot: the clock is believed
        (reading(0, 100), reading(-60, 5, "b"), 0, -3600),  # unless it went back
    ],
)
def test_a_jump_is_what_the_machine_did_not_count(
    last: Reading, now: Reading, elapsed: float, jump: float
) -> None:
    found = passage(last, now)
    assert (found.elapsed, found.jump) == (timedelta(seconds=elapsed), timedelta(seconds=jump))
    assert found.jumped is bool(jump)


@given(st.floats(0, 1e6), st.floats(-1e6, 1e6))
def test_elapsed_and_jump_add_up_to_what_the_wall_clock_says(real: float, off: float) -> None:
    last, now = reading(0, 0), Reading(at(0) + timedelta(seconds=real + off), real, "a")
    found = passage(last, now)
    assert abs((found.elapsed + found.jump) - (now.wall - last.wall)) <= TOLERATED
    assert isinstance(found.jumped, bool)


def test_an_instance_is_equal_to_itself_only() -> None:
    one: Instance = pending_since(0)
    assert one != pending_since(1)
