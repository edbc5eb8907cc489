"""A Kafka client of a SCRAM user that leaves from an address of our choice and asks what it may do.

`includeAuthorizedOperations` answers all operations of a resource in one call, as the principal that asks.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any

from controlplane.gateways.kafka import _messages as m
from controlplane.gateways.kafka._transport import Transport
from controlplane.gateways.kafka.access_types import AclOperation, AclResourceType
from controlplane.gateways.kafka.security import KafkaConnection

REFUSED = (29, 30)
Resource = tuple[AclResourceType, str]


class Asker:
    """`broker` is asked and no other: it is the one whose ACLs the test has waited for."""

    def __init__(self, connection: KafkaConnection, source: str, broker: int) -> None:
        self._transport = Transport(connection, lambda host, _port: (host,))
        self._broker = broker

        async def from_source(addresses: tuple[str, ...], port: int, timeout_at: float | None) -> Any:
            sock = socket.create_connection((addresses[0], port), 5, source_address=(source, 0))
            sock.setblocking(False)
            return sock

        self._transport._manager._first_that_connects = from_source
        self._transport.open(15)

    def close(self) -> None:
        self._transport.close()

    def may(
        self, topics: Iterable[str], groups: Iterable[str]
    ) -> dict[Resource, frozenset[AclOperation] | None]:
        """Allowed operations per resource; None where not even DESCRIBE is allowed, so that nothing else is told."""
        found: dict[Resource, frozenset[AclOperation] | None] = {}
        topic = m.Metadata.MetadataRequestTopic
        metadata = self._ask(
            m.Metadata(
                topics=[topic(name=name) for name in topics],
                allow_auto_topic_creation=False,
                include_topic_authorized_operations=True,
            )
        )
        for each in metadata.topics:
            found[AclResourceType.TOPIC, each.name] = _told(each.authorized_operations, each.error_code)
        described = self._ask(
            m.DescribeGroups(groups=list(groups), include_authorized_operations=True, max_version=5)
        )
        for each in described.groups:
            found[AclResourceType.GROUP, each.group_id] = _told(each.authorized_operations, each.error_code)
        cluster = self._ask(m.DescribeCluster(include_cluster_authorized_operations=True))
        told = _told(cluster.authorized_operations, 0)
        found[AclResourceType.CLUSTER, "kafka-cluster"] = told or None
        return found

    def _ask(self, request: Any) -> Any:
        return self._transport.send(request, node=self._broker, timeout_s=10, repeat=False)


def _told(codes: set[int] | None, error: int) -> frozenset[AclOperation] | None:
    assert error in (0, *REFUSED), error
    if codes is None or error:
        return None
    return frozenset(AclOperation.of(code) for code in codes)
