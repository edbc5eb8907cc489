"""Taking a broker out: what moves where, and what forbids it. By table."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.clusters.logic.removal_plans import (
    Hosted,
    Removal,
    RemovalState,
    plan_moves,
    plan_remove,
)
from controlplane.core.plans import Risk

LOAD = {1: 10, 2: 12, 3: 11}
EMPTY = RemovalState("RUNNING", True, 3, load=LOAD)
ORDERS = Hosted("orders", 0, (4, 1, 2), (4, 1, 2))
HOSTING = replace(EMPTY, hosted=(ORDERS, Hosted("orders", 1, (1, 4), (1, 4))), size=1_200_000)


@pytest.mark.parametrize(
    ("hosted", "load", "targets"),
    [
        ([ORDERS], LOAD, {("orders", 0): (3, 1, 2)}),
        ([Hosted("a", 0, (1, 4), (1, 4))], LOAD, {("a", 0): (1, 3)}),
        (
            [Hosted("a", n, (4,), (4,)) for n in range(3)],
            {1: 0, 2: 0, 3: 0},
            {("a", 0): (1,), ("a", 1): (2,), ("a", 2): (3,)},
        ),
        ([Hosted("a", n, (4,), (4,)) for n in range(2)], {1: 0, 2: 9}, {("a", 0): (1,), ("a", 1): (1,)}),
        ([replace(ORDERS, moving=True)], LOAD, {}),
    ],
)
def test_a_replica_moves_to_the_least_loaded_broker_that_has_none_and_keeps_its_place(
    hosted: list[Hosted], load: dict[int, int], targets: dict[tuple[str, int], tuple[int, ...]]
) -> None:
    found = plan_moves(4, replace(EMPTY, hosted=tuple(hosted), load=load))
    assert {(m.hosted.topic, m.hosted.partition): m.replicas for m in found.moves} == targets
    assert found.stuck == ()


@given(
    st.lists(
        st.sets(st.integers(1, 6), min_size=1, max_size=3).map(lambda others: (7, *sorted(others))),
        max_size=40,
    )
)
def test_after_the_moves_the_broker_hosts_nothing_and_no_replica_is_doubled(
    placed: list[tuple[int, ...]],
) -> None:
    hosted = tuple(Hosted("t", n, replicas, replicas) for n, replicas in enumerate(placed))
    load = Counter(dict.fromkeys(range(1, 7), 0))
    found = plan_moves(7, replace(EMPTY, hosted=hosted, load=load))
    assert len(found.moves) == len(hosted)
    for move in found.moves:
        assert 7 not in move.replicas
        assert len(set(move.replicas)) == len(move.hosted.replicas)
        assert set(move.replicas) - {move.target} == set(move.hosted.replicas) - {7}


@pytest.mark.parametrize(
    ("asked", "state", "codes"),
    [
        (Removal(4), EMPTY, []),
        (Removal(4), HOSTING, []),
        (Removal(4, move_replicas=False), EMPTY, []),
        (Removal(4, move_replicas=False), HOSTING, ["hosts_replicas"]),
        (Removal(2), replace(EMPTY, controller=True), ["voter"]),
        (Removal(1), replace(EMPTY, controller=True, controllers=1), ["voter"]),
        (Removal(4), replace(EMPTY, unjudged="no answer"), ["unjudged"]),
        (Removal(4), replace(EMPTY, hosted=(replace(ORDERS, moving=True),)), ["moving"]),
        (Removal(4), replace(EMPTY, hosted=(Hosted("wide", 0, (1, 2, 3, 4), (1, 2, 3, 4)),)), ["no_place"]),
        (Removal(4), replace(HOSTING, load={1: 1, 2: 1}), ["no_place"]),
        (Removal(4), replace(HOSTING, alive=False, process="STOPPED"), []),
        (
            Removal(4),
            replace(EMPTY, alive=False, process="FATAL", hosted=(Hosted("one", 0, (4,), (4,)),)),
            ["no_place"],
        ),
    ],
)
def test_a_removal_is_refused_only_with_a_reason(
    asked: Removal, state: RemovalState, codes: list[str]
) -> None:
    plan = plan_remove(asked, state, cluster="main")
    assert [refusal.code for refusal in plan.refusals] == codes
    assert plan.allowed is not bool(codes)


def test_a_host_is_refused_with_counts_topics_and_the_command() -> None:
    (refusal,) = plan_remove(Removal(4, move_replicas=False), HOSTING, cluster="main").refusals
    assert refusal.what == "Broker 4 hosts 2 replicas of 1 topic: orders"
    assert "kafka-reassign-partitions.sh" in refusal.hint
    assert "--broker-list 1,2,3" in refusal.hint


def test_the_plan_tells_each_topic_what_is_copied_and_what_becomes_of_the_data() -> None:
    plan = plan_remove(Removal(4), HOSTING, cluster="main")
    assert [(step.kind.value, step.name) for step in plan.steps] == [("alter", "orders"), ("delete", "4")]
    change = plan.steps[0].changes[0]
    assert (change.before, change.after, change.note) == (
        "2",
        "0",
        "partition 0 to broker 3, partition 1 to broker 2",
    )
    assert "2 replicas (1.2 MB)" in plan.warnings[0]
    assert (plan.risk, plan.confirm_name) == (Risk.DISRUPTIVE, None)
    assert plan.api is not None
    assert plan.api.path == "clusters/main/brokers/4/?move_replicas=true&delete_data=false"


def test_deleting_its_data_asks_for_the_name() -> None:
    plan = plan_remove(Removal(4, delete_data=True), EMPTY, cluster="main")
    assert (plan.risk, plan.confirm_name) == (Risk.DESTRUCTIVE, "broker 4")
    assert plan.commands == ("python -m broker remove 4 --delete-data",)


def test_a_removal_goes_stale_when_a_replica_comes_or_a_target_goes() -> None:
    digest = plan_remove(Removal(4), HOSTING, cluster="main").digest
    more = replace(HOSTING, hosted=(*HOSTING.hosted, Hosted("new", 0, (4,), (4,))))
    fewer = replace(HOSTING, load={1: 10, 3: 11})
    grown = replace(HOSTING, load={1: 99, 2: 1, 3: 11}, size=9)
    assert plan_remove(Removal(4), more, cluster="main").digest != digest
    assert plan_remove(Removal(4), fewer, cluster="main").digest != digest
    assert plan_remove(Removal(4), grown, cluster="main").digest == digest


def test_a_removal_that_was_broken_off_says_that_it_goes_on() -> None:
    plan = plan_remove(
        Removal(4), replace(EMPTY, process="STOPPED", alive=False, leaving=True), cluster="main"
    )
    assert plan.allowed
    assert any("goes on from where it stopped" in warning for warning in plan.warnings)
