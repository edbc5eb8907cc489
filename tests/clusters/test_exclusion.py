"""Only one job disturbs a cluster's brokers: refused at planning, at applying, and again when it runs (D2, D3, D4)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connections

from broker.paths import DataPaths
from broker.turn import TurnTaken, turn
from controlplane.clusters import exclusion, facts, operations
from controlplane.clusters.exclusion import DISRUPTIVE, Busy, admitted, at_work
from controlplane.clusters.logic.broker_plans import BrokerAct
from controlplane.clusters.models import Cluster
from controlplane.core.access import EVERY_CLUSTER, Actor, Role
from controlplane.gateways import broker as bundled
from controlplane.jobs import services as jobs
from controlplane.jobs.models import Job, JobState
from tests.conftest import Api
from tests.waiting import eventually

ADA = Actor("ada", "user", {EVERY_CLUSTER: Role.ADMIN}, 1)
MakeApi = Callable[[Role], Api]


@pytest.fixture(autouse=True)
def unwoken(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker here: jobs wait until a test runs them."""
    monkeypatch.setattr(jobs, "wake", lambda job_id: None)


def open_job(cluster: Cluster, kind: str) -> Job:
    return jobs.enqueue(kind=kind, title=f"a {kind}", args={}, actor=ADA, cluster=cluster.name)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", DISRUPTIVE)
def test_every_plan_is_refused_while_any_of_them_is_open_and_names_the_job(
    cluster: Cluster, kind: str
) -> None:
    job = open_job(cluster, kind)
    plans = (
        operations.plan_act(cluster, 1, BrokerAct.RESTART),
        operations.plan_roll(cluster),
        operations.plan_add(cluster),
    )
    for plan in plans:
        assert [refusal.code for refusal in plan.refusals] == ["busy"]
        assert job.title in plan.refusals[0].what
        assert str(job.pk) in plan.affected[-1].url
    jobs.cancel(ADA, job)
    assert operations.plan_roll(cluster).allowed


@pytest.mark.django_db
def test_other_jobs_and_other_clusters_are_in_nobodys_way(cluster: Cluster) -> None:
    open_job(cluster, "acls.watch")
    jobs.enqueue(kind="brokers.roll", title="elsewhere", args={}, actor=ADA, cluster="dr")
    assert at_work(cluster.name) is None


@pytest.mark.django_db
def test_a_scheduled_roll_gives_way(cluster: Cluster) -> None:
    reason = bundled.RestartReason.CERTIFICATES_RENEWED
    open_job(cluster, "certificates.rotate")
    assert operations.schedule_roll(cluster, [1], reason, ADA) is None


@pytest.mark.django_db(transaction=True)
def test_of_several_at_once_one_is_admitted(cluster: Cluster) -> None:
    plans = {broker: operations.plan_act(cluster, broker, BrokerAct.STOP) for broker in (1, 2, 3)}
    together = threading.Barrier(3)

    def apply(broker: int) -> str:
        together.wait()
        try:
            operations.apply_act(ADA, cluster, broker, BrokerAct.STOP, plans[broker])
        except Busy as busy:
            return busy.what
        finally:
            connections.close_all()
        return "admitted"

    with ThreadPoolExecutor(3) as pool:
        told = sorted(pool.map(apply, (1, 2, 3)))
    assert told.count("admitted") == 1
    assert Job.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_api_says_busy(cluster: Cluster, api: MakeApi) -> None:
    call = api(Role.ADMIN)
    assert call("POST", "clusters/main/brokers/2/", {"act": "restart"}).status_code == 202
    for path, body in (
        ("clusters/main/brokers/3/", {"act": "restart"}),
        ("clusters/main/brokers/roll/", None),
        ("clusters/main/brokers/", None),
    ):
        refused = call("POST", path, body)
        assert refused.status_code == 422, refused.content
        assert "Restart broker 2 is at work" in refused.json()["detail"]


@pytest.mark.django_db(transaction=True)
def test_a_plan_that_no_longer_holds_is_not_carried_out(cluster: Cluster) -> None:
    before = bundled.processes()
    plan = operations.plan_act(cluster, 2, BrokerAct.STOP)
    job = operations.apply_act(ADA, cluster, 2, BrokerAct.STOP, replace(plan, digest="of another state"))
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert "changed since the plan was reviewed" in job.error
    assert [each.pid for each in bundled.processes()] == [each.pid for each in before]


@pytest.mark.django_db(transaction=True)
def test_what_strimzis_rules_forbid_now_is_not_carried_out(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the plan and the job another broker fell out of the ISR."""
    before = bundled.processes()
    plan = operations.plan_act(cluster, 2, BrokerAct.RESTART)
    assert plan.allowed, plan.refusals
    job = operations.apply_act(ADA, cluster, 2, BrokerAct.RESTART, plan)
    state = facts.broker_state(cluster, 2)
    worse = replace(state, blockers=("orders-0 would fall below min ISR",))
    monkeypatch.setattr(facts, "broker_state", lambda *_: worse)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error) == (JobState.FAILED, "orders-0 would fall below min ISR")
    assert [each.pid for each in bundled.processes()] == [each.pid for each in before]


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_was_added_meanwhile_is_not_added_again(cluster: Cluster) -> None:
    nodes = bundled.bundled_cluster(cluster.name).nodes
    plan = operations.plan_add(cluster)
    stale = replace(plan, steps=(replace(plan.steps[0], name=str(nodes[-1].id)),))
    job = operations.apply_add(ADA, cluster, stale)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error) == (JobState.FAILED, f"Broker {nodes[-1].id} exists already")
    assert bundled.bundled_cluster(cluster.name).nodes == nodes


@pytest.mark.django_db(transaction=True)
def test_a_job_waits_for_its_turn_and_can_be_cancelled_meanwhile(cluster: Cluster) -> None:
    with turn(bundled.data_paths(), cluster.name, "`python -m broker roll`"):
        job = operations.apply_roll(ADA, cluster, operations.plan_roll(cluster))
        worker = threading.Thread(target=run_elsewhere, args=(job,))
        worker.start()
        eventually(lambda: "python -m broker roll" in Job.objects.get(pk=job.pk).message)
        jobs.cancel(ADA, job)
        worker.join(30)
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED


def run_elsewhere(job: Job) -> None:
    try:
        jobs.run(job.pk)
    finally:
        connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_a_job_whose_turn_does_not_come_says_who_has_it(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exclusion, "PATIENCE_SECONDS", 0.0)
    job = operations.apply_roll(ADA, cluster, operations.plan_roll(cluster))
    with turn(bundled.data_paths(), cluster.name, "`python -m broker roll`"):
        jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error) == (JobState.FAILED, "`python -m broker roll` is at work")


@pytest.mark.django_db(transaction=True)
def test_admission_lasts_as_long_as_its_job(cluster: Cluster) -> None:
    with pytest.raises(ValueError, match="unknown job kind"), admitted(cluster):
        open_job(cluster, "nonsense")
    assert at_work(cluster.name) is None
    with admitted(cluster):
        open_job(cluster, "brokers.roll")
    with pytest.raises(Busy), admitted(cluster):
        pytest.fail("admitted twice")


def test_turns_are_taken_per_cluster_and_end_with_their_holder(tmp_path: Path) -> None:
    paths = DataPaths(tmp_path / "data").prepare()
    with (
        turn(paths, "main", "first"),
        turn(paths, "dr", "elsewhere"),
        pytest.raises(TurnTaken, match="first is at work"),
        turn(paths, "main", "second"),
    ):
        pytest.fail("taken twice")
    with turn(paths, "main", "second"):
        pass
