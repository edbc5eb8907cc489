"""Replacing an authority's key in three phases: what each step does, and what forbids it. Pure.

1. Begin: every node trusts the old and the new root. Clients get the new root in the meantime.
2. Switch: everything that we issue comes from the new authority; every node presents it, and has restarted since.
3. Finish: nobody trusts the old root any more. Until every node was seen to refuse it the phase is "dropping".
Back from 1, abandon: the same for the new root, in the phase "abandoning".
Invariants: no step is taken before every node was seen to have finished the one before (Strimzi's CaReconciler); a step that
was interrupted anywhere leaves a phase in which it can be taken again.
"""

from __future__ import annotations

from collections.abc import Sequence

from controlplane.certificates.logic.rotation_state import (
    LEADS_TO,
    NEEDS,
    AuthorityFacts,
    RotationPhase,
    RotationState,
    RotationStep,
)
from controlplane.core.access import Action
from controlplane.core.plans import (
    Affected,
    ApiCall,
    Change,
    Json,
    Plan,
    PlanStep,
    Refusal,
    Risk,
    StepKind,
    api_path,
    state_digest,
)


def continues(step: RotationStep, state: RotationState) -> bool:
    """Whether the step was begun already, and stopped half-way."""
    return state.phase is LEADS_TO[step]


def plan_step(
    step: RotationStep, state: RotationState, *, cluster: str, successor: AuthorityFacts | None = None
) -> Plan:
    refusals = tuple(_refusals(step, state))
    foreign = _lets_others_in(step, state, successor)
    brought = successor if successor and successor.external else None
    return Plan(
        action=Action.AUTHORITY_MANAGE,
        title=f"{'Go on: ' if continues(step, state) else ''}{TITLES[step]} the {state.purpose} authority",
        apply_label=LABELS[step],
        cluster=cluster,
        steps=tuple(_steps(step, state, successor)),
        risk=Risk.DISRUPTIVE if foreign else RISKS[step],
        digest=state_digest({"state": state.digest, "brought": brought.digest}) if brought else state.digest,
        warnings=(*((FOREIGN_CLIENTS,) if foreign else ()), *_of_a_root(brought), *_warnings(step, state)),
        refusals=refusals,
        affected=tuple(Affected("certificate", name) for name in state.dependents)
        if step is RotationStep.FINISH
        else (),
        undo=UNDO[step],
        confirm_name=f"{state.purpose} authority" if foreign or step is RotationStep.FINISH else None,
        request={"step": step.value, "purpose": state.purpose, **(_named(brought) if brought else {})},
        api=_call(step, state.purpose, cluster, brought),
    )


def _named(brought: AuthorityFacts) -> dict[str, Json]:
    """What the audit keeps of an authority that was brought: names and fingerprints."""
    return {"issuing": brought.issuing, "public_key_sha256": brought.key, "chain_sha256": list(brought.chain)}


def _call(step: RotationStep, purpose: str, cluster: str, brought: AuthorityFacts | None) -> ApiCall:
    """What was brought is read from its owner's files: a key stands in no command."""
    path = api_path(cluster, "certificates", "authorities", purpose, "rotation")
    files = {"chain": "chain.pem"} if brought else {}
    if brought and brought.key_given:
        files["key"] = "issuing.key"
    return ApiCall("POST", path, {"step": step.value}, files)


def _of_a_root(brought: AuthorityFacts | None) -> tuple[str, ...]:
    if brought is None or not brought.issues_itself:
        return ()
    return (
        f"{brought.issuing} is a self-signed root that would issue itself: its own key is kept here, and nothing short of "
        "distrusting the root everywhere takes back what is signed with it. Bring an issuing authority below it instead.",
    )


#: Names of our own leaves are refused to everybody here; what somebody else certifies, nobody here sees.
FOREIGN_CLIENTS = (
    "From this step on, whoever gets a certificate below this root may log in as its common name, and CN=admin is a "
    "super user of this cluster. Bring it only if it certifies nobody whom you would not give every right, "
    "and never the name admin."
)


def _lets_others_in(step: RotationStep, state: RotationState, successor: AuthorityFacts | None) -> bool:
    coming = state.following or successor
    return step is RotationStep.BEGIN and not state.brokers and coming is not None and coming.external


TITLES = {
    RotationStep.BEGIN: "Trust a new key for",
    RotationStep.SWITCH: "Switch to the new key of",
    RotationStep.FINISH: "Drop the old key of",
    RotationStep.ABANDON: "Abandon the new key of",
}
LABELS = {
    RotationStep.BEGIN: "Trust the new authority everywhere",
    RotationStep.SWITCH: "Switch to the new authority",
    RotationStep.FINISH: "Drop the old authority",
    RotationStep.ABANDON: "Abandon the new authority",
}
RISKS = {
    RotationStep.BEGIN: Risk.REVERSIBLE,
    RotationStep.SWITCH: Risk.DISRUPTIVE,
    RotationStep.FINISH: Risk.DESTRUCTIVE,
    RotationStep.ABANDON: Risk.REVERSIBLE,
}
UNDO = {
    RotationStep.BEGIN: "Abandon it: until the switch nothing was issued by the new authority.",
    RotationStep.SWITCH: "None; but both roots stay trusted until you drop the old one.",
    RotationStep.FINISH: "None. Whoever still has a certificate of the old authority needs a new one.",
    RotationStep.ABANDON: "Begin again, with another new key.",
}


def _refusals(step: RotationStep, state: RotationState) -> list[Refusal]:
    if state.busy:
        return [Refusal("busy", f"{state.busy} is at work", "Wait for the job to end, or cancel it.")]
    if state.phase not in (NEEDS[step], LEADS_TO[step]):
        return [Refusal("phase", _wrong_phase(step, state.phase), "The page shows which step comes next.")]
    down = [node.node for node in state.nodes if not node.running]
    if down and step is not RotationStep.ABANDON:
        return [
            Refusal(
                "down",
                f"Not running: {_brokers(down)}",
                "Each step is confirmed by every node. Start them, or find out why they do not run.",
            )
        ]
    if step is RotationStep.SWITCH and state.phase is RotationPhase.TRUST_NEW:
        return _not_trusting(state)
    return _not_switched(state) if step is RotationStep.FINISH and not continues(step, state) else []


def _wrong_phase(step: RotationStep, phase: RotationPhase) -> str:
    present = {
        RotationPhase.NONE: "No key is being replaced",
        RotationPhase.TRUST_NEW: "The new authority is trusted already, and waits for the switch",
        RotationPhase.ABANDONING: "The new authority is being abandoned",
        RotationPhase.SWITCHED: "The switch is done, and the old authority waits to be dropped",
        RotationPhase.DROPPING: "The old authority is being dropped",
    }[phase]
    return f"{present}: '{step.value}' is not the next step"


def _not_trusting(state: RotationState) -> list[Refusal]:
    blind = [node.node for node in state.nodes if not node.trusts_next]
    late = [node.node for node in state.nodes if state.brokers and not node.restarted_since]
    found = []
    if blind:
        found.append(
            Refusal(
                "trust",
                f"Does not take a certificate of the new authority yet: {_brokers(blind)}",
                "Run 'Trust the new authority' again: it goes on where it stopped.",
            )
        )
    if late:
        found.append(_late(late))
    return found


def _not_switched(state: RotationState) -> list[Refusal]:
    old = [node.node for node in state.nodes if not node.presents_current]
    late = [node.node for node in state.nodes if state.brokers and not node.restarted_since]
    found = []
    if old:
        found.append(
            Refusal(
                "presents",
                f"Still presents a certificate of the old authority: {_brokers(old)}",
                "Run 'Switch' again: it goes on where it stopped.",
            )
        )
    if late:
        found.append(_late(late))
    return found


def _late(nodes: Sequence[int]) -> Refusal:
    return Refusal(
        "restart",
        f"Has not restarted since its certificates changed: {_brokers(nodes)}",
        "Controllers read them at their start only. Run the step again, or restart them one by one.",
    )


def _warnings(step: RotationStep, state: RotationState) -> list[str]:
    rolling = "Every broker restarts, one at a time, and stays above min ISR." if state.brokers else ""
    match step:
        case RotationStep.BEGIN:
            own = (
                "Nothing that clients see changes yet."
                if state.brokers
                else "No client has to do anything yet."
            )
            return [text for text in (rolling, own) if text]
        case RotationStep.SWITCH if state.brokers:
            return [
                rolling,
                "Clients that trust the old root alone can no longer connect: give them the new ca.pem before "
                "(it holds both roots). Connections that are open stay.",
            ]
        case RotationStep.SWITCH:
            return ["New client certificates come from the new authority; those of the old one stay valid."]
        case RotationStep.FINISH if state.dependents:
            more = len(state.dependents)
            return [
                f"{more} valid client certificate{'s' if more != 1 else ''} of the old authority will be refused.",
                NOT_TAKEN_BACK,
            ]
        case RotationStep.FINISH:
            return [text for text in (rolling, NOT_TAKEN_BACK) if text]
    return []


NOT_TAKEN_BACK = "Once begun it is not taken back: cancelled or interrupted, it stays under way until it has gone on to its end."


def _steps(step: RotationStep, state: RotationState, successor: AuthorityFacts | None) -> list[PlanStep]:
    successor = state.following or successor
    changes = {
        RotationStep.BEGIN: _begun(successor),
        RotationStep.SWITCH: (_switched(state),),
        RotationStep.FINISH: (Change("trusted", state.old.words if state.old else None, None),),
        RotationStep.ABANDON: (
            Change("also trusted", state.following.words if state.following else None, None),
        ),
    }[step]
    kind = StepKind.DELETE if step in (RotationStep.FINISH, RotationStep.ABANDON) else StepKind.ALTER
    first = PlanStep(kind, "authority", state.purpose, changes)
    nodes = [
        PlanStep(StepKind.RUN, "broker", str(node.node), summary=_node_words(step, state))
        for node in state.nodes
    ]
    return [first, *nodes]


def _begun(successor: AuthorityFacts | None) -> tuple[Change, ...]:
    trusted = Change("also trusted", None, successor.words if successor else None)
    if successor is None or not successor.issuing:
        return (trusted,)
    return (
        trusted,
        Change("issues after the switch", None, successor.issuer),
        Change("key sealed here", None, f"of {successor.issuing}: public key SHA-256 {successor.key}"),
    )


def _switched(state: RotationState) -> Change:
    before = state.old or state.current
    after = state.following or state.current
    return Change("issues", before.issuer, after.issuer)


def _node_words(step: RotationStep, state: RotationState) -> str:
    if step is RotationStep.SWITCH and not state.brokers:
        return "nothing changes on it"
    files = "reads its new certificate" if step is RotationStep.SWITCH else "reads its new truststore"
    return f"{files}, then restarts" if state.brokers else files


def _brokers(nodes: Sequence[int]) -> str:
    return ("broker " if len(nodes) == 1 else "brokers ") + ", ".join(map(str, nodes))


def plan_request(purpose: str, *, cluster: str) -> Plan:
    """A request for an authority that somebody else signs: its key waits here, nothing else changes."""
    return Plan(
        action=Action.AUTHORITY_MANAGE,
        title=f"Make a signing request for the {purpose} authority",
        apply_label="Make the request",
        cluster=cluster,
        steps=(
            PlanStep(
                StepKind.RUN, "signing request", purpose, summary="Its key is made once and stays here."
            ),
        ),
        risk=Risk.REVERSIBLE,
        digest=state_digest({"request": purpose}),
        undo="Nothing to undo: the authority in use stays as it is.",
    )
