"""Alerts on a real PostgreSQL: what is kept between cycles, and that two workers never take the same message.

The quick one makes the tables of the models beside the suite's own database; the slow one runs all tests of alerts there,
migrations included.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import dj_database_url
import pytest
from django.apps import apps
from django.db import connections
from django.db.utils import load_backend

from controlplane.alerts import shipped
from controlplane.alerts.models import Alert, Beat, Notification
from controlplane.alerts.services import cycle, delivering
from tests.alerts.scene import Scene, cluster, receiver, rule, states
from tests.postgres import postgres_url

ROOT = Path(__file__).resolve().parents[2]
TABLES_OF = ("clusters", "alerts")
WORKERS, MESSAGES = 4, 24


@contextmanager
def on_postgres() -> Iterator[Any]:
    """This thread's default database is PostgreSQL meanwhile."""
    before = connections["default"]
    settings = {**before.settings_dict, "OPTIONS": {}, **dj_database_url.parse(postgres_url())}
    made: Any = load_backend(settings["ENGINE"]).DatabaseWrapper(settings, "default")
    connections["default"] = made
    try:
        yield made
    finally:
        made.close()
        connections["default"] = before


@pytest.fixture
def scene(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(cycle, "wake_delivery", lambda: None)
    models = [
        model for model in apps.get_models() if model._meta.app_label in TABLES_OF and not model._meta.proxy
    ]
    with on_postgres() as connection:
        with connection.schema_editor() as editor:
            for model in models:
                editor.create_model(model)
        try:
            cluster()
            Beat.objects.create(pk=1, shipped=shipped.digest())
            yield Scene()
        finally:
            with connection.cursor() as cursor:
                cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


def test_states_are_kept_and_no_message_is_taken_twice(scene: Scene) -> None:
    rule("X", hold=20)
    for number in range(MESSAGES):
        receiver(f"https://hooks.example.org/{number}", f"hook-{number}")
    scene.answers["x"] = [{"broker": "1"}]
    scene.cycle()
    assert states() == {"1": "pending"}
    scene.passes(30)
    assert states() == {"1": "firing"}
    assert Notification.objects.count() == MESSAGES
    taken, together = list[int](), threading.Barrier(WORKERS)

    def take() -> None:
        with on_postgres():
            together.wait(30)
            while row := delivering.claim_next(scene.now, set()):
                taken.append(row.pk)

    workers = [threading.Thread(target=take) for _ in range(WORKERS)]
    for each in workers:
        each.start()
    for each in workers:
        each.join(60)
    assert sorted(taken) == sorted(Notification.objects.values_list("pk", flat=True))
    # A claim of somebody who died runs out.
    assert delivering.claim_next(scene.now + delivering.CLAIM + timedelta(seconds=1), set()) is not None
    scene.answers["x"] = []
    scene.passes(20)
    assert Alert.objects.get(name="X").resolved_at is not None


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_test_of_alerts_passes_there() -> None:
    command = [
        sys.executable, "-m", "pytest", "tests/alerts", "-q", "-m", "not slow and not browser",
        "--deselect", "tests/alerts/test_postgres.py",
    ]  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        command, cwd=ROOT, env={**environment, "DATABASE_URL": postgres_url()}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
