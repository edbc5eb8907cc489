"""Block a principal on Kafka, and lift the block: denials that are created and deleted one by one and read back."""

from __future__ import annotations

from controlplane.audit.services import operation
from controlplane.certificates import selectors
from controlplane.certificates.logic import block_plans, blocks
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.core.access import Actor
from controlplane.core.plans import Json, Plan
from controlplane.core.verify import verify
from controlplane.gateways.kafka.access_types import Acl


def plan_block(cluster: Cluster, principal: str) -> Plan:
    state = selectors.block_state(cluster, principal)
    serials = selectors.of_principal(cluster, principal)
    return block_plans.plan_block(state, cluster=cluster.name, certificates=serials)


def apply_block(actor: Actor, cluster: Cluster, principal: str, plan: Plan) -> None:
    with operation(actor, plan.action, cluster=cluster.name, target=principal, plan=plan) as entry:
        state = selectors.block_state(cluster, principal)
        entry.remember([_json(acl) for acl in state.present])
        gateway_for(cluster).create_acls(state.missing)
        verify(f"the block of {principal}", lambda: not selectors.block_state(cluster, principal).missing)


def plan_unblock(cluster: Cluster, principal: str) -> Plan:
    state = selectors.block_state(cluster, principal)
    serials = selectors.of_principal(cluster, principal)
    return block_plans.plan_unblock(state, cluster=cluster.name, certificates=serials)


def apply_unblock(actor: Actor, cluster: Cluster, principal: str, plan: Plan) -> None:
    with operation(actor, plan.action, cluster=cluster.name, target=principal, plan=plan) as entry:
        state = selectors.block_state(cluster, principal)
        entry.remember([_json(acl) for acl in state.present])
        gateway_for(cluster).delete_acls(blocks.filters(state.present))
        verify(
            f"that {principal} is no longer blocked",
            lambda: not selectors.block_state(cluster, principal).present,
        )


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
