"""Block a principal on Kafka, and lift the block: denials that are created and deleted one by one and read back.

It stands here and not with certificates or users, because a block is of a principal, whatever that logs in with.
"""

from __future__ import annotations

from collections.abc import Callable

from controlplane.audit.services import Entry, operation
from controlplane.clusters.credentials import accepted_of
from controlplane.clusters.logic import block_plans, blocks
from controlplane.clusters.logic.blocks import BlockState
from controlplane.clusters.models import Cluster
from controlplane.clusters.principals import own_principals
from controlplane.clusters.services import gateway_for
from controlplane.core.access import Action, Actor
from controlplane.core.plans import Json, Plan
from controlplane.core.verify import verify
from controlplane.gateways.kafka.access_types import Acl, AclFilter

#: A block is made of ACLs.
NEEDS = (Action.ACL_EDIT,)


def block_state(cluster: Cluster, principal: str, *, broker: int | None = None) -> BlockState:
    """Live, as any broker knows it or the given one; raises what the gateway raises where nobody answers."""
    found = gateway_for(cluster).describe_acls(AclFilter(principal=principal), broker=broker)
    return blocks.state_of(principal, found, super_user=principal in own_principals(cluster))


def blocked_principals(cluster: Cluster) -> frozenset[str]:
    """Of all, in one call."""
    return blocks.blocked_in(gateway_for(cluster).describe_acls())


def plan_block(cluster: Cluster, principal: str, *, action: Action = Action.ACL_EDIT) -> Plan:
    state, serials = block_state(cluster, principal), accepted_of(cluster, principal).serials
    return block_plans.plan_block(state, cluster=cluster.name, certificates=serials, action=action)


def apply_block(actor: Actor, cluster: Cluster, principal: str, plan: Plan) -> None:
    with operation(
        actor, plan.action, cluster=cluster.name, target=principal, plan=plan, needs=NEEDS
    ) as entry:
        block(entry, cluster, principal)


def block(entry: Entry, cluster: Cluster, principal: str) -> None:
    """The act itself, inside an operation of the caller's. Denials that are there already stay."""
    state = block_state(cluster, principal)
    entry.note(denials_before=[_json(acl) for acl in state.present])
    if state.missing:
        gateway_for(cluster).create_acls(state.missing)
    verify(
        f"the block of {principal} on every broker",
        lambda: _everywhere(cluster, principal, lambda known: not known.missing),
    )


def plan_unblock(cluster: Cluster, principal: str, *, action: Action = Action.ACL_EDIT) -> Plan:
    state, serials = block_state(cluster, principal), accepted_of(cluster, principal).serials
    return block_plans.plan_unblock(state, cluster=cluster.name, certificates=serials, action=action)


def apply_unblock(actor: Actor, cluster: Cluster, principal: str, plan: Plan) -> None:
    with operation(
        actor, plan.action, cluster=cluster.name, target=principal, plan=plan, needs=NEEDS
    ) as entry:
        state = block_state(cluster, principal)
        entry.note(denials_before=[_json(acl) for acl in state.present])
        # All of them: the broker that was asked may not know each yet, and one that is gone is no error.
        gateway_for(cluster).delete_acls(blocks.filters(state.wanted))
        verify(
            f"that {principal} is no longer blocked on any broker",
            lambda: _everywhere(cluster, principal, lambda known: not known.present),
        )


def _everywhere(cluster: Cluster, principal: str, holds: Callable[[BlockState], bool]) -> bool:
    """Each broker decides for itself, by what it has learned so far. A fenced one serves nobody."""
    nodes = [node for node in gateway_for(cluster).describe_cluster().brokers if not node.fenced]
    return all(holds(block_state(cluster, principal, broker=node.id)) for node in nodes)


def _json(acl: Acl) -> Json:
    return {
        "principal": acl.principal,
        "host": acl.host,
        "operation": str(acl.operation),
        "permission": str(acl.permission),
        "resource_type": str(acl.resource_type),
        "resource_name": acl.resource_name,
        "pattern_type": str(acl.pattern_type),
    }
