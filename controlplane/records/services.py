"""Producing records: one from a form, or a list from the API. Audited by count and size; contents are never logged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.audit.services import operation
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.core.access import Action, Actor
from controlplane.core.errors import Refused
from controlplane.core.plans import Refusal
from controlplane.gateways.kafka.types import ProducedRecord

MAX_RECORDS = 1000


@dataclass(frozen=True, slots=True)
class NewRecord:
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    partition: int | None = None


def produce(
    actor: Actor, cluster: Cluster, topic: str, records: Sequence[NewRecord]
) -> tuple[ProducedRecord, ...]:
    """In order; the first failure stops and is raised, those before it are in the topic (the audit row says how many)."""
    gateway = gateway_for(cluster)
    # NotFound before anything is queued: producing never creates a topic.
    (described,) = gateway.describe_topics([topic])
    if described.internal:
        raise Refused(
            [
                Refusal(
                    "internal",
                    f"{topic} is one of Kafka's internal topics",
                    "Only the brokers write to it: a foreign record can stop every consumer group.",
                )
            ]
        )
    done: list[ProducedRecord] = []
    with operation(actor, Action.TOPIC_PRODUCE, cluster=cluster.name, target=topic) as entry:
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
