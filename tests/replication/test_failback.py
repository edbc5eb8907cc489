"""There and back between two real clusters, names kept; and a source that dies, with what was lost counted when it is back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from broker.connect_spec import ConnectSpec
from broker.control import ControlClient
from broker.spec import ClusterSpec
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for, refresh
from controlplane.core.access import SYSTEM, Role
from controlplane.replication import failover, readiness, selectors, services, watching
from controlplane.replication.logic.failover import STEPS, Kind, Step
from controlplane.replication.logic.flows import FlowRequest, Policy
from controlplane.replication.logic.plans import FlowAct
from controlplane.replication.models import Failover, Flow
from tests.replicating import ENDED, READY_SECONDS
from tests.replication.driving import (
    attempt,
    begin,
    commit,
    committed,
    end_of,
    produce,
    take,
    take_all,
    translated,
    values_of,
)
from tests.waiting import eventually
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
RECORDS = 40


@pytest.fixture
def clean(dr: Cluster, cluster: Cluster, connect_worker: ConnectSpec) -> Iterator[None]:
    """A worker beside either cluster; no flow and no freeze afterwards."""
    yield
    for run in Failover.objects.all():
        change = failover.plan_thaw(run.asked)
        if change.remove:
            failover.apply_thaw(SYSTEM, run.asked, change)
    for flow in Flow.objects.all():
        services.apply_delete(SYSTEM, flow, services.plan_delete(flow))


def flow_between(source: Cluster, target: Cluster, prefix: str, policy: Policy) -> Flow:
    refresh(source)
    asked = FlowRequest(
        source.name,
        target.name,
        topics=(f"{prefix}*",),
        groups=(f"{prefix}*",),
        policy=policy,
        refresh_s=5,
        checkpoint_s=1,
    )
    return services.apply_create(SYSTEM, asked, services.plan_create(asked))


def test_with_kept_names_it_goes_there_and_back_and_nothing_comes_twice(
    clean: None, dr: Cluster, cluster: Cluster, make_topic: Callable[..., str], prefix: str
) -> None:
    topic, group = make_topic(f"{prefix}-orders", 1), f"{prefix}-app"
    first = [f"main {number}" for number in range(RECORDS)]
    produce(cluster, topic, first)
    commit(cluster, topic, group, 25)
    flow = flow_between(cluster, dr, prefix, Policy.IDENTITY)
    eventually(lambda: end_of(dr, topic) == RECORDS, timeout=60)

    there = begin(flow, Kind.PLANNED)
    take_all(there)
    assert there.outcome == "done"
    assert not Flow.objects.filter(source="main").exists()
    assert failover.frozen(flow.asked) == ()
    page = signed_in(Role.ADMIN).get("/clusters/dr/replication/main/failover/")
    assert "turned round" in page.content.decode()
    assert signed_in(Role.ADMIN).get(f"/clusters/dr/replication/main/failover/{there.pk}/").status_code == 200
    produce(dr, topic, [f"dr {number}" for number in range(10)])
    eventually(lambda: end_of(cluster, topic) >= RECORDS + 10, timeout=60)
    assert values_of(cluster, topic) == [*first, *(f"dr {number}" for number in range(10))]

    # The clients read on in dr, and go home.
    commit(dr, topic, group, RECORDS + 5)
    refresh(dr)
    home = begin(selectors.flow_of("dr", "main"), Kind.PLANNED)
    take_all(home)
    place = committed(cluster, topic, group)
    assert place is not None
    assert RECORDS <= place <= RECORDS + 5
    produce(cluster, topic, ["home again"])
    eventually(lambda: end_of(dr, topic) >= RECORDS + 11, timeout=60)
    assert values_of(dr, topic) == values_of(cluster, topic)
    assert len(values_of(dr, topic)) == RECORDS + 11
    for run in (there, home):
        assert failover.report(run)["rpo"]["lost_records"] == 0  # type: ignore[index,call-overload]


@pytest.mark.slow
def test_groups_that_read_copies_come_home_to_the_originals(
    clean: None, dr: Cluster, cluster: Cluster, make_topic: Callable[..., str], prefix: str
) -> None:
    topic, group = make_topic(f"{prefix}-orders", 1), f"{prefix}-app"
    copy = f"main.{topic}"
    produce(cluster, topic, [f"main {number}" for number in range(RECORDS)])
    commit(cluster, topic, group, 25)
    flow = flow_between(cluster, dr, prefix, Policy.PREFIX)
    eventually(lambda: end_of(dr, copy) == RECORDS, timeout=60)
    there = begin(flow, Kind.UNPLANNED)
    take_all(there)
    assert there.stopped == {(topic, 0): (RECORDS, RECORDS)}

    # The clients read on in dr, from copies, a new one among them, and go home.
    new = f"{prefix}-new"
    commit(dr, copy, group, 33)
    commit(dr, copy, new, 33)
    refresh(dr)
    home = begin(selectors.flow_of("dr", "main"), Kind.UNPLANNED)
    take_all(home, (Step.CHECK, Step.STOP))
    (step,) = failover.plan_step(home, Step.OFFSETS).steps
    assert (step.name, [each.field for each in step.changes]) == (new, [f"{topic}-0"])
    take(home, Step.OFFSETS)
    place = committed(cluster, topic, new)
    assert place is not None
    assert (0 <= place <= 33, str(place)) == (True, step.changes[0].after)
    # So few records have one place that was written down: what it had read in main itself says more.
    assert committed(cluster, topic, group) == 25
    # Who has read all of the copy goes on exactly where the flow would have.
    commit(dr, copy, group, RECORDS)
    commit(dr, copy, new, RECORDS)
    found = take(home, Step.OFFSETS)
    assert [committed(cluster, topic, each) for each in (group, new)] == [RECORDS, RECORDS]
    assert (found["read_again"], found["not_restored"]) == (0, [])


def test_a_source_that_dies_loses_what_was_promised(
    clean: None,
    dr: Cluster,
    dr_spec: ClusterSpec,
    cluster: Cluster,
    control: ControlClient,
    prefix: str,
) -> None:
    topic, group = f"{prefix}-orders", f"{prefix}-app"
    gateway_for(dr).create_topic(topic, partitions=1, replication_factor=1)
    produce(dr, topic, ["copied"] * 20)
    commit(dr, topic, group, 20)
    flow = flow_between(dr, cluster, prefix, Policy.PREFIX)
    asked, copy = flow.asked, flow.asked.copy_of(topic)
    eventually(lambda: end_of(cluster, copy) == 20, timeout=60)
    eventually(lambda: translated(asked, dr, cluster) == 20, timeout=60)
    services.apply_act(SYSTEM, flow, FlowAct.PAUSE, services.plan_act(flow, FlowAct.PAUSE))
    produce(dr, topic, ["lost"] * 7)
    eventually(lambda: readiness.of(asked).totals.records == 7, timeout=60)

    names = [dr_spec.process_name(node) for node in dr_spec.nodes]
    control.stop(names[0])
    control.wait_for(names, ENDED, 90)
    try:
        run = begin(flow, Kind.UNPLANNED)
        found = take(run, Step.CHECK)
        assert (found["source_answers"], found["last_known_records"]) == (False, 7)
        take_all(run, (Step.STOP, Step.OFFSETS, Step.SWITCH))
        assert committed(cluster, copy, group) == 20
        early = attempt(run, Step.LOSS)
        assert early.state == "failed"
        assert "Start its brokers" in early.hint
    finally:
        control.start(names[0])
        control.wait_ready(names, READY_SECONDS)
    eventually(lambda: _answers(asked), timeout=60)
    found = take(run, Step.LOSS)
    # What was under way when the flow was paused may still have been copied: the promise is a bound.
    lost = 27 - end_of(cluster, copy)
    assert found["records_lost"] == lost
    assert 0 < lost <= 7
    assert found["only_in_source"] == [f"{topic}-0 from offset {27 - lost} to 26"]
    rpo = failover.report(run)["rpo"]
    assert (rpo["promised_records"], rpo["lost_records"]) == (7, lost)  # type: ignore[index,call-overload]
    eventually(lambda: selectors.health(asked, cluster).error == "", timeout=60)
    take(run, Step.REVERSE)
    assert run.outcome == "done"
    assert list(run.taken) == list(STEPS[Kind.UNPLANNED])
    assert Flow.objects.filter(source="main", target="dr", complete=True).exists()


def _answers(asked: FlowRequest) -> bool:
    return not watching.progress_of(asked, *services.ends(asked)).error
