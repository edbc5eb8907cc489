"""Whoever tried to change something and was refused is in the audit: by rights, by the plan, by a state that moved."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.shortcuts import resolve_url
from django.test import Client

from controlplane.accounts.models import User
from controlplane.audit.models import Operation, Outcome
from controlplane.clusters import operations
from controlplane.clusters.logic.broker_plans import BrokerAct
from controlplane.clusters.models import Cluster
from controlplane.core.access import EVERY_CLUSTER, Action, Actor, Role
from controlplane.core.logs import request_id
from controlplane.gateways import broker as bundled
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.jobs.run import JobRun
from controlplane.jobs.services import on_behalf_of
from tests.conftest import Api
from tests.waiting import eventually

ApiOf = Callable[[Role], Api]
ADMIN = Actor("ada", "user", {EVERY_CLUSTER: Role.ADMIN})


def only_row() -> Operation:
    return Operation.objects.exclude(action__startswith="session").get()


@pytest.fixture
def otto(users: dict[Role, User], cluster: Cluster) -> Client:
    client = Client()
    client.force_login(users[Role.OPERATOR])
    Operation.objects.all().delete()
    return client


def test_a_refused_plan_in_the_api(api: ApiOf, cluster: Cluster, prefix: str) -> None:
    body = {"name": f"{prefix}/bad", "partitions": 1, "replication_factor": 3}
    assert api(Role.OPERATOR)("POST", "clusters/main/topics/", body).status_code == 422
    row = only_row()
    assert (row.outcome, row.action, row.target) == (Outcome.REFUSED, "topic.create", f"{prefix}/bad")
    assert row.plan is not None
    assert row.plan["refusals"][0]["code"] == "name_illegal"
    assert row.error == "The name contains '/', which Kafka does not allow"
    assert row.seq is not None


def test_a_moved_state_in_the_api(
    api: ApiOf, cluster: Cluster, make_topic: Callable[..., str], prefix: str
) -> None:
    path = f"clusters/main/topics/{make_topic(prefix)}/configs/"
    body = {"set": {"retention.ms": "3600000"}}
    assert api(Role.OPERATOR)("PATCH", path, body, If_Match='"old"').status_code == 412
    row = only_row()
    assert (row.outcome, row.action, row.target) == (Outcome.REFUSED, "topic.edit", prefix)
    assert "state changed" in row.error


def test_a_dry_run_is_no_attempt(
    api: ApiOf, cluster: Cluster, make_topic: Callable[..., str], prefix: str
) -> None:
    body = {"name": f"{prefix}/bad", "partitions": 1, "replication_factor": 3}
    assert api(Role.OPERATOR)("POST", "clusters/main/topics/?dry_run=true", body).status_code == 200
    path = f"clusters/main/topics/{make_topic(prefix)}/configs/?dry_run=true"
    assert api(Role.OPERATOR)("PATCH", path, {"set": {"retention.ms": "1"}}).status_code == 200
    assert not Operation.objects.exists()


def test_a_refused_plan_on_a_page(otto: Client, prefix: str) -> None:
    data = {"name": f"{prefix}/bad", "partitions": 1, "replication_factor": 3}
    assert otto.post("/clusters/main/topics/+new/", data).status_code == 422
    row = only_row()
    assert (row.outcome, row.actor, row.target) == (Outcome.REFUSED, "otto", f"{prefix}/bad")


def test_a_moved_state_on_a_page(otto: Client, make_topic: Callable[..., str], prefix: str) -> None:
    data: dict[str, Any] = {"config": "retention.ms", "value": "3600000", "digest": "old"}
    make_topic(prefix)
    answer = otto.post(f"/clusters/main/topics/{prefix}/settings/alter/", data)
    assert answer.status_code == 409
    row = only_row()
    assert (row.outcome, row.action, row.target) == (Outcome.REFUSED, "topic.edit", prefix)
    assert "state changed" in row.error


def test_producing_to_an_internal_topic_on_a_page(otto: Client, gateway: KafkaGateway, prefix: str) -> None:
    with suppress(GatewayError):
        gateway.list_group_offsets([prefix])  # asking for a coordinator is what makes the topic
    eventually(
        lambda: "__consumer_offsets" in {topic.name for topic in gateway.list_topics(internal=True)},
        timeout=60,
    )
    answer = otto.post(
        resolve_url("records:produce", "main", "__consumer_offsets"), {"key": "k", "value": "v"}
    )
    assert answer.status_code == 422
    assert (only_row().outcome, only_row().action) == (Outcome.REFUSED, "topic.produce")


def test_a_brokers_operation_names_its_plan_the_state_before_and_the_request(cluster: Cluster) -> None:
    token = request_id.set("a-request-of-ada")
    try:
        plan = operations.plan_act(cluster, 1, BrokerAct.RESTART)
        job = operations.apply_act(ADMIN, cluster, 1, BrokerAct.RESTART, plan)
    finally:
        request_id.reset(token)
    with on_behalf_of(job), operations.broker_operation(JobRun(job), "broker 1"):
        pass
    row = only_row()
    assert (row.action, row.request_id) == (Action.BROKER_OPERATE, "a-request-of-ada")
    assert row.plan == plan.to_json()
    assert row.before == dict.fromkeys(
        (f"broker {node.id}" for node in bundled.bundled_cluster("main").nodes), "RUNNING"
    )
    assert request_id.get() == "-"
