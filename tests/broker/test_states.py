"""The moves between states, and the small decisions of the step: back-off, crash loop, timeouts, patience."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker import reconcile
from broker.diagnosis import Cause, Diagnosis
from broker.processes import (
    Child,
    Crash,
    HttpReady,
    LogReady,
    ProcessKind,
    ProcessSpec,
    ProcessStatus,
    Ready,
    TcpReady,
    UnixReady,
)
from broker.reconcile import Failure, Kill, Spawn, Terminate, World, backoff_delay
from broker.states import ALIVE, DOWN, MOVES, IllegalMove, ProcessState, check_move

SPEC = ProcessSpec(
    "one", ProcessKind.BROKER, ("x",), {"A": "1"}, "/", "/log", ("x",), start_timeout=90, stop_timeout=60
)
CHILD = Child(7, 70, "boot", ("x",), "marker")
CRASH = Failure(Diagnosis(Cause.UNKNOWN, "It exited with code 1."), 1)
S = ProcessState


def test_every_state_has_its_moves_and_none_moves_to_itself() -> None:
    assert set(MOVES) == set(ProcessState)
    assert all(state not in moves for state, moves in MOVES.items())
    assert set(ProcessState) == ALIVE | DOWN


def test_a_move_that_is_not_in_the_table_is_an_error() -> None:
    with pytest.raises(IllegalMove, match="STOPPED -> RUNNING"):
        check_move(S.STOPPED, S.RUNNING)


@pytest.mark.parametrize(
    "ready", [None, TcpReady("h", 1), UnixReady("/s"), HttpReady("http://h/", 204), LogReady("x")]
)
def test_a_specification_travels_as_json(ready: Ready | None) -> None:
    spec = replace(
        SPEC, ready=ready, depends_on=("redis",), labels={"node": "1"}, ports=("h:1",), expect={"f": ("a=1",)}
    )
    assert ProcessSpec.from_json(spec.to_json()) == spec


def test_a_status_travels_as_json() -> None:
    status = ProcessStatus(
        "one",
        ProcessKind.BROKER,
        S.FATAL,
        reason="no",
        last_lines=("a",),
        exit_code=1,
        crash=Crash(1.5, "It exited.", 2, 4, 3.5),
    )
    assert ProcessStatus.from_json(status.to_json()) == status


def running(now: float = 0.0) -> World:
    world = reconcile.apply(World(), [SPEC])
    world, effects = reconcile.step(world, now)
    assert effects == (Spawn("one"),)
    return reconcile.ready(reconcile.spawned(world, "one", CHILD), "one", now)


def crash(world: World, now: float, failure: Failure = CRASH) -> World:
    world, effects = reconcile.step(reconcile.ended(world, "one", failure, now), now)
    assert effects == ()
    return world


def respawn(world: World, now: float) -> World:
    world, effects = reconcile.step(world, now)
    assert effects == (Spawn("one"),)
    return reconcile.spawned(world, "one", CHILD)


@pytest.mark.parametrize(
    ("failures", "shortest"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32), (7, 60), (50, 60)]
)
def test_the_back_off_doubles_up_to_a_minute_with_a_fifth_of_jitter(failures: int, shortest: float) -> None:
    delays = {backoff_delay(failures, seed) for seed in range(100)}
    assert all(shortest <= delay <= shortest * 1.2 for delay in delays)
    assert len(delays) > 50


def test_five_crashes_in_two_minutes_are_fatal() -> None:
    world, now = running(), 0.0
    for number in range(1, 6):
        world = crash(world, now)
        expected = S.FATAL if number == 5 else S.BACKOFF
        assert world.entries["one"].state is expected
        if number < 5:
            now += backoff_delay(number, 0) * 1.2 + 0.1
            world = respawn(world, now)
    assert now < reconcile.CRASH_WINDOW
    assert world.entries["one"].failure == CRASH


def test_crashes_that_are_far_apart_are_never_fatal() -> None:
    world, now = running(), 0.0
    for _ in range(20):
        world = crash(world, now)
        now += 73
        world = reconcile.ready(respawn(world, now), "one", now)
    assert world.entries["one"].state is S.RUNNING


def test_ten_minutes_of_running_forgive_past_crashes() -> None:
    world = reconcile.ready(respawn(crash(crash_again(running()), 4), 20), "one", 20)
    assert world.entries["one"].failures == 2
    world, _ = reconcile.step(world, 20 + 599)
    assert world.entries["one"].failures == 2
    world, _ = reconcile.step(world, 20 + 600)
    assert world.entries["one"].failures == 0


def crash_again(world: World) -> World:
    return reconcile.ready(respawn(crash(world, 0), 3), "one", 3)


def test_a_permanent_cause_is_fatal_at_once() -> None:
    world = crash(running(), 0, Failure(Diagnosis(Cause.DISK_FULL, "The disk is full."), 1))
    assert world.entries["one"].state is S.FATAL
    assert reconcile.step(world, 1e6) == (world, ())


def test_what_ended_for_want_of_space_starts_once_there_is_room_again() -> None:
    world = crash(running(), 0, Failure(Diagnosis(Cause.DISK_FULL, "The disk is full."), 1))
    assert (
        "when there is room again" in (reconcile.summary(world, world.entries["one"]) or CRASH.diagnosis).hint
    )
    never_full = reconcile.looked(world, "one", full=False)
    assert reconcile.step(never_full, 1e6)[1] == ()
    full = reconcile.looked(world, "one", full=True)
    assert reconcile.step(full, 1e6)[1] == ()
    room = reconcile.looked(full, "one", full=False)
    assert reconcile.step(room, 0.5)[1] == ()
    started, effects = reconcile.step(room, 2)
    assert effects == (Spawn("one"),)
    assert (started.entries["one"].restarts, started.entries["one"].room) == (1, None)
    assert reconcile.step(reconcile.stop(room, "one"), 2)[0].entries["one"].state is S.STOPPED


def test_a_start_that_takes_too_long_is_ended_unless_logs_are_recovered() -> None:
    world, _ = reconcile.step(reconcile.apply(World(), [SPEC]), 0)
    world = reconcile.watched(reconcile.spawned(world, "one", CHILD), "one", busy=True, progress="recovers")
    world, effects = reconcile.step(world, 5000)
    assert effects == ()
    world, effects = reconcile.step(reconcile.watched(world, "one", busy=False, progress=None), 5001)
    assert effects == (Terminate("one"),)
    world = crash(world, 5002)
    assert world.entries["one"].state is S.BACKOFF
    assert world.entries["one"].timeouts == 1


def test_a_start_that_takes_too_long_three_times_is_fatal() -> None:
    world, now = reconcile.apply(World(), [SPEC]), 0.0
    for _ in range(3):
        world = respawn(world, now)
        now += 91
        world, effects = reconcile.step(world, now)
        assert effects == (Terminate("one"),)
        world = crash(world, now)
        now += 61
    assert world.entries["one"].state is S.FATAL


def test_a_stop_asks_first_and_kills_after_the_timeout() -> None:
    world, effects = reconcile.step(reconcile.stop(running(), "one"), 100)
    assert effects == (Terminate("one"),)
    assert reconcile.step(world, 159)[1] == ()
    world, effects = reconcile.step(world, 161)
    assert effects == (Kill("one"),)
    assert reconcile.step(world, 162)[1] == ()
    assert reconcile.step(world, 167)[1] == (Kill("one"),)


def test_a_stop_has_more_patience_while_leaders_move() -> None:
    world, _ = reconcile.step(reconcile.stop(running(), "one"), 100)
    moving = reconcile.watched(world, "one", busy=True, progress="leaders move")
    assert reconcile.step(moving, 399)[1] == ()
    assert reconcile.step(moving, 401)[1] == (Kill("one"),)


@given(st.lists(st.floats(0, 200), min_size=1, max_size=30))
def test_the_delay_grows_with_time_and_never_shrinks_below_a_second(gaps: list[float]) -> None:
    assert all(backoff_delay(number + 1, int(gap)) >= 1 for number, gap in enumerate(gaps))


def test_a_crash_tells_its_time_and_the_start_that_follows() -> None:
    world = running()
    assert reconcile.crash(world.entries["one"], 0) is None
    entry = crash(world, 100).entries["one"]
    told = reconcile.crash(entry, 1000)
    assert told == Crash(1100, "It exited with code 1.", 1, 4, 1000 + entry.wake)
    assert told.next_try is not None
    assert 1101 <= told.next_try <= 1101.2
    starting, _ = reconcile.step(World({"one": entry}), entry.wake)
    assert reconcile.crash(starting.entries["one"], 1000) == replace(told, next_try=None)
    stopped = reconcile.step(reconcile.stop(World({"one": entry}), "one"), entry.wake)[0]
    assert reconcile.crash(stopped.entries["one"], 1000) is None


def test_a_start_that_somebody_asked_for_begins_the_count_anew() -> None:
    entry = reconcile.start(crash(running(), 100), "one").entries["one"]
    assert reconcile.crash(entry, 0) is None
