"""What a flow's principals may do on either side: exact bindings, no more than its connectors use. Pure.

The source is only read. In the target the worker's principal makes and writes the copies, MirrorMaker's own topics and,
where asked, the offsets of groups and the ACLs of topics.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from controlplane.acls.logic.bindings import CLUSTER_NAME, in_order
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclOperation,
    AclPermission,
    AclResourceType,
    PatternType,
)
from controlplane.replication.logic.flows import HEARTBEATS, WILDCARD, FlowRequest, Policy, wanted

O = AclOperation  # noqa: E741
R = AclResourceType


def on_source(flow: FlowRequest, principal: str) -> tuple[Acl, ...]:
    """READ of topics implies DESCRIBE; groups are described, never joined. Only copying ACLs has to see those of the cluster."""
    acls = [
        *_on(principal, R.TOPIC, [*wanted(flow.topics), HEARTBEATS], O.READ, O.DESCRIBE_CONFIGS),
        *_on(principal, R.GROUP, wanted(flow.groups), O.DESCRIBE),
        *(_on(principal, R.CLUSTER, [CLUSTER_NAME], O.DESCRIBE) if flow.sync_acls else ()),
    ]
    return in_order(dict.fromkeys(acls))


def on_target(flow: FlowRequest, principal: str) -> tuple[Acl, ...]:
    """ALTER makes partitions, ALTER_CONFIGS follows settings, READ commits translated offsets and reads syncs back."""
    copies = [f"{flow.source}.{WILDCARD}"] if flow.policy is Policy.PREFIX else list(wanted(flow.topics))
    internal = [flow.syncs_topic, flow.checkpoints_topic, HEARTBEATS, flow.copy_of(HEARTBEATS)]
    acls = [
        *_on(
            principal,
            R.TOPIC,
            copies,
            O.CREATE,
            O.READ,
            O.WRITE,
            O.ALTER,
            O.ALTER_CONFIGS,
            O.DESCRIBE_CONFIGS,
        ),
        *_on(principal, R.TOPIC, internal, O.CREATE, O.READ, O.WRITE, O.DESCRIBE_CONFIGS),
        *_on(principal, R.GROUP, wanted(flow.groups), O.READ if flow.sync_offsets else O.DESCRIBE),
        *(_on(principal, R.CLUSTER, [CLUSTER_NAME], O.ALTER) if flow.sync_acls else ()),
    ]
    return in_order(dict.fromkeys(acls))


def _on(
    principal: str, kind: AclResourceType, names: Sequence[str], *operations: AclOperation
) -> Iterable[Acl]:
    for name in names:
        prefixed = name != WILDCARD and name.endswith(WILDCARD)
        pattern = PatternType.PREFIXED if prefixed else PatternType.LITERAL
        for operation in operations:
            yield Acl(
                principal,
                WILDCARD,
                operation,
                AclPermission.ALLOW,
                kind,
                name[:-1] if prefixed else name,
                pattern,
            )
