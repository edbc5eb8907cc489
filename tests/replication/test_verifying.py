"""Comparisons of a flow: one at a time, between people who may on both clusters."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from controlplane.accounts.services import create_token
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.jobs import services as jobs
from controlplane.jobs.models import Job, JobState
from controlplane.replication import verifying
from controlplane.replication.models import Flow
from tests.conftest import Api, make_user
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
COMPARE = "clusters/dr/flows/main/compare/"


@pytest.fixture
def flow(dr: Cluster, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Flow:
    monkeypatch.setattr(jobs, "wake", lambda job_id: None)
    return Flow.objects.create(
        source="main", target="dr", complete=True, created_at=timezone.now(), created_by="test"
    )


def test_of_six_at_once_one_begins(flow: Flow, api: Callable[[Role], Api]) -> None:
    otto = api(Role.OPERATOR)

    def ask(number: int) -> Any:
        try:
            return otto("POST", COMPARE)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, range(6)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes[0] == 202, [answer.content for answer in answers]
    assert set(codes[1:]) <= {409, 422}, "by the plan, or by who was first"
    assert Job.objects.filter(kind=verifying.KIND).count() == 1

    refused = otto("POST", COMPARE)
    assert refused.status_code == 422
    assert [each["code"] for each in refused.json()["refusals"]] == ["busy"]
    assert (
        "is at work"
        in signed_in(Role.OPERATOR).post("/clusters/dr/replication/main/+compare/").content.decode()
    )
    Job.objects.update(state=JobState.CANCELLED, ended_at=timezone.now())
    assert otto("POST", COMPARE).status_code == 202


def test_another_flow_into_the_same_cluster_does_not_wait(flow: Flow, api: Callable[[Role], Api]) -> None:
    assert api(Role.OPERATOR)("POST", COMPARE).status_code == 202
    Job.objects.update(also="elsewhere")
    assert api(Role.OPERATOR)("POST", COMPARE).status_code == 202


def test_who_may_on_one_cluster_neither_sees_nor_cancels_it(flow: Flow, api: Callable[[Role], Api]) -> None:
    job = api(Role.OPERATOR)("POST", COMPARE).json()["job"]
    for role in Role:
        half = Api(create_token(user=make_user(f"half-{role}", role, "dr"), name="t", role=role)[1])
        assert half("GET", "jobs/").json()["count"] == 0
        assert half("POST", f"jobs/{job}/cancel/").status_code == 404
        assert half("GET", "operations/").json()["results"] == []
        assert half("POST", COMPARE).status_code in (403, 404)
    assert api(Role.OPERATOR)("POST", f"jobs/{job}/cancel/").status_code == 202
