"""What clients do to a real cluster, once each: a group, a transaction, a share group, a throttled client, a failed login.

Every metric of the shipped rules that waits for a client to do something is then there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import confluent_kafka

from controlplane.clusters.models import Cluster
from controlplane.clusters.services import client_endpoint, connection_for
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclFilter,
    AclOperation,
    AclPermission,
    AclResourceType,
    CredentialMechanism,
    PatternType,
)
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.preflight import preflight
from controlplane.gateways.kafka.produce import NewRecord
from controlplane.gateways.kafka.security import KafkaConnection, ScramTls, Tls, librdkafka_settings
from tests.waiting import eventually

PASSWORD = "as-slow-as-it-was-told"
#: Quotas are means over ten seconds, and what exceeds these is five records of this size.
SIZE = 40_000
LIMIT = {"produce": 15_000.0, "fetch": 15_000.0, "request": 0.01}
LIMITS = {"produce": "producer_byte_rate", "fetch": "consumer_byte_rate", "request": "request_percentage"}


@dataclass(frozen=True, slots=True)
class Workload:
    """`topic` is there and empty; whatever a client is called begins with its name."""

    cluster: Cluster
    gateway: KafkaGateway
    topic: str

    @property
    def _own(self) -> dict[str, Any]:
        return dict(librdkafka_settings(connection_for(self.cluster)))

    def produce(self) -> None:
        self.gateway.produce_all(self.topic, [NewRecord(b"k", b"v") for _ in range(20)])

    def consume(self) -> None:
        """A group that reads some of it and commits where it is."""
        group = {
            "group.id": f"{self.topic}-group",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
        consumer = confluent_kafka.Consumer(self._own | group)
        consumer.subscribe([self.topic])
        record = eventually(lambda: consumer.poll(1), timeout=60)
        assert record.error() is None
        consumer.commit(message=record, asynchronous=False)
        consumer.close()

    def transact(self) -> None:
        producer = confluent_kafka.Producer(self._own | {"transactional.id": f"{self.topic}-tx"})
        producer.init_transactions(30)
        producer.begin_transaction()
        producer.produce(self.topic, b"in a transaction")
        producer.commit_transaction(30)

    @contextmanager
    def sharing(self) -> Iterator[None]:
        """A share group that has taken records: what a broker counts of one ends with it."""
        with confluent_kafka.ShareConsumer(self._own | {"group.id": f"{self.topic}-share"}) as consumer:
            consumer.subscribe([self.topic])

            def taken() -> bool:
                # It begins with what is written after it has joined.
                self.produce()
                return any(record.error() is None for record in consumer.poll(1.0))

            eventually(taken, timeout=60)
            yield

    @contextmanager
    def throttled(self) -> Iterator[Throttled]:
        """A user of its own, who may do little."""
        name = f"{self.topic}-user"
        self.gateway.upsert_user_scram_credential(name, CredentialMechanism.SCRAM_SHA_512, PASSWORD, 4096)
        self.gateway.create_acls([*self._rights(name)])
        try:
            settings = dict(librdkafka_settings(self._connection(name)))
            yield Throttled(self.gateway, self.topic, name, settings)
        finally:
            self.gateway.alter_client_quotas((("user", name),), dict.fromkeys(LIMITS.values()))
            self.gateway.delete_acls([AclFilter(principal=f"User:{name}")])
            self.gateway.delete_user_scram_credential(name, CredentialMechanism.SCRAM_SHA_512)

    def fail_to_log_in(self) -> None:
        endpoint = client_endpoint(self.cluster, "SASL_SSL")
        guessed = ScramTls("somebody", "guessed", tls=Tls(ca_pem=endpoint.ca_pem))
        assert not preflight(KafkaConnection(endpoint.bootstrap, guessed)).ok

    def _connection(self, name: str) -> KafkaConnection:
        endpoint = client_endpoint(self.cluster, "SASL_SSL")
        made = KafkaConnection(endpoint.bootstrap, ScramTls(name, PASSWORD, tls=Tls(ca_pem=endpoint.ca_pem)))
        eventually(lambda: preflight(made).ok, timeout=30)
        return made

    def _rights(self, name: str) -> Iterator[Acl]:
        for operation, kind in (
            (AclOperation.WRITE, AclResourceType.TOPIC),
            (AclOperation.READ, AclResourceType.TOPIC),
            (AclOperation.READ, AclResourceType.GROUP),
        ):
            yield Acl(
                f"User:{name}", "*", operation, AclPermission.ALLOW, kind, self.topic, PatternType.PREFIXED
            )


@dataclass(frozen=True, slots=True)
class Throttled:
    gateway: KafkaGateway
    topic: str
    name: str
    settings: dict[str, Any]

    def exceed(self, kind: str) -> None:
        """Does more of it than was allowed just now. A broker forgets after eleven seconds that it held somebody back."""
        self.gateway.alter_client_quotas((("user", self.name),), {LIMITS[kind]: LIMIT[kind]})
        if kind == "fetch":
            self._fetch()
        else:
            self._send()

    def _send(self) -> None:
        producer = confluent_kafka.Producer(self.settings)
        for _ in range(5):
            producer.produce(self.topic, b"x" * SIZE)
            assert producer.flush(60) == 0

    def _fetch(self) -> None:
        """Piece by piece: the wait that a fetch has earned is that of the next one. Each record is a batch: one of all five is more
        than the quota leaves in its whole window, and never comes."""
        for _ in range(5):
            self.gateway.produce(self.topic, partition=0, value=b"x" * SIZE)
        pieces = {"max.partition.fetch.bytes": SIZE, "fetch.max.bytes": SIZE, "message.max.bytes": SIZE}
        group = {"group.id": f"{self.topic}-slow", "auto.offset.reset": "earliest"}
        consumer = confluent_kafka.Consumer(self.settings | pieces | group)
        consumer.assign([confluent_kafka.TopicPartition(self.topic, 0, 0)])
        left = 5
        while left:
            record = eventually(lambda: consumer.poll(1), timeout=60)
            assert record.error() is None
            left -= len(record.value() or b"") == SIZE
        consumer.close()
