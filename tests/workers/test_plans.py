"""Plans of a Connect worker, by table: what each act shows, warns of and refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controlplane.core.access import Action
from controlplane.core.plans import Plan, PlanStep, Risk, StepKind
from controlplane.workers.logic import standstill
from controlplane.workers.logic.plans import WorkerAct, WorkerRequest, WorkerState, plan_act

NONE = WorkerState(
    name="main-connect",
    url="http://127.0.0.1:19182",
    principal="User:kastellan-connect",
    own_principal="User:kastellan-connect-worker",
    heap_mb=512,
    missing_bytes=37_000_000,
    internal_topics=("a", "b", "c"),
    connectors=(),
)
RUNNING = replace(NONE, process="RUNNING", alive=True, missing_bytes=0)
STOPPED = replace(RUNNING, process="STOPPED", alive=False)
RIGHTS = Plan(
    action=Action.ACL_EDIT,
    title="",
    apply_label="",
    cluster="main",
    steps=(PlanStep(StepKind.CREATE, "acl", "read"),),
    risk=Risk.REVERSIBLE,
    digest="rights",
)


def planned(act: WorkerAct, state: WorkerState, rights: Plan | None = None, **asked: bool) -> Plan:
    return plan_act(WorkerRequest(act, **asked), state, rights, cluster="main")


@pytest.mark.parametrize(
    ("act", "state", "code"),
    [
        (WorkerAct.START, NONE, None),
        (WorkerAct.START, STOPPED, None),
        (WorkerAct.START, RUNNING, "running"),
        (WorkerAct.STOP, NONE, "no_worker"),
        (WorkerAct.STOP, RUNNING, None),
        (WorkerAct.STOP, STOPPED, "stopped"),
        (WorkerAct.RESTART, RUNNING, None),
        (WorkerAct.RESTART, STOPPED, "stopped"),
        (WorkerAct.REMOVE, NONE, "no_worker"),
        (WorkerAct.REMOVE, RUNNING, None),
        (WorkerAct.REMOVE, replace(RUNNING, connectors=("x",)), "connectors"),
        (WorkerAct.REMOVE, replace(STOPPED, connectors=None), None),
    ],
)
def test_what_is_refused(act: WorkerAct, state: WorkerState, code: str | None) -> None:
    assert [refusal.code for refusal in planned(act, state).refusals] == ([code] if code else [])


def test_the_first_start_says_what_it_makes() -> None:
    plan = planned(WorkerAct.START, NONE, RIGHTS)
    assert [step.object_type for step in plan.steps] == ["acl", "connect worker"]
    shown = {change.field: change.after for change in plan.steps[-1].changes}
    assert shown["REST API"] == NONE.url
    assert shown["principal of connectors"] == "User:kastellan-connect"
    assert shown["principal"] == "User:kastellan-connect-worker"
    assert shown["download"] == "37 MB"
    assert plan.risk is Risk.REVERSIBLE


def test_a_start_with_connectors_stopped_names_those_that_would_run() -> None:
    plan = planned(WorkerAct.START, replace(STOPPED, to_stop=("a", "b")), connectors_stopped=True)
    assert plan.allowed
    assert [each.name for each in plan.affected] == ["a", "b"]
    assert ("connectors that run", "2", "0") in [
        (each.field, each.before, each.after) for each in plan.steps[-1].changes
    ]
    assert "stay stopped" in plan.warnings[0]
    assert plan.digest != planned(WorkerAct.START, STOPPED, connectors_stopped=True).digest
    assert [each.code for each in planned(WorkerAct.RESTART, RUNNING, connectors_stopped=True).refusals] == [
        "connectors_stopped"
    ]


@pytest.mark.parametrize(
    ("records", "names"),
    [
        ([], ()),
        ([("connector-a", b"{}"), ("connector-b", b"{}")], ("a", "b")),
        ([("connector-a", b"{}"), ("connector-a", None)], ()),
        ([("connector-a", b"{}"), ("target-state-a", b'{"state":"PAUSED","state.v2":"STOPPED"}')], ()),
        ([("connector-a", b"{}"), ("target-state-a", b'{"state":"PAUSED","state.v2":"PAUSED"}')], ("a",)),
        (
            [("target-state-a", b'{"state.v2":"STOPPED"}'), ("connector-a", b"{}"), ("target-state-a", None)],
            ("a",),
        ),
        ([("connector-a", b"{}"), ("target-state-a", b"no json")], ("a",)),
        (
            [("task-a-0", b"{}"), ("commit-a", b"{}"), ("session-key", b"{}"), ("connector-->x", b"{}")],
            ("->x",),
        ),
        ([*standstill.stopping(["a"]), ("connector-a", b"{}")], ()),
    ],
)
def test_which_connectors_would_run(records: list[tuple[str, bytes | None]], names: tuple[str, ...]) -> None:
    assert standstill.to_stop(records) == names


def test_a_later_start_makes_nothing_new() -> None:
    (step,) = planned(WorkerAct.START, STOPPED).steps
    assert [(change.field, change.before, change.after) for change in step.changes] == [
        ("process", "STOPPED", "RUNNING")
    ]


def test_exactly_once_is_shown_where_it_changes() -> None:
    (step,) = planned(WorkerAct.START, STOPPED, exactly_once=True).steps
    assert step.changes[-1].field == "exactly.once.source.support"
    (step,) = planned(WorkerAct.START, replace(STOPPED, exactly_once=True), exactly_once=True).steps
    assert len(step.changes) == 1


def test_stopping_names_the_connectors() -> None:
    plan = planned(WorkerAct.STOP, replace(RUNNING, connectors=("orders", "users")))
    assert [(each.object_type, each.name) for each in plan.affected] == [
        ("connector", "orders"),
        ("connector", "users"),
    ]
    assert "2 connectors copy nothing until" in plan.warnings[0]
    assert plan.risk is Risk.DISRUPTIVE


def test_removing_takes_the_rights_away_and_keeps_the_topics() -> None:
    plan = planned(WorkerAct.REMOVE, RUNNING, RIGHTS)
    assert [step.object_type for step in plan.steps] == ["connect worker", "acl"]
    assert plan.confirm_name == "main-connect"
    assert "a, b, c stay" in plan.warnings[0]


def test_a_plan_is_of_one_state() -> None:
    seen = {
        planned(WorkerAct.STOP, state).digest
        for state in (
            RUNNING,
            STOPPED,
            NONE,
            replace(RUNNING, connectors=("x",)),
            replace(RUNNING, connectors=None),
        )
    }
    assert len(seen) == 5
    assert planned(WorkerAct.START, NONE).digest != planned(WorkerAct.START, NONE, RIGHTS).digest
