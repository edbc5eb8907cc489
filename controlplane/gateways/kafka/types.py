"""What the gateway answers with: frozen values in Kafka's own words. No client library, no Django, no clock.

Unknown is None or a stand-in of an open enumeration, never a made-up 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from controlplane.gateways.kafka.openenum import CodedEnum, OpenEnum


@dataclass(frozen=True, slots=True, order=True)
class TopicPartition:
    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}"


OffsetsByPartition = dict[TopicPartition, int]


# --- the cluster ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BrokerNode:
    id: int
    host: str
    port: int
    rack: str | None = None
    fenced: bool = False


@dataclass(frozen=True, slots=True)
class ClusterDescription:
    """`controller_id` is the leader of the metadata quorum where we may see it, else what the broker claims."""

    cluster_id: str
    controller_id: int | None
    brokers: tuple[BrokerNode, ...]


@dataclass(frozen=True, slots=True)
class Feature:
    """Levels. `finalized` is None where the cluster has not switched the feature on."""

    name: str
    min_supported: int | None
    max_supported: int | None
    finalized: int | None


# --- topics ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Partition:
    """`elr` are the eligible leader replicas (KIP-966); empty where the cluster does not keep them."""

    index: int
    leader: int | None
    replicas: tuple[int, ...]
    isr: tuple[int, ...]
    offline: tuple[int, ...] = ()
    elr: tuple[int, ...] = ()
    last_known_elr: tuple[int, ...] = ()
    leader_epoch: int | None = None


@dataclass(frozen=True, slots=True)
class TopicDescription:
    name: str
    topic_id: str
    internal: bool
    partitions: tuple[Partition, ...]


class OffsetSpec(IntEnum):
    """Which offset of a partition; a Unix time in milliseconds (>= 0) may be given in its place."""

    LATEST = -1
    EARLIEST = -2
    MAX_TIMESTAMP = -3
    EARLIEST_LOCAL = -4
    LATEST_TIERED = -5


class ElectionType(CodedEnum):
    __codes__ = {0: "PREFERRED", 1: "UNCLEAN"}
    PREFERRED = "PREFERRED"
    UNCLEAN = "UNCLEAN"


class ElectionResult(OpenEnum):
    ELECTED = "ELECTED"
    NOT_NEEDED = "NOT_NEEDED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class ElectionOutcome:
    partition: TopicPartition
    result: ElectionResult
    message: str = ""


# --- configs --------------------------------------------------------------------------------------


class ResourceType(CodedEnum):
    __codes__ = {2: "TOPIC", 4: "BROKER", 8: "BROKER_LOGGER", 16: "CLIENT_METRICS", 32: "GROUP"}
    TOPIC = "TOPIC"
    BROKER = "BROKER"
    BROKER_LOGGER = "BROKER_LOGGER"
    CLIENT_METRICS = "CLIENT_METRICS"
    GROUP = "GROUP"


@dataclass(frozen=True, slots=True, order=True)
class ResourceRef:
    """A BROKER with the name "" is the cluster-wide default of all brokers."""

    type: ResourceType
    name: str


class ConfigSource(CodedEnum):
    """Where a value comes from; a broker resolves them in the order of the entry's synonyms."""

    __codes__ = {
        1: "DYNAMIC_TOPIC_CONFIG", 2: "DYNAMIC_BROKER_CONFIG",
        3: "DYNAMIC_DEFAULT_BROKER_CONFIG", 4: "STATIC_BROKER_CONFIG",
        5: "DEFAULT_CONFIG", 6: "DYNAMIC_BROKER_LOGGER_CONFIG",
        7: "DYNAMIC_CLIENT_METRICS_CONFIG", 8: "DYNAMIC_GROUP_CONFIG",
    }  # fmt: skip
    DYNAMIC_TOPIC_CONFIG = "DYNAMIC_TOPIC_CONFIG"
    DYNAMIC_BROKER_CONFIG = "DYNAMIC_BROKER_CONFIG"
    DYNAMIC_DEFAULT_BROKER_CONFIG = "DYNAMIC_DEFAULT_BROKER_CONFIG"
    STATIC_BROKER_CONFIG = "STATIC_BROKER_CONFIG"
    DEFAULT_CONFIG = "DEFAULT_CONFIG"
    DYNAMIC_BROKER_LOGGER_CONFIG = "DYNAMIC_BROKER_LOGGER_CONFIG"
    DYNAMIC_CLIENT_METRICS_CONFIG = "DYNAMIC_CLIENT_METRICS_CONFIG"
    DYNAMIC_GROUP_CONFIG = "DYNAMIC_GROUP_CONFIG"


class ConfigType(CodedEnum):
    __codes__ = {
        1: "BOOLEAN", 2: "STRING", 3: "INT", 4: "SHORT", 5: "LONG",
        6: "DOUBLE", 7: "LIST", 8: "CLASS", 9: "PASSWORD",
    }  # fmt: skip
    BOOLEAN = "BOOLEAN"
    STRING = "STRING"
    INT = "INT"
    SHORT = "SHORT"
    LONG = "LONG"
    DOUBLE = "DOUBLE"
    LIST = "LIST"
    CLASS = "CLASS"
    PASSWORD = "PASSWORD"  # noqa: S105 (Kafka's name of a config type)


@dataclass(frozen=True, slots=True)
class ConfigSynonym:
    name: str
    value: str | None
    source: ConfigSource


@dataclass(frozen=True, slots=True)
class ConfigEntry:
    """`value` is None where it is sensitive (or really null). `synonyms` start with the value in force."""

    name: str
    value: str | None
    default: bool
    source: ConfigSource
    read_only: bool
    sensitive: bool
    type: ConfigType
    documentation: str = ""
    synonyms: tuple[ConfigSynonym, ...] = ()


class ConfigOpType(CodedEnum):
    __codes__ = {0: "SET", 1: "DELETE", 2: "APPEND", 3: "SUBTRACT"}
    SET = "SET"
    DELETE = "DELETE"
    APPEND = "APPEND"
    SUBTRACT = "SUBTRACT"


@dataclass(frozen=True, slots=True)
class ConfigOp:
    name: str
    op: ConfigOpType
    value: str | None = None


# --- disks ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReplicaOnDisk:
    """`future` marks the copy of a move between directories that is still being filled."""

    topic: str
    partition: int
    size: int
    offset_lag: int
    future: bool


@dataclass(frozen=True, slots=True)
class LogDir:
    """Bytes of the volume; None before Kafka 3.3. `error` is empty when the directory is fine."""

    path: str
    broker: int
    total_bytes: int | None
    usable_bytes: int | None
    error: str
    replicas: tuple[ReplicaOnDisk, ...]


# --- groups ---------------------------------------------------------------------------------------


class GroupType(OpenEnum):
    CLASSIC = "classic"
    CONSUMER = "consumer"
    SHARE = "share"
    STREAMS = "streams"


@dataclass(frozen=True, slots=True)
class GroupListing:
    group: str
    type: GroupType
    state: str
    protocol: str


@dataclass(frozen=True, slots=True)
class MemberDescription:
    """`target` differs from `assignments` while a rebalance of the newer protocols is under way."""

    id: str
    client_id: str
    host: str
    assignments: tuple[TopicPartition, ...]
    instance_id: str | None = None
    rack: str | None = None
    epoch: int | None = None
    subscribed: tuple[str, ...] = ()
    target: tuple[TopicPartition, ...] | None = None


@dataclass(frozen=True, slots=True)
class GroupDescription:
    """`protocol` is the assignor (classic: the elected protocol). Epochs are None for classic groups."""

    group: str
    type: GroupType
    state: str
    protocol: str
    coordinator: int | None
    members: tuple[MemberDescription, ...]
    epoch: int | None = None
    assignment_epoch: int | None = None


# --- records --------------------------------------------------------------------------------------


class TimestampType(OpenEnum):
    CREATE_TIME = "CreateTime"
    LOG_APPEND_TIME = "LogAppendTime"
    NONE = "NoTimestampType"


Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class Record:
    """`key_size` and `value_size` are what is in the topic; `truncated` says that key or value here are shorter."""

    partition: int
    offset: int
    timestamp_ms: int | None
    timestamp_type: TimestampType
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    key_size: int = 0
    value_size: int = 0
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """A bounded read. Paging goes on from `next_offsets`; `exhausted` means every partition reached its end.

    `ends` are the end offsets seen at the start of the read. Without `exhausted` and with fewer records than
    the limit, the deadline was over first.
    """

    records: tuple[Record, ...]
    next_offsets: Mapping[int, int]
    exhausted: bool
    ends: Mapping[int, int]

    @property
    def partitions(self) -> tuple[int, ...]:
        return tuple(sorted(self.next_offsets))


@dataclass(frozen=True, slots=True)
class ProducedRecord:
    partition: int
    offset: int
    timestamp_ms: int | None


class Isolation(OpenEnum):
    READ_UNCOMMITTED = "read_uncommitted"
    READ_COMMITTED = "read_committed"


class Cause(OpenEnum):
    """Why a connection does not come about."""

    OK = "ok"
    NAME_UNKNOWN = "name_unknown"
    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    PLAINTEXT_TO_TLS = "plaintext_to_tls_port"
    TLS_TO_PLAINTEXT = "tls_to_plaintext_port"
    UNTRUSTED_CERTIFICATE = "untrusted_certificate"
    HOSTNAME_MISMATCH = "hostname_mismatch"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CLIENT_CERTIFICATE_REFUSED = "client_certificate_refused"
    BAD_CREDENTIALS = "bad_credentials"
    MECHANISM_NOT_OFFERED = "mechanism_not_offered"
    BAD_SETTINGS = "bad_settings"
    NOT_KAFKA = "not_kafka"
    TARGET_REFUSED = "target_refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The answer of a preflight: `ok`, or the cause in plain words. `detail` is the client library's own line."""

    cause: Cause
    what: str
    hint: str = ""
    detail: str = ""
    cluster_id: str | None = None
    brokers: tuple[BrokerNode, ...] = ()
    elapsed_ms: int = 0

    @property
    def ok(self) -> bool:
        return self.cause == Cause.OK
