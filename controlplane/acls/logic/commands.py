"""The `kafka-acls.sh` lines that do the same as a plan."""

from __future__ import annotations

from collections.abc import Iterable

from controlplane.acls.logic.bindings import CLUSTER_NAME, in_order
from controlplane.core.commands import line
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclOperation,
    AclPermission,
    AclResourceType,
    PatternType,
)

RESOURCE = {
    AclResourceType.TOPIC: "--topic",
    AclResourceType.GROUP: "--group",
    AclResourceType.TRANSACTIONAL_ID: "--transactional-id",
    AclResourceType.DELEGATION_TOKEN: "--delegation-token",
    AclResourceType.USER: "--user-principal",
}
SHOWN = 40


def lines(verb: str, acls: Iterable[Acl]) -> tuple[str, ...]:
    """One line per principal, host, permission and resource, with all its operations; `verb` is --add or --remove."""
    grouped: dict[tuple[str, ...], list[str]] = {}
    for acl in in_order(acls):
        head = (*_who(acl), *_what(acl))
        grouped.setdefault(head, []).append(_operation(acl))
    found = [
        line("kafka-acls.sh", verb, *(("--force",) if verb == "--remove" else ()), *head, *_flags(operations))
        for head, operations in grouped.items()
    ]
    return tuple(found[:SHOWN])


def _who(acl: Acl) -> tuple[str, ...]:
    kind = "allow" if acl.permission == AclPermission.ALLOW else "deny"
    host = () if acl.host == "*" else (f"--{kind}-host", acl.host)
    return (f"--{kind}-principal", acl.principal, *host)


def _what(acl: Acl) -> tuple[str, ...]:
    pattern = ("--resource-pattern-type", "prefixed") if acl.pattern_type == PatternType.PREFIXED else ()
    if acl.resource_type == AclResourceType.CLUSTER:
        return ("--cluster", CLUSTER_NAME)
    return (RESOURCE.get(acl.resource_type, f"--{acl.resource_type}"), acl.resource_name, *pattern)


def _operation(acl: Acl) -> str:
    return (
        "All"
        if acl.operation == AclOperation.ALL
        else "".join(part.capitalize() for part in str(acl.operation).split("_"))
    )


def _flags(operations: Iterable[str]) -> tuple[str, ...]:
    return tuple(part for operation in operations for part in ("--operation", operation))
