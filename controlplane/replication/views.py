"""Replication in the browser: the flows of a cluster, one of them, and how it is made, paused and deleted."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.clusters import selectors as cluster_selectors
from controlplane.clusters.access import allowed, cluster_view
from controlplane.clusters.changes import Done, filled, review_or_apply
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action, Actor, can, sees
from controlplane.core.actors import actor_of
from controlplane.core.errors import NotFound
from controlplane.core.pages import render_page
from controlplane.core.plans import Plan
from controlplane.gateways.connect import mask
from controlplane.gateways.errors import GatewayError
from controlplane.replication import failover, objectives, pages, selectors, services, verifying, watching
from controlplane.replication.forms import FlowForm, ObjectiveForm
from controlplane.replication.logic.connectors import Part, connector_name
from controlplane.replication.logic.plans import FlowAct
from controlplane.replication.models import Flow
from controlplane.replication.pages import FlowRow
from controlplane.users.services import Issued

TABS = ("overview", "groups", "metrics", "settings")


def visible(actor: Actor, cluster: Cluster) -> tuple[Flow, ...]:
    """Names of clusters that somebody may not see stand in no list of his."""
    rows = selectors.flows(cluster)
    return tuple(row for row in rows if sees(actor, row.source) and sees(actor, row.target))


def flow_for(actor: Actor, cluster: Cluster, source: str) -> Flow:
    """The flow from `source` into the cluster of the path."""
    if not sees(actor, source):
        raise NotFound(f"There is no flow {source}->{cluster.name}", hint="Replication lists all.")
    return selectors.flow_of(source, cluster.name)


def _row(flow: Flow) -> FlowRow:
    asked = flow.asked
    return FlowRow(flow, asked, selectors.health(asked, cluster_selectors.get_cluster(flow.target)))


@require_safe
@cluster_view(Action.FLOW_VIEW)
def flow_list(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    page = pages.FlowListPage(
        cluster=cluster,
        rows=tuple(_row(flow) for flow in visible(actor_of(request), cluster)),
        can_edit=allowed(request, cluster, Action.FLOW_EDIT)["edit"],
    )
    return render_page(request, page)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.FLOW_EDIT)
def create(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    actor = actor_of(request)
    others = [row for row in cluster_selectors.clusters() if row.pk != cluster.pk and sees(actor, row.name)]
    sources = [(row.name, row.title) for row in others if can(actor, Action.FLOW_EDIT, row.name).allowed]
    form = FlowForm(request.POST if request.method == "POST" else None, cluster.name, sources)
    page = pages.CreateFlowPage(cluster=cluster, form=form, sources=bool(sources))

    def review() -> HttpResponse:
        asked = form.to_request()

        def apply(plan: Plan) -> Done | HttpResponse:
            issued: list[Issued] = []
            services.apply_create(actor, asked, plan, told=issued.append)
            if not issued:
                return Done(
                    f"{asked.name} copies", resolve_url("replication:flow", cluster.name, asked.source)
                )
            page = pages.FlowUsersPage(cluster=cluster, source=asked.source, issued=tuple(issued))
            response = render_page(request, page)
            response.headers["Cache-Control"] = "no-store"
            return response

        return review_or_apply(
            request,
            cluster=cluster,
            plan=services.plan_create(asked),
            back_url=resolve_url("replication:list", cluster.name),
            apply=apply,
            crumbs=_crumbs(cluster),
            editable=True,
        )

    return filled(request, form, lambda: page, review)


def _crumbs(cluster: Cluster) -> tuple[tuple[str, str], ...]:
    return (("Replication", resolve_url("replication:list", cluster.name)),)


@require_safe
@cluster_view(Action.FLOW_VIEW)
def flow(request: HttpRequest, cluster: Cluster, source: str, tab: str = "overview") -> HttpResponse:
    if tab not in TABS:
        raise NotFound(f"A flow has no {tab}", hint=f"One of {', '.join(TABS)}.")
    found = flow_for(actor_of(request), cluster, source)
    row, origin = _row(found), cluster_selectors.get_cluster(source)
    configs, error = _configs(row, cluster) if tab == "settings" else ((), "")
    page = pages.FlowPage(
        cluster=cluster,
        row=row,
        tab=tab,
        can_edit=_both(request, cluster, origin, Action.FLOW_EDIT),
        can_operate=_both(request, cluster, origin, Action.FLOW_OPERATE),
        progress=watching.progress_of(row.asked, origin, cluster) if tab == "overview" else None,
        translation=watching.translation_of(row.asked, origin, cluster) if tab == "groups" else None,
        configs=configs,
        error=error,
        run=failover.open_run(found),
        moved=failover.moved(found),
        way_home=selectors.flow_if_any(cluster.name, source) is not None,
        comparison=verifying.last(found) if tab == "overview" else None,
    )
    return render_page(request, page)


def _both(request: HttpRequest, target: Cluster, source: Cluster, action: Action) -> bool:
    return all(can(actor_of(request), action, each.name).allowed for each in (target, source))


def _configs(
    row: FlowRow, target: Cluster
) -> tuple[tuple[tuple[str, tuple[tuple[str, str], ...]], ...], str]:
    connect = selectors.connect_of(target)
    if connect is None:
        return (), row.health.error
    try:
        return tuple(
            (name, tuple(sorted(mask(connect.config(name)).items())))
            for name in (connector_name(row.asked, part) for part in Part if part in row.health.statuses)
        ), ""
    except GatewayError as failure:
        return (), str(failure)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.FLOW_OPERATE)
def act(request: HttpRequest, cluster: Cluster, source: str, act: str) -> HttpResponse:
    if act not in set(FlowAct):
        raise NotFound(f"There is no act {act!r}", hint=f"One of {', '.join(FlowAct)}.")
    wanted, found = FlowAct(act), flow_for(actor_of(request), cluster, source)
    services.require_both(actor_of(request), Action.FLOW_OPERATE, found.asked)
    back = resolve_url("replication:flow", cluster.name, source)

    def apply(plan: Plan) -> Done:
        services.apply_act(actor_of(request), found, wanted, plan)
        return Done(f"{plan.title}: done", back)

    return review_or_apply(
        request,
        cluster=cluster,
        plan=services.plan_act(found, wanted),
        back_url=back,
        apply=apply,
        crumbs=(*_crumbs(cluster), (str(found), back)),
    )


@require_http_methods(["GET", "POST"])
@cluster_view(Action.FLOW_OPERATE)
def compare(request: HttpRequest, cluster: Cluster, source: str) -> HttpResponse:
    found = flow_for(actor_of(request), cluster, source)
    services.require_both(actor_of(request), Action.FLOW_OPERATE, found.asked)
    back = resolve_url("replication:flow", cluster.name, source)

    def apply(plan: Plan) -> Done:
        job = verifying.apply(actor_of(request), found, plan)
        return Done(f"{plan.title}: begun", resolve_url("jobs:detail", job.pk))

    return review_or_apply(
        request,
        cluster=cluster,
        plan=verifying.plan(found),
        back_url=back,
        apply=apply,
        crumbs=(*_crumbs(cluster), (str(found), back)),
    )


@require_http_methods(["GET", "POST"])
@cluster_view(Action.FLOW_EDIT)
def objective(request: HttpRequest, cluster: Cluster, source: str) -> HttpResponse:
    found = flow_for(actor_of(request), cluster, source)
    services.require_both(actor_of(request), Action.FLOW_EDIT, found.asked)
    back = resolve_url("replication:flow", cluster.name, source)
    initial = {name: getattr(found.asked, name) for name in ObjectiveForm.base_fields}
    form = ObjectiveForm(request.POST or None, initial=initial)
    page = pages.ObjectivePage(cluster=cluster, flow=found, form=form)

    def review() -> HttpResponse:
        wanted = form.cleaned_data["rpo_s"], form.cleaned_data["rpo_records"]

        def apply(plan: Plan) -> Done:
            objectives.apply(actor_of(request), found, *wanted, plan)
            return Done(f"What {found} may lose is changed", back)

        return review_or_apply(
            request,
            cluster=cluster,
            plan=objectives.plan(found, *wanted),
            back_url=back,
            apply=apply,
            crumbs=(*_crumbs(cluster), (str(found), back)),
            editable=True,
        )

    return filled(request, form, lambda: page, review)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.FLOW_EDIT)
def delete(request: HttpRequest, cluster: Cluster, source: str) -> HttpResponse:
    found = flow_for(actor_of(request), cluster, source)
    services.require_both(actor_of(request), Action.FLOW_EDIT, found.asked)
    back = resolve_url("replication:flow", cluster.name, source)

    def apply(plan: Plan) -> Done:
        services.apply_delete(actor_of(request), found, plan)
        return Done(f"{found} is deleted", resolve_url("replication:list", cluster.name))

    return review_or_apply(
        request,
        cluster=cluster,
        plan=services.plan_delete(found),
        back_url=back,
        apply=apply,
        crumbs=(*_crumbs(cluster), (str(found), back)),
    )
