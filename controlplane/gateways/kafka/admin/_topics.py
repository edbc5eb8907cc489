"""Topics: list, describe (also as one broker sees them, also with ELR), create, delete, add partitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from controlplane.gateways.kafka import _messages as m
from controlplane.gateways.kafka._messages import Message
from controlplane.gateways.kafka.admin._base import AdminBase, kafka_id, node_or_none
from controlplane.gateways.kafka.faults import raise_for
from controlplane.gateways.kafka.types import Partition, TopicDescription


class TopicsAdmin(AdminBase):
    def list_topics(self, internal: bool = True) -> tuple[TopicDescription, ...]:
        """All topics by name. One that is being deleted or may not be seen is left out."""
        with self._call() as call:
            answer = call.ask(metadata_request(None))
        found = (described(topic) for topic in answer.topics if topic.error_code in (0, 5))
        return tuple(sorted((t for t in found if internal or not t.internal), key=lambda t: t.name))

    def describe_topics(
        self, names: Iterable[str], *, broker: int | None = None
    ) -> tuple[TopicDescription, ...]:
        """In the order asked; `NotFound` if one is missing. `broker`: as that broker sees them."""
        wanted = list(names)
        if not wanted:
            return ()
        with self._call() as call:
            answer = call.ask(metadata_request(wanted), node=broker)
        return parse_topics(answer, wanted)

    def describe_topic_partitions(self, name: str) -> tuple[Partition, ...]:
        """With eligible leader replicas (KIP-966); the plain description where Kafka is older than 4.0."""
        with self._call() as call:
            if not call.supports(m.DescribeTopicPartitions):
                return parse_topics(call.ask(metadata_request([name])), [name])[0].partitions
            partitions: list[Partition] = []
            cursor: tuple[str, int] | None = None
            while True:
                answer = call.ask(topic_partitions_request(name, cursor))
                partitions += parse_topic_partitions(answer, name)
                if answer.next_cursor is None:
                    return tuple(sorted(partitions, key=lambda p: p.index))
                cursor = (answer.next_cursor.topic_name, answer.next_cursor.partition_index)

    def create_topic(
        self,
        name: str,
        partitions: int,
        replication_factor: int,
        configs: Mapping[str, str] | None = None,
        *,
        validate_only: bool = False,
    ) -> None:
        """-1 for partitions or replication factor takes the broker's default."""
        request = create_topic_request(
            name, partitions, replication_factor, configs or {}, self._timeout_ms, validate_only
        )
        with self._call() as call:
            answer = call.change(request)
        for topic in answer.topics:
            raise_for(topic.error_code, topic.error_message, subject=f"topic {topic.name}")

    def delete_topics(self, names: Iterable[str]) -> None:
        """All that can be deleted are; the first that could not is raised."""
        wanted = list(names)
        if not wanted:
            return
        with self._call() as call:
            answer = call.change(delete_topics_request(wanted, self._timeout_ms))
        for topic in answer.responses:
            raise_for(topic.error_code, topic.error_message, subject=f"topic {topic.name}")

    def create_partitions(self, name: str, count: int, *, validate_only: bool = False) -> None:
        """`count` is the number afterwards."""
        with self._call() as call:
            answer = call.change(create_partitions_request(name, count, self._timeout_ms, validate_only))
        for result in answer.results:
            raise_for(result.error_code, result.error_message, subject=f"topic {result.name}")


def metadata_request(names: Sequence[str] | None) -> Message:
    """`None` is all topics. Never creates one."""
    topics = None if names is None else [m.Metadata.MetadataRequestTopic(name=name) for name in names]
    return m.Metadata(
        topics=topics,
        allow_auto_topic_creation=False,
        include_cluster_authorized_operations=False,
        include_topic_authorized_operations=False,
    )


def parse_topics(answer: Message, names: Sequence[str]) -> tuple[TopicDescription, ...]:
    found = {topic.name: topic for topic in answer.topics}
    for name in names:
        # LEADER_NOT_AVAILABLE (5): the topic exists, a partition waits for its leader. That is told per partition.
        code = found[name].error_code if name in found else 3
        raise_for(0 if code == 5 else code, subject=f"topic {name}")
    return tuple(described(found[name]) for name in names)


def described(topic: Message) -> TopicDescription:
    return TopicDescription(
        name=topic.name,
        topic_id=kafka_id(topic.topic_id) or "",
        internal=topic.is_internal,
        partitions=tuple(sorted((_partition(p) for p in topic.partitions), key=lambda p: p.index)),
    )


def _partition(raw: Message) -> Partition:
    return Partition(
        index=raw.partition_index,
        leader=node_or_none(raw.leader_id),
        replicas=tuple(raw.replica_nodes),
        isr=tuple(raw.isr_nodes),
        offline=tuple(raw.offline_replicas or ()),
        elr=tuple(getattr(raw, "eligible_leader_replicas", None) or ()),
        last_known_elr=tuple(getattr(raw, "last_known_elr", None) or ()),
        leader_epoch=node_or_none(raw.leader_epoch),
    )


def topic_partitions_request(name: str, cursor: tuple[str, int] | None) -> Message:
    kind = m.DescribeTopicPartitions
    after = None if cursor is None else kind.Cursor(topic_name=cursor[0], partition_index=cursor[1])
    return kind(topics=[kind.TopicRequest(name=name)], response_partition_limit=2000, cursor=after)


def parse_topic_partitions(answer: Message, name: str) -> list[Partition]:
    for topic in answer.topics:
        raise_for(topic.error_code, subject=f"topic {name}")
    return [_partition(p) for topic in answer.topics for p in topic.partitions]


def create_topic_request(
    name: str,
    partitions: int,
    replication_factor: int,
    configs: Mapping[str, str],
    timeout_ms: int,
    validate_only: bool,
) -> Message:
    topic = m.CreateTopics.CreatableTopic
    return m.CreateTopics(
        topics=[
            topic(
                name=name,
                num_partitions=partitions,
                replication_factor=replication_factor,
                assignments=[],
                configs=[topic.CreatableTopicConfig(name=key, value=value) for key, value in configs.items()],
            )
        ],
        timeout_ms=timeout_ms,
        validate_only=validate_only,
    )


def delete_topics_request(names: Sequence[str], timeout_ms: int) -> Message:
    states = [m.DeleteTopics.DeleteTopicState(name=name) for name in names]
    return m.DeleteTopics(topics=states, topic_names=list(names), timeout_ms=timeout_ms)


def create_partitions_request(name: str, count: int, timeout_ms: int, validate_only: bool) -> Message:
    topic = m.CreatePartitions.CreatePartitionsTopic(name=name, count=count, assignments=None)
    return m.CreatePartitions(topics=[topic], timeout_ms=timeout_ms, validate_only=validate_only)
