"""Producing records: one from a form, or a list from the API. Audited by count and size; contents are never logged."""

from __future__ import annotations

from collections.abc import Sequence

from controlplane.audit.services import operation
from controlplane.clusters.logic.topic_names import of_worker
from controlplane.clusters.models import Cluster
from controlplane.clusters.selectors import kept_topics
from controlplane.clusters.services import gateway_for
from controlplane.core.access import Actor
from controlplane.core.plans import Plan
from controlplane.gateways.kafka.types import ProducedRecord
from controlplane.records.logic import plans
from controlplane.records.logic.plans import NewRecord, Target

MAX_RECORDS = 1000


def plan_produce(cluster: Cluster, topic: str, records: Sequence[NewRecord]) -> Plan:
    """NotFound before anything is queued: producing never creates a topic."""
    (found,) = gateway_for(cluster).describe_topics([topic])
    kept = of_worker(topic) or topic in kept_topics(cluster)
    target = Target(topic, found.topic_id, len(found.partitions), found.internal or kept)
    return plans.plan_produce(records, target, cluster=cluster.name)


def apply_produce(
    actor: Actor, cluster: Cluster, topic: str, records: Sequence[NewRecord], plan: Plan
) -> tuple[ProducedRecord, ...]:
    """In order; the first failure stops and is raised, those before it are in the topic (the audit row says how many)."""
    gateway = gateway_for(cluster)
    done: list[ProducedRecord] = []
    with operation(actor, plan.action, cluster=cluster.name, target=topic, plan=plan) as entry:
        for record in records:
            done.append(
                gateway.produce(
                    topic,
                    partition=record.partition,
                    key=record.key,
                    value=record.value,
                    headers=record.headers,
                )
            )
            entry.note(records=len(done))
    return tuple(done)
