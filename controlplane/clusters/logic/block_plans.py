"""Plans of blocking a principal and of lifting the block: ACLs, but an act of their own that no other change undoes."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from controlplane.clusters.logic import blocks
from controlplane.clusters.logic.blocks import BlockState
from controlplane.core.access import Action
from controlplane.core.plans import (
    Affected,
    ApiCall,
    Change,
    Plan,
    PlanStep,
    Refusal,
    Risk,
    StepKind,
    api_path,
)
from controlplane.gateways.kafka.access_types import Acl

SUPER_USER = Refusal(
    "super_user",
    "This principal is a super user of the cluster: no ACL binds it",
    "Replace the authority's key to shut it out; for the user admin, change its password.",
)
NO_PRINCIPAL = Refusal("principal", "A block is of one principal", "Write the type and a name, as User:ann.")


def plan_block(
    state: BlockState,
    *,
    cluster: str,
    certificates: Sequence[str],
    action: Action = Action.ACL_EDIT,
) -> Plan:
    return Plan(
        action=action,
        title=f"Block {state.principal}",
        apply_label=f"Block {state.principal}",
        cluster=cluster,
        steps=steps(state),
        risk=Risk.DISRUPTIVE,
        digest=state.digest,
        warnings=(
            "Everything is denied to the principal, whichever certificate or password it comes with, "
            "and whatever other ACLs allow.",
            "It holds within seconds for open connections too: each request is checked.",
        ),
        refusals=refusals(state),
        affected=tuple(Affected("certificate", serial) for serial in certificates),
        undo="Lift the block: the denials are deleted, and the ACLs that were there before count again.",
        commands=(blocks.command(state.principal),),
        request={"principal": state.principal},
        api=_call("POST", cluster, state.principal),
    )


def steps(state: BlockState) -> tuple[PlanStep, ...]:
    """Also for plans that block beside something else."""
    return tuple(_step(StepKind.CREATE, acl) for acl in state.missing)


def refusals(state: BlockState) -> tuple[Refusal, ...]:
    wrong = [] if blocks.can_be_blocked(state.principal) else [NO_PRINCIPAL]
    if state.super_user:
        wrong.append(SUPER_USER)
    elif not state.missing:
        wrong.append(Refusal("blocked", f"{state.principal} is blocked already", "Lift it explicitly."))
    return tuple(wrong)


def plan_unblock(
    state: BlockState,
    *,
    cluster: str,
    certificates: Sequence[str],
    action: Action = Action.ACL_EDIT,
) -> Plan:
    present = tuple(acl for acl in state.wanted if acl in state.present)
    wrong = () if present else (Refusal("not_blocked", f"{state.principal} is not blocked"),)
    return Plan(
        action=action,
        title=f"Lift the block of {state.principal}",
        apply_label="Lift the block",
        cluster=cluster,
        steps=tuple(_step(StepKind.DELETE, acl) for acl in present),
        # It can be undone, but whoever was kept out comes in again.
        risk=Risk.DISRUPTIVE,
        digest=state.digest,
        warnings=(
            "Every certificate of the principal that has not ended works again, a revoked one too: "
            "brokers do not ask for the revocation list. So does its password, if it has one.",
        ),
        refusals=wrong,
        affected=tuple(Affected("certificate", serial) for serial in certificates),
        undo="Block the principal again.",
        commands=(blocks.command(state.principal, remove=True),),
        request={"principal": state.principal},
        api=_call("DELETE", cluster, state.principal),
    )


def _call(method: str, cluster: str, principal: str) -> ApiCall:
    return ApiCall(method, f"{api_path(cluster, 'acls', 'block')}?{urlencode({'principal': principal})}")


def _step(kind: StepKind, acl: Acl) -> PlanStep:
    text = f"{acl.permission} {acl.operation} from any host"
    change = (
        Change(acl.principal, text, None) if kind is StepKind.DELETE else Change(acl.principal, None, text)
    )
    return PlanStep(kind, "ACL", f"{acl.resource_type} {acl.resource_name}", (change,))
