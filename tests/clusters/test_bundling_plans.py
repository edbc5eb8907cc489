"""Plans for whole bundled clusters, by table: what is refused, what is said before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controlplane.clusters.logic.bundling_plans import (
    NewCluster,
    Room,
    Whole,
    WholeAct,
    plan_create,
    plan_whole,
)
from controlplane.core.plans import Risk

ROOM = Room(8000, 50_000, 400, 200)
DR = Whole("dr", 1, 1, topics=3, groups=2)


@pytest.mark.parametrize(
    ("asked", "room", "codes"),
    [
        (NewCluster("dr", "DR"), ROOM, []),
        (NewCluster("main", "Main"), ROOM, ["name_taken"]),
        (NewCluster("No Name", "x"), ROOM, ["name"]),
        (NewCluster("-x", "x"), ROOM, ["name"]),
        (NewCluster("dr", "DR", 0), ROOM, ["brokers"]),
        (NewCluster("dr", "DR", 6), ROOM, ["brokers"]),
        (NewCluster("dr", "DR", 3), replace(ROOM, memory_mb=900), ["brokers_memory"]),
        (NewCluster("dr", "DR", 3), replace(ROOM, disk_mb=100), ["brokers_disk"]),
        (NewCluster("dr", "DR", 3), Room(None, None, 400, 200), []),
    ],
)
def test_what_a_new_cluster_is_refused_for(asked: NewCluster, room: Room, codes: list[str]) -> None:
    plan = plan_create(asked, "19192 to 19201", (), room, ["main"])
    assert [refusal.code for refusal in plan.refusals] == codes


def test_the_plan_says_what_it_takes() -> None:
    plan = plan_create(NewCluster("dr", "DR", 2), "19192 to 19211", ("Port 19092 is taken",), ROOM, [])
    shown = {change.field: change.after for change in plan.steps[0].changes}
    assert shown["ports"] == "19192 to 19211"
    assert shown["memory"] == "about 800 MB"
    assert plan.warnings == ("Port 19092 is taken",)


@pytest.mark.parametrize(
    ("act", "state", "code"),
    [
        (WholeAct.START, DR, "running"),
        (WholeAct.START, replace(DR, alive=0), None),
        (WholeAct.STOP, DR, None),
        (WholeAct.STOP, replace(DR, alive=0), "stopped"),
        (WholeAct.REMOVE, DR, None),
        (WholeAct.REMOVE, replace(DR, name="main"), "first"),
        (WholeAct.REMOVE, replace(DR, needed_by=("the flow main->dr",)), "needed"),
    ],
)
def test_what_an_act_is_refused_for(act: WholeAct, state: Whole, code: str | None) -> None:
    assert [refusal.code for refusal in plan_whole(act, state).refusals] == ([code] if code else [])


def test_stopping_and_removing_ask_for_the_name() -> None:
    assert plan_whole(WholeAct.START, DR).confirm_name is None
    for act in (WholeAct.STOP, WholeAct.REMOVE):
        plan = plan_whole(act, DR)
        assert plan.confirm_name == "dr"
        assert plan.risk is Risk.DESTRUCTIVE
    said = " ".join(plan_whole(WholeAct.REMOVE, DR, delete_data=True).warnings)
    assert "3 topics and 2 consumer groups are deleted" in said


def test_a_plan_is_of_one_state() -> None:
    states = (DR, replace(DR, alive=0), replace(DR, topics=4), replace(DR, worker=True))
    assert len({plan_whole(WholeAct.REMOVE, state).digest for state in states}) == 4
    assert plan_whole(WholeAct.REMOVE, DR).digest != plan_whole(WholeAct.REMOVE, DR, delete_data=True).digest
