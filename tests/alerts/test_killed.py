"""AL-1, deterministic: 200 alerts, the working process killed at six points; all arrive, repeats share their id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from django.db import connection

from controlplane.alerts import shipped
from controlplane.alerts.models import Beat, Notification, RouteTree
from tests.alerts.killed import POINTS
from tests.alerts.notation import EPOCH
from tests.alerts.scene import Received, Sink, cluster, receiver, rule

ROOT = Path(__file__).resolve().parents[2]
ALERTS = 200
#: The call that dies, in each of three processes; a fourth one may finish.
DIES_AT = (1, 17, 60)
NEVER = 10**9
#: Longer than leases and claims of the dead last.
PAUSE_S = 120


@pytest.fixture
def outbox(transactional_db: None, sink: Sink) -> Sink:
    cluster()
    Beat.objects.create(pk=1, shipped=shipped.digest())
    rule()
    receiver(sink.url)
    # Every alert is a group, and so a notification, of its own.
    RouteTree.objects.create(
        document={"group_by": ["..."], "group_wait": "0s", "group_interval": "1h"},
        updated_at=EPOCH,
        updated_by="t",
    )
    return sink


@pytest.mark.parametrize(
    "point", [POINTS[0], *(pytest.param(each, marks=pytest.mark.slow) for each in POINTS[1:])]
)
def test_every_alert_arrives_whatever_was_killed(point: str, outbox: Sink) -> None:
    refused: set[str] = set()
    taken: list[Received] = []

    def answer(request: Received) -> int:
        """Where the kill is in the back-off, every tenth notification fails once."""
        number = int(request.json["alerts"][0]["labels"]["broker"])
        if point == "during back-off" and number % 10 == 0 and request.id not in refused:
            refused.add(request.id)
            return 503
        taken.append(request)
        return 200

    outbox.answer = answer
    ends = [run(point, count, at * PAUSE_S) for at, count in enumerate((*DIES_AT, NEVER))]
    kills = ends.count(-signal.SIGKILL)
    assert kills >= 2, ends
    assert ends[-1] == 0
    arrived = Counter(request.id for request in taken)
    brokers = {request.json["alerts"][0]["labels"]["broker"] for request in taken}
    assert len(brokers) == len(arrived) == ALERTS
    assert sum(arrived.values()) - ALERTS <= kills
    assert set(Notification.objects.values_list("state", flat=True)) == {"sent"}
    assert Notification.objects.count() == ALERTS


def run(point: str, count: int, seconds: float) -> int:
    database = str(connection.settings_dict["NAME"])
    done = subprocess.run(
        [sys.executable, "-m", "tests.alerts.killed", point, str(count), database, str(seconds)],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "controlplane.config.settings"},
        capture_output=True,
        timeout=200,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()[-3000:]
    return done.returncode
