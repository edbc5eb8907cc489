from __future__ import annotations

from dataclasses import replace

import pytest

from controlplane.clusters.logic.broker_plans import (
    Away,
    BrokerAct,
    BrokerImpact,
    BrokerState,
    ClusterProcesses,
    needed_with,
    plan_act,
    plan_add,
    plan_roll,
)
from controlplane.core.plans import Risk
from controlplane.core.words import some

HARMLESS = BrokerImpact(leaders_moved=("orders-0",), under_replicated=("orders-0", "orders-1"))
SEVERE = BrokerImpact(offline=("single-0",), under_min_isr=("pay-0",), quorum_lost=True)
RUNNING = BrokerState(2, "RUNNING", HARMLESS)


@pytest.mark.parametrize(
    ("act", "state", "codes"),
    [
        (BrokerAct.START, RUNNING, ["running"]),
        (BrokerAct.START, replace(RUNNING, process="STOPPED"), []),
        (BrokerAct.START, replace(RUNNING, process="FATAL"), []),
        (BrokerAct.STOP, RUNNING, []),
        (BrokerAct.STOP, replace(RUNNING, process="STOPPED"), ["not_running"]),
        (BrokerAct.STOP, replace(RUNNING, blockers=("orders-0 at min ISR",)), []),
        (BrokerAct.RESTART, RUNNING, []),
        (BrokerAct.RESTART, replace(RUNNING, process="EXITED"), ["not_running"]),
        (BrokerAct.RESTART, replace(RUNNING, blockers=("orders-0 at min ISR",)), ["unsafe"]),
    ],
)
def test_an_act_is_refused_only_with_a_reason(act: BrokerAct, state: BrokerState, codes: list[str]) -> None:
    plan = plan_act(act, state, cluster="main")
    assert [refusal.code for refusal in plan.refusals] == codes
    assert plan.allowed is not bool(codes)


def test_moving_leaders_is_disruptive_and_needs_no_typed_name() -> None:
    plan = plan_act(BrokerAct.STOP, RUNNING, cluster="main")
    assert plan.risk is Risk.DISRUPTIVE
    assert plan.confirm_name is None


def test_taking_partitions_offline_asks_for_the_name_and_says_which() -> None:
    plan = plan_act(BrokerAct.STOP, replace(RUNNING, impact=SEVERE), cluster="main")
    assert plan.risk is Risk.DESTRUCTIVE
    assert plan.confirm_name == "broker 2"
    text = " ".join(plan.warnings)
    assert "single-0" in text
    assert "pay-0" in text
    assert "majority" in text


def test_a_stop_goes_stale_when_it_would_hurt_more_than_was_shown() -> None:
    before = plan_act(BrokerAct.STOP, RUNNING, cluster="main").digest
    worse = plan_act(BrokerAct.STOP, replace(RUNNING, impact=SEVERE), cluster="main").digest
    leaders = replace(HARMLESS, leaders_moved=("orders-0", "orders-1"))
    assert before != worse
    assert before == plan_act(BrokerAct.STOP, replace(RUNNING, impact=leaders), cluster="main").digest


@pytest.mark.parametrize(
    ("broker", "voters", "alive", "needed"),
    [
        (1, (1, 2, 3), (), (2,)),
        (3, (1, 2, 3), (), (1,)),
        (1, (1, 2, 3), (2,), ()),
        (1, (1, 2, 3), (2, 3), ()),
        (4, (1, 2, 3), (), (1, 2)),
        (4, (1, 2, 3), (3,), (1,)),
        (1, (1,), (), ()),
        (1, (1, 2, 3, 4, 5), (), (2, 3)),
    ],
)
def test_a_start_takes_along_what_makes_a_majority(
    broker: int, voters: tuple[int, ...], alive: tuple[int, ...], needed: tuple[int, ...]
) -> None:
    assert needed_with(broker, voters, alive) == needed


def test_a_start_without_a_majority_names_who_starts_too() -> None:
    stopped = replace(RUNNING, process="STOPPED", with_it=(Away(1, "STOPPED"), Away(3, "FATAL")))
    plan = plan_act(BrokerAct.START, stopped, cluster="main")
    assert plan.title == "Start brokers 2, 1 and 3"
    assert [(step.name, step.changes[0].before) for step in plan.steps] == [
        ("2", "STOPPED"),
        ("1", "STOPPED"),
        ("3", "FATAL"),
    ]
    assert "1 and 3 start with broker 2" in plan.warnings[0]
    assert plan.digest != plan_act(BrokerAct.START, replace(stopped, with_it=()), cluster="main").digest


def test_a_roll_is_planned_in_the_order_in_which_it_is_done() -> None:
    plan = plan_roll(ClusterProcesses((1, 2, 3), (2, 3, 1), controller=1), cluster="main")
    assert [step.name for step in plan.steps] == ["2", "3", "1"]
    assert plan.steps[-1].summary == "active controller, last of the controllers"
    assert plan.apply_label == "Restart 3 brokers, one by one"


@pytest.mark.parametrize(
    ("away", "words"),
    [
        (Away(2, "FATAL", "Its log directory is unreadable."), "FATAL (Its log directory is unreadable)"),
        (Away(2, "STOPPED"), "STOPPED"),
        (Away(2, "BACKOFF", "It exited with code 1."), "BACKOFF (It exited with code 1)"),
    ],
)
def test_a_roll_says_that_it_starts_what_is_down_first(away: Away, words: str) -> None:
    state = ClusterProcesses((1, 2, 3), (2, 3, 1), down=(away,), controller=1)
    plan = plan_roll(state, cluster="main")
    assert plan.allowed
    assert (plan.steps[0].changes[0].before, plan.steps[0].changes[0].after) == (away.process, "RUNNING")
    assert plan.steps[0].summary == "started first: it does not run"
    assert plan.steps[1].changes[0].after == "RUNNING (new process)"
    assert plan.apply_label == "Start 1, then restart 2 brokers, one by one"
    assert plan.warnings[0].startswith(f"Broker 2 is {words}. It is started first")


def test_a_roll_goes_stale_when_another_broker_goes_down() -> None:
    fine = ClusterProcesses((1, 2, 3), (2, 3, 1))
    worse = replace(fine, down=(Away(3, "STOPPED"),))
    assert plan_roll(fine, cluster="main").digest != plan_roll(worse, cluster="main").digest


def test_a_roll_is_refused_where_kafka_cannot_be_asked() -> None:
    plan = plan_roll(ClusterProcesses((1, 2, 3), (1, 2, 3), unjudged="no answer"), cluster="main")
    assert [refusal.code for refusal in plan.refusals] == ["unjudged"]
    assert "no answer" in plan.refusals[0].what


@pytest.mark.parametrize(
    ("act", "codes"), [(BrokerAct.START, ["leaving"]), (BrokerAct.RESTART, ["leaving"]), (BrokerAct.STOP, [])]
)
def test_a_broker_that_is_being_removed_is_not_started(act: BrokerAct, codes: list[str]) -> None:
    plan = plan_act(act, replace(RUNNING, leaving=True), cluster="main")
    assert [refusal.code for refusal in plan.refusals] == codes


def test_a_new_broker_gets_the_next_id() -> None:
    plan = plan_add(ClusterProcesses((1, 2, 3, 7)), cluster="main")
    assert plan.steps[0].name == "8"


@pytest.mark.parametrize(
    ("count", "text"), [(0, ""), (2, "t-0, t-1"), (7, "t-0, t-1, t-2, t-3, t-4 and 2 more")]
)
def test_long_lists_are_shortened(count: int, text: str) -> None:
    assert some([f"t-{number}" for number in range(count)]) == text
