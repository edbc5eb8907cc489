"""Cycles of the evaluator over a real database: states, staleness, restarts, clock jumps, a storm."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from controlplane.alerts import shipped, shipped_rules
from controlplane.alerts.logic.states import Sight
from controlplane.alerts.models import Alert, Beat, Evaluation, GroupLog, InhibitionRule, Notification, Rule
from controlplane.alerts.services import cycle, evaluating
from controlplane.metrics.query import Point
from tests.alerts.notation import EPOCH
from tests.alerts.scene import Scene, Sink, cluster, receiver, rule, states

ONE = {"broker": "1", "__name__": "up"}
TWO = {"broker": "2"}


def test_an_alert_has_the_labels_of_its_series_its_rule_and_its_cluster(scene: Scene) -> None:
    rule(labels={"severity": "critical", "team": "{{ $labels.broker | printf `t%s` }}"})
    scene.answers = {"x": [ONE]}
    scene.cycle()
    row = Alert.objects.get()
    assert row.labels == {
        "alertname": "X", "broker": "1", "cluster": "main", "severity": "critical", "team": "t1",
    }  # fmt: skip
    assert (row.annotations, row.value, row.severity, row.state) == (
        {"summary": "X of 1 is 1"}, "1", "critical", "firing",
    )  # fmt: skip


def test_it_waits_fires_resolves_and_a_later_one_is_a_new_episode(scene: Scene) -> None:
    rule(hold=20)
    scene.answers = {"x": [ONE]}
    scene.cycle()
    assert states() == {"1": "pending"}
    scene.passes(20)
    assert states() == {"1": "firing"}
    scene.answers = {}
    scene.passes(10)
    assert states() == {"1": "resolved"}
    scene.answers = {"x": [ONE]}
    scene.passes(10)
    assert sorted(Alert.objects.values_list("state", flat=True)) == ["pending", "resolved"]
    scene.answers = {}
    scene.passes(10)
    assert list(Alert.objects.values_list("state", flat=True)) == ["resolved"]


def test_a_silent_broker_keeps_its_alerts_and_loses_no_one_elses(scene: Scene) -> None:
    rule()
    scene.answers = {"x": [ONE, TWO]}
    scene.cycle()
    scene.answers, scene.sight = {}, Sight(silent_brokers=frozenset({"1"}))
    scene.passes(600)
    assert states() == {"1": "firing", "2": "resolved"}
    assert Alert.objects.get(labels__broker="1").no_data_since == EPOCH + timedelta(seconds=10)
    scene.sight = Sight()
    scene.passes(10)
    assert states() == {"1": "resolved", "2": "resolved"}


def test_a_rule_that_fails_keeps_its_alerts_and_says_why(scene: Scene) -> None:
    broken = rule()
    fine = rule("Y")
    scene.answers = {"x": [ONE], "y": [TWO]}
    scene.cycle()
    scene.answers = {"x": "no such function"}
    scene.passes(10)
    assert states() == {"1": "firing", "2": "resolved"}
    assert Evaluation.objects.get(rule=broken).error == "no such function"
    assert Evaluation.objects.get(rule=fine).error == ""


def test_a_bug_in_the_evaluation_of_one_rule_is_not_everybodys(scene: Scene) -> None:
    rule()
    rule("Y")

    def query(name: str, expr: str, at_ms: int) -> list[Point]:
        if expr == "x":
            raise ZeroDivisionError
        return [Point(TWO, 1.0)]

    found = cycle.run(scene.reading(), query=query, look=lambda name, at_ms: Sight())
    assert found is not None
    assert (found.rules, found.failed, found.alerts) == (2, 1, 1)
    assert Evaluation.objects.get(rule__name="X").error == "ZeroDivisionError (the log has the details)"


def test_two_series_that_are_one_alert_are_an_error(scene: Scene) -> None:
    rule()
    scene.answers = {"x": [{"__name__": "a", "broker": "1"}, {"__name__": "b", "broker": "1"}]}
    scene.cycle()
    assert "the same labels" in Evaluation.objects.get().error
    assert not Alert.objects.exists()


def test_a_rule_of_one_cluster_is_asked_there_only(scene: Scene) -> None:
    cluster("dr")
    rule(cluster="dr")
    rule("Y")
    scene.answers = {"x": [ONE], "y": [TWO]}
    scene.cycle()
    assert sorted(Alert.objects.values_list("name", "cluster")) == [("X", "dr"), ("Y", "dr"), ("Y", "main")]


@pytest.mark.parametrize(
    ("outage_minutes", "fires_after_minutes"),
    [
        (5, 20),  # 25 - 5 that had passed: the outage does not count
        (15, 20),
        (40, 20),
        (70, 25),  # beyond the tolerance of an hour: anew
    ],
)
def test_for_25_minutes_over_an_outage_of_the_evaluator(
    scene: Scene, outage_minutes: int, fires_after_minutes: int
) -> None:
    rule(hold=25 * 60)
    scene.answers = {"x": [ONE]}
    scene.cycle()
    scene.passes(5 * 60, every=60)
    scene.moves(outage_minutes * 60)
    scene.cycle()
    back = scene.now
    while states()["1"] != "firing":
        scene.passes(60, every=60)
    assert scene.now - back == timedelta(minutes=fires_after_minutes)


def test_a_firing_alert_is_the_same_episode_after_a_restart_of_everything(scene: Scene, sink: Sink) -> None:
    rule()
    receiver(sink.url)
    scene.answers = {"x": [ONE]}
    scene.cycle()
    scene.delivers()
    before = Alert.objects.get().pk
    scene.boot = "boot-2"
    scene.moves(7200)
    scene.monotonic = 5.0
    scene.cycle()
    scene.delivers()
    assert (Alert.objects.get().pk, states()) == (before, {"1": "firing"})
    assert sink.told == [("firing", "first notification")]


@pytest.mark.parametrize("jump", [3600, -3600])
def test_a_jump_of_the_clock_resolves_nothing_and_tells_nobody(scene: Scene, sink: Sink, jump: int) -> None:
    rule(keep=120)
    rule("Y", hold=600)
    receiver(sink.url)
    scene.answers = {"x": [ONE], "y": [TWO]}
    scene.cycle()
    scene.passes(60)
    scene.delivers()
    told = list(sink.told)
    scene.jumps(jump)
    # The samples are at the old times: the expressions have no answer until polls have come in again.
    scene.answers = {}
    scene.passes(30)
    assert states() == {"1": "firing", "2": "pending"}
    scene.answers = {"x": [ONE], "y": [TWO]}
    scene.passes(300)
    assert states() == {"1": "firing", "2": "pending"}
    scene.passes(230)
    assert states() == {"1": "firing", "2": "firing"}
    scene.delivers()
    assert sink.told == [*told, ("firing", "first notification")]
    assert {body["labels"]["alertname"] for body in sink.received[-1].json["alerts"]} == {"Y"}


def test_a_jump_moves_the_outbox_along(scene: Scene, sink: Sink) -> None:
    rule()
    receiver(sink.url)
    sink.answer = lambda request: 500
    scene.answers = {"x": [ONE]}
    scene.cycle()
    scene.delivers()
    scene.moves(10)
    before = Notification.objects.get().next_attempt_at
    flush = GroupLog.objects.get().next_flush_at
    scene.jumps(-3600)
    scene.cycle()
    assert before - Notification.objects.get().next_attempt_at == timedelta(hours=1)
    assert flush is not None
    assert GroupLog.objects.get().next_flush_at == flush - timedelta(hours=1)
    sink.answer = lambda request: 200
    scene.delivers()
    assert len(sink.received) == 2


def test_of_two_cycles_one_runs_and_a_lost_lease_is_taken_over(scene: Scene) -> None:
    rule()
    held = Beat.objects.filter(pk=1)
    held.update(
        lease="other", lease_boot="boot-1", lease_monotonic=scene.monotonic + 60, lease_wall=scene.now
    )
    assert scene.cycle() is None
    scene.jumps(7200)  # the wall clock frees nothing
    assert scene.cycle() is None
    scene.moves(61)
    assert Beat.objects.get().lease == "other"
    scene.cycle()
    assert Beat.objects.get().lease == ""


def test_each_cycle_is_stamped(scene: Scene) -> None:
    scene.cycle()
    scene.moves(10)
    scene.cycle()
    assert Beat.objects.get().completed_at == scene.now


def test_a_rule_that_is_switched_off_resolves_what_fired(scene: Scene) -> None:
    one = rule()
    rule("Y", hold=60)
    scene.answers = {"x": [ONE], "y": [TWO]}
    scene.cycle()
    evaluating.end_alerts(one, scene.now)
    evaluating.end_alerts(Rule.objects.get(name="Y"), scene.now)
    assert states() == {"1": "resolved"}


def test_a_storm_of_a_thousand_alerts(scene: Scene, sink: Sink) -> None:
    """AL-5: they fire together, one message tells all of them, a cycle takes less than five seconds."""
    rule()
    receiver(sink.url)
    scene.answers = {"x": [{"broker": str(number % 3), "topic": f"t{number}"} for number in range(1000)]}
    took = []
    for _ in range(3):
        scene.moves(10)
        started = time.monotonic()
        scene.cycle()
        took.append(time.monotonic() - started)
    scene.delivers()
    assert max(took) < 5
    assert len(sink.received) == 1
    assert len(sink.received[0].json["alerts"]) == 1000
    scene.answers = {}
    scene.passes(70)
    scene.delivers()
    assert [status for status, _ in sink.told] == ["firing", "resolved"]
    print(f"\nstorm of 1,000: cycles of {', '.join(f'{each:.2f}' for each in took)} s")


# --- Shipped rules ----------------------------------------------------------------------------------------------------
def test_the_shipped_rules_are_there_after_the_first_cycle_and_keep_what_a_user_changed(scene: Scene) -> None:
    Beat.objects.update(shipped="")
    scene.cycle()
    assert set(Rule.objects.values_list("name", flat=True)) == {each.name for each in shipped_rules.RULES}
    assert InhibitionRule.objects.count() == len(shipped_rules.INHIBITIONS)
    Rule.objects.filter(name="BrokerDown").update(expr="up == 2", edited=True)
    Rule.objects.filter(name="HeapHigh").update(expr="old")
    Rule.objects.create(
        name="Gone", group=shipped.GROUP, shipped=True, expr="x", created_at=EPOCH, updated_at=EPOCH
    )
    Beat.objects.update(shipped="an older version")
    scene.passes(10)
    assert Rule.objects.get(name="BrokerDown").expr == "up == 2"
    assert "0.8" in Rule.objects.get(name="HeapHigh").expr
    assert not Rule.objects.filter(name="Gone").exists()
