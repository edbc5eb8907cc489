"""The runbook of an authority's key in words: which step is done, which is next, and what it waits for. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from controlplane.certificates.logic.rotation import continues, plan_step
from controlplane.certificates.logic.rotation_state import LEAVING, RotationPhase, RotationState, RotationStep

ORDER = (RotationStep.BEGIN, RotationStep.SWITCH, RotationStep.FINISH)
#: How many steps were begun. One that lets an authority go has ended when the phase does: it is half-way until then.
DONE_AT = {
    RotationPhase.NONE: 0,
    RotationPhase.TRUST_NEW: 1,
    RotationPhase.ABANDONING: 1,
    RotationPhase.SWITCHED: 2,
    RotationPhase.DROPPING: 3,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """`state`: done, now, later. `again`: it stopped half-way, and is taken again. `waits_for`: empty, it can be taken."""

    step: RotationStep
    title: str
    text: str
    state: str
    again: bool = False
    waits_for: str = ""


def entries(state: RotationState) -> tuple[Entry, ...]:
    done = DONE_AT[state.phase]
    half = bool(done) and not _confirmed(ORDER[done - 1], state)
    return tuple(_entry(step, index, done, half, state) for index, step in enumerate(ORDER))


def _entry(step: RotationStep, index: int, done: int, half: bool, state: RotationState) -> Entry:
    title, text = _words(step, state)
    if half and index == done - 1:
        waits_for = _half_waits_for(state)
        return Entry(step, title, text, "now", again=not waits_for, waits_for=waits_for)
    if index < done:
        return Entry(step, title, text, "done")
    if index > done or half:
        return Entry(step, title, text, "later")
    refusals = plan_step(step, state, cluster="").refusals
    return Entry(step, title, text, "now", waits_for=refusals[0].what if refusals else "")


def _half_waits_for(state: RotationState) -> str:
    """Empty where the step that was begun stopped, and is taken again."""
    if state.busy:
        return f"{state.busy} is at work"
    return "The new authority is being abandoned" if state.phase is RotationPhase.ABANDONING else ""


def _confirmed(step: RotationStep, state: RotationState) -> bool:
    """Whether every node was seen to have done what the step asks of it."""
    if state.phase in LEAVING:
        return False
    assert continues(step, state)
    restarted = not state.brokers or all(node.restarted_since for node in state.nodes)
    if step is RotationStep.BEGIN:
        return restarted and all(node.trusts_next for node in state.nodes)
    return restarted and all(node.presents_current for node in state.nodes)


def _words(step: RotationStep, state: RotationState) -> tuple[str, str]:
    if step is RotationStep.BEGIN:
        return (
            "Trust the new authority",
            "Every broker trusts the old and the new root. Nothing is issued by it yet.",
        )
    if step is RotationStep.FINISH:
        text = "Its certificates are refused from then on."
        if state.phase is RotationPhase.DROPPING:
            text = (
                "It is being dropped. Until every broker refuses it, its certificates may still be accepted."
            )
        return "Drop the old authority", text
    if state.brokers:
        return (
            "Switch to the new authority",
            "Brokers and the control plane get certificates of the new one. Clients must trust both roots by then: "
            "the trust stores under Authorities hold both as soon as the first step is done.",
        )
    return (
        "Switch to the new authority",
        "New client certificates come from it. Renew those of the old one before you drop it.",
    )
