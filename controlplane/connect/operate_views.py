"""In the browser: a connector's offsets are set, its failed tasks restarted automatically; log levels of the workers."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from controlplane.clusters.access import allowed, cluster_view
from controlplane.clusters.changes import Done, filled, review_or_apply
from controlplane.clusters.models import Cluster
from controlplane.connect import guarding, levels, pages, restarting, selectors, services
from controlplane.connect.external_views import crumbs_of, frame_of, reviewed, url_of
from controlplane.connect.logic.levels import of_their_own
from controlplane.connect.logic.offsets import text_of
from controlplane.connect.operate_forms import LevelForm, OffsetsForm, RestartForm
from controlplane.connect.selectors import Connect
from controlplane.core.access import Action
from controlplane.core.actors import actor_of, require
from controlplane.core.pages import Page, render_page
from controlplane.core.plans import Plan

CHANGING = ("GET", "POST")


@require_http_methods(CHANGING)
@cluster_view(Action.CONNECTOR_EDIT)
def alter_offsets(request: HttpRequest, cluster: Cluster, connect: str, connector: str) -> HttpResponse:
    where = guarding.reached(actor_of(request), cluster, connect, connector, Action.CONNECTOR_EDIT)
    back = resolve_url("connect:connector_tab", cluster.name, connect, connector, "offsets")
    form = OffsetsForm(request.POST or None, initial={"offsets": text_of(where.api.offsets(connector))})
    page = pages.OperatePage(
        cluster=cluster, connect=where, connector=connector, form=form, title="Set offsets", back_url=back
    )

    def review() -> HttpResponse:
        wanted = form.cleaned_data["offsets"]
        return reviewed(
            request,
            where,
            connector,
            services.plan_alter_offsets(where, connector, wanted),
            lambda plan: services.apply_alter_offsets(actor_of(request), where, connector, wanted, plan),
            f"The offsets of {connector} are set",
            back=back,
            editable=True,
        )

    return filled(request, form, lambda: page, review)


@require_http_methods(CHANGING)
@cluster_view(Action.CONNECTOR_OPERATE)
def auto_restart(request: HttpRequest, cluster: Cluster, connect: str, connector: str) -> HttpResponse:
    where = guarding.reached(actor_of(request), cluster, connect, connector, Action.CONNECTOR_OPERATE)
    row, back = restarting.row_of(where, connector), url_of(where, connector)
    initial = {name: getattr(row, name) for name in RestartForm.base_fields} if row else {}
    form = RestartForm(request.POST or None, initial=initial)
    page = pages.OperatePage(
        cluster=cluster,
        connect=where,
        connector=connector,
        form=form,
        title="Restart failed tasks automatically",
        back_url=back,
    )

    def review() -> HttpResponse:
        wanted = form.to_policy()
        return reviewed(
            request,
            where,
            connector,
            restarting.plan_set(where, connector, wanted),
            lambda plan: restarting.apply_set(actor_of(request), where, connector, wanted, plan),
            f"Failed tasks of {connector} are restarted automatically",
            editable=True,
        )

    return filled(request, form, lambda: page, review)


@require_http_methods(CHANGING)
@cluster_view(Action.CONNECTOR_OPERATE)
def auto_restart_off(request: HttpRequest, cluster: Cluster, connect: str, connector: str) -> HttpResponse:
    where = guarding.reached(actor_of(request), cluster, connect, connector, Action.CONNECTOR_OPERATE)
    return reviewed(
        request,
        where,
        connector,
        restarting.plan_unset(where, connector),
        lambda plan: restarting.apply_unset(actor_of(request), where, connector, plan),
        f"{connector} is no longer restarted automatically",
    )


@require_http_methods(CHANGING)
@cluster_view(Action.WORKER_VIEW)
def log_levels(request: HttpRequest, cluster: Cluster, connect: str) -> HttpResponse:
    """GET shows them; POST sets one."""
    where = selectors.connect_of(cluster, connect)
    may = allowed(request, cluster, Action.WORKER_OPERATE)["operate"]
    form = LevelForm(request.POST or None, initial=request.GET.dict())

    def page() -> Page:
        return _levels_page(cluster, where, form, may=may)

    def review() -> HttpResponse:
        data = form.cleaned_data
        asked = (data["logger"], data["level"], data["minutes"])
        back = resolve_url("connect:log_levels", cluster.name, connect)

        def apply(plan: Plan) -> Done:
            levels.apply_set(actor_of(request), where, *asked, plan, timezone.now())
            return Done(f"{plan.title}: done", back)

        return review_or_apply(
            request,
            cluster=cluster,
            plan=levels.plan_set(where, *asked),
            back_url=back,
            apply=apply,
            crumbs=crumbs_of(where),
            editable=True,
        )

    if request.method != "POST":
        return render_page(request, page())
    require(request, Action.WORKER_OPERATE, cluster.name)
    return filled(request, form, page, review)


def _levels_page(cluster: Cluster, where: Connect, form: LevelForm, *, may: bool) -> Page:
    debts, every = levels.raised(where), levels.levels_of(where)
    own = of_their_own(every)
    rows = [(name, level, debts.get(name)) for name, level in every.items() if name in own or name in debts]
    return pages.LevelsPage(
        cluster=cluster,
        frame=frame_of(cluster, where, "levels"),
        rows=tuple(rows),
        others=len(every) - len(rows),
        form=form,
        may=may,
    )
