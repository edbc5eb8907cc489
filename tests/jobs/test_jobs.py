"""Jobs (AP-5): the row is the truth. Steps, progress, cancel, a dead worker, a lost message, a doubled one."""

from __future__ import annotations

import subprocess
import sys
import threading
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import connections
from django.utils import timezone

from controlplane.core.access import EVERY_CLUSTER, Action, Actor, Role
from controlplane.core.errors import Conflict, Forbidden
from controlplane.jobs import services
from controlplane.jobs.models import Job, JobState
from controlplane.jobs.run import JobRun, LeaseLost, actor_from_json, actor_to_json
from tests.jobs import handlers
from tests.waiting import eventually
from tests.web.people import api, signed_in

ADA = Actor("ada", "user", {EVERY_CLUSTER: Role.ADMIN}, 1)
KINDS = {name: f"tests.jobs.handlers.{name}" for name in ("count", "unreachable", "bug", "wait")}


@pytest.fixture(autouse=True)
def woken(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No Redis here: wake-ups are written down instead of sent."""
    sent: list[str] = []
    settings.JOB_KINDS = KINDS
    monkeypatch.setattr(services, "wake", lambda job_id: sent.append(str(job_id)))
    handlers.started.clear()
    handlers.go_on.clear()
    return sent


def new(kind: str = "count", *, resumable: bool = False) -> Job:
    return services.enqueue(
        kind=kind, title=f"{kind} things", args={"n": 1}, actor=ADA, cluster="main", resumable=resumable
    )


@pytest.mark.django_db
class TestOne:
    def test_it_runs_its_steps_and_keeps_the_result(self) -> None:
        job = new()
        services.run(job.pk)
        job.refresh_from_db()
        assert job.state == JobState.SUCCEEDED
        assert [(step["name"], step["state"]) for step in job.steps] == [("Count", "done"), ("Tell", "done")]
        assert (job.done, job.total, job.percent) == (5, 5, 100)
        assert job.result == {"counted": 5, "as": "ada"}
        assert "counted" in job.log

    def test_an_error_of_ours_is_said_with_what_to_do(self) -> None:
        job = new("unreachable")
        services.run(job.pk)
        job.refresh_from_db()
        assert (job.state, job.error, job.hint) == (JobState.FAILED, "Nothing answers", "Start it")
        assert job.steps[0]["state"] == "failed"

    def test_a_bug_fails_the_job_without_its_text(self) -> None:
        job = new("bug")
        services.run(job.pk)
        job.refresh_from_db()
        assert (job.state, job.error) == (JobState.FAILED, "ZeroDivisionError")

    def test_a_message_that_comes_twice_runs_once(self) -> None:
        job = new()
        assert services.run(job.pk) is not None
        assert services.run(job.pk) is None
        assert Job.objects.get().attempt == 1

    def test_an_unknown_kind_is_refused(self) -> None:
        with pytest.raises(ValueError, match="unknown job kind"):
            new("nonsense")

    def test_a_queued_job_is_cancelled_at_once(self) -> None:
        job = services.cancel(ADA, new())
        assert job.state == JobState.CANCELLED
        assert services.run(job.pk) is None
        with pytest.raises(Conflict):
            services.cancel(ADA, job)

    def test_cancelling_needs_the_role_on_the_jobs_cluster(self) -> None:
        job = new()
        for actor in (
            Actor("vera", "user", {EVERY_CLUSTER: Role.VIEWER}),
            Actor("otto", "user", {"dr": Role.OPERATOR}),
        ):
            with pytest.raises(Forbidden):
                services.cancel(actor, job)

    def test_a_job_without_a_message_is_woken_by_the_sweeper(self, woken: list[str]) -> None:
        job = new()
        assert services.sweep(timezone.now()) == {}
        assert services.sweep(timezone.now() + timedelta(seconds=20)) == {"wake": 1}
        assert woken == [str(job.pk)]

    def test_a_job_whose_worker_died_is_interrupted_and_says_so(self) -> None:
        job = new()
        services.claim(job.pk)
        services.sweep(timezone.now() + timedelta(seconds=40))
        job.refresh_from_db()
        assert job.state == JobState.INTERRUPTED
        assert job.hint

    def test_a_resumable_job_is_started_again(self, woken: list[str]) -> None:
        job = new(resumable=True)
        services.claim(job.pk)
        services.sweep(timezone.now() + timedelta(seconds=40))
        assert woken == [str(job.pk)]
        services.run(job.pk)
        job.refresh_from_db()
        assert (job.state, job.attempt) == (JobState.SUCCEEDED, 2)

    def test_a_worker_that_was_given_up_cannot_write_any_more(self) -> None:
        job = services.claim(new(resumable=True).pk)
        assert job is not None
        run = JobRun(job)
        services.sweep(timezone.now() + timedelta(seconds=40))
        with pytest.raises(LeaseLost):
            run.log("still here")
        assert not services.finish(job, JobState.SUCCEEDED)

    def test_the_actor_survives_json(self) -> None:
        actor = Actor("a/b", "token", {"main": Role.OPERATOR}, 7, frozenset({Action.TOPIC_VIEW}))
        assert actor_from_json(actor_to_json(actor)) == actor

    def test_the_pages_and_the_api_show_it(self) -> None:
        job = new()
        services.run(job.pk)
        found = api(Role.VIEWER).get(f"/api/v1/jobs/{job.pk}/").json()
        assert (found["state"], found["percent"], found["steps"][0]["name"]) == ("succeeded", 100, "Count")
        assert api(Role.VIEWER).get("/api/v1/jobs/?state=succeeded").json()["count"] == 1
        assert api(Role.VIEWER).get("/api/v1/jobs/?state=nonsense").status_code == 422
        client = signed_in(Role.VIEWER)
        assert "count things" in client.get("/jobs/").content.decode()
        page = client.get(f"/jobs/{job.pk}/").content.decode()
        assert "every 1s" not in page

    def test_the_progress_of_a_running_job_asks_for_itself(self) -> None:
        job = new()
        services.claim(job.pk)
        headers = {"HX-Request": "true", "HX-Target": "div#job-progress"}
        part = signed_in(Role.OPERATOR).get(f"/jobs/{job.pk}/", headers=headers).content.decode()
        assert part.strip().startswith('<div id="job-progress"')
        assert 'hx-trigger="every 1s"' in part
        assert "Cancel job" in part

    def test_cancel_through_the_api(self) -> None:
        job = new()
        assert api(Role.VIEWER).post(f"/api/v1/jobs/{job.pk}/cancel/").status_code == 403
        answer = api(Role.OPERATOR).post(f"/api/v1/jobs/{job.pk}/cancel/")
        assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")

    def test_jobs_of_other_clusters_do_not_exist(self) -> None:
        job = new()
        assert api(Role.VIEWER, cluster="dr").get(f"/api/v1/jobs/{job.pk}/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_running_job_stops_at_its_next_step() -> None:
    job = new("wait")

    def work() -> None:
        services.run(job.pk)
        connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    assert handlers.started.wait(20)
    services.cancel(ADA, job)
    handlers.go_on.set()
    worker.join(20)
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    assert [step["name"] for step in job.steps] == ["Wait"]


WORKER = """
import os, sys
import django
from django.conf import settings
django.setup()
settings.DATABASES["default"]["NAME"] = sys.argv[1]
from django.db import connections
connections["default"].settings_dict["NAME"] = sys.argv[1]
settings.JOB_KINDS = {"wait": "tests.jobs.handlers.wait"}
from controlplane.jobs import services
services.run(sys.argv[2])
"""


@pytest.mark.django_db(transaction=True)
def test_a_killed_worker_leaves_a_job_that_does_not_run_for_ever() -> None:
    """kill -9 in the middle of a step, in a process of its own."""
    from django.db import connection

    job = new("wait")
    name = str(connection.settings_dict["NAME"])
    root = Path(__file__).resolve().parents[2]
    worker = subprocess.Popen([sys.executable, "-c", WORKER, name, str(job.pk)], cwd=root)
    try:
        eventually(lambda: Job.objects.get().steps, timeout=30)
    finally:
        worker.kill()
        worker.wait()
    services.sweep(timezone.now() + timedelta(seconds=5))
    assert Job.objects.get().state == JobState.RUNNING
    services.sweep(timezone.now() + timedelta(seconds=40))
    assert Job.objects.get().state == JobState.INTERRUPTED


def test_messages_go_through_our_application(settings: LazySettings) -> None:
    """Celery falls back to an application of its own where ours is not loaded; that one knows no broker."""
    app = services.celery_app()
    assert app.main == "kastellan"
    assert app.conf.broker_url == settings.CELERY_BROKER_URL
    assert app.conf.accept_content == ["json"]


def test_without_redis_the_row_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    services.wake(uuid.uuid4())
