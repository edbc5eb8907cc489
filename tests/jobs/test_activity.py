"""The indicator in the top bar: jobs at work, on every page, for those who may see them."""

from __future__ import annotations

import pytest

from controlplane.core.access import EVERY_CLUSTER, Actor, Role
from controlplane.jobs import services
from controlplane.jobs.models import Job
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db
ADA = Actor("ada", "user", {EVERY_CLUSTER: Role.ADMIN}, 1)
PAGES = ("/jobs/", "/settings/account/", "/manual/", "/operations/")


@pytest.fixture(autouse=True)
def _unwoken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "wake", lambda job_id: None)


def job(title: str = "Rolling restart of Main", cluster: str = "main") -> Job:
    return services.enqueue(kind="brokers.roll", title=title, args={}, actor=ADA, cluster=cluster)


def test_nothing_at_work_shows_nothing_but_keeps_asking() -> None:
    page = signed_in(Role.VIEWER).get("/jobs/activity/").content.decode()
    assert 'id="activity"' in page
    assert "<a" not in page


def test_a_single_job_is_named_and_linked_on_every_page() -> None:
    made = job()
    Job.objects.update(done=1, total=4)
    browser = signed_in(Role.VIEWER)
    for path in PAGES:
        page = browser.get(path).content.decode()
        assert f'class="activity" href="/jobs/{made.pk}/"' in page, path
        assert "Rolling restart of Main · 25 %" in page, path


def test_several_are_counted() -> None:
    for number in range(3):
        job(f"job {number}")
    page = signed_in(Role.VIEWER).get("/jobs/activity/").content.decode()
    assert "3 jobs at work" in page
    assert 'href="/jobs/"' in page


def test_jobs_of_other_clusters_are_not_counted() -> None:
    job(cluster="secret")
    page = signed_in(Role.VIEWER, cluster="main").get("/jobs/activity/").content.decode()
    assert "<a" not in page


def test_without_a_role_there_is_no_indicator() -> None:
    browser = signed_in(None)
    assert 'id="activity"' not in browser.get("/settings/account/").content.decode()
    assert browser.get("/jobs/activity/").status_code == 403
