"""The page of the Connect worker beside a cluster, and its start, stop, restart and removal."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.clusters.access import allowed, cluster_view
from controlplane.clusters.changes import Done, filled, review_or_apply
from controlplane.clusters.models import Cluster
from controlplane.clusters.present import log_shown
from controlplane.connect import guarding
from controlplane.core.access import EVERY_CLUSTER, Action, Actor
from controlplane.core.actors import actor_of
from controlplane.core.errors import NotFound
from controlplane.core.pages import render_page
from controlplane.core.plans import Plan
from controlplane.gateways import workers
from controlplane.workers import pages, selectors, services
from controlplane.workers.forms import StartForm
from controlplane.workers.logic.plans import WorkerAct, WorkerRequest

LOG_BYTES = 200_000
NOT_SHOWN = "Not shown: it tells of flows from clusters that you may not see."


def _reads_log(actor: Actor, names: Sequence[str] | None, seen: Sequence[str] | None) -> bool:
    """It holds the settings of all connectors, so also where hidden ones read; without an answer nobody knows of these."""
    everything = EVERY_CLUSTER in actor.roles
    return everything or (names is not None and seen is not None and len(seen) == len(names))


@require_safe
@cluster_view(Action.WORKER_VIEW)
def worker(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    search = request.GET.get("search", "").strip()
    status = selectors.status_of(cluster)
    state = selectors.worker_state(cluster, status)
    actor, names = actor_of(request), state.connectors
    seen = None if names is None else guarding.shown(actor, cluster, names)
    page = pages.WorkerPage(
        cluster=cluster,
        frame=pages.frame_of(cluster),
        state=state,
        connectors=None if seen is None else len(seen),
        status=status,
        files=str(workers.files_directory(cluster.name)),
        can_operate=allowed(request, cluster, Action.WORKER_OPERATE)["operate"],
        lines=log_shown(selectors.log_of(cluster, LOG_BYTES), search)
        if _reads_log(actor, names, seen)
        else NOT_SHOWN,
        search=search,
    )
    return render_page(request, page)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.WORKER_OPERATE)
def start(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    state = selectors.worker_state(cluster, selectors.status_of(cluster))
    form = StartForm(
        request.POST if request.method == "POST" else None,
        initial={"exactly_once": state.exactly_once},
        first=state.process is None,
    )
    page = pages.StartPage(cluster=cluster, state=state, form=form)
    return filled(
        request,
        form,
        lambda: page,
        lambda: _review(request, cluster, form.to_request(WorkerAct.START), editable=True),
    )


@require_http_methods(["GET", "POST"])
@cluster_view(Action.WORKER_OPERATE)
def act(request: HttpRequest, cluster: Cluster, act: str) -> HttpResponse:
    if act not in set(WorkerAct) - {WorkerAct.START}:
        raise NotFound(f"There is no act {act!r}", hint="One of stop, restart, remove.")
    return _review(request, cluster, WorkerRequest(WorkerAct(act)))


def _review(
    request: HttpRequest, cluster: Cluster, asked: WorkerRequest, *, editable: bool = False
) -> HttpResponse:
    def apply(plan: Plan) -> Done:
        job = services.apply(actor_of(request), cluster, asked, plan)
        return Done(f"{plan.title}: started", resolve_url("jobs:detail", job.pk))

    back = resolve_url("workers:worker", cluster.name)
    return review_or_apply(
        request,
        cluster=cluster,
        plan=services.plan(cluster, asked),
        back_url=back,
        apply=apply,
        crumbs=(("Connect", resolve_url("connect:list", cluster.name)), ("Connect worker", back)),
        editable=editable,
    )
