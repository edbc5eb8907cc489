"""Connectors in the browser: list, one of them, make, change, clone, operate, delete."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.clusters.access import allowed, cluster_view
from controlplane.clusters.models import Cluster
from controlplane.connect import guarding, pages, restarting, selectors, services
from controlplane.connect.external_views import frame_of, reviewed
from controlplane.connect.logic.plans import ConnectorAct
from controlplane.connect.measuring import UNKNOWN
from controlplane.connect.selectors import ConnectorRow
from controlplane.core.access import Action
from controlplane.core.actors import actor_of
from controlplane.core.errors import NotFound
from controlplane.core.pages import render_page
from controlplane.core.tables import Column, Table, table_of
from controlplane.gateways.errors import GatewayError

COLUMNS = (
    Column("name", "Name"),
    Column("kind", "Type"),
    Column("plugin", "Plugin"),
    Column("topics", "Topics"),
    Column("state", "Status"),
    Column("running", "Running tasks", numeric=True),
)
MEASURED = (
    Column("read", "Read", numeric=True, title="Records: of a source from its system, of a sink from topics"),
    Column(
        "written", "Written", numeric=True, title="Records: of a source to topics, of a sink to its system"
    ),
    Column("errors", "Errors", numeric=True, title="In the last 5 minutes; each attempt counts"),
)
TABS = ("overview", "metrics", "settings", "offsets")
CHANGING = ("GET", "POST")


@require_safe
@cluster_view(Action.CONNECTOR_VIEW)
def home(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    """To the first Connect cluster; a page of its own where there is none."""
    found = selectors.connects(cluster)
    if found:
        return redirect("connect:connectors", cluster.name, found[0].name)
    may = allowed(request, cluster, Action.CLUSTER_MANAGE)["manage"]
    return render_page(request, pages.NoConnectPage(cluster=cluster, may_manage=may))


@require_safe
@cluster_view(Action.CONNECTOR_VIEW)
def connector_list(request: HttpRequest, cluster: Cluster, connect: str) -> HttpResponse:
    found, error = selectors.connect_of(cluster, connect), None
    rows: list[ConnectorRow] = []
    try:
        rows = guarding.rows(actor_of(request), found, request.GET.get("search", "").strip())
    except GatewayError as failure:
        error = failure
    measured = found.is_measured
    columns = (*COLUMNS, *MEASURED) if measured else COLUMNS
    table: Table[ConnectorRow] = table_of(request, rows, columns, default_sort="name")
    can = allowed(request, cluster, Action.CONNECTOR_EDIT, Action.CLUSTER_MANAGE)
    page = pages.ConnectorListPage(
        cluster=cluster,
        frame=frame_of(cluster, found, "connectors"),
        table=table,
        can_edit=can["edit"],
        may_manage=can["manage"],
        measured=measured,
        error=error,
    )
    return render_page(request, page, status=503 if error else 200)


@require_safe
@cluster_view(Action.CONNECTOR_VIEW)
def connector(
    request: HttpRequest, cluster: Cluster, connect: str, connector: str, tab: str = "overview"
) -> HttpResponse:
    if tab not in TABS:
        raise NotFound(f"A connector has no {tab}", hint=f"One of {', '.join(TABS)}.")
    actor = actor_of(request)
    found = guarding.reached(actor, cluster, connect, connector, Action.CONNECTOR_VIEW)
    api = found.api
    status = api.status(connector)
    can = allowed(request, cluster, Action.CONNECTOR_EDIT, Action.CONNECTOR_OPERATE)
    page = pages.ConnectorPage(
        cluster=cluster,
        connect=found,
        status=status,
        tab=tab,
        can_edit=can["edit"] and guarding.allows(actor, found, connector, Action.CONNECTOR_EDIT),
        can_operate=can["operate"] and guarding.allows(actor, found, connector, Action.CONNECTOR_OPERATE),
        can_grant=allowed(request, cluster, Action.ACL_EDIT)["edit"],
        lacking=selectors.lacking(found, status) if tab == "overview" else (),
        measured=found.measured().get(connector, UNKNOWN) if tab == "overview" else UNKNOWN,
        topics=api.topics(connector) if tab == "overview" else (),
        config=tuple(sorted(selectors.masked(found, connector).items())) if tab == "settings" else (),
        offsets=selectors.offsets_in_words(found, connector) if tab == "offsets" else (),
        policy=restarting.row_of(found, connector) if tab == "overview" else None,
    )
    return render_page(request, page)


@require_http_methods(CHANGING)
@cluster_view(Action.CONNECTOR_OPERATE)
def act(request: HttpRequest, cluster: Cluster, connect: str, connector: str, act: str) -> HttpResponse:
    if act not in set(ConnectorAct):
        raise NotFound(f"There is no act {act!r}", hint=f"One of {', '.join(ConnectorAct)}.")
    where = guarding.reached(actor_of(request), cluster, connect, connector, Action.CONNECTOR_OPERATE)
    wanted = ConnectorAct(act)
    plan = services.plan_act(where, connector, wanted)
    return reviewed(
        request,
        where,
        connector,
        plan,
        lambda plan: services.apply_act(actor_of(request), where, connector, wanted, plan),
        f"{plan.title}: done",
    )


@require_http_methods(CHANGING)
@cluster_view(Action.CONNECTOR_EDIT)
def delete(request: HttpRequest, cluster: Cluster, connect: str, connector: str) -> HttpResponse:
    where = guarding.reached(actor_of(request), cluster, connect, connector, Action.CONNECTOR_EDIT)
    return reviewed(
        request,
        where,
        connector,
        services.plan_delete(where, connector),
        lambda plan: services.apply_delete(actor_of(request), where, connector, plan),
        f"{connector} is deleted",
        leads_to=resolve_url("connect:connectors", cluster.name, connect),
    )


@require_http_methods(CHANGING)
@cluster_view(Action.CONNECTOR_EDIT)
def reset_offsets(request: HttpRequest, cluster: Cluster, connect: str, connector: str) -> HttpResponse:
    where = guarding.reached(actor_of(request), cluster, connect, connector, Action.CONNECTOR_EDIT)
    return reviewed(
        request,
        where,
        connector,
        services.plan_reset_offsets(where, connector),
        lambda plan: services.apply_reset_offsets(actor_of(request), where, connector, plan),
        f"The offsets of {connector} are forgotten",
        back=resolve_url("connect:connector_tab", cluster.name, connect, connector, "offsets"),
    )
