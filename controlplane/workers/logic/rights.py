"""What a bundled worker may do on its cluster, and what its connectors may not. Pure.

The worker's topics hold all that connectors are told, and the key by which workers sign their requests (KIP-507). Only the
worker's own principal gets to them; to its connectors' they are denied, whatever wildcard a flow or an admin gives it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controlplane.acls.logic.bindings import in_order
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclOperation,
    AclPermission,
    AclResourceType,
    PatternType,
)

O = AclOperation  # noqa: E741
R = AclResourceType
ALLOW, DENY = AclPermission.ALLOW, AclPermission.DENY


@dataclass(frozen=True, slots=True)
class Names:
    """`own`, `connectors`: principals. `topics`: of configurations, offsets and states, in this order."""

    own: str
    connectors: str
    group: str
    topics: tuple[str, str, str]

    @property
    def own_transactions(self) -> str:
        """Of the writes to the topic of configurations, where sources write exactly once (KIP-618)."""
        return f"connect-cluster-{self.group}"

    @property
    def task_transactions(self) -> str:
        """How those of tasks begin: `<group>-<connector>-<task>`."""
        return f"{self.group}-"


def needed(names: Names, *, exactly_once: bool) -> tuple[tuple[Acl, ...], tuple[Acl, ...]]:
    """Bindings that have to be there, and those that may not. Tasks that write exactly once keep their offsets themselves."""
    offsets = names.topics[1]
    hidden = [topic for topic in names.topics if not (exactly_once and topic == offsets)]
    closed = _bindings(names.connectors, R.TOPIC, [offsets], (O.ALL,), DENY)
    opened = _bindings(names.connectors, R.TOPIC, [offsets], (O.READ, O.WRITE, O.DESCRIBE_CONFIGS))
    wanted = [
        *_bindings(names.own, R.TOPIC, names.topics, (O.CREATE, O.READ, O.WRITE, O.DESCRIBE_CONFIGS)),
        *_bindings(names.own, R.GROUP, [names.group], (O.READ,)),
        *_bindings(names.own, R.TRANSACTIONAL_ID, [names.own_transactions], (O.WRITE,)),
        *_bindings(names.connectors, R.TOPIC, hidden, (O.ALL,), DENY),
        *_bindings(names.connectors, R.GROUP, [names.group], (O.ALL,), DENY),
        *_bindings(names.connectors, R.TRANSACTIONAL_ID, [names.own_transactions], (O.ALL,), DENY),
        *_bindings(
            names.connectors,
            R.TRANSACTIONAL_ID,
            [names.task_transactions],
            (O.WRITE,),
            pattern=PatternType.PREFIXED,
        ),
        *(opened if exactly_once else ()),
    ]
    return in_order(wanted), in_order(closed if exactly_once else opened)


def _bindings(
    principal: str,
    kind: AclResourceType,
    names: Iterable[str],
    operations: Iterable[AclOperation],
    permission: AclPermission = ALLOW,
    pattern: PatternType = PatternType.LITERAL,
) -> list[Acl]:
    return [
        Acl(principal, "*", operation, permission, kind, name, pattern)
        for name in names
        for operation in operations
    ]
