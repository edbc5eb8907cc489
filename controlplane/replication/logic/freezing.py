"""Which names a freeze denies: what a flow copies, and nothing else that lies beside it. Pure.

A DENY wins over every ALLOW and binds Kastellan's own principals too. One on all topics would stop the Connect worker of the
source, the copies that come from the other side, and what the flow leaves out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from controlplane.gateways.kafka.access_types import (
    Acl,
    AclOperation,
    AclPermission,
    AclResourceType,
    PatternType,
)
from controlplane.replication.logic.flows import (
    SEPARATOR,
    WILDCARD,
    FlowRequest,
    left_out,
    wanted,
)

EVERYBODY = "User:*"
#: As it is kept with a failover: pattern type and name.
Stored = list[list[str]]


def denials(asked: FlowRequest, topics: Collection[str]) -> tuple[Acl, ...]:
    """WRITE for everybody but super users. `topics`: all that the source has. A prefix stays one, so that it holds for what
    is made later too, where nothing else of the source begins with it."""
    frozen = {topic for topic in topics if asked.copied(topic)}
    stems = [stem for stem in _stems(asked) if {each for each in topics if each.startswith(stem)} <= frozen]
    single = sorted(topic for topic in frozen if not topic.startswith(tuple(stems)))
    return (
        *(_deny(stem, PatternType.PREFIXED) for stem in stems),
        *(_deny(topic, PatternType.LITERAL) for topic in single),
    )


def _stems(asked: FlowRequest) -> Iterable[str]:
    """Prefixes of the flow, but for one that copies from the other side begin with."""
    back = f"{asked.target}{SEPARATOR}"
    for name in dict.fromkeys(wanted(asked.topics)):
        stem = name.removesuffix(WILDCARD)
        if name.endswith(WILDCARD) and stem and not left_out(asked.topics) and not back.startswith(stem):
            yield stem


def _deny(name: str, pattern: PatternType) -> Acl:
    return Acl(
        EVERYBODY, WILDCARD, AclOperation.WRITE, AclPermission.DENY, AclResourceType.TOPIC, name, pattern
    )


def stored(acls: Iterable[Acl]) -> Stored:
    return [[acl.pattern_type.value, acl.resource_name] for acl in acls]


def restored(kept: Iterable[Iterable[str]]) -> tuple[Acl, ...]:
    return tuple(_deny(name, PatternType(pattern)) for pattern, name in kept)


def binds(acls: Iterable[Acl], topic: str) -> bool:
    """Whether one of them denies everybody to write to the topic."""
    return any(
        (acl.principal, acl.permission, acl.resource_type)
        == (EVERYBODY, AclPermission.DENY, AclResourceType.TOPIC)
        and acl.operation in (AclOperation.WRITE, AclOperation.ALL)
        and _holds(acl, topic)
        for acl in acls
    )


def _holds(acl: Acl, topic: str) -> bool:
    if acl.pattern_type is PatternType.PREFIXED:
        return topic.startswith(acl.resource_name)
    return acl.resource_name in (topic, WILDCARD)
