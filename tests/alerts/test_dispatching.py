"""Who is told what and when: groups, silences, inhibition, acknowledgement, resolution, order, retries, replays."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from controlplane.alerts.logic.backoff import GIVE_UP_AFTER
from controlplane.alerts.logic.webhook import signature
from controlplane.alerts.models import (
    Acknowledgement,
    Alert,
    DeliveryAttempt,
    GroupLog,
    InhibitionRule,
    MuteTime,
    Notification,
    Receiver,
    RouteTree,
    Rule,
    Silence,
)
from controlplane.alerts.services import delivering, evaluating, housekeeping, sending
from controlplane.alerts.services.sending import secret_context
from controlplane.core.secrets import encrypt
from controlplane.gateways.errors import TargetRefused
from tests.alerts.notation import EPOCH
from tests.alerts.scene import Scene, Sink, receiver, rule

ONE, TWO = {"broker": "1"}, {"broker": "2"}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def routes(document: dict[str, Any]) -> None:
    RouteTree.objects.create(document=document, updated_at=EPOCH, updated_by="test")


def silence(scene: Scene, *matchers: str, seconds: float, cluster: str = "") -> Silence:
    return Silence.objects.create(
        matchers=list(matchers),
        cluster=cluster,
        starts_at=scene.now,
        ends_at=scene.now + timedelta(seconds=seconds),
        created_by="otto",
        created_at=scene.now,
        comment="work",
    )


def brokers(sink: Sink, at: int = -1) -> list[str]:
    return sorted(f"{a['labels']['broker']}:{a['status']}" for a in sink.received[at].json["alerts"])


def test_a_critical_alert_is_told_in_its_own_cycle_signed_and_resolved_once(scene: Scene, sink: Sink) -> None:
    rule()
    hook = receiver(sink.url)
    hook.secret = encrypt(SECRET, context=secret_context(hook))
    hook.save()
    scene.answers = {"x": [ONE]}
    scene.cycle()
    assert scene.delivers() == 1
    scene.answers = {}
    scene.passes(300)
    scene.delivers()
    scene.passes(600)
    scene.delivers()
    assert sink.told == [("firing", "first notification"), ("resolved", "all alerts resolved")]
    first = sink.received[0]
    assert first.headers["webhook-signature"] == signature(
        SECRET, first.id, first.headers["webhook-timestamp"], first.body
    )
    assert first.json["groupKey"] == '{}/{severity="critical"}:{alertname="X", cluster="main"}'
    assert first.json["alerts"][0]["annotations"] == {"summary": "X of 1 is 1"}
    assert len({each.id for each in sink.received}) == 2


def test_others_wait_for_companions_and_then_for_the_interval(scene: Scene, sink: Sink) -> None:
    rule(severity="warning")
    receiver(sink.url)
    scene.answers = {"x": [ONE]}
    scene.cycle()
    scene.answers = {"x": [ONE, TWO]}
    scene.passes(20)
    assert scene.delivers() == 0
    scene.passes(10)
    scene.delivers()
    assert brokers(sink) == ["1:firing", "2:firing"]
    scene.answers = {"x": [ONE, TWO, {"broker": "3"}]}
    scene.passes(290)
    assert scene.delivers() == 0
    scene.passes(20)
    scene.delivers()
    assert sink.told[-1] == ("firing", "new alerts added")
    scene.answers = {"x": [ONE]}
    scene.passes(310)
    scene.delivers()
    assert sink.told[-1] == ("firing", "some alerts resolved")
    assert brokers(sink) == ["1:firing", "2:resolved", "3:resolved"]


def test_it_is_repeated_after_four_hours_unless_somebody_has_acknowledged_it(
    scene: Scene, sink: Sink
) -> None:
    rule()
    receiver(sink.url)
    scene.answers = {"x": [ONE]}
    scene.cycle()
    scene.delivers()
    scene.passes(4 * 3600 + 400, every=60)
    scene.delivers()
    assert sink.told[1:] == [("firing", "repeat interval elapsed")]
    Acknowledgement.objects.create(alert=Alert.objects.get(), by="otto", at=scene.now)
    scene.passes(5 * 3600, every=60)
    assert scene.delivers() == 0
    scene.answers = {}
    scene.passes(120)
    scene.delivers()
    assert sink.told[-1] == ("resolved", "all alerts resolved")


def test_an_alert_that_came_and_went_within_the_wait_is_never_told(scene: Scene, sink: Sink) -> None:
    rule(severity="warning")
    receiver(sink.url)
    scene.answers = {"x": [ONE]}
    scene.cycle()
    scene.answers = {}
    scene.passes(60)
    assert scene.delivers() == 0
    assert GroupLog.objects.get().next_flush_at is None


def test_a_flapping_alert_is_one_story_and_ends_once(scene: Scene, sink: Sink) -> None:
    rule()
    receiver(sink.url)
    for fires in (True, False, True, False, True, False):
        scene.answers = {"x": [ONE]} if fires else {}
        scene.passes(10)
        scene.delivers()
    scene.passes(300)
    scene.delivers()
    assert sink.told == [("firing", "first notification"), ("resolved", "all alerts resolved")]


def test_a_silence_keeps_it_quiet_but_its_end_is_told_to_who_had_heard_of_it(
    scene: Scene, sink: Sink
) -> None:
    rule()
    receiver(sink.url)
    scene.answers = {"x": [ONE]}
    scene.cycle()
    scene.delivers()
    silence(scene, 'alertname="X"', seconds=100_000)
    scene.answers = {"x": [ONE, TWO]}
    scene.passes(5 * 3600, every=60)
    assert scene.delivers() == 0
    scene.answers = {}
    scene.passes(300)
    scene.delivers()
    assert sink.told[1:] == [("resolved", "all alerts resolved")]
    assert brokers(sink) == ["1:resolved"]


def test_when_the_silence_ends_what_still_fires_is_told(scene: Scene, sink: Sink) -> None:
    rule()
    receiver(sink.url)
    silence(scene, 'broker="1"', seconds=600)
    silence(scene, 'broker="2"', seconds=100_000, cluster="dr")
    scene.answers = {"x": [ONE, TWO]}
    scene.cycle()
    scene.delivers()
    assert brokers(sink) == ["2:firing"]
    scene.passes(700)
    scene.delivers()
    assert brokers(sink) == ["1:firing", "2:firing"]


def test_what_explains_an_alert_keeps_it_quiet(scene: Scene, sink: Sink) -> None:
    rule("BrokerDown")
    rule("Y")
    receiver(sink.url)
    InhibitionRule.objects.create(
        name="down", source=['alertname="BrokerDown"'], target=['alertname="Y"'], equal=["cluster", "broker"]
    )
    scene.answers = {"brokerdown": [ONE], "y": [ONE, TWO]}
    scene.cycle()
    scene.delivers()
    told = {
        (a["labels"]["alertname"], a["labels"]["broker"]) for r in sink.received for a in r.json["alerts"]
    }
    assert told == {("BrokerDown", "1"), ("Y", "2")}


def test_a_mute_time_holds_everything_back_also_the_end(scene: Scene, sink: Sink) -> None:
    rule()
    hook = receiver(sink.url)
    MuteTime.objects.create(
        name="first hour", intervals=[{"times": [{"start_time": "00:10", "end_time": "01:00"}]}]
    )
    routes({
        "receiver": hook.name, "group_wait": "0s", "group_interval": "1m",
        "routes": [{"matchers": ['alertname="X"'], "mute_time_intervals": ["first hour"]}],
    })  # fmt: skip
    scene.answers = {"x": [ONE]}
    scene.cycle()
    scene.delivers()
    scene.passes(600)
    scene.answers = {}
    scene.passes(40 * 60, every=60)
    assert scene.delivers() == 0
    scene.passes(20 * 60, every=60)
    scene.delivers()
    assert sink.told == [("firing", "first notification"), ("resolved", "all alerts resolved")]


def test_the_end_is_told_to_the_old_receiver_when_the_routes_have_changed(scene: Scene, sink: Sink) -> None:
    rule()
    old, new = receiver(sink.url, "old"), receiver(sink.url, "new")
    routes({"receiver": old.name, "group_wait": "0s"})
    scene.answers = {"x": [ONE]}
    scene.cycle()
    RouteTree.objects.update(document={"receiver": new.name, "group_wait": "0s"})
    scene.passes(10)
    scene.answers = {}
    scene.passes(600)
    scene.delivers()
    found = [(each.json["receiver"], each.json["status"]) for each in sink.received]
    assert sorted(found) == [("new", "firing"), ("new", "resolved"), ("old", "firing"), ("old", "resolved")]


def test_every_receiver_of_the_shipped_tree_is_told_and_nobody_of_the_watchdog(
    scene: Scene, sink: Sink
) -> None:
    rule("Watchdog", severity="none")
    rule()
    receiver(sink.url, "a")
    receiver(sink.url, "b", send_resolved=False)
    scene.answers = {"x": [ONE], "watchdog": [{}]}
    scene.passes(60)
    scene.answers = {}
    scene.passes(600)
    scene.delivers()
    found = sorted((each.json["receiver"], each.json["status"]) for each in sink.received)
    assert found == [("a", "firing"), ("a", "resolved"), ("b", "firing")]


def test_a_deleted_rule_ends_what_was_told(scene: Scene, sink: Sink) -> None:
    one = rule()
    receiver(sink.url)
    scene.answers = {"x": [ONE]}
    scene.cycle()
    evaluating.end_alerts(one, scene.now)
    one.delete()
    scene.passes(120)
    scene.delivers()
    assert [status for status, _ in sink.told] == ["firing", "resolved"]
    assert not Rule.objects.exists()


# --- Delivery ---------------------------------------------------------------------------------------------------------
def test_a_failure_is_tried_again_under_the_same_id_and_the_end_waits_its_turn(
    scene: Scene, sink: Sink
) -> None:
    """AL-6: "firing" is never delivered after "resolved", however long it has to be tried."""
    rule()
    receiver(sink.url)
    sink.answer = lambda request: 503
    scene.answers = {"x": [ONE]}
    scene.cycle()
    scene.delivers()
    scene.answers = {}
    for _ in range(20):
        scene.passes(60)
        scene.delivers()
    assert {each.json["status"] for each in sink.received} == {"firing"}
    assert len({each.id for each in sink.received}) == 1
    assert len({each.body for each in sink.received}) == 1
    tried = len(sink.received)
    sink.answer = lambda request: 200
    scene.passes(300)
    scene.delivers()
    scene.passes(60)
    scene.delivers()
    assert [each.json["status"] for each in sink.received[tried:]] == ["firing", "resolved"]
    attempts = DeliveryAttempt.objects.filter(notification__status="firing")
    assert [(a.status, a.verdict) for a in attempts] == [(503, "retry")] * tried + [(200, "sent")]
    assert attempts[0].excerpt == "thanks"


def test_a_hang_up_is_tried_again_and_a_refusal_is_not(scene: Scene, sink: Sink) -> None:
    rule()
    receiver(sink.url)
    sink.answer = lambda request: None
    scene.answers = {"x": [ONE]}
    scene.cycle()
    scene.delivers()
    assert DeliveryAttempt.objects.get().verdict == "retry"
    sink.answer = lambda request: 400
    scene.moves(10)
    scene.delivers()
    scene.moves(10)
    assert scene.delivers() == 0
    assert (Notification.objects.get().state, len(sink.received)) == ("refused", 2)


def test_what_a_receiver_refused_it_is_told_again_with_the_groups_next_look(scene: Scene, sink: Sink) -> None:
    rule()
    receiver(sink.url)
    sink.answer = lambda request: 401
    scene.answers = {"x": [ONE]}
    scene.cycle()
    scene.delivers()
    sink.answer = lambda request: 200
    scene.passes(70)
    scene.delivers()
    assert sink.told == [("firing", "first notification"), ("firing", "first notification")]
    assert [each.state for each in Notification.objects.order_by("pk")] == ["refused", "sent"]


def test_after_a_day_it_is_of_the_past(scene: Scene, sink: Sink) -> None:
    rule()
    receiver(sink.url)
    sink.answer = lambda request: 500
    scene.answers = {"x": [ONE]}
    scene.cycle()
    scene.delivers()
    scene.moves(GIVE_UP_AFTER.total_seconds() + 1)
    scene.delivers()
    assert Notification.objects.get().state == "expired"


def test_one_dead_receiver_does_not_hold_up_another(scene: Scene, sink: Sink) -> None:
    rule()
    receiver("http://127.0.0.1:9/", "a-dead-one")
    receiver(sink.url, "b")
    scene.answers = {"x": [ONE]}
    scene.cycle()
    scene.delivers()
    assert len(sink.received) == 1


def test_a_claim_is_taken_by_one_and_runs_out(scene: Scene, sink: Sink) -> None:
    rule()
    receiver(sink.url)
    scene.answers = {"x": [ONE]}
    scene.cycle()
    first = delivering.claim_next(scene.now, set())
    assert first is not None
    assert delivering.claim_next(scene.now, set()) is None
    scene.moves(delivering.CLAIM.total_seconds())
    second = delivering.claim_next(scene.now, set())
    assert second is not None
    assert second.claim != first.claim
    # The first one, late, cannot undo what the second did.
    delivering.attempt(second, clock=lambda: scene.now)
    sink.answer = lambda request: 500
    delivering.attempt(first, clock=lambda: scene.now)
    assert Notification.objects.get().state == "sent"


def test_a_private_address_is_refused_unless_an_administrator_allowed_it(scene: Scene, sink: Sink) -> None:
    rule()
    hook = receiver(sink.url)
    Receiver.objects.update(allow_private=False)
    scene.answers = {"x": [ONE]}
    scene.cycle()
    scene.delivers()
    found = DeliveryAttempt.objects.get()
    assert (found.status, found.verdict) == (None, "refused")
    assert "loopback" in found.error
    assert sink.received == []
    assert TargetRefused.retriable is False
    assert sending.allowed_for(hook).hosts == frozenset()


def test_an_unreadable_secret_is_a_refusal_not_a_crash(scene: Scene, sink: Sink) -> None:
    rule()
    receiver(sink.url, secret="garbage")
    scene.answers = {"x": [ONE]}
    scene.cycle()
    scene.delivers()
    assert Notification.objects.get().state == "refused"
    assert sink.received == []


def test_the_payload_is_what_the_row_holds(scene: Scene, sink: Sink) -> None:
    rule(annotations={"summary": "ä € \U0001f600 {{ $labels.broker }}"})
    receiver(sink.url)
    scene.answers = {"x": [ONE]}
    scene.cycle()
    scene.delivers()
    assert json.loads(Notification.objects.get().payload) == sink.received[0].json


@pytest.mark.parametrize("days", [89, 91])
def test_what_is_long_over_is_forgotten(scene: Scene, sink: Sink, days: int) -> None:
    rule()
    receiver(sink.url)
    scene.answers = {"x": [ONE]}
    scene.cycle()
    scene.delivers()
    scene.answers = {}
    scene.passes(120)
    scene.delivers()
    housekeeping.forget_old(scene.now + timedelta(days=days))
    assert Alert.objects.exists() is (days == 89)
    assert Notification.objects.exists() is (days == 89)
