"""The sweep that needs no message: rows are sent while nothing but the worker is alive."""

from __future__ import annotations

import pytest
from django.db import DatabaseError
from django.utils import timezone

from controlplane.alerts.models import Notification
from controlplane.alerts.services import delivering
from controlplane.alerts.services.sweeping import EVERY_S, Sweeper
from tests.alerts.scene import Scene, Sink, receiver, rule
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_sends_what_is_due_and_ends_when_told(scene: Scene, sink: Sink) -> None:
    rule()
    receiver(sink.url)
    scene.answers = {"x": [{"broker": "1"}]}
    scene.cycle()
    Notification.objects.update(next_attempt_at="2020-01-01T00:00:00Z", created_at=timezone.now())
    sweeper = Sweeper(every_s=0.05)
    sweeper.start()
    eventually(lambda: Notification.objects.filter(state="sent").exists(), timeout=20)
    sweeper.stop()
    assert len(sink.received) == 1


def test_a_database_that_does_not_answer_does_not_end_it(
    scene: Scene, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def failing(**_: float) -> int:
        calls.append(1)
        raise DatabaseError("gone")

    monkeypatch.setattr(delivering, "deliver", failing)
    sweeper = Sweeper(every_s=0.01)
    sweeper.start()
    eventually(lambda: len(calls) > 2, timeout=20)
    sweeper.stop()


def test_it_looks_every_ten_seconds() -> None:
    assert EVERY_S == 10
