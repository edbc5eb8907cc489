"""Failovers between two real clusters: rehearsed, and planned with nothing lost; each step as a job with its evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from controlplane.acls.logic.bindings import exactly
from controlplane.audit.models import Operation
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for, refresh
from controlplane.core.access import SYSTEM, Role
from controlplane.core.errors import Refused
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.types import TopicPartition
from controlplane.jobs import services as jobs
from controlplane.replication import failover, selectors, services, watching
from controlplane.replication.logic import freezing
from controlplane.replication.logic.connectors import ACL_SYNC, Part, connector_name
from controlplane.replication.logic.failover import STEPS, Kind, Step
from controlplane.replication.logic.flows import FlowRequest, Policy
from controlplane.replication.logic.freezing import binds
from controlplane.replication.logic.plans import FlowAct
from controlplane.replication.models import Flow
from tests.conftest import Api
from tests.replication.driving import begin, commit, produce, take
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)
RECORDS = 40
API = "clusters/dr/flows/main/freeze/"
REPORTS = "clusters/dr/flows/main/failovers/"


@pytest.fixture
def topic(make_topic: Callable[..., str], gateway: KafkaGateway, prefix: str) -> str:
    name = make_topic(f"{prefix}-orders", 1)
    for number in range(RECORDS):
        gateway.produce(
            name, partition=0, key=str(number).encode(), value=b"x" * number, headers=(("n", b"1"),)
        )
    return name


@pytest.fixture
def flow(topic: str, dr: Cluster, cluster: Cluster, prefix: str) -> Iterator[Flow]:
    refresh(cluster)
    asked = FlowRequest(
        "main", "dr", topics=(f"{prefix}*",), groups=(f"{prefix}*",), refresh_s=5, checkpoint_s=1
    )
    made = services.apply_create(SYSTEM, asked, services.plan_create(asked))
    yield made
    lift(asked)
    services.apply_delete(SYSTEM, made, services.plan_delete(made))


def test_a_rehearsal_measures_and_changes_nothing(
    flow: Flow, topic: str, cluster: Cluster, dr: Cluster
) -> None:
    run = failover.begin(SYSTEM, flow, Kind.REHEARSAL, failover.plan_begin(flow, Kind.REHEARSAL))
    assert [refusal.code for refusal in failover.plan_begin(flow, Kind.PLANNED).refusals] == ["under_way"]
    with pytest.raises(Refused):
        failover.plan_step(run, Step.VERIFY)
    found = take(run, Step.CHECK)
    assert found["source_answers"] is True
    assert "User:admin" in str(found["super_users"])
    assert take(run, Step.DRAIN)["records_left"] == 0
    compared = take(run, Step.VERIFY)
    assert (compared["records_compared"], compared["missing"]) == (RECORDS, 0)
    assert run.ended_at is not None
    assert failover.report(run)["outcome"] == "done"
    assert failover.frozen(flow.asked) == ()
    assert selectors.health(flow.asked, dr).state == "running"


def test_a_planned_failover_loses_nothing(
    flow: Flow, topic: str, cluster: Cluster, dr: Cluster, prefix: str, api: Callable[[Role], Api]
) -> None:
    anna = api(Role.ADMIN)
    asked, group = flow.asked, f"{prefix}-app"
    commit(cluster, topic, group, 25)
    # Somebody's own, on the very topic: no part of the freeze, though it denies the same.
    (own,) = freezing.denials(replace(asked, topics=(topic,)), [topic])
    gateway_for(cluster).create_acls([own])
    refresh(cluster)
    run = failover.begin(SYSTEM, flow, Kind.PLANNED, failover.plan_begin(flow, Kind.PLANNED))
    take(run, Step.CHECK)
    frozen = take(run, Step.FREEZE)
    assert frozen["end_offsets"] == RECORDS
    assert [acl.resource_name for acl in failover.frozen(asked) or ()] == [prefix]
    assert frozen["denied"] == [f"prefixed {prefix}"]
    assert take(run, Step.DRAIN)["records_left"] == 0
    stopped = take(run, Step.STOP)
    assert (stopped["records_lost"], len(stopped["stopped"])) == (0, 3)  # type: ignore[arg-type]
    said = take(run, Step.OFFSETS)
    assert group in [*said["groups"], *said["in_place"]]  # type: ignore[misc]
    there = gateway_for(dr).list_group_offsets([group])[group]
    place = there[TopicPartition(asked.copy_of(topic), 0)]
    assert 0 < place <= 25
    assert said["read_again"] == 25 - place
    take(run, Step.SWITCH)
    assert "moved" in str(services.plan_act(replaced(flow, Policy.IDENTITY), FlowAct.RESUME).warnings)
    # What clients write into the copies since is not looked at.
    produce(dr, asked.copy_of(topic), ["later"] * 800)
    compared = take(run, Step.VERIFY)
    assert (compared["records_compared"], compared["missing"]) == (RECORDS, 0)
    report = failover.report(run)
    assert report["rpo"]["lost_records"] == 0  # type: ignore[index,call-overload]
    assert report["rto_seconds"] is not None
    assert [step["step"] for step in report["steps"]] == [each.value for each in STEPS[Kind.PLANNED][:-1]]  # type: ignore[index,union-attr,call-overload]
    assert Operation.objects.filter(target="main->dr failover", outcome="succeeded").count() == 8
    assert anna("DELETE", API, If_Match=anna("DELETE", f"{API}?dry_run=true")["ETag"]).status_code == 204
    assert failover.frozen(asked) == ()
    assert own in gateway_for(cluster).describe_acls()
    gateway_for(cluster).delete_acls([exactly(own)])
    (first, *_) = anna("GET", REPORTS).json()["results"]
    assert anna("GET", f"{REPORTS}{first['id']}/").json() == first == failover.report(run)


def test_the_freeze_does_not_follow_the_clients_into_the_target(
    topic: str, dr: Cluster, cluster: Cluster, prefix: str
) -> None:
    """A flow that follows the ACLs of topics, and keeps their names, would deny the clients to write there too."""
    refresh(cluster)
    asked = FlowRequest(
        "main", "dr", topics=(topic,), groups=(f"{prefix}*",), policy=Policy.IDENTITY, sync_acls=True,
        refresh_s=1, checkpoint_s=1,
    )  # fmt: skip
    made = services.apply_create(SYSTEM, asked, services.plan_create(asked))
    connect, name = services.connect_to(dr), connector_name(asked, Part.SOURCE)
    try:
        run = begin(made, Kind.PLANNED)
        take(run, Step.CHECK)
        plan = failover.plan_step(run, Step.FREEZE)
        assert plan.steps[0].object_type == "connector"
        take(run, Step.FREEZE)
        assert failover.frozen(asked) != ()
        assert connect.config(name)[ACL_SYNC] == "false"
        assert not binds(gateway_for(dr).describe_acls(), topic)
        failover.apply_thaw(SYSTEM, asked, failover.plan_thaw(asked))
        assert connect.config(name)[ACL_SYNC] == "true"
    finally:
        lift(asked)
        services.apply_delete(SYSTEM, made, services.plan_delete(made))


def lift(asked: FlowRequest) -> None:
    change = failover.plan_thaw(asked)
    if change.remove:
        failover.apply_thaw(SYSTEM, asked, change)


def replaced(flow: Flow, policy: Policy) -> Flow:
    """The same as if it kept names; it is not stored."""
    return Flow(source=flow.source, target=flow.target, request={**flow.request, "policy": policy.value})


def test_who_still_writes_is_named(
    flow: Flow, topic: str, gateway: KafkaGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A super user is not bound by the freeze: the step fails, says where, and can be taken again."""
    from controlplane.replication import failover_acts

    run = failover.begin(SYSTEM, flow, Kind.PLANNED, failover.plan_begin(flow, Kind.PLANNED))
    take(run, Step.CHECK)
    monkeypatch.setattr(failover_acts, "FREEZE_SECONDS", 0.0)
    monkeypatch.setattr(failover_acts, "STILL_SECONDS", 1.0)
    wait = failover_acts._wait

    def writing(job: object, seconds: float) -> None:
        gateway.produce(topic, partition=0, key=None, value=b"late", headers=())
        wait(job, seconds)  # type: ignore[arg-type]

    monkeypatch.setattr(failover_acts, "_wait", writing)
    job = failover.apply_step(SYSTEM, run, Step.FREEZE, failover.plan_step(run, Step.FREEZE))
    failed = jobs.run(job.pk)
    assert failed is not None
    failed.refresh_from_db()
    assert failed.state == "failed"
    assert f"{topic}-0" in failed.error
    run.refresh_from_db()
    assert run.taken[Step.FREEZE].state == "failed"
    monkeypatch.setattr(failover_acts, "_wait", wait)
    take(run, Step.FREEZE)
    eventually(
        lambda: watching.progress_of(flow.asked, *services.ends(flow.asked)).totals.records == 0, timeout=60
    )
