"""The plan of each step of a failover: what it will do, what it says before, how it is undone. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
from controlplane.core.words import counted, some
from controlplane.gateways.kafka.access_types import Acl
from controlplane.replication.logic import freezing
from controlplane.replication.logic.connectors import ACL_SYNC, Part, connector_name
from controlplane.replication.logic.evidence import folded
from controlplane.replication.logic.failover import STEPS, Kind, Step
from controlplane.replication.logic.flows import FlowRequest, Policy
from controlplane.replication.logic.progress import Totals
from controlplane.replication.logic.readiness import Readiness, absent_words, problems

SHOWN = 20


def plan_begin(asked: FlowRequest, kind: Kind, others: int, moved_at: str = "") -> Plan:
    """The runbook is laid out; nothing is done yet. `moved_at`: since when clients are in the target, by an earlier one."""
    moved = (
        (f"An earlier failover moved the clients to {asked.target} at {moved_at[:19]}Z.",) if moved_at else ()
    )
    steps = tuple(PlanStep(StepKind.RUN, "step", step.heading) for step in STEPS[kind])
    refusals: tuple[Refusal, ...] = ()
    if others:
        refusals = (
            Refusal("under_way", f"A failover of {asked.name} is under way", "Go on with it, or end it."),
        )
    return Plan(
        action=Action.FLOW_EDIT,
        title=f"Begin {'an' if kind is Kind.UNPLANNED else 'a'} {kind.value} failover of {asked.name}"
        if kind is not Kind.REHEARSAL
        else f"Rehearse a failover of {asked.name}",
        apply_label="Begin",
        cluster=asked.target,
        also=asked.source,
        steps=steps,
        risk=Risk.REVERSIBLE,
        digest=state_digest({"begin": kind.value, "others": others}),
        warnings=("Beginning does nothing yet: each step is reviewed before it is taken.", *moved),
        refusals=refusals,
        undo="End it: what was done stays done, and stays in its report.",
        request={"kind": kind.value},
        api=ApiCall("POST", api_path(asked.target, "flows", asked.source, "failover"), {"kind": kind.value}),
    )


def plan_end(asked: FlowRequest, run: int, due: Step | None) -> Plan:
    left = due.heading if due else "none"
    return Plan(
        action=Action.FLOW_EDIT,
        title=f"End the failover of {asked.name}",
        apply_label="End it",
        cluster=asked.target,
        also=asked.source,
        steps=(PlanStep(StepKind.RUN, "failover", asked.name, (Change("next step", left, None),)),),
        risk=Risk.REVERSIBLE,
        digest=state_digest({"end": run, "due": left}),
        warnings=(
            "What was done stays done: lift the freeze and resume the flow if clients are to go on in the source.",
        ),
        undo="None needed: another one can be begun.",
        request={"run": run},
        api=ApiCall("DELETE", api_path(asked.target, "flows", asked.source, "failover")),
    )


def plan_freeze(
    asked: FlowRequest, denials: Sequence[Acl], super_users: Sequence[str] | None, *, present: int
) -> Plan:
    """`denials`: that are made; `present`: how many are there already; `super_users`: None where nobody tells."""
    changes = tuple(
        Change(f"{acl.pattern_type.value.lower()} {acl.resource_name}", None, "DENY WRITE") for acl in denials
    )
    steps = (PlanStep(StepKind.CREATE, "ACLs", f"of User:* on {asked.source}", changes),) if denials else ()
    if asked.sync_acls:
        name, sync = (
            connector_name(asked, Part.SOURCE),
            Change(ACL_SYNC, "true", "false", "or the target gets them too"),
        )
        steps = (PlanStep(StepKind.ALTER, "connector", name, (sync,)), *steps)
    proof = PlanStep(
        StepKind.RUN,
        "proof",
        "no end offset moves for 10 s",
        (Change("writing", "allowed", "denied to everybody"),),
    )
    named = "who they are is unknown" if super_users is None else ", ".join(folded(super_users)) or "none"
    return step_plan(
        asked,
        Step.FREEZE,
        (*steps, proof),
        Risk.DISRUPTIVE,
        {"denials": freezing.stored(denials), "present": present},
        warnings=(
            "Producers fail from here on, until they write to the target or the freeze is lifted.",
            f"Super users are not bound by ACLs and could still write: {named}.",
        ),
        undo="Lift the freeze: the very ACLs that this step makes are deleted.",
    )


def plan_drain(asked: FlowRequest, totals: Totals) -> Plan:
    left = "unknown" if totals.records is None else f"{totals.records:,}"
    step = PlanStep(
        StepKind.RUN, "wait", "until every record is copied", (Change("records not copied", left, "0"),)
    )
    # How many wait is another number at each look; what the step does is not.
    return step_plan(asked, Step.DRAIN, (step,), Risk.REVERSIBLE, {}, undo="None needed.")


def plan_stop(asked: FlowRequest, states: Mapping[str, str], *, open_source: bool = False) -> Plan:
    """`open_source`: the source answered when that was checked, and nothing keeps clients from writing there."""
    lost = (
        (
            f"{asked.source} answered, and is not frozen: what clients write there from now on is left behind. A planned failover "
            "loses nothing.",
        )
        if open_source
        else ()
    )
    steps = tuple(
        PlanStep(StepKind.RUN, "connector", name, (Change("state", word, "STOPPED"),))
        for name, word in states.items()
    )
    return step_plan(
        asked,
        Step.STOP,
        steps,
        Risk.DISRUPTIVE,
        {"states": dict(states)},
        warnings=(
            *lost,
            "From here on nothing is copied. Never resume it after clients write to the target: copies would mix.",
        ),
        undo="Resume the flow, as long as nobody writes to the copies.",
    )


def plan_switch(
    asked: FlowRequest,
    bootstrap: str,
    topics: Sequence[str],
    lifted: Plan | None,
    *,
    denied: Sequence[str] = (),
    absent: Sequence[str] = (),
) -> Plan:
    """A person says that it is done. `lifted`: a freeze of the target, by the failover that brought the clients away from
    there; `denied`: topics there that an ACL denies to everybody; `absent`: that producers need there and are not."""
    step = PlanStep(
        StepKind.RUN,
        "clients",
        f"of {asked.source}",
        (
            Change("bootstrap.servers", f"of {asked.source}", bootstrap),
            *_names(asked),
        ),
    )
    return step_plan(
        asked,
        Step.SWITCH,
        (*(lifted.steps if lifted else ()), step),
        Risk.DISRUPTIVE,
        {"bootstrap": bootstrap, "lifted": lifted.digest if lifted else ""},
        warnings=(
            f"The freeze that an earlier failover left on {asked.target} is lifted: take this step, then move the clients."
            if lifted
            else "Confirm this step when the clients have moved: it changes nothing, and ends the time that is measured.",
            *_denied(asked, denied),
            *([absent_words(asked.target, absent)] if absent else []),
        ),
        affected=tuple(Affected("topic", asked.copy_of(topic)) for topic in topics[:SHOWN]),
        undo="Move the clients back, as long as nothing was written to the target alone.",
    )


def _denied(asked: FlowRequest, denied: Sequence[str]) -> tuple[str, ...]:
    if not denied:
        return ()
    return (
        f"ACLs of {asked.target} deny everybody to write to {some(tuple(denied))}: clients will fail there.",
    )


def _names(asked: FlowRequest) -> tuple[Change, ...]:
    """With prefixed copies the two kinds of clients part: what is written into a copy would never come home."""
    copy = asked.copy_of("orders")
    if copy == "orders":
        return (Change("topics", "orders", "orders", "the same names on both sides"),)
    return (
        Change(
            "consumers read",
            "orders",
            f"{copy} and orders",
            "what was copied, and what is written from now on",
        ),
        Change("producers write to", "orders", "orders", f"not to {copy}: that would never come home"),
    )


def plan_verify(asked: FlowRequest, topics: Sequence[str]) -> Plan:
    step = PlanStep(StepKind.RUN, "compare", counted(len(topics), "topic"), ())
    return step_plan(
        asked,
        Step.VERIFY,
        (step,),
        Risk.REVERSIBLE,
        {"topics": list(topics)},
        undo="None needed: it only reads.",
    )


def plan_loss(asked: FlowRequest, error: str) -> Plan:
    """`error`: why the source does not answer yet."""
    step = PlanStep(StepKind.RUN, "count", f"what {asked.source} has and {asked.target} has not", ())
    return step_plan(
        asked,
        Step.LOSS,
        (step,),
        Risk.REVERSIBLE,
        {"answers": not error},
        warnings=(f"{asked.source} does not answer now, so the step would fail: {error}",) if error else (),
        undo="None needed: it only reads.",
    )


def plan_reverse(
    asked: FlowRequest,
    back: FlowRequest,
    parts: Sequence[Plan],
    begins: int,
    at_rest: Mapping[str, str] | None = None,
) -> Plan:
    """`parts`: the freeze lifted, the old flow deleted, the new one made, as far as each is needed; `begins`: partitions
    whose copies keep their names, so that the flow back begins where clients began to write; `at_rest`: connectors of a
    flow back that is there, with their states."""
    kept = asked.policy is Policy.IDENTITY
    there = tuple(
        PlanStep(StepKind.RUN, "connector", name, (Change("state", state, "RUNNING"),))
        for name, state in (at_rest or {}).items()
    ) or (PlanStep(StepKind.RUN, "flow", back.name, (Change("state", "there already", "left as it is"),)),)
    warnings = [warning for part in parts for warning in part.warnings]
    if kept:
        warnings.insert(
            0,
            f"The freeze of {asked.source} is lifted, since the flow back writes there: clients that have not moved could "
            "write again.",
        )
        warnings.insert(
            0,
            f"What was written in {asked.target} after {asked.name} had stopped is copied back, of "
            f"{counted(begins, 'partition')}; what came from {asked.source} is not copied there again.",
        )
    return step_plan(
        asked,
        Step.REVERSE,
        tuple(step for part in parts for step in part.steps) or there,
        Risk.DISRUPTIVE,
        {"parts": [part.digest for part in parts], "begins": begins, "at_rest": dict(at_rest or {})},
        warnings=tuple(warnings),
        refusals=tuple(refusal for part in parts for refusal in part.refusals),
        undo=f"Take the runbook of {back.name}: it leads back.",
    )


def plan_check(asked: FlowRequest, kind: Kind, found: Readiness) -> Plan:
    step = PlanStep(
        StepKind.RUN,
        "check",
        asked.name,
        (
            Change("flow", None, found.state),
            Change(
                "records not copied",
                None,
                "unknown" if found.totals.records is None else f"{found.totals.records:,}",
            ),
        ),
    )
    return step_plan(
        asked,
        Step.CHECK,
        (step,),
        Risk.REVERSIBLE,
        found.standing(),
        warnings=problems(kind, found),
        undo="None needed: it only reads.",
    )


def step_plan(
    asked: FlowRequest,
    step: Step,
    steps: tuple[PlanStep, ...],
    risk: Risk,
    state: Mapping[str, Any],
    *,
    warnings: tuple[str, ...] = (),
    refusals: tuple[Refusal, ...] = (),
    affected: tuple[Affected, ...] = (),
    undo: str,
) -> Plan:
    return Plan(
        action=Action.FLOW_EDIT,
        title=f"{asked.name}: {step.heading[0].lower()}{step.heading[1:]}",
        apply_label=step.heading,
        cluster=asked.target,
        also=asked.source,
        steps=steps or (PlanStep(StepKind.RUN, "step", step.heading, ()),),
        risk=risk,
        digest=state_digest({"step": step.value, **state}),
        warnings=warnings,
        refusals=refusals,
        affected=affected,
        undo=undo,
        request={"step": step.value},
        api=ApiCall(
            "POST", api_path(asked.target, "flows", asked.source, "failover", "step"), {"step": step.value}
        ),
    )
