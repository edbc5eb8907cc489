"""A job that is about two clusters: listed, counted, read and cancelled by whoever may on both."""

from __future__ import annotations

import pytest

from controlplane.audit.models import Operation
from controlplane.core.access import EVERY_CLUSTER, Actor, Role
from controlplane.core.errors import Forbidden, NotFound
from controlplane.jobs import selectors, services
from controlplane.jobs.models import Job, JobState
from controlplane.jobs.pages import activity_of
from tests.web.people import api, person, signed_in

pytestmark = pytest.mark.django_db
ADA = Actor("ada", "user", {EVERY_CLUSTER: Role.ADMIN}, 1)
BOTH = {"main": Role.OPERATOR, "dr": Role.OPERATOR}


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setattr(services, "wake", lambda job_id: None)
    return services.enqueue(
        kind="replication.compare",
        title="Compare both sides of main->dr",
        args={"source": "main", "target": "dr"},
        actor=ADA,
        cluster="dr",
        also="main",
    )


def someone(**roles: Role) -> Actor:
    return Actor("someone", "user", roles)


@pytest.mark.parametrize("only", ["dr", "main"])
def test_whoever_sees_one_of_them_sees_no_job(job: Job, only: str) -> None:
    half, both = someone(**{only: Role.ADMIN}), someone(**BOTH)
    assert (selectors.active_count(half), activity_of(half).count) == (0, 0)
    assert (selectors.active_count(both), activity_of(both).job) == (1, job)
    assert [list(selectors.jobs(both, cluster=name)) for name in BOTH] == [[job], [job]]
    with pytest.raises(NotFound):
        selectors.get_job(half, job.pk)
    client, browser = api(Role.ADMIN, cluster=only), signed_in(Role.ADMIN, cluster=only)
    assert client.get("/api/v1/jobs/").json()["count"] == 0
    for path in ("", "cancel/"):
        answer = client.post if path else client.get
        assert answer(f"/api/v1/jobs/{job.pk}/{path}").status_code == 404
    for path in ("/jobs/", "/jobs/activity/", f"/jobs/{job.pk}/", "/operations/"):
        assert "main-&gt;dr" not in browser.get(path).content.decode()


@pytest.mark.parametrize("only", ["dr", "main"])
def test_it_is_cancelled_by_whoever_may_on_both(job: Job, only: str) -> None:
    half = someone(**{**BOTH, only: Role.VIEWER})
    assert not selectors.may_cancel(half, job)
    with pytest.raises(Forbidden, match=only):
        services.cancel(half, job)
    job.refresh_from_db()
    assert job.state == JobState.QUEUED
    assert selectors.may_cancel(someone(**BOTH), job)
    assert services.cancel(someone(**BOTH), job).state == JobState.CANCELLED
    assert set(Operation.objects.values_list("cluster", "also", "outcome")) == {
        ("dr", "main", "refused"),
        ("dr", "main", "succeeded"),
    }


def test_its_page_and_the_api_say_both(job: Job) -> None:
    person(Role.OPERATOR, cluster="dr")
    browser = signed_in(Role.OPERATOR, cluster="main")
    page = browser.get(f"/jobs/{job.pk}/").content.decode()
    assert "<b>dr</b> and <b>main</b>" in page
    assert api(Role.VIEWER).get(f"/api/v1/jobs/{job.pk}/").json()["also"] == "main"


def test_work_on_one_cluster_is_cancelled_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "wake", lambda job_id: None)
    here, nowhere = (
        services.enqueue(kind="brokers.roll", title="Roll", args={}, actor=ADA, cluster=cluster)
        for cluster in ("main", "")
    )
    assert selectors.may_cancel(someone(main=Role.OPERATOR), here)
    assert not selectors.may_cancel(someone(dr=Role.OPERATOR), here)
    assert selectors.may_cancel(ADA, nowhere)
