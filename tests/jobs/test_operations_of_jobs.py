"""Operations and jobs name each other: by the plan's title, with links both ways, in pages and API."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest

from controlplane.audit.models import Operation
from controlplane.audit.services import operation
from controlplane.audit.titles import title_of
from controlplane.core.access import SYSTEM, Action, Role
from controlplane.jobs import services
from controlplane.jobs.models import Job
from controlplane.jobs.run import JobRun
from tests.audit.test_operation import PLAN
from tests.web.people import api, signed_in

pytestmark = pytest.mark.django_db
ROLLING = replace(PLAN, action=Action.BROKER_OPERATE, title="Rolling restart of main", cluster="main")


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Job:
    def handler(job: JobRun) -> dict[str, str]:
        with operation(
            job.actor, Action.BROKER_OPERATE, cluster="main", target="rolling restart", plan=job.plan
        ) as entry:
            entry.note(reason="manual")
        return {}

    handlers: dict[str, Callable[[JobRun], dict[str, str]]] = {"brokers.roll": handler}
    monkeypatch.setattr(services, "handler_of", handlers.__getitem__)
    job = services.enqueue(
        kind="brokers.roll",
        title=ROLLING.title,
        args={"plan": ROLLING.to_json()},
        actor=SYSTEM,
        cluster="main",
    )
    services.run(job.pk)
    with operation(SYSTEM, Action.TOPIC_CREATE, cluster="main", target="orders", plan=PLAN):
        pass
    return job


def test_the_list_says_what_was_done_and_finds_it(done: Job) -> None:
    text = signed_in(Role.VIEWER).get("/operations/?search=rolling").content.decode()
    assert "Rolling restart of main" in text
    assert PLAN.title not in text


def test_the_pages_link_to_each_other(done: Job) -> None:
    row = Operation.objects.get(action="broker.operate")
    vera = signed_in(Role.VIEWER)
    assert f'href="/jobs/{done.pk}/"' in vera.get(f"/operations/{row.uid}/").content.decode()
    of_job = vera.get(f"/jobs/{done.pk}/").content.decode()
    assert f'href="/operations/{row.uid}/"' in of_job
    assert PLAN.title not in of_job


def test_the_api_does_too(done: Job) -> None:
    client = api(Role.VIEWER)
    row = Operation.objects.get(action="broker.operate")
    assert client.get(f"/api/v1/jobs/{done.pk}/").json()["operations"] == [
        {"id": str(row.uid), "title": "Rolling restart of main", "outcome": "succeeded"}
    ]
    (found,) = client.get(f"/api/v1/operations/?job={done.pk}").json()["results"]
    assert (found["id"], found["title"], found["job"]) == (str(row.uid), ROLLING.title, str(done.pk))
    assert client.get(f"/api/v1/operations/?job={uuid.uuid4()}").json()["count"] == 0
    assert client.get("/api/v1/operations/?job=x").status_code == 422


def test_one_sees_no_operations_of_other_clusters_in_a_job(done: Job) -> None:
    Operation.objects.filter(action="broker.operate").update(cluster="dr")
    client = api(Role.VIEWER, cluster="main")
    assert client.get(f"/api/v1/jobs/{done.pk}/").json()["operations"] == []


@pytest.mark.parametrize(
    ("action", "target", "plan", "details", "title"),
    [
        ("topic.delete", "orders", {"title": "Delete topic orders"}, {}, "Delete topic orders"),
        ("topic.delete", "orders", None, {}, "Delete topic orders"),
        ("broker.operate", "rolling restart", None, {}, "Operate brokers: rolling restart"),
        ("broker.operate", "", None, {}, "Operate brokers"),
        ("user.manage", "kim", None, {"act": "invite"}, "Invite kim"),
        ("job.cancel", "1f", None, {"title": "Rolling restart"}, "Cancel Rolling restart"),
        ("session.open", "kim", None, {}, "Sign in as kim"),
        ("of.another.version", "x", None, {}, "of.another.version x"),
    ],
)
def test_a_title_is_the_plans_or_the_act_in_words(
    action: str, target: str, plan: dict[str, str] | None, details: dict[str, str], title: str
) -> None:
    assert title_of(action, target, plan, details) == title
