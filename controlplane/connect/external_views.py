"""External Connect clusters in the browser: add, look at, try, change, remove; and the plugins of any."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from controlplane.clusters.access import cluster_view
from controlplane.clusters.changes import Done, filled, review_or_apply
from controlplane.clusters.models import Cluster
from controlplane.connect import external, pages, selectors
from controlplane.connect.external_forms import ExternalForm
from controlplane.connect.logic.external import Found
from controlplane.connect.models import ConnectCluster
from controlplane.connect.selectors import Connect
from controlplane.core.access import Action, can
from controlplane.core.actors import actor_of
from controlplane.core.errors import NotFound
from controlplane.core.pages import render_page
from controlplane.core.plans import Plan

CHANGING = ("GET", "POST")


@require_http_methods(CHANGING)
@cluster_view(Action.CLUSTER_MANAGE)
def add(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    form = ExternalForm(request.POST or None)
    back = resolve_url("connect:list", cluster.name)
    page = pages.ExternalFormPage(cluster=cluster, form=form, name="", back_url=back)

    def review() -> HttpResponse:
        wanted = form.to_request()

        def apply(plan: Plan) -> Done:
            row = external.apply_add(actor_of(request), cluster, wanted, plan)
            return Done(f"{row.name} is added", resolve_url("connect:connectors", cluster.name, row.name))

        return _review(
            request, cluster, external.plan_add(cluster, wanted), back, apply, fields=form.carried()
        )

    return filled(request, form, lambda: page, review)


@require_safe
@cluster_view(Action.CONNECTOR_VIEW)
def connection(request: HttpRequest, cluster: Cluster, connect: str) -> HttpResponse:
    return _connection(request, cluster, connect)


@require_POST
@cluster_view(Action.CLUSTER_MANAGE)
def test(request: HttpRequest, cluster: Cluster, connect: str) -> HttpResponse:
    """As it is stored. It changes nothing anywhere, so there is no plan to look at."""
    found = external.ask(selectors.connect_of(cluster, connect).api)
    return _connection(request, cluster, connect, found)


def _connection(
    request: HttpRequest, cluster: Cluster, name: str, tried: Found | None = None
) -> HttpResponse:
    connect = selectors.connect_of(cluster, name)
    if connect.row is None:
        raise NotFound("The bundled worker has no registration", hint="Its page is Connect worker.")
    may = can(actor_of(request), Action.CLUSTER_MANAGE, cluster.name).allowed
    page = pages.ConnectionPage(
        cluster=cluster,
        frame=frame_of(cluster, connect, "connection"),
        row=connect.row,
        ca=external.ca_words(connect.row),
        tried=tried,
        may_manage=may,
    )
    return render_page(request, page)


@require_http_methods(CHANGING)
@cluster_view(Action.CLUSTER_MANAGE)
def edit(request: HttpRequest, cluster: Cluster, connect: str) -> HttpResponse:
    row = external.row_of(cluster, connect)
    back = _back(row)
    form = ExternalForm(request.POST or None, initial=ExternalForm.initial_of(row), row=row)
    page = pages.ExternalFormPage(cluster=cluster, form=form, name=row.name, back_url=back)

    def review() -> HttpResponse:
        wanted = form.to_request()

        def apply(plan: Plan) -> Done:
            external.apply_alter(actor_of(request), row, wanted, plan)
            return Done(f"{row.name} is changed", back)

        return _review(request, cluster, external.plan_alter(row, wanted), back, apply, fields=form.carried())

    return filled(request, form, lambda: page, review)


@require_http_methods(CHANGING)
@cluster_view(Action.CLUSTER_MANAGE)
def remove(request: HttpRequest, cluster: Cluster, connect: str) -> HttpResponse:
    row = external.row_of(cluster, connect)

    def apply(plan: Plan) -> Done:
        external.apply_remove(actor_of(request), row, plan)
        return Done(
            f"{row.name} is removed; its connectors run on", resolve_url("connect:list", cluster.name)
        )

    return review_or_apply(
        request,
        cluster=cluster,
        plan=external.plan_remove(row),
        back_url=_back(row),
        apply=apply,
        crumbs=crumbs(cluster),
    )


@require_safe
@cluster_view(Action.CONNECTOR_VIEW)
def plugins(request: HttpRequest, cluster: Cluster, connect: str) -> HttpResponse:
    found = selectors.connect_of(cluster, connect)
    page = pages.PluginsPage(
        cluster=cluster,
        frame=frame_of(cluster, found, "plugins"),
        plugins=found.api.plugins(only_connectors=False),
        can_edit=can(actor_of(request), Action.CONNECTOR_EDIT, cluster.name).allowed,
    )
    return render_page(request, page)


def frame_of(cluster: Cluster, connect: Connect | None, tab: str) -> pages.Frame:
    """What every page of a Connect cluster has around it."""
    return pages.Frame(connect, selectors.connects(cluster), tab)


def crumbs(cluster: Cluster) -> tuple[tuple[str, str], ...]:
    return (("Connect", resolve_url("connect:list", cluster.name)),)


def crumbs_of(where: Connect, connector: str = "") -> tuple[tuple[str, str], ...]:
    home = (where.title, resolve_url("connect:connectors", where.cluster.name, where.name))
    return (*crumbs(where.cluster), home, *(((connector, url_of(where, connector)),) if connector else ()))


def url_of(where: Connect, connector: str) -> str:
    return resolve_url("connect:connector", where.cluster.name, where.name, connector)


def reviewed(
    request: HttpRequest,
    where: Connect,
    connector: str,
    plan: Plan,
    act: Callable[[Plan], object],
    done: str,
    *,
    back: str = "",
    leads_to: str = "",
    editable: bool = False,
) -> HttpResponse:
    """A change of one connector: reviewed, carried out by `act`, and back to its page, or where it `leads_to`."""
    back = back or url_of(where, connector)

    def apply(plan: Plan) -> Done:
        act(plan)
        return Done(done, leads_to or back)

    return review_or_apply(
        request,
        cluster=where.cluster,
        plan=plan,
        back_url=back,
        apply=apply,
        crumbs=crumbs_of(where, connector),
        editable=editable,
    )


def _back(row: ConnectCluster) -> str:
    return resolve_url("connect:connection", row.cluster.name, row.name)


def _review(
    request: HttpRequest,
    cluster: Cluster,
    plan: Plan,
    back: str,
    apply: Callable[[Plan], Done],
    *,
    fields: tuple[tuple[str, str], ...],
) -> HttpResponse:
    return review_or_apply(
        request,
        cluster=cluster,
        plan=plan,
        back_url=back,
        apply=apply,
        crumbs=crumbs(cluster),
        editable=True,
        fields=fields,
    )
