"""Forwarding to other Alertmanagers: to a real one, where it is installed, and when it is said again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controlplane.alerts.services.forwarding import Forwarder
from tests.alerts import real
from tests.alerts.scene import Scene, Sink, rule

QUIET = "route: {receiver: none}\nreceivers: [{name: none}]\n"


@pytest.fixture
def elsewhere(sink: Sink, settings: Any) -> Sink:
    settings.ALERTMANAGERS = [sink.url.removesuffix("/hook")]
    return sink


def alerts_of(sink: Sink, place: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(sink.received[place].body)
    return found


@real.needs("prometheus-alertmanager")
def test_an_alertmanager_takes_what_fires_and_hears_that_it_is_over(
    scene: Scene, settings: Any, tmp_path: Path
) -> None:
    scene.now = datetime.now(UTC)
    rule("X", annotations={"summary": "of {{ $labels.broker }}"})
    scene.answers["x"] = [{"broker": "1"}, {"broker": "2"}]
    with real.alertmanager(tmp_path, QUIET) as address:
        settings.ALERTMANAGERS = [address]
        forwarder = Forwarder()
        scene.cycle()
        assert forwarder.forward(scene.now) == 1
        (first, second) = sorted(
            real.ask(f"{address}/api/v2/alerts")[1], key=lambda each: each["labels"]["broker"]
        )
        assert first["labels"] == {"alertname": "X", "broker": "1", "cluster": "main", "severity": "critical"}
        assert (second["annotations"], second["status"]["state"]) == ({"summary": "of 2"}, "active")
        assert "/clusters/main/alerts/" in first["generatorURL"]
        scene.answers["x"] = [{"broker": "2"}]
        scene.cycle()
        assert forwarder.forward(scene.now) == 1
        real.until(
            lambda: [each["labels"]["broker"] for each in real.ask(f"{address}/api/v2/alerts")[1]] == ["2"]
        )


def test_it_is_said_at_once_when_it_changes_and_again_each_minute(scene: Scene, elsewhere: Sink) -> None:
    forwarder = Forwarder()
    rule("X")
    rule("Waits", hold=600)
    scene.answers |= {"x": [{"broker": "1"}], "waits": [{}]}
    said = []
    for _ in range(20):
        scene.passes(10)
        before = len(elsewhere.received)
        forwarder.forward(scene.now)
        said.append(len(elsewhere.received) - before)
    assert said == [1, 0, 0, 0, 0, 0] * 3 + [1, 0]
    assert {each["labels"]["alertname"] for each in alerts_of(elsewhere, -1)} == {"X"}
    assert elsewhere.received[-1].path == "/api/v2/alerts"


def test_what_was_not_heard_is_said_again_and_what_is_over_for_a_quarter_of_an_hour(
    scene: Scene, elsewhere: Sink
) -> None:
    forwarder = Forwarder()
    rule("X")
    scene.answers["x"] = [{"broker": "1"}]
    elsewhere.answer = lambda request: 503
    scene.passes(20)
    assert (forwarder.forward(scene.now), forwarder.forward(scene.now)) == (0, 0)
    assert len(elsewhere.received) == 2
    elsewhere.answer = lambda request: 200
    scene.answers["x"] = []
    scene.passes(10)
    assert forwarder.forward(scene.now) == 1
    assert alerts_of(elsewhere, -1)[0]["endsAt"] < alerts_of(elsewhere, 0)[0]["endsAt"]
    scene.moves(1000)
    count = len(elsewhere.received)
    forwarder.forward(scene.now)
    assert len(elsewhere.received) == count


def test_without_addresses_nothing_is_asked(scene: Scene) -> None:
    assert Forwarder().forward(scene.now) == 0
