"""Plans of watching an endpoint's certificate, and of no longer watching it."""

from __future__ import annotations

from dataclasses import dataclass

from controlplane.core.access import Action
from controlplane.core.plans import (
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
