"""A flow between two real clusters: records arrive, offsets are translated, it pauses, and it goes with all it was given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import confluent_kafka
import pytest

from controlplane.audit.models import Operation
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import connection_for, gateway_for, refresh
from controlplane.connect.logic.confinement import OWN_SECRETS
from controlplane.core.access import SYSTEM, Role
from controlplane.core.errors import Forbidden
from controlplane.gateways import workers
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.security import librdkafka_settings
from controlplane.gateways.kafka.types import OffsetSpec, TopicPartition
from controlplane.records import services as records
from controlplane.records.logic.plans import NewRecord
from controlplane.replication import comparing, following, selectors, services, watching
from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.logic.plans import FlowAct
from controlplane.replication.models import Flow
from controlplane.topics import selectors as topics
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asked(prefix: str) -> FlowRequest:
    return FlowRequest(
        "main", "dr", topics=(f"{prefix}*",), groups=(f"{prefix}*",), refresh_s=5, checkpoint_s=1
    )


def produce(gateway: KafkaGateway, topic: str, count: int) -> None:
    for number in range(count):
        gateway.produce(topic, partition=0, key=b"k", value=str(number).encode(), headers=())


def end_of(gateway: KafkaGateway, topic: str, index: int = 0) -> int:
    partition = TopicPartition(topic, index)
    return gateway.list_offsets(OffsetSpec.LATEST, [partition]).get(partition, 0)


def test_a_flow_from_its_plan_to_its_end(
    asked: FlowRequest,
    dr: Cluster,
    cluster: Cluster,
    gateway: KafkaGateway,
    make_topic: Callable[..., str],
    prefix: str,
) -> None:
    topic = make_topic(f"{prefix}-orders", 2)
    produce(gateway, topic, 5)
    refresh(cluster)
    there = gateway_for(dr)

    plan = services.plan_create(asked)
    assert plan.refusals == (), plan.refusals
    kinds = [step.object_type for step in plan.steps]
    assert kinds[0] == "flow"
    assert kinds.count("connector") == 3
    named = {f"{step.object_type} {step.name}" for step in plan.steps}
    assert "SCRAM user mm2-main-dr on main" in named
    assert f"ACLs of {workers.PRINCIPAL} on dr" in named
    assert [each.name for each in plan.affected] == [topic]
    flow = services.apply_create(SYSTEM, asked, plan)
    assert flow.complete
    assert flow.user == "mm2-main-dr"
    assert selectors.health(asked, dr).state == "running"
    copy = asked.copy_of(topic)
    eventually(lambda: there.list_topics() and end_of_if_there(there, copy) == 5, timeout=90)

    commit(cluster, topic, group := f"{prefix}-app", 5)
    refresh(cluster)
    eventually(lambda: told(asked, cluster, dr, group) == (5, 5), timeout=60)
    found = watching.progress_of(asked, cluster, dr)
    assert (found.totals.records, found.totals.seconds, found.error) == (0, 0.0, "")
    assert {(row.topic, row.partition) for row in found.rows} == {(topic, 0), (topic, 1)}
    assert found.heartbeat_age_s is not None
    assert found.heartbeat_age_s < 30

    ends_with_a_marker(asked, cluster, dr, topic)

    again = services.plan_create(asked)
    assert [refusal.code for refusal in again.refusals] == ["exists"]
    assert services.owner_of(asked).startswith(OWN_SECRETS)
    secret = workers.secret_reference("dr", services.owner_of(asked), "source.login")
    config = selectors.connect_of(dr).config("main->dr.source")  # type: ignore[union-attr]
    assert config["source.cluster.sasl.jaas.config"] == secret

    follows_another_authority(flow)
    keeps_its_topics(dr, asked)
    services.apply_act(SYSTEM, flow, FlowAct.PAUSE, services.plan_act(flow, FlowAct.PAUSE))
    assert selectors.health(asked, dr).state == "paused"
    produce(gateway, topic, 3)
    eventually(lambda: watching.progress_of(asked, cluster, dr).totals.records == 3, timeout=30)
    behind = watching.progress_of(asked, cluster, dr)
    assert behind.totals.seconds is not None
    assert behind.totals.seconds < 60
    services.apply_act(SYSTEM, flow, FlowAct.RESUME, services.plan_act(flow, FlowAct.RESUME))
    eventually(lambda: end_of(there, copy) == 8, timeout=60)

    services.apply_delete(SYSTEM, flow, services.plan_delete(flow))
    assert not Flow.objects.exists()
    assert not [acl for acl in gateway.describe_acls() if acl.principal == "User:mm2-main-dr"]
    assert not [each for each in gateway.describe_user_scram_credentials() if each.user == "mm2-main-dr"]
    left = [acl for acl in there.describe_acls() if acl.principal == workers.PRINCIPAL]
    assert all(acl.resource_name.startswith(("kastellan-connect", "connect-")) for acl in left)
    assert end_of(there, copy) == 8
    rows = Operation.objects.filter(action__startswith="flow.").order_by("pk")
    assert {row.outcome for row in rows} == {"succeeded"}
    assert {row.cluster for row in rows} == {"main", "dr"}


def ends_with_a_marker(asked: FlowRequest, source: Cluster, target: Cluster, topic: str) -> None:
    """The offset of a transaction's marker comes after its last record, and nobody ever copies it."""
    settings = librdkafka_settings(connection_for(source))
    producer = confluent_kafka.Producer({**settings, "transactional.id": f"{topic}-t"})
    producer.init_transactions(30)
    for finish in (producer.commit_transaction, producer.abort_transaction):
        producer.begin_transaction()
        producer.produce(topic, b"in a transaction", partition=1)
        producer.flush(30)
        finish(30)

    def left() -> tuple[int | None, float | None]:
        totals = watching.progress_of(asked, source, target).totals
        return totals.records, totals.seconds

    eventually(lambda: end_of(gateway_for(target), asked.copy_of(topic), 1) == 2, timeout=60)
    eventually(lambda: left() == (0, 0.0), timeout=30)
    found = comparing.compare(asked, source, target)
    assert {row.later for row in found.rows} == {0}
    assert sum(row.compared for row in found.rows) >= 6


def keeps_its_topics(dr: Cluster, asked: FlowRequest) -> None:
    """A foreign record there would send groups to another place."""
    for name in (asked.syncs_topic, asked.checkpoints_topic):
        assert topics.topic_state(dr, name).internal
        plan = records.plan_produce(dr, name, [NewRecord(None, b"x")])
        assert [each.code for each in plan.refusals] == ["internal"]


def follows_another_authority(flow: Flow) -> None:
    """Roots are read once, by a client that starts: after they changed the connectors start anew, once."""
    assert not following.follow(flow)
    now, flow.trust = flow.trust, "of-another-authority"
    assert following.follow(flow)
    assert flow.trust == now
    assert not following.follow(flow)
    row = Operation.objects.filter(action="flow.edit").latest("pk")
    assert "other authorities" in row.details["why"]


def commit(cluster: Cluster, topic: str, group: str, offset: int) -> None:
    """As a consumer that has read so far and is gone."""
    settings = librdkafka_settings(connection_for(cluster))
    consumer = confluent_kafka.Consumer({**settings, "group.id": group, "enable.auto.commit": False})
    try:
        place = confluent_kafka.TopicPartition(topic, 0, offset)
        consumer.commit(offsets=[place], asynchronous=False)
    finally:
        consumer.close()


def told(asked: FlowRequest, source: Cluster, target: Cluster, group: str) -> tuple[int | None, int | None]:
    """Translated by us, and committed in the target by MirrorMaker."""
    rows = [row for row in watching.translation_of(asked, source, target).rows if row.group == group]
    return (rows[0].translated, rows[0].there) if rows else (None, None)


def end_of_if_there(gateway: KafkaGateway, topic: str) -> int:
    names = {found.name for found in gateway.list_topics()}
    return end_of(gateway, topic) if topic in names else 0


def test_a_flow_needs_the_right_on_both_clusters(asked: FlowRequest, dr: Cluster) -> None:
    half = replace(SYSTEM, name="half", roles={"dr": Role.ADMIN, "main": Role.VIEWER})
    with pytest.raises(Forbidden):
        services.apply_create(half, asked, services.plan_create(asked))
    assert not Flow.objects.exists()


def test_without_a_worker_beside_the_target_there_is_none(asked: FlowRequest, dr: Cluster) -> None:
    back = replace(asked, source="dr", target="main")
    # Another module may have started one beside the session's cluster.
    expected = [] if workers.worker_of("main") else ["no_worker"]
    assert [refusal.code for refusal in services.plan_create(back).refusals] == expected
    once = replace(asked, exactly_once=True)
    assert [refusal.code for refusal in services.plan_create(once).refusals] == ["not_exactly_once"]
