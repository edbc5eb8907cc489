"""Partition reassignments: which brokers hold a partition's replicas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka import _messages as m
from controlplane.gateways.kafka._messages import Message
from controlplane.gateways.kafka.admin._base import AdminBase
from controlplane.gateways.kafka.faults import fault_of, raise_for
from controlplane.gateways.kafka.reassignment_types import Reassignment
from controlplane.gateways.kafka.types import TopicPartition


class ReassignmentsAdmin(AdminBase):
    def alter_partition_reassignments(
        self, targets: Mapping[TopicPartition, Sequence[int]]
    ) -> dict[TopicPartition, GatewayError]:
        """Starts moves and returns at once; what was refused is an error under its partition.

        The number of replicas stays: a target with more or fewer is refused by Kafka.
        """
        if not targets:
            return {}
        with self._call("partition reassignments") as call:
            answer = call.change(reassign_request(targets, self._timeout_ms))
        return parse_refused(answer)

    def list_partition_reassignments(self) -> tuple[Reassignment, ...]:
        with self._call("partition reassignments") as call:
            answer = call.ask(m.ListPartitionReassignments(timeout_ms=self._timeout_ms, topics=None))
        return parse_reassignments(answer)


def reassign_request(targets: Mapping[TopicPartition, Sequence[int]], timeout_ms: int) -> Message:
    topic = m.AlterPartitionReassignments.ReassignableTopic
    grouped: dict[str, list[Message]] = {}
    for partition, replicas in sorted(targets.items()):
        wanted = topic.ReassignablePartition(partition_index=partition.partition, replicas=list(replicas))
        grouped.setdefault(partition.topic, []).append(wanted)
    return m.AlterPartitionReassignments(
        timeout_ms=timeout_ms,
        allow_replication_factor_change=False,
        min_version=1,
        topics=[topic(name=name, partitions=partitions) for name, partitions in grouped.items()],
    )


def parse_refused(answer: Message) -> dict[TopicPartition, GatewayError]:
    raise_for(answer.error_code, answer.error_message, subject="partition reassignments")
    refused: dict[TopicPartition, GatewayError] = {}
    for topic in answer.responses:
        for raw in topic.partitions:
            partition = TopicPartition(topic.name, raw.partition_index)
            error = fault_of(raw.error_code, raw.error_message, subject=f"partition {partition}")
            if error is not None:
                refused[partition] = error
    return refused


def parse_reassignments(answer: Message) -> tuple[Reassignment, ...]:
    raise_for(answer.error_code, answer.error_message, subject="partition reassignments")
    return tuple(
        Reassignment(
            TopicPartition(topic.name, raw.partition_index),
            tuple(raw.replicas),
            tuple(raw.adding_replicas),
            tuple(raw.removing_replicas),
        )
        for topic in answer.topics
        for raw in topic.partitions
    )
