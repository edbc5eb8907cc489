"""Plans of blocking a principal and of lifting the block, and of watching an endpoint's certificate."""

from __future__ import annotations

from dataclasses import dataclass

from controlplane.certificates.logic import blocks
from controlplane.certificates.logic.blocks import BlockState
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
    state_digest,
)
from controlplane.gateways.kafka.access_types import Acl

SUPER_USER = Refusal(
    "super_user",
    "This principal is a super user of the cluster: no ACL binds it",
    "Replace the authority's key to shut it out; for the user admin, change its password.",
)


def plan_block(state: BlockState, *, cluster: str, certificates: tuple[str, ...]) -> Plan:
    refusals = [SUPER_USER] if state.super_user else []
    if not state.missing and not state.super_user:
        refusals.append(Refusal("blocked", f"{state.principal} is blocked already", "Lift it explicitly."))
    return Plan(
        action=Action.CERTIFICATE_REVOKE,
        title=f"Block {state.principal}",
        apply_label=f"Block {state.principal}",
        cluster=cluster,
        steps=tuple(_step(StepKind.CREATE, acl) for acl in state.missing),
        risk=Risk.DISRUPTIVE,
        digest=state.digest,
        warnings=(
            "Everything is denied to the principal, whichever certificate or password it comes with, "
            "and whatever other ACLs allow.",
            "It holds within seconds for open connections too: each request is checked.",
        ),
        refusals=tuple(refusals),
        affected=tuple(Affected("certificate", serial) for serial in certificates),
        undo="Lift the block: the denials are deleted, and the ACLs that were there before count again.",
        commands=(blocks.command(state.principal),),
        request={"principal": state.principal},
    )


def plan_unblock(state: BlockState, *, cluster: str, certificates: tuple[str, ...]) -> Plan:
    present = tuple(acl for acl in state.wanted if acl in state.present)
    refusals = [] if present else [Refusal("not_blocked", f"{state.principal} is not blocked")]
    return Plan(
        action=Action.CERTIFICATE_REVOKE,
        title=f"Lift the block of {state.principal}",
        apply_label="Lift the block",
        cluster=cluster,
        steps=tuple(_step(StepKind.DELETE, acl) for acl in present),
        risk=Risk.REVERSIBLE,
        digest=state.digest,
        warnings=(
            "Every certificate of the principal that has not ended works again, a revoked one too: "
            "brokers do not ask for the revocation list.",
        ),
        refusals=tuple(refusals),
        affected=tuple(Affected("certificate", serial) for serial in certificates),
        undo="Block the principal again.",
        commands=(blocks.command(state.principal, remove=True),),
        request={"principal": state.principal},
    )


def _step(kind: StepKind, acl: Acl) -> PlanStep:
    text = f"{acl.permission} {acl.operation} from any host"
    change = (
        Change(acl.principal, text, None) if kind is StepKind.DELETE else Change(acl.principal, None, text)
    )
    return PlanStep(kind, "ACL", f"{acl.resource_type} {acl.resource_name}", (change,))


@dataclass(frozen=True, slots=True)
class WatchEndpoint:
    host: str
    port: int
    label: str = ""

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class WatchState:
    """`refusal`: why the address cannot be asked at all."""

    watched: frozenset[str]
    refusal: Refusal | None = None

    def digest_for(self, address: str) -> str:
        return state_digest({"address": address, "watched": address in self.watched})


MAX_WATCHED = 200


def plan_watch(request: WatchEndpoint, state: WatchState, *, cluster: str) -> Plan:
    refusals = [state.refusal] if state.refusal else []
    if request.address in state.watched:
        refusals.append(Refusal("exists", f"{request.address} is watched already"))
    elif len(state.watched) >= MAX_WATCHED:
        refusals.append(Refusal("too_many", f"{MAX_WATCHED} endpoints are watched", "Stop watching one."))
    changes = (Change("label", None, request.label or request.address), Change("asked", None, "every hour"))
    return Plan(
        action=Action.CERTIFICATE_ISSUE,
        title=f"Watch the certificate of {request.address}",
        apply_label="Watch it",
        cluster=cluster,
        steps=(PlanStep(StepKind.CREATE, "watched endpoint", request.address, changes),),
        risk=Risk.REVERSIBLE,
        digest=state.digest_for(request.address),
        refusals=tuple(refusals),
        undo="Stop watching it.",
        request={"host": request.host, "port": request.port, "label": request.label},
        api=ApiCall(
            "POST",
            api_path(cluster, "certificates", "watched"),
            {"host": request.host, "port": request.port, "label": request.label},
        ),
    )


def plan_unwatch(request: WatchEndpoint, state: WatchState, *, cluster: str) -> Plan:
    return Plan(
        action=Action.CERTIFICATE_ISSUE,
        title=f"Stop watching {request.address}",
        apply_label="Stop watching",
        cluster=cluster,
        steps=(
            PlanStep(
                StepKind.DELETE,
                "watched endpoint",
                request.address,
                (Change("label", request.label or request.address, None),),
            ),
        ),
        risk=Risk.REVERSIBLE,
        digest=state.digest_for(request.address),
        undo="Watch it again; what was seen is asked anew.",
        request={"host": request.host, "port": request.port},
    )
