"""A failover driven step by step, as its page drives it; and what clients do meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

import confluent_kafka

from controlplane.clusters.models import Cluster
from controlplane.clusters.services import connection_for, gateway_for
from controlplane.core.access import SYSTEM
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.security import librdkafka_settings
from controlplane.gateways.kafka.types import OffsetSpec, TopicPartition
from controlplane.jobs import services as jobs
from controlplane.jobs.models import Job
from controlplane.replication import failover, watching
from controlplane.replication.logic.failover import STEPS, Kind, Step
from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.models import Failover, Flow
from tests.waiting import eventually


def begin(flow: Flow, kind: Kind) -> Failover:
    return failover.begin(SYSTEM, flow, kind, failover.plan_begin(flow, kind))


def attempt(run: Failover, step: Step) -> Job:
    job = failover.apply_step(SYSTEM, run, step, failover.plan_step(run, step))
    done = jobs.run(job.pk)
    assert done is not None
    done.refresh_from_db()
    run.refresh_from_db()
    return done


def take(run: Failover, step: Step) -> dict[str, object]:
    done = attempt(run, step)
    assert (done.state, done.error) == ("succeeded", ""), (step, done.error, done.hint, done.log)
    return dict(done.result or {})


def take_all(run: Failover, steps: Sequence[Step] = ()) -> dict[Step, dict[str, object]]:
    return {step: take(run, step) for step in steps or STEPS[Kind(run.kind)]}


def produce(cluster: Cluster, topic: str, values: Sequence[str]) -> None:
    for value in values:
        gateway_for(cluster).produce(topic, partition=0, key=b"k", value=value.encode(), headers=())


def commit(cluster: Cluster, topic: str, group: str, offset: int) -> None:
    """A coordinator that was just elected may still say that it is none."""
    settings = librdkafka_settings(connection_for(cluster))
    place = confluent_kafka.TopicPartition(topic, 0, offset)
    consumer = confluent_kafka.Consumer({**settings, "group.id": group, "enable.auto.commit": False})

    def done() -> bool:
        try:
            consumer.commit(offsets=[place], asynchronous=False)
        except confluent_kafka.KafkaException as error:
            if (
                not error.args[0].retriable()
                and error.args[0].code() != confluent_kafka.KafkaError.NOT_COORDINATOR
            ):
                raise
            return False
        return True

    try:
        eventually(done, timeout=30, every=0.5)
    finally:
        consumer.close()


def end_of(cluster: Cluster, topic: str) -> int:
    """0 where the topic is not there yet."""
    gateway = gateway_for(cluster)
    if topic not in {found.name for found in gateway.list_topics()}:
        return 0
    partition = TopicPartition(topic, 0)
    return gateway.list_offsets(OffsetSpec.LATEST, [partition]).get(partition, 0)


def values_of(cluster: Cluster, topic: str) -> list[str]:
    batch = gateway_for(cluster).read(
        topic, {0: 0}, limit=1_000_000, deadline_s=30, stop_at={0: end_of(cluster, topic)}
    )
    return [(record.value or b"").decode() for record in batch.records]


def committed(cluster: Cluster, topic: str, group: str) -> int | None:
    return gateway_for(cluster).list_group_offsets([group]).get(group, {}).get(TopicPartition(topic, 0))


def translated(asked: FlowRequest, source: Cluster, target: Cluster) -> int | None:
    """Where the first partition of the first group would go on; None while nobody can say."""
    try:
        rows = watching.translation_of(asked, source, target).rows
    except GatewayError:
        return None
    return rows[0].translated if rows else None
