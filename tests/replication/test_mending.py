"""A flow whose connectors were deleted is made whole by asking for it again as it is, and goes on where it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from controlplane.clusters.models import Cluster
from controlplane.clusters.services import refresh
from controlplane.core.access import SYSTEM, Role
from controlplane.gateways import workers
from controlplane.gateways.connect import State
from controlplane.replication import selectors, services
from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.models import Flow
from tests.conftest import Api
from tests.replication.driving import end_of, produce
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)
FLOWS = "clusters/dr/flows/"


def test_the_same_flow_again() -> None:
    flow = FlowRequest("main", "dr", topics=("orders",))
    assert flow.is_again(replace(flow, copy_users=True, copy_quotas=True))
    for other in (replace(flow, topics=("*",)), replace(flow, sync_acls=True), replace(flow, rpo_s=60)):
        assert not flow.is_again(other)


def test_a_flow_whose_connectors_are_gone_is_made_whole(
    dr: Cluster, cluster: Cluster, api: Callable[[Role], Api], make_topic: Callable[..., str], prefix: str
) -> None:
    topic, anna = make_topic(f"{prefix}-orders"), api(Role.ADMIN)
    refresh(cluster)
    produce(cluster, topic, ["1", "2"])
    body = {"source": "main", "topics": [f"{prefix}*"], "refresh_s": 5, "checkpoint_s": 1}
    made = anna("POST", FLOWS, body)
    assert made.status_code == 201, made.content
    asked = Flow.objects.get().asked
    eventually(lambda: end_of(dr, asked.copy_of(topic)) == 2, timeout=90)
    assert anna("POST", FLOWS, body).status_code == 422, "it is whole"

    worker = workers.rest_api(workers.worker_of("dr"))  # type: ignore[arg-type]  # the fixture has started one
    Flow.objects.update(anchors={"kept": [[0, 1, 2]]})
    worker.delete("main->dr.source")
    worker.pause("main->dr.checkpoint")
    eventually(lambda: selectors.health(asked, dr).state == "incomplete", timeout=30)
    produce(cluster, topic, ["3"])
    other = anna("POST", FLOWS, {**body, "topics": ["*"]})
    assert [each["code"] for each in other.json()["refusals"]] == ["exists"]
    planned = anna("POST", f"{FLOWS}?dry_run=true", body).json()
    assert planned["allowed"], planned["refusals"]
    assert "not all of its connectors" in planned["warnings"][0]
    again = anna("POST", FLOWS, body)
    assert (again.status_code, again.json()["state"]) == (201, "running"), again.content
    assert {each.state for each in worker.statuses().values()} == {State.RUNNING}
    eventually(lambda: end_of(dr, asked.copy_of(topic)) == 3, timeout=90)
    flow = Flow.objects.get()
    assert (flow.complete, flow.anchors) == (True, {"kept": [[0, 1, 2]]})
    services.apply_delete(SYSTEM, flow, services.plan_delete(flow))
