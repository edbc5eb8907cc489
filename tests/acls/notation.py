"""Bindings and questions as a line of words, for tables."""

from __future__ import annotations

from controlplane.acls.logic.authorize import Question
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclOperation,
    AclPermission,
    AclResourceType,
    PatternType,
)


def acl(line: str) -> Acl:
    """`ALLOW User:ann READ TOPIC orders` with ` PREFIXED` and ` @host` where wanted."""
    words = line.split()
    host = next((word[1:] for word in words if word.startswith("@")), "*")
    pattern = PatternType.PREFIXED if "PREFIXED" in words else PatternType.LITERAL
    permission, principal, operation, kind, name = words[:5]
    return Acl(
        principal,
        host,
        AclOperation(operation),
        AclPermission(permission),
        AclResourceType(kind),
        name,
        pattern,
    )


def ask(line: str) -> Question:
    words = line.split()
    host = next((word[1:] for word in words if word.startswith("@")), "10.0.0.1")
    return Question(words[0], AclOperation(words[1]), AclResourceType(words[2]), words[3], host)
