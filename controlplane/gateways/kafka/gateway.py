"""One cluster, all of Kafka's operations, in our types and errors. Signatures first; the bodies follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from controlplane.gateways.kafka.security import KafkaConnection
from controlplane.gateways.kafka.types import (
    ClusterDescription,
    ConfigEntry,
    ConfigOp,
    Diagnosis,
    ElectionOutcome,
    ElectionType,
    Feature,
    GroupDescription,
    GroupListing,
    Headers,
    Isolation,
    LogDir,
    OffsetsByPartition,
    OffsetSpec,
    Partition,
    ProducedRecord,
    QuorumInfo,
    RecordBatch,
    ResourceRef,
    TopicDescription,
    TopicPartition,
)


class KafkaGateway:
    def __init__(self, connection: KafkaConnection, timeout_s: float = 10.0) -> None: ...
    def close(self) -> None: ...
    def describe_cluster(self) -> ClusterDescription:
        raise NotImplementedError

    def list_topics(self, internal: bool = True) -> tuple[TopicDescription, ...]:
        raise NotImplementedError

    def describe_topics(
        self, names: Iterable[str], *, broker: int | None = None
    ) -> tuple[TopicDescription, ...]:
        """In the order asked. NotFound if one is missing. `broker`: as that broker sees them."""
        raise NotImplementedError

    def describe_topic_partitions(self, name: str) -> tuple[Partition, ...]:
        raise NotImplementedError

    def create_topic(
        self,
        name: str,
        partitions: int,
        replication_factor: int,
        configs: Mapping[str, str] | None = None,
        *,
        validate_only: bool = False,
    ) -> None: ...
    def delete_topics(self, names: Iterable[str]) -> None: ...
    def create_partitions(self, name: str, count: int, *, validate_only: bool = False) -> None: ...
    def describe_configs(self, refs: Sequence[ResourceRef]) -> dict[ResourceRef, tuple[ConfigEntry, ...]]:
        """A resource that is gone is left out of many; asked alone it raises NotFound."""
        raise NotImplementedError

    def incremental_alter_configs(
        self, changes: Mapping[ResourceRef, Sequence[ConfigOp]], *, validate_only: bool = False
    ) -> None: ...
    def list_offsets(
        self, spec: OffsetSpec | int, partitions: Iterable[TopicPartition]
    ) -> OffsetsByPartition:
        """Partitions that could not be asked are left out; raises when none could."""
        raise NotImplementedError

    def describe_log_dirs(self, brokers: Iterable[int]) -> tuple[LogDir, ...]:
        raise NotImplementedError

    def list_groups(self) -> tuple[GroupListing, ...]:
        raise NotImplementedError

    def describe_groups(self, names: Iterable[str]) -> tuple[GroupDescription, ...]:
        """Of all four types; groups that do not exist are left out."""
        raise NotImplementedError

    def list_group_offsets(self, names: Iterable[str]) -> dict[str, OffsetsByPartition]:
        raise NotImplementedError

    def elect_leaders(
        self, election: ElectionType, partitions: Iterable[TopicPartition] | None = None
    ) -> tuple[ElectionOutcome, ...]:
        raise NotImplementedError

    def describe_quorum(self) -> QuorumInfo:
        raise NotImplementedError

    def describe_features(self) -> tuple[Feature, ...]:
        raise NotImplementedError

    def produce(
        self,
        topic: str,
        *,
        partition: int | None = None,
        key: bytes | None = None,
        value: bytes | None = None,
        headers: Headers = (),
        timestamp_ms: int | None = None,
    ) -> ProducedRecord:
        raise NotImplementedError

    def read(
        self,
        topic: str,
        starts: Mapping[int, int],
        *,
        limit: int = 50,
        deadline_s: float = 8.0,
        stop_at: Mapping[int, int] | None = None,
        isolation: Isolation = Isolation.READ_COMMITTED,
        max_bytes: int = 64 * 1024,
    ) -> RecordBatch:
        raise NotImplementedError


def preflight(connection: KafkaConnection, timeout_s: float = 5.0) -> Diagnosis:
    raise NotImplementedError
