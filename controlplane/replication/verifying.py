"""Comparing both sides of a flow when somebody asks, outside of any failover: a job that only reads."""

from __future__ import annotations

from collections.abc import Mapping

from controlplane.audit.services import operation
from controlplane.clusters.exclusion import admitted, refused_while_busy
from controlplane.core.access import Action, Actor
from controlplane.core.plans import Json, Plan
from controlplane.jobs.models import Job
from controlplane.jobs.run import JobRun
from controlplane.jobs.services import enqueue
from controlplane.replication import comparing, selectors, services
from controlplane.replication.logic.plans import plan_compare
from controlplane.replication.models import Flow

KIND = "replication.compare"


def plan(flow: Flow) -> Plan:
    asked = flow.asked
    source, target = services.ends(asked)
    topics = selectors.copied(asked, source, target)
    found = plan_compare(asked, [each.topic for each in topics], comparing.WINDOW)
    return refused_while_busy(target, found, (KIND,), also=flow.source)


def apply(actor: Actor, flow: Flow, plan: Plan) -> Job:
    """One at a time for each flow: it reads both clusters from end to end."""
    services.require_both(actor, Action.FLOW_OPERATE, flow.asked)
    _, target = services.ends(flow.asked)
    with admitted(target, (KIND,), also=flow.source):
        return enqueue(
            kind=KIND,
            title=plan.title,
            args={"source": flow.source, "target": flow.target, "plan": plan.to_json()},
            actor=actor,
            cluster=flow.target,
            also=flow.source,
            resumable=True,
        )


def run(job: JobRun) -> Mapping[str, Json]:
    flow = selectors.flow_of(str(job.args["source"]), str(job.args["target"]))
    asked = flow.asked
    services.require_both(job.actor, Action.FLOW_OPERATE, asked)
    with operation(
        job.actor,
        Action.FLOW_OPERATE,
        cluster=flow.target,
        also=flow.source,
        target=asked.name,
        plan=job.plan,
    ) as entry:
        with job.step("Look for the newest records of each partition in the copy"):
            found = comparing.compare(asked, *services.ends(asked), told=job.log).evidence()
        entry.note(act="compare", **found)
    return found


def last(flow: Flow) -> Job | None:
    """The newest comparison of the flow."""
    wanted = {"kind": KIND, "cluster": flow.target, "also": flow.source}
    return Job.objects.filter(**wanted).order_by("-created_at").first()
