"""The protocol messages we use, untyped as the library leaves them: kafka-python's, and those it lacks.

The classes below are built from Kafka's own schemas in `schemas/`, unchanged from the kafka-clients jar.
"""

# pyright: basic
from __future__ import annotations

from types import new_class
from typing import Any

from kafka.protocol import admin, consumer, metadata  # pyright: ignore[reportAttributeAccessIssue]
from kafka.protocol.api_message import ApiMessage

_admin: Any = admin
_consumer: Any = consumer
_metadata: Any = metadata

SCHEMAS = "controlplane.gateways.kafka.schemas"
Message = Any  # a request or response of the protocol; its fields are known to builders and parsers only


_built: dict[str, Any] = {}  # the library itself refers to them weakly


def _message(name: str) -> Any:
    for kind in (f"{name}Request", f"{name}Response"):
        _built[kind] = new_class(kind, (ApiMessage,), {"load_json": SCHEMAS})
    return _built[f"{name}Request"]


ConsumerGroupDescribe: Any = _message("ConsumerGroupDescribe")
ShareGroupDescribe: Any = _message("ShareGroupDescribe")
StreamsGroupDescribe: Any = _message("StreamsGroupDescribe")
DescribeShareGroupOffsets: Any = _message("DescribeShareGroupOffsets")

ApiVersions: Any = _metadata.ApiVersionsRequest
FindCoordinator: Any = _metadata.FindCoordinatorRequest
Metadata: Any = _metadata.MetadataRequest
DescribeCluster: Any = _admin.DescribeClusterRequest
DescribeQuorum: Any = _admin.DescribeQuorumRequest
DescribeLogDirs: Any = _admin.DescribeLogDirsRequest
DescribeTopicPartitions: Any = _admin.DescribeTopicPartitionsRequest
CreateTopics: Any = _admin.CreateTopicsRequest
DeleteTopics: Any = _admin.DeleteTopicsRequest
CreatePartitions: Any = _admin.CreatePartitionsRequest
ElectLeaders: Any = _admin.ElectLeadersRequest
AlterPartitionReassignments: Any = _admin.AlterPartitionReassignmentsRequest
ListPartitionReassignments: Any = _admin.ListPartitionReassignmentsRequest
DescribeConfigs: Any = _admin.DescribeConfigsRequest
IncrementalAlterConfigs: Any = _admin.IncrementalAlterConfigsRequest
ListGroups: Any = _admin.ListGroupsRequest
DescribeGroups: Any = _admin.DescribeGroupsRequest
ListOffsets: Any = _consumer.ListOffsetsRequest
OffsetFetch: Any = _consumer.OffsetFetchRequest
OffsetCommit: Any = _consumer.OffsetCommitRequest
ConsumerProtocolSubscription: Any = _consumer.ConsumerProtocolSubscription
ConsumerProtocolAssignment: Any = _consumer.ConsumerProtocolAssignment
DescribeAcls: Any = _admin.DescribeAclsRequest
CreateAcls: Any = _admin.CreateAclsRequest
DeleteAcls: Any = _admin.DeleteAclsRequest
DescribeUserScramCredentials: Any = _admin.DescribeUserScramCredentialsRequest
AlterUserScramCredentials: Any = _admin.AlterUserScramCredentialsRequest
DescribeClientQuotas: Any = _admin.DescribeClientQuotasRequest
AlterClientQuotas: Any = _admin.AlterClientQuotasRequest
