"""A cluster that stopped wholly comes back broker by broker: the first start takes along what makes a majority."""

from __future__ import annotations

import pytest

from broker.admin_user import ensure_admin_user
from broker.control import ControlClient
from broker.paths import DataPaths
from broker.spec import ClusterSpec
from controlplane.clusters import operations
from controlplane.clusters.logic.broker_plans import BrokerAct
from controlplane.clusters.models import Cluster
from controlplane.core.access import SYSTEM
from controlplane.gateways import broker as bundled
from controlplane.jobs import services as jobs
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


def started(cluster: Cluster, broker: int) -> str:
    plan = operations.plan_act(cluster, broker, BrokerAct.START)
    assert plan.allowed, plan.refusals
    job = operations.apply_act(SYSTEM, cluster, broker, BrokerAct.START, plan)
    done = jobs.run(job.pk)
    assert done is not None
    done.refresh_from_db()
    assert (done.state, done.error) == ("succeeded", ""), done.hint
    return done.title


def test_brokers_of_a_stopped_cluster_are_started_one_by_one(
    cluster: Cluster,
    cluster_spec: ClusterSpec,
    data_paths: DataPaths,
    control: ControlClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "wake", lambda job_id: None)
    names = [cluster_spec.process_name(node) for node in cluster_spec.nodes]
    try:
        for name in names:
            control.stop(name)
        control.wait_for(names, bundled.AT_REST, 330)
        plan = operations.plan_act(cluster, 3, BrokerAct.START)
        assert [step.name for step in plan.steps] == ["3", "1"]
        assert any("1 starts with broker 3" in warning for warning in plan.warnings)
        assert started(cluster, 3) == "Start brokers 3 and 1"
        assert started(cluster, 2) == "Start broker 2"
    finally:
        for name in names:
            control.start(name)
        control.wait_ready(names, 180)
        # A broker may serve before it has heard of users: other tests log in.
        ensure_admin_user(data_paths, cluster_spec)
    eventually(lambda: not operations.plan_act(cluster, 1, BrokerAct.STOP).confirm_name, timeout=120)
