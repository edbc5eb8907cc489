"""The cluster itself: brokers, controller, metadata quorum, features."""

from __future__ import annotations

from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka import _messages as m
from controlplane.gateways.kafka._channel import Call
from controlplane.gateways.kafka._listeners import refuse_suspicious
from controlplane.gateways.kafka._messages import Message
from controlplane.gateways.kafka.admin._base import AdminBase, kafka_id, node_or_none
from controlplane.gateways.kafka.admin._topics import metadata_request
from controlplane.gateways.kafka.faults import raise_for
from controlplane.gateways.kafka.quorum import QuorumEndpoint, QuorumInfo, QuorumReplica
from controlplane.gateways.kafka.types import (
    BrokerNode,
    ClusterDescription,
    Feature,
)

METADATA_TOPIC = "__cluster_metadata"


class ClusterAdmin(AdminBase):
    def describe_cluster(self) -> ClusterDescription:
        """Fenced brokers too, where Kafka tells. Refused when a broker advertises an address we must not go to."""
        with self._call() as call:
            described = _describe(call)
            leader = _quorum_leader(call)
        refuse_suspicious(self._channel.connection, (broker.host for broker in described.brokers))
        if leader is None:
            return described
        return ClusterDescription(described.cluster_id, leader, described.brokers)

    def describe_quorum(self) -> QuorumInfo:
        with self._call("the metadata quorum") as call:
            return parse_quorum(call.ask(quorum_request()))

    def describe_features(self) -> tuple[Feature, ...]:
        with self._call() as call:
            return parse_features(call.ask(features_request()))


def _describe(call: Call) -> ClusterDescription:
    if call.supports(m.DescribeCluster):
        return parse_cluster(call.ask(cluster_request()))
    return parse_cluster_metadata(call.ask(metadata_request([])))


def _quorum_leader(call: Call) -> int | None:
    """In KRaft every broker names a random broker as controller, so the quorum is asked; not all may see it."""
    if not call.supports(m.DescribeQuorum):
        return None
    try:
        return parse_quorum(call.ask(quorum_request())).leader_id
    except GatewayError:
        return None


def cluster_request() -> Message:
    return m.DescribeCluster(
        include_cluster_authorized_operations=False, endpoint_type=1, include_fenced_brokers=True
    )


def parse_cluster(answer: Message) -> ClusterDescription:
    raise_for(answer.error_code, answer.error_message, subject="the cluster")
    brokers = (BrokerNode(b.broker_id, b.host, b.port, b.rack, bool(b.is_fenced)) for b in answer.brokers)
    return ClusterDescription(
        cluster_id=answer.cluster_id,
        controller_id=node_or_none(answer.controller_id),
        brokers=tuple(sorted(brokers, key=lambda b: b.id)),
    )


def parse_cluster_metadata(answer: Message) -> ClusterDescription:
    brokers = (BrokerNode(b.node_id, b.host, b.port, b.rack) for b in answer.brokers)
    return ClusterDescription(
        cluster_id=answer.cluster_id or "",
        controller_id=node_or_none(answer.controller_id),
        brokers=tuple(sorted(brokers, key=lambda b: b.id)),
    )


def quorum_request() -> Message:
    topic = m.DescribeQuorum.TopicData
    partition = topic.PartitionData(partition_index=0)
    return m.DescribeQuorum(topics=[topic(topic_name=METADATA_TOPIC, partitions=[partition])])


def parse_quorum(answer: Message) -> QuorumInfo:
    raise_for(answer.error_code, answer.error_message, subject="the metadata quorum")
    partition = answer.topics[0].partitions[0]
    raise_for(partition.error_code, partition.error_message, subject="the metadata quorum")
    return QuorumInfo(
        leader_id=node_or_none(partition.leader_id),
        leader_epoch=partition.leader_epoch,
        high_watermark=partition.high_watermark,
        voters=tuple(_replica(raw) for raw in partition.current_voters),
        observers=tuple(_replica(raw) for raw in partition.observers),
        endpoints=tuple(
            QuorumEndpoint(node.node_id, listener.name, listener.host, listener.port)
            for node in answer.nodes or ()
            for listener in node.listeners
        ),
    )


def _replica(raw: Message) -> QuorumReplica:
    return QuorumReplica(
        id=raw.replica_id,
        directory_id=kafka_id(raw.replica_directory_id),
        log_end_offset=node_or_none(raw.log_end_offset),
        last_fetch_ms=node_or_none(raw.last_fetch_timestamp),
        last_caught_up_ms=node_or_none(raw.last_caught_up_timestamp),
    )


def features_request() -> Message:
    return m.ApiVersions(client_software_name="kastellan", client_software_version="1", min_version=3)


def parse_features(answer: Message) -> tuple[Feature, ...]:
    raise_for(answer.error_code, subject="features")
    finalized = {raw.name: raw.max_version_level for raw in answer.finalized_features or ()}
    supported = {raw.name: (raw.min_version, raw.max_version) for raw in answer.supported_features or ()}
    unknown: tuple[int | None, int | None] = (None, None)
    return tuple(
        Feature(name, *supported.get(name, unknown), finalized.get(name))
        for name in sorted(supported.keys() | finalized.keys())
    )
