"""One ACL binding: its words, its key, Kafka's order of bindings, and which operations exist on which resource.

The table of operations is that of Kafka 4.4 (`AclEntry.supportedOperations`); a test compares it with the broker's answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from controlplane.core.plans import Json, state_digest
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclFilter,
    AclOperation,
    AclPermission,
    AclResourceType,
    PatternType,
)

WILDCARD = "*"
EVERYONE = "User:*"
CLUSTER_NAME = "kafka-cluster"
FIELDS = (
    "principal",
    "host",
    "operation",
    "permission",
    "resource_type",
    "resource_name",
    "pattern_type",
)

SUPPORTED: Mapping[AclResourceType, frozenset[AclOperation]] = {
    AclResourceType.TOPIC: frozenset(
        {
            AclOperation.READ,
            AclOperation.WRITE,
            AclOperation.CREATE,
            AclOperation.DESCRIBE,
            AclOperation.DELETE,
            AclOperation.ALTER,
            AclOperation.DESCRIBE_CONFIGS,
            AclOperation.ALTER_CONFIGS,
        }
    ),
    AclResourceType.GROUP: frozenset(
        {
            AclOperation.READ,
            AclOperation.DESCRIBE,
            AclOperation.DELETE,
            AclOperation.DESCRIBE_CONFIGS,
            AclOperation.ALTER_CONFIGS,
        }
    ),
    AclResourceType.CLUSTER: frozenset(
        {
            AclOperation.CREATE,
            AclOperation.CLUSTER_ACTION,
            AclOperation.DESCRIBE_CONFIGS,
            AclOperation.ALTER_CONFIGS,
            AclOperation.IDEMPOTENT_WRITE,
            AclOperation.ALTER,
            AclOperation.DESCRIBE,
        }
    ),
    AclResourceType.TRANSACTIONAL_ID: frozenset(
        {AclOperation.DESCRIBE, AclOperation.WRITE, AclOperation.TWO_PHASE_COMMIT}
    ),
    AclResourceType.DELEGATION_TOKEN: frozenset({AclOperation.DESCRIBE}),
    AclResourceType.USER: frozenset({AclOperation.CREATE_TOKENS, AclOperation.DESCRIBE_TOKENS}),
}
RESOURCE_TYPES = tuple(SUPPORTED)
OPERATIONS = tuple(operation for operation in AclOperation if operation is not AclOperation.ANY)
PERMISSIONS = (AclPermission.ALLOW, AclPermission.DENY)
PATTERNS = (PatternType.LITERAL, PatternType.PREFIXED)


def code(value: AclOperation | AclPermission | AclResourceType | PatternType) -> int:
    """Kafka's number; its enums are ordered by it. What has none sorts first, as Kafka's UNKNOWN does."""
    try:
        return value.wire
    except ValueError:
        return 0


def operations_of(resource_type: AclResourceType) -> tuple[AclOperation, ...]:
    """In Kafka's order, ALL first; every operation for a type that is newer than we are."""
    known = SUPPORTED.get(resource_type)
    if known is None:
        return OPERATIONS
    return (AclOperation.ALL, *sorted(known, key=code))


def sort_key(acl: Acl) -> tuple[object, ...]:
    """For people: by resource, then who, then what."""
    return (
        code(acl.resource_type),
        str(acl.resource_type),
        acl.resource_name,
        code(acl.pattern_type),
        acl.principal,
        -code(acl.permission),
        code(acl.operation),
        str(acl.operation),
        acl.host,
    )


def in_order(acls: Iterable[Acl]) -> tuple[Acl, ...]:
    """Sorted and without repeats."""
    return tuple(sorted(set(acls), key=sort_key))


def names_resource(acl: Acl, resource_type: AclResourceType, name: str) -> bool:
    """Whether the binding's pattern covers the resource of that name."""
    if acl.resource_type != resource_type:
        return False
    if acl.pattern_type == PatternType.PREFIXED:
        return name.startswith(acl.resource_name)
    return acl.pattern_type == PatternType.LITERAL and acl.resource_name in (name, WILDCARD)


def covers_pattern(outer: Acl, inner: Acl) -> bool:
    """Whether every resource of `inner`'s pattern is one of `outer`'s."""
    if outer.resource_type != inner.resource_type:
        return False
    if outer.pattern_type == PatternType.LITERAL and outer.resource_name == WILDCARD:
        return True
    if inner.pattern_type == PatternType.LITERAL and inner.resource_name == WILDCARD:
        return False
    if outer.pattern_type == PatternType.PREFIXED:
        return inner.resource_name.startswith(outer.resource_name)
    return (outer.pattern_type, outer.resource_name) == (inner.pattern_type, inner.resource_name)


def resource_text(acl: Acl) -> str:
    """`topic orders`, `topic orders-*`, `every topic`, `the cluster`."""
    word = words(acl.resource_type)
    if acl.resource_type == AclResourceType.CLUSTER and acl.resource_name == CLUSTER_NAME:
        return "the cluster"
    if acl.resource_name == WILDCARD and acl.pattern_type == PatternType.LITERAL:
        return f"every {word}"
    if acl.pattern_type == PatternType.PREFIXED:
        return f"{word} {acl.resource_name}* (prefix)"
    if acl.pattern_type == PatternType.LITERAL:
        return f"{word} {acl.resource_name}"
    return f"{word} {acl.resource_name} ({acl.pattern_type})"


def host_text(host: str) -> str:
    return "any host" if host == WILDCARD else host


def text(acl: Acl) -> str:
    """`ALLOW User:ann READ on topic orders from any host`."""
    where = f"{resource_text(acl)} from {host_text(acl.host)}"
    return f"{acl.permission} {acl.principal} {acl.operation} on {where}"


def words(value: object) -> str:
    """TRANSACTIONAL_ID → transactional id; an unknown number stays as it is."""
    raw = str(value)
    return raw if raw.startswith("UNKNOWN") else raw.lower().replace("_", " ")


def to_json(acl: Acl) -> dict[str, Json]:
    return {name: str(getattr(acl, name)) for name in FIELDS}


def from_json(data: Mapping[str, object]) -> Acl:
    """Missing: any host, ALLOW, literal. Unknown names are kept; what is wrong with them the checks say."""
    values = {name: str(data.get(name, "")) for name in FIELDS}
    return Acl(
        principal=values["principal"],
        host=values["host"] or WILDCARD,
        operation=AclOperation(values["operation"]),
        permission=AclPermission(values["permission"] or "ALLOW"),
        resource_type=AclResourceType(values["resource_type"]),
        resource_name=values["resource_name"],
        pattern_type=PatternType(values["pattern_type"] or "LITERAL"),
    )


def key(acl: Acl) -> str:
    """The binding as one value of a form."""
    return json.dumps([str(getattr(acl, name)) for name in FIELDS], ensure_ascii=False)


def from_key(raw: str) -> Acl:
    """ValueError for anything but a key."""
    values = json.loads(raw)
    if not isinstance(values, list) or len(values) != len(FIELDS):
        raise ValueError("not the key of a binding")
    if not all(isinstance(value, str) for value in values):
        raise ValueError("not the key of a binding")
    return from_json(dict(zip(FIELDS, values, strict=True)))


def exactly(acl: Acl) -> AclFilter:
    """The filter that matches this binding and no other."""
    return AclFilter(
        principal=acl.principal,
        host=acl.host,
        operation=acl.operation,
        permission=acl.permission,
        resource_type=acl.resource_type,
        resource_name=acl.resource_name,
        pattern_type=acl.pattern_type,
    )


def digest(acls: Iterable[Acl]) -> str:
    """What If-Match compares: these bindings, in whatever order the broker told them."""
    return state_digest({"acls": sorted(key(acl) for acl in set(acls))})
