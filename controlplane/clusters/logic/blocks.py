"""Blocking a principal: one DENY for everything on each type of resource, which no ALLOW can outweigh (Kafka asks
denials first). Which of them exist is read from the cluster; nothing about it is kept here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from controlplane.core.commands import line
from controlplane.core.plans import state_digest
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclFilter,
    AclOperation,
    AclPermission,
    AclResourceType,
    PatternType,
)

#: The cluster is the one resource whose name is fixed.
RESOURCES: tuple[tuple[AclResourceType, str], ...] = (
    (AclResourceType.TOPIC, "*"),
    (AclResourceType.GROUP, "*"),
    (AclResourceType.CLUSTER, "kafka-cluster"),
    (AclResourceType.TRANSACTIONAL_ID, "*"),
    (AclResourceType.DELEGATION_TOKEN, "*"),
    (AclResourceType.USER, "*"),
)


@dataclass(frozen=True, slots=True)
class BlockState:
    """`present`: which of the denials the cluster has now."""

    principal: str
    present: frozenset[Acl]
    super_user: bool = False

    @property
    def wanted(self) -> tuple[Acl, ...]:
        return denials(self.principal)

    @property
    def missing(self) -> tuple[Acl, ...]:
        return tuple(acl for acl in self.wanted if acl not in self.present)

    @property
    def blocked(self) -> bool:
        return not self.missing and not self.super_user

    @property
    def partly(self) -> bool:
        return bool(self.present) and not self.blocked

    @property
    def digest(self) -> str:
        names = sorted(f"{acl.resource_type}:{acl.resource_name}" for acl in self.present)
        return state_digest({"principal": self.principal, "present": names, "super": self.super_user})


def denials(principal: str) -> tuple[Acl, ...]:
    return tuple(
        Acl(principal, "*", AclOperation.ALL, AclPermission.DENY, kind, name, PatternType.LITERAL)
        for kind, name in RESOURCES
    )


def blocked_in(acls: Iterable[Acl]) -> frozenset[str]:
    """The principals that are blocked whole by these bindings; a single denial is nobody's block."""
    found = [acl for acl in acls if acl.permission == AclPermission.DENY]
    present = frozenset(found)
    return frozenset(name for name in {acl.principal for acl in found} if present.issuperset(denials(name)))


def is_part(acl: Acl, blocked: Collection[str]) -> bool:
    """Whether the binding is one of those that a block is made of."""
    return acl.principal in blocked and acl in denials(acl.principal)


def apart(acls: Iterable[Acl], blocked: Collection[str]) -> tuple[tuple[Acl, ...], tuple[Acl, ...]]:
    """(what belongs to a block, all others), in their order."""
    everything = tuple(acls)
    parts = tuple(acl for acl in everything if is_part(acl, blocked))
    return parts, tuple(acl for acl in everything if acl not in parts)


def can_be_blocked(principal: str) -> bool:
    """One principal with its type. `User:*` would be everybody but super users: that is no emergency of one."""
    kind, _, name = principal.partition(":")
    return bool(kind and name and name != "*")


def state_of(principal: str, acls: Iterable[Acl], *, super_user: bool) -> BlockState:
    return BlockState(principal, frozenset(acls) & frozenset(denials(principal)), super_user)


def filters(acls: Iterable[Acl]) -> list[AclFilter]:
    """Each matches one very binding and nothing else."""
    return [
        AclFilter(
            acl.principal,
            acl.host,
            acl.operation,
            acl.permission,
            acl.resource_type,
            acl.resource_name,
            acl.pattern_type,
        )
        for acl in acls
    ]


def command(principal: str, *, remove: bool = False) -> str:
    verb = ("--remove", "--force") if remove else ("--add",)
    return line(
        "kafka-acls.sh", *verb, "--deny-principal", principal, "--operation", "All", "--topic", "*", "--group", "*",
        "--cluster", "--transactional-id", "*", "--delegation-token", "*", "--user-principal", "*",
    )  # fmt: skip
