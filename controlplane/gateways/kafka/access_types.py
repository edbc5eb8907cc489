"""Who may do what and how much, in Kafka's own words: ACLs, SCRAM credentials, client quotas. Like `types`, pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from controlplane.gateways.kafka.openenum import CodedEnum


class AclResourceType(CodedEnum):
    __codes__ = {
        1: "ANY", 2: "TOPIC", 3: "GROUP", 4: "CLUSTER", 5: "TRANSACTIONAL_ID", 6: "DELEGATION_TOKEN", 7: "USER",
    }  # fmt: skip
    ANY = "ANY"
    TOPIC = "TOPIC"
    GROUP = "GROUP"
    CLUSTER = "CLUSTER"
    TRANSACTIONAL_ID = "TRANSACTIONAL_ID"
    DELEGATION_TOKEN = "DELEGATION_TOKEN"  # noqa: S105 (Kafka's name of a resource type)
    USER = "USER"


class PatternType(CodedEnum):
    __codes__ = {1: "ANY", 2: "MATCH", 3: "LITERAL", 4: "PREFIXED"}
    ANY = "ANY"
    MATCH = "MATCH"
    LITERAL = "LITERAL"
    PREFIXED = "PREFIXED"


class AclOperation(CodedEnum):
    __codes__ = {
        1: "ANY", 2: "ALL", 3: "READ", 4: "WRITE", 5: "CREATE", 6: "DELETE", 7: "ALTER", 8: "DESCRIBE",
        9: "CLUSTER_ACTION", 10: "DESCRIBE_CONFIGS", 11: "ALTER_CONFIGS", 12: "IDEMPOTENT_WRITE", 13: "CREATE_TOKENS",
        14: "DESCRIBE_TOKENS", 15: "TWO_PHASE_COMMIT",
    }  # fmt: skip
    ANY = "ANY"
    ALL = "ALL"
    READ = "READ"
    WRITE = "WRITE"
    CREATE = "CREATE"
    DELETE = "DELETE"
    ALTER = "ALTER"
    DESCRIBE = "DESCRIBE"
    CLUSTER_ACTION = "CLUSTER_ACTION"
    DESCRIBE_CONFIGS = "DESCRIBE_CONFIGS"
    ALTER_CONFIGS = "ALTER_CONFIGS"
    IDEMPOTENT_WRITE = "IDEMPOTENT_WRITE"
    CREATE_TOKENS = "CREATE_TOKENS"
    DESCRIBE_TOKENS = "DESCRIBE_TOKENS"
    TWO_PHASE_COMMIT = "TWO_PHASE_COMMIT"


class AclPermission(CodedEnum):
    __codes__ = {1: "ANY", 2: "DENY", 3: "ALLOW"}
    ANY = "ANY"
    DENY = "DENY"
    ALLOW = "ALLOW"


@dataclass(frozen=True, slots=True)
class Acl:
    principal: str
    host: str
    operation: AclOperation
    permission: AclPermission
    resource_type: AclResourceType
    resource_name: str
    pattern_type: PatternType = PatternType.LITERAL


@dataclass(frozen=True, slots=True)
class AclFilter:
    """None and ANY match everything; the default matches every ACL of the cluster."""

    principal: str | None = None
    host: str | None = None
    operation: AclOperation = AclOperation.ANY
    permission: AclPermission = AclPermission.ANY
    resource_type: AclResourceType = AclResourceType.ANY
    resource_name: str | None = None
    pattern_type: PatternType = PatternType.ANY


class CredentialMechanism(CodedEnum):
    __codes__ = {1: "SCRAM-SHA-256", 2: "SCRAM-SHA-512"}
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


@dataclass(frozen=True, slots=True)
class ScramCredential:
    """What the cluster tells about a credential: that it is there, never what it is."""

    user: str
    mechanism: CredentialMechanism
    iterations: int


# ("user", "ann"), ("client-id", None), ...: None is the default entity. Sorted by type, so that it compares.
QuotaEntity = tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class ClientQuota:
    entity: QuotaEntity
    values: Mapping[str, float] = field(default_factory=dict[str, float])
