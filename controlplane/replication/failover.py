"""A failover step by step: each a plan, each a job, each an operation with what it found.

A step may be taken again after it failed, was cancelled or its worker died: it looks at what is there and does the rest.
What was measured stays in the row, and makes the report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime

from django.utils import timezone

from controlplane.acls.logic.plans import AclChange
from controlplane.audit.services import operation
from controlplane.clusters import selectors as cluster_selectors
from controlplane.clusters.exclusion import admitted
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import connection_for
from controlplane.core.access import Action, Actor
from controlplane.core.errors import Conflict, Refused
from controlplane.core.plans import Json, Plan
from controlplane.gateways import broker as bundled
from controlplane.gateways.kafka.access_types import Acl
from controlplane.jobs.models import Job
from controlplane.jobs.run import JobRun
from controlplane.jobs.services import enqueue
from controlplane.replication import (
    failover_acts,
    freezing,
    readiness,
    reversal,
    selectors,
    services,
    watching,
)
from controlplane.replication.logic import failover_plans as plans
from controlplane.replication.logic.failover import (
    Attempt,
    Kind,
    Step,
    Taken,
    next_step,
    refusal_of,
)
from controlplane.replication.logic.flows import FlowRequest, to_json
from controlplane.replication.logic.offset_plans import plan_offsets
from controlplane.replication.models import Failover, Flow

KIND = "replication.step"


def plan_begin(flow: Flow, kind: Kind) -> Plan:
    return plans.plan_begin(flow.asked, kind, int(open_run(flow) is not None), selectors.moved_at(flow))


def begin(actor: Actor, flow: Flow, kind: Kind, plan: Plan) -> Failover:
    """One at a time for each flow."""
    asked = flow.asked
    services.require_both(actor, Action.FLOW_EDIT, asked)
    with operation(
        actor, plan.action, cluster=flow.target, target=f"{flow} failover", plan=plan, atomic=True
    ) as entry:
        entry.note(kind=kind.value)
        if open_run(flow) is not None:
            raise Conflict(f"A failover of {flow} is under way", hint="Go on with it, or end it.")
        return Failover.objects.create(
            source=flow.source,
            target=flow.target,
            kind=kind.value,
            request=to_json(asked),
            started_at=timezone.now(),
            started_by=actor.name[:240],
        )


def plan_end(run: Failover) -> Plan:
    return plans.plan_end(run.asked, run.pk, next_step(Kind(run.kind), run.taken))


def apply_end(actor: Actor, run: Failover, plan: Plan) -> None:
    services.require_both(actor, Action.FLOW_EDIT, run.asked)
    with operation(
        actor, plan.action, cluster=run.target, target=f"{run.asked.name} failover", plan=plan, atomic=True
    ):
        end(run, "ended")


def open_run(flow: Flow) -> Failover | None:
    return Failover.objects.filter(source=flow.source, target=flow.target, ended_at=None).first()


def plan_step(run: Failover, step: Step) -> Plan:
    """What the step would do now; refused where it is not its turn."""
    refusal = refusal_of(Kind(run.kind), run.taken, step)
    asked = run.asked
    if refusal is not None:
        none = replace(plans.plan_verify(asked, ()), title=step.heading, steps=(), warnings=())
        raise Refused((refusal,), replace(none, refusals=(refusal,), request={"step": step.value}))
    return _PLANS[step](run, asked)


def _plan_check(run: Failover, asked: FlowRequest) -> Plan:
    return plans.plan_check(asked, Kind(run.kind), readiness.of(asked))


def _plan_freeze(run: Failover, asked: FlowRequest) -> Plan:
    source, _ = services.ends(asked)
    wanted = freezing.denials(asked, source)
    change = freezing.missing(source, wanted)
    made = change.add if change else ()
    present = len(wanted) - len(made)
    return plans.plan_freeze(asked, made, readiness.super_users_of(source), present=present)


def _plan_drain(run: Failover, asked: FlowRequest) -> Plan:
    return plans.plan_drain(asked, watching.progress_of(asked, *services.ends(asked)).totals)


def _plan_stop(run: Failover, asked: FlowRequest) -> Plan:
    checked = run.taken.get(Step.CHECK)
    answers = bool(checked and (checked.evidence or {}).get("source_answers"))
    return plans.plan_stop(
        asked,
        services.states(asked, services.ends(asked)[1]),
        open_source=answers and run.kind == Kind.UNPLANNED.value,
    )


def _plan_offsets(run: Failover, asked: FlowRequest) -> Plan:
    source, target = services.ends(asked)
    rows = watching.translation_of(asked, source, target).rows
    return plan_offsets(asked, rows, readiness.active_in(target, {row.group for row in rows}))


def _plan_switch(run: Failover, asked: FlowRequest) -> Plan:
    source, target = services.ends(asked)
    topics = tuple(each.topic for each in selectors.copied(asked, source, target))
    back = reversal.turned(asked)
    lifted = freezing.plan_lift(back, target).plan if freezing.standing(back, target) else None
    denied = () if lifted else freezing.denied_to_clients(asked, target, topics)
    absent = selectors.absent(asked, source, target)
    return plans.plan_switch(
        asked, bootstrap_for_clients(target), topics, lifted, denied=denied, absent=absent
    )


def bootstrap_for_clients(target: Cluster) -> str:
    if target.external:
        return connection_for(target).bootstrap
    return bundled.bootstrap(bundled.bundled_cluster(target.name), "SASL_SSL")


def _plan_verify(run: Failover, asked: FlowRequest) -> Plan:
    source, target = services.ends(asked)
    return plans.plan_verify(asked, [each.topic for each in selectors.copied(asked, source, target)])


def _plan_loss(run: Failover, asked: FlowRequest) -> Plan:
    return plans.plan_loss(asked, watching.progress_of(asked, *services.ends(asked)).error)


_PLANS: Mapping[Step, Callable[[Failover, FlowRequest], Plan]] = {
    Step.CHECK: _plan_check,
    Step.FREEZE: _plan_freeze,
    Step.DRAIN: _plan_drain,
    Step.STOP: _plan_stop,
    Step.OFFSETS: _plan_offsets,
    Step.SWITCH: _plan_switch,
    Step.VERIFY: _plan_verify,
    Step.LOSS: _plan_loss,
    Step.REVERSE: reversal.plan,
}


def apply_step(actor: Actor, run: Failover, step: Step, plan: Plan) -> Job:
    services.require_both(actor, Action.FLOW_EDIT, run.asked)
    with admitted(cluster_selectors.get_cluster(run.target), (KIND,)):
        return enqueue(
            kind=KIND,
            title=plan.title,
            args={"run": run.pk, "step": step.value, "plan": plan.to_json()},
            actor=actor,
            cluster=run.target,
            also=run.source,
            resumable=True,
        )


#: Beyond the right on the flow itself, of those who take the step.
_NEEDS = {
    Step.FREEZE: (Action.ACL_EDIT,),
    Step.SWITCH: (Action.ACL_EDIT,),
    Step.REVERSE: (Action.ACL_EDIT, Action.KAFKA_USER_EDIT),
}


def run_step(job: JobRun) -> Mapping[str, Json]:
    run = Failover.objects.get(pk=int(str(job.args["run"])))
    step, asked = Step(str(job.args["step"])), run.asked
    needs, where = _NEEDS.get(step, ()), run.source if step is Step.FREEZE else run.target
    with operation(
        job.actor,
        Action.FLOW_EDIT,
        cluster=where,
        also=run.target if where == run.source else run.source,
        target=f"{asked.name} failover",
        plan=job.plan,
        needs=needs,
    ) as entry:
        entry.note(step=step.value, failover=run.pk)
        refusal = refusal_of(Kind(run.kind), run.taken, step)
        if refusal is not None:
            raise Refused((refusal,), job.plan)
        _remember(run, step, "running")
        try:
            with job.step(step.heading):
                evidence = failover_acts.ACTS[step](job, run, asked)
        except BaseException as error:
            _remember(run, step, "failed", error=str(error)[:400])
            raise
        entry.note(**evidence)
        _remember(run, step, "done", evidence)
    if next_step(Kind(run.kind), run.taken) is None:
        end(run, "done")
    return evidence


def _remember(
    run: Failover, step: Step, state: str, evidence: Mapping[str, Json] | None = None, error: str = ""
) -> None:
    now = datetime.now(UTC).isoformat()
    before = run.taken.get(step)
    begun = before.started_at if before is not None and state != "running" else now
    earlier = [*before.earlier] if before else []
    if before is not None and state == "running":
        earlier.append(Attempt(before.state, before.started_at, before.ended_at, before.error))
    steps = dict(run.steps)
    steps[step.value] = {
        "state": state,
        "started_at": begun,
        "ended_at": None if state == "running" else now,
        "evidence": dict(evidence) if evidence else None,
        "error": error,
        "earlier": [asdict(each) for each in earlier],
    }
    run.steps = steps
    run.save(update_fields=["steps"])


def end(run: Failover, outcome: str) -> None:
    run.ended_at, run.outcome = timezone.now(), outcome
    run.save(update_fields=["ended_at", "outcome"])


def moved(flow: Flow) -> datetime | None:
    """Since when its clients are in the target, by a failover."""
    at = selectors.moved_at(flow)
    return datetime.fromisoformat(at) if at else None


def frozen(flow: FlowRequest) -> tuple[Acl, ...] | None:
    """What failovers of it have denied and still stands in the source; None where it does not answer."""
    return freezing.standing(flow, services.ends(flow)[0])


def plan_thaw(flow: FlowRequest) -> AclChange:
    """Lifts the freeze: the very DENYs that failovers of the flow have made."""
    return freezing.plan_lift(flow, services.ends(flow)[0])


def apply_thaw(actor: Actor, flow: FlowRequest, change: AclChange) -> None:
    freezing.apply_lift(actor, flow, *services.ends(flow), change)


def report(run: Failover) -> dict[str, Json]:
    """What a person takes away: kind, times, each step with its evidence, RPO and RTO as measured."""
    taken = run.taken
    return {
        "id": run.pk,
        "flow": f"{run.source}->{run.target}",
        "kind": run.kind,
        "started_at": run.started_at.isoformat(),
        "started_by": run.started_by,
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        "outcome": run.outcome or "under way",
        "rpo": _rpo(run.asked, taken),
        "rto_seconds": _rto(run, taken),
        "steps": [
            {
                "step": step.value,
                "title": step.heading,
                "state": each.state,
                "started_at": each.started_at,
                "ended_at": each.ended_at,
                "error": each.error,
                "evidence": dict(each.evidence or {}),
                "earlier": [asdict(attempt) for attempt in each.earlier],
            }
            for step, each in taken.items()
        ],
    }


def _rpo(asked: FlowRequest, taken: Mapping[Step, Taken]) -> Json:
    """Promised by the check (of a source that was gone: as last seen), measured when the flow stopped or the source is back."""

    def found(step: Step) -> Mapping[str, Json]:
        each = taken.get(step)
        return (each.evidence or {}) if each else {}

    promised, measured = found(Step.CHECK), found(Step.LOSS) or found(Step.STOP)
    gone = promised.get("source_answers") is False
    return {
        "promised_records": promised.get("last_known_records" if gone else "records_not_copied"),
        "promised_seconds": promised.get("last_known_seconds" if gone else "seconds_behind"),
        "promised_as_of": promised.get("last_known_at") if gone else None,
        "lost_records": measured.get("records_lost"),
        "lost_seconds": measured.get("seconds_lost"),
        "objective_records": asked.rpo_records,
        "objective_seconds": asked.rpo_s,
    }


def _rto(run: Failover, taken: Mapping[Step, Taken]) -> float | None:
    """From the first step that stopped clients until they had moved; of a source that was gone, from when it last answered."""
    begun = taken.get(Step.FREEZE) or taken.get(Step.STOP)
    moved = taken.get(Step.SWITCH)
    if begun is None or moved is None or not moved.done or moved.ended_at is None:
        return None
    checked = taken.get(Step.CHECK)
    answered = (checked.evidence or {}).get("last_known_at") if checked else None
    since = datetime.fromisoformat(str(answered or begun.first_started_at))
    return (datetime.fromisoformat(moved.ended_at) - since).total_seconds()
