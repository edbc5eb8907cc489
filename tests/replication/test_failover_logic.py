"""The runbook of a failover as a pure thing: the order of its steps, and what each plan says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controlplane.core.plans import Risk
from controlplane.replication.logic.failover import (
    STEPS,
    Attempt,
    Kind,
    Observation,
    Step,
    Taken,
    left_behind,
    next_step,
    refusal_of,
    seconds_lost,
    stood_still,
)
from controlplane.replication.logic.failover_plans import (
    plan_check,
    plan_drain,
    plan_freeze,
    plan_reverse,
    plan_stop,
    plan_switch,
)
from controlplane.replication.logic.flows import FlowRequest, Policy
from controlplane.replication.logic.freezing import denials
from controlplane.replication.logic.offset_plans import plan_offsets
from controlplane.replication.logic.progress import GroupOffset, PartitionLag, Totals
from controlplane.replication.logic.readiness import Readiness, problems

FLOW = FlowRequest("main", "dr")


def taken(*steps: Step, failed: Step | None = None) -> dict[Step, Taken]:
    found = {step: Taken(step, "done", "now", "now") for step in steps}
    return found | ({failed: Taken(failed, "failed", "now", "now")} if failed else {})


@pytest.mark.parametrize("kind", Kind)
def test_every_step_is_taken_once_in_its_order(kind: Kind) -> None:
    done: dict[Step, Taken] = {}
    for step in STEPS[kind]:
        assert next_step(kind, done) is step
        assert refusal_of(kind, done, step) is None
        done |= taken(step)
    assert next_step(kind, done) is None


@pytest.mark.parametrize(
    ("kind", "done", "step", "code"),
    [
        (Kind.PLANNED, {}, Step.DRAIN, "order"),
        (Kind.PLANNED, taken(Step.CHECK), Step.CHECK, None),
        (Kind.PLANNED, taken(Step.CHECK, Step.FREEZE), Step.CHECK, "done"),
        (Kind.PLANNED, taken(Step.CHECK, failed=Step.FREEZE), Step.FREEZE, None),
        (Kind.PLANNED, taken(Step.CHECK, failed=Step.FREEZE), Step.DRAIN, "order"),
        (Kind.UNPLANNED, taken(Step.CHECK), Step.FREEZE, "step"),
        (Kind.UNPLANNED, taken(Step.CHECK), Step.STOP, None),
        (Kind.REHEARSAL, taken(Step.CHECK), Step.STOP, "step"),
    ],
)
def test_what_a_step_waits_for(kind: Kind, done: dict[Step, Taken], step: Step, code: str | None) -> None:
    found = refusal_of(kind, done, step)
    assert (found.code if found else None) == code


def test_a_rehearsal_changes_nothing() -> None:
    assert not set(STEPS[Kind.REHEARSAL]) & {Step.FREEZE, Step.STOP, Step.OFFSETS, Step.SWITCH}


def test_what_only_a_dead_source_needs_is_in_no_planned_one() -> None:
    assert set(STEPS[Kind.PLANNED]) == set(Step) - {Step.LOSS}
    assert not set(STEPS[Kind.UNPLANNED]) & {Step.FREEZE, Step.DRAIN, Step.VERIFY}
    assert STEPS[Kind.PLANNED][-1] is STEPS[Kind.UNPLANNED][-1] is Step.REVERSE


def test_an_end_that_moved_is_named() -> None:
    before = {("a", 0): 5, ("a", 1): 7}
    assert stood_still(before, before) == ()
    assert stood_still(before, {("a", 0): 5, ("a", 1): 8, ("b", 0): 1}) == ("a-1", "b-0")


def test_one_unknown_partition_leaves_the_loss_unknown() -> None:
    rows = [PartitionLag("a", 0, 10, 4), PartitionLag("a", 1, 10, 10)]
    assert left_behind(rows) == 6
    assert left_behind([*rows, PartitionLag("a", 2, None, 4)]) is None


READY = Readiness("running", Totals(0, 0.0, 3), source_answers=True)


def test_what_stands_in_the_way_is_said_before() -> None:
    assert problems(Kind.PLANNED, READY) == ()
    assert "lose nothing" in problems(Kind.UNPLANNED, READY)[0]
    gone = Readiness(
        "running", Totals(None, None, 3, 3), source_answers=False, users_missing=("app",), active=("g",)
    )
    said = " ".join(problems(Kind.PLANNED, gone))
    assert "cannot freeze" in said
    assert "app" in said
    assert "g: members" in said
    assert "unknown" in str(plan_check(FLOW, Kind.UNPLANNED, gone).steps)


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (None, "is unknown"),
        (Observation("2026-01-01T00:00:00+00:00", None, None), "is unknown"),
        (Observation("2026-01-01T00:00:00+00:00", 7, 2.0), "7 records were not copied"),
    ],
)
def test_of_a_dead_source_the_last_look_is_promised(seen: Observation | None, said: str) -> None:
    gone = replace(READY, totals=Totals(None, None, 3, 3), source_answers=False, last_known=seen)
    assert said in " ".join(problems(Kind.UNPLANNED, gone))
    assert gone.evidence()["last_known_records"] == (seen.records if seen else None)
    assert "last_known_records" not in READY.evidence()


def test_what_keeps_its_name_is_said_to_begin_later() -> None:
    back = FlowRequest("dr", "main")
    kept = plan_reverse(replace(FLOW, policy=Policy.IDENTITY), back, [], 3)
    assert "3 partitions" in kept.warnings[0]
    assert "lifted" in kept.warnings[1]
    assert plan_reverse(FLOW, back, [], 0).warnings == ()
    assert "there already" in str(plan_reverse(FLOW, back, [], 0).steps)


def test_the_freeze_names_who_is_not_bound_by_it() -> None:
    denied = denials(FLOW, ["orders"])
    plan = plan_freeze(FLOW, denied, ["User:CN=broker-1", "User:admin"], present=0)
    assert plan.risk is Risk.DISRUPTIVE
    assert "User:admin" in " ".join(plan.warnings)
    assert len(plan.steps) == 2
    assert len(plan_freeze(FLOW, [], [], present=1).steps) == 1
    assert "who they are is unknown" in plan_freeze(FLOW, denied, None, present=0).warnings[1]
    follows = plan_freeze(replace(FLOW, sync_acls=True), denied, [], present=0)
    assert [step.object_type for step in follows.steps] == ["connector", "ACLs", "proof"]


def test_the_switch_lifts_what_an_earlier_failover_froze_and_says_who_is_denied() -> None:
    lifted = plan_stop(FLOW, {"x": "RUNNING"})
    assert plan_switch(FLOW, "b:1", ["orders"], lifted).steps[0] == lifted.steps[0]
    assert "lifted" in plan_switch(FLOW, "b:1", ["orders"], lifted).warnings[0]
    assert (
        "deny everybody to write to orders"
        in plan_switch(FLOW, "b:1", ["orders"], None, denied=["orders"]).warnings[1]
    )


def test_a_flow_back_that_an_earlier_failover_left_at_rest_goes_on() -> None:
    plan = plan_reverse(
        FLOW, replace(FLOW, source="dr", target="main"), [], 0, {"dr->main.source": "STOPPED"}
    )
    ((change,),) = [step.changes for step in plan.steps]
    assert (change.before, change.after) == ("STOPPED", "RUNNING")


def test_topics_that_producers_need_are_named_before_they_move() -> None:
    found = replace(READY, absent=("orders",))
    assert "no such topic" in problems(Kind.PLANNED, found)[0]
    assert found.evidence()["topics_missing_in_target"] == ["orders"]
    assert "no such topic" in plan_switch(FLOW, "b:1", ["orders"], None, absent=["orders"]).warnings[1]


def test_offsets_are_set_for_groups_that_nobody_reads_with() -> None:
    rows = [
        GroupOffset("app", "orders", 0, 100, 90, 9, there=10, into="main.orders"),
        GroupOffset("app", "orders", 1, 100, 90, 0, there=90, into="main.orders"),
        GroupOffset("busy", "orders", 0, 100, 90, 0, into="main.orders"),
        GroupOffset("lost", "orders", 0, 1, None, None, why="older", into="main.orders"),
    ]
    plan = plan_offsets(FLOW, rows, ["busy"])
    assert [(step.name, [c.field for c in step.changes]) for step in plan.steps] == [
        ("app", ["main.orders-0"])
    ]
    said = " ".join(plan.warnings)
    assert "9 records again" in said
    assert "busy" in said
    assert "lost" in said


def test_the_stop_warns_of_mixing() -> None:
    assert "Never resume" in plan_stop(FLOW, {"main->dr.source": "RUNNING"}).warnings[0]


@pytest.mark.parametrize(
    ("lost", "oldest", "signs", "seconds"),
    [
        (0, None, [], 0.0),
        (3, None, [9_000], None),
        # The last record that was lost is younger than the last answer; and the other way round.
        (3, 5_000, [7_000, 9_500], 4.5),
        (3, 5_000, [9_000, 6_000], 4.0),
        # Nobody knows when it died: before the failover.
        (3, 5_000, [], 15.0),
        # Clocks of clients may be wrong.
        (3, 5_000, [99_000], 15.0),
        (3, 5_000, [4_000], 0.0),
    ],
)
def test_seconds_are_lost_until_the_source_died(
    lost: int, oldest: int | None, signs: list[int], seconds: float | None
) -> None:
    assert seconds_lost(lost, oldest, signs, stopped_ms=20_000) == seconds


def test_a_plan_holds_while_records_are_written() -> None:
    """Under load the numbers move at each look; a step that only reads or waits can be taken all the same."""
    asked = FlowRequest("main", "dr")
    slow, fast = (Readiness("running", Totals(records, records / 10, 3), True) for records in (7, 900))
    assert plan_check(asked, Kind.PLANNED, slow).digest == plan_check(asked, Kind.PLANNED, fast).digest
    assert plan_drain(asked, slow.totals).digest == plan_drain(asked, fast.totals).digest
    stopped = replace(fast, state="stopped")
    assert plan_check(asked, Kind.PLANNED, stopped).digest != plan_check(asked, Kind.PLANNED, fast).digest


def test_clients_have_waited_since_the_first_attempt() -> None:
    once = Taken(Step.FREEZE, "done", "10:00", "10:01")
    again = replace(
        once, started_at="10:02", earlier=(Attempt("failed", "10:00", "10:01", "Somebody writes"),)
    )
    assert (once.first_started_at, again.first_started_at) == ("10:00", "10:00")


def test_stopping_without_a_freeze_says_what_is_left_behind() -> None:
    quiet, open_ = (plan_stop(FLOW, {}, open_source=each).warnings for each in (False, True))
    assert len(open_) == len(quiet) + 1
    assert "main answered, and is not frozen" in open_[0]
