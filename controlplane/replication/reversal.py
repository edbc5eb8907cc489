"""The last step of a failover: the flow turned round, so that what clients now write in the target comes back.

Copies that carry the source's name come back as further copies, and the old flow is left at rest, until the way home wakes
it. Copies that keep their names need care: the old flow has to go, and the flow back begins at the very offset where clients
began to write. Else everything would be copied back into the topic that it came from.
"""

from __future__ import annotations

from dataclasses import replace

from controlplane.clusters.models import Cluster
from controlplane.core.errors import Refused
from controlplane.core.plans import Json, Plan
from controlplane.core.verify import verify
from controlplane.gateways.connect import State
from controlplane.jobs.run import JobRun
from controlplane.replication import freezing, selectors, services, watching
from controlplane.replication.logic import failover_plans as plans
from controlplane.replication.logic.flows import FlowRequest, Policy
from controlplane.replication.logic.progress import Partition, from_topics
from controlplane.replication.making import Begin
from controlplane.replication.models import Failover


def turned(asked: FlowRequest) -> FlowRequest:
    # Users made here have new passwords; those of the way back are the source's own.
    return replace(asked, source=asked.target, target=asked.source, copy_users=False)


def plan(run: Failover, asked: FlowRequest) -> Plan:
    source, _ = services.ends(asked)
    back = turned(asked)
    parts: list[Plan] = []
    if asked.policy is Policy.IDENTITY:
        lifted = freezing.plan_lift(asked, source)
        old = selectors.flow_if_any(asked.source, asked.target)
        parts += [lifted.plan] if lifted.remove else []
        parts += [services.plan_delete(old)] if old else []
    if not _made(back):
        parts.append(services.plan_create(back, leaving=asked if asked.policy is Policy.IDENTITY else None))
    return plans.plan_reverse(asked, back, parts, len(_upstream(run, asked)), _at_rest(back, source))


def _at_rest(back: FlowRequest, target: Cluster) -> dict[str, str]:
    """Connectors of a flow back that an earlier failover had stopped. Its copies have names of their own: it just goes on."""
    if not _made(back) or back.policy is not Policy.PREFIX:
        return {}
    return {
        name: state for name, state in services.states(back, target).items() if state != State.RUNNING.value
    }


def turn_round(job: JobRun, run: Failover, asked: FlowRequest) -> dict[str, Json]:
    """Each part looks whether it was done already: a worker that died is followed by another."""
    source, target = services.ends(asked)
    back = turned(asked)
    begin = _begin(run, asked, source, target)
    if asked.policy is Policy.IDENTITY and not _made(back):
        _leave(job, asked, source)
    if not _made(back):
        planned = services.plan_create(back)
        if planned.refusals:
            raise Refused(planned.refusals, planned)
        services.apply_create(job.actor, back, planned, begin)
    woken = _at_rest(back, source)
    for name in woken:
        services.connect_to(source).resume(name)
        job.log(f"{name} goes on")
    if woken:
        runs = services.RUNS_SECONDS
        verify(f"{back.name} runs", lambda: selectors.health(back, source).state == "running", seconds=runs)
        if not freezing.standing(back, target):
            freezing.follow_acls(back, source, follow=True)
    return {"flow": back.name, "partitions_begun_later": len(begin.upstream) if begin else 0}


def _leave(job: JobRun, asked: FlowRequest, source: Cluster) -> None:
    old = selectors.flow_if_any(asked.source, asked.target)
    if old is not None:
        services.apply_delete(job.actor, old, services.plan_delete(old))
        job.log(f"{asked.name} is deleted")
    lifted = freezing.plan_lift(asked, source)
    if lifted.remove:
        freezing.lift(asked, source, lifted)
        job.log(f"The freeze of {asked.source} is lifted")


def _upstream(run: Failover, asked: FlowRequest) -> dict[Partition, int]:
    """Where clients began to write: the ends of the copies when the flow had stopped."""
    return from_topics(run.copy_ends) if asked.policy is Policy.IDENTITY else {}


def _begin(run: Failover, asked: FlowRequest, source: Cluster, target: Cluster) -> Begin | None:
    upstream = _upstream(run, asked)
    if not upstream:
        return None
    return Begin(upstream, watching.copy_ends(turned(asked), target, source))


def _made(asked: FlowRequest) -> bool:
    found = selectors.flow_if_any(asked.source, asked.target)
    return found is not None and found.complete
