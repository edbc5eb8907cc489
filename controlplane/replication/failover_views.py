"""The runbook of a failover in the browser: begun, taken step by step, ended, and its report."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import resolve_url
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.clusters import selectors as cluster_selectors
from controlplane.clusters.access import cluster_view
from controlplane.clusters.changes import Done, review_or_apply
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action, Actor, can, sees
from controlplane.core.actors import actor_of
from controlplane.core.errors import NotFound
from controlplane.core.pages import render_page
from controlplane.core.plans import Plan
from controlplane.jobs.models import Job
from controlplane.replication import failover, pages, selectors, services
from controlplane.replication.logic.failover import STEPS, Kind, Step, next_step
from controlplane.replication.models import Failover, Flow
from controlplane.replication.views import flow_for


def _crumbs(cluster: Cluster, flow: Flow) -> tuple[tuple[str, str], ...]:
    return (
        ("Replication", resolve_url("replication:list", cluster.name)),
        (str(flow), resolve_url("replication:flow", cluster.name, flow.source)),
        ("Failover", resolve_url("replication:failover", cluster.name, flow.source)),
    )


def run_of(flow: Flow) -> Failover:
    """The one that is under way."""
    found = failover.open_run(flow)
    if found is None:
        raise NotFound(f"No failover of {flow} is under way", hint="Begin one first.")
    return found


def subject(actor: Actor, cluster: Cluster, source: str) -> Flow:
    """The flow, or what it was: a flow that was turned round is gone, its failovers are not."""
    try:
        return flow_for(actor, cluster, source)
    except NotFound:
        last = Failover.objects.filter(source=source, target=cluster.name).first()
        if last is None or not sees(actor, source):
            raise
        return Flow(source=source, target=cluster.name, request=last.request)


@require_safe
@cluster_view(Action.FLOW_VIEW)
def runbook(request: HttpRequest, cluster: Cluster, source: str) -> HttpResponse:
    flow = subject(actor_of(request), cluster, source)
    run = failover.open_run(flow)
    origin = cluster_selectors.get_cluster(source)
    editable = all(can(actor_of(request), Action.FLOW_EDIT, each.name).allowed for each in (cluster, origin))
    page = pages.FailoverPage(
        cluster=cluster,
        flow=flow,
        run=run,
        steps=_rows(run) if run else (),
        due=next_step(Kind(run.kind), run.taken) if run else None,
        job=_job(run) if run else None,
        past=tuple(Failover.objects.filter(source=source, target=cluster.name).exclude(ended_at=None)[:20]),
        can_edit=editable,
        kinds=(Kind.REHEARSAL, Kind.PLANNED, Kind.UNPLANNED),
        frozen=failover.frozen(flow.asked),
        moved=failover.moved(flow),
        way_home=selectors.flow_if_any(cluster.name, source) is not None,
    )
    return render_page(request, page)


def _rows(run: Failover) -> tuple[pages.StepRow, ...]:
    taken = run.taken
    return tuple(pages.StepRow(step, taken.get(step)) for step in STEPS[Kind(run.kind)])


def _job(run: Failover) -> Job | None:
    return Job.objects.filter(kind=failover.KIND, args__run=run.pk, ended_at=None).last()


@require_http_methods(["GET", "POST"])
@cluster_view(Action.FLOW_EDIT)
def begin(request: HttpRequest, cluster: Cluster, source: str, kind: str) -> HttpResponse:
    if kind not in set(Kind):
        raise NotFound(f"There is no {kind} failover", hint=f"One of {', '.join(Kind)}.")
    flow = flow_for(actor_of(request), cluster, source)
    services.require_both(actor_of(request), Action.FLOW_EDIT, flow.asked)
    back = resolve_url("replication:failover", cluster.name, source)

    def apply(plan: Plan) -> Done:
        failover.begin(actor_of(request), flow, Kind(kind), plan)
        return Done("Begun: take the first step", back)

    plan = failover.plan_begin(flow, Kind(kind))
    return review_or_apply(
        request, cluster=cluster, plan=plan, back_url=back, apply=apply, crumbs=_crumbs(cluster, flow)
    )


@require_http_methods(["GET", "POST"])
@cluster_view(Action.FLOW_EDIT)
def step(request: HttpRequest, cluster: Cluster, source: str, step: str) -> HttpResponse:
    if step not in set(Step):
        raise NotFound(f"A failover has no step {step}", hint=f"One of {', '.join(Step)}.")
    flow = subject(actor_of(request), cluster, source)
    services.require_both(actor_of(request), Action.FLOW_EDIT, flow.asked)
    run, wanted = run_of(flow), Step(step)
    back = resolve_url("replication:failover", cluster.name, source)

    def apply(plan: Plan) -> Done:
        job = failover.apply_step(actor_of(request), run, wanted, plan)
        return Done(f"{wanted.heading}: started", resolve_url("jobs:detail", job.pk))

    return review_or_apply(
        request,
        cluster=cluster,
        plan=failover.plan_step(run, wanted),
        back_url=back,
        apply=apply,
        crumbs=_crumbs(cluster, flow),
    )


@require_http_methods(["GET", "POST"])
@cluster_view(Action.FLOW_EDIT)
def end(request: HttpRequest, cluster: Cluster, source: str) -> HttpResponse:
    flow = subject(actor_of(request), cluster, source)
    services.require_both(actor_of(request), Action.FLOW_EDIT, flow.asked)
    run = run_of(flow)
    back = resolve_url("replication:failover", cluster.name, source)

    def apply(plan: Plan) -> Done:
        failover.apply_end(actor_of(request), run, plan)
        return Done("Ended", resolve_url("replication:report", cluster.name, source, run.pk))

    return review_or_apply(
        request,
        cluster=cluster,
        plan=failover.plan_end(run),
        back_url=back,
        apply=apply,
        crumbs=_crumbs(cluster, flow),
    )


@require_http_methods(["GET", "POST"])
@cluster_view(Action.FLOW_EDIT)
def thaw(request: HttpRequest, cluster: Cluster, source: str) -> HttpResponse:
    """Lifts the freeze: an act on ACLs of the source, reviewed as any other."""
    flow = subject(actor_of(request), cluster, source)
    services.require_both(actor_of(request), Action.ACL_EDIT, flow.asked)
    back = resolve_url("replication:failover", cluster.name, source)
    change = failover.plan_thaw(flow.asked)

    def apply(plan: Plan) -> Done:
        failover.apply_thaw(actor_of(request), flow.asked, change)
        return Done("The freeze is lifted: clients may write to the source again", back)

    return review_or_apply(
        request,
        cluster=cluster_selectors.get_cluster(source),
        plan=change.plan,
        back_url=back,
        apply=apply,
        crumbs=_crumbs(cluster, flow),
    )


def report_of(cluster: Cluster, source: str, run: int) -> Failover:
    found = Failover.objects.filter(pk=run, source=source, target=cluster.name).first()
    if found is None:
        raise NotFound(f"There is no report {run} of {source}->{cluster.name}")
    return found


@require_safe
@cluster_view(Action.FLOW_VIEW)
def report(request: HttpRequest, cluster: Cluster, source: str, run: int) -> HttpResponse:
    """`?format=json` is the same to keep."""
    flow = subject(actor_of(request), cluster, source)
    row = report_of(cluster, source, run)
    found = failover.report(row)
    if request.GET.get("format") == "json":
        answer = JsonResponse(found, json_dumps_params={"indent": 1})
        answer["Content-Disposition"] = f'attachment; filename="failover-{run}.json"'
        return answer
    return render_page(request, pages.FailoverReportPage(cluster=cluster, flow=flow, run=row, report=found))
