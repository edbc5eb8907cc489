"""The expiry view, and the addresses whose certificates are watched."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.accounts.services import actor_of
from controlplane.certificates import inventory, pages
from controlplane.certificates.forms import WatchForm
from controlplane.certificates.logic.expiry import SOON
from controlplane.certificates.selectors import ExpiryRow
from controlplane.certificates.services import watching
from controlplane.clusters.access import allowed, cluster_view
from controlplane.clusters.changes import Done, filled, review_or_apply
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action
from controlplane.core.pages import render_page
from controlplane.core.plans import ApiCall, Plan, api_path
from controlplane.core.tables import Column, Table, table_of

COLUMNS = (
    Column("name", "Name"),
    Column("not_after", "Ends"),
    Column("kind", "Kind"),
    Column("detail", "Subject"),
    Column("note", "Renewal or address"),
    Column("seen_at", "Seen"),
)


@require_safe
@cluster_view(Action.CERTIFICATE_VIEW)
def expiry(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    kind, search = request.GET.get("kind", ""), request.GET.get("search", "").strip().lower()
    every = inventory.inventory(cluster)
    shown = [row for row in every if _matches(row, kind, search)]
    table: Table[ExpiryRow] = table_of(request, shown, COLUMNS, default_sort="not_after")
    soon = SOON.total_seconds()
    page = pages.ExpiryPage(
        cluster=cluster,
        table=table,
        kind=kind if kind in inventory.KINDS else "",
        kinds=inventory.KINDS,
        ending=sum(
            row.span is not None and not row.replaced and row.span.seconds_left <= soon for row in every
        ),
        can=allowed(request, cluster, Action.CERTIFICATE_ISSUE),
    )
    return render_page(request, page)


def _matches(row: ExpiryRow, kind: str, search: str) -> bool:
    if kind in inventory.KINDS and row.kind != kind:
        return False
    return search in f"{row.name} {row.detail} {row.note} {row.serial}".lower()


@require_http_methods(["GET", "POST"])
@cluster_view(Action.CERTIFICATE_ISSUE)
def watch(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    back = resolve_url("certificates:expiry", cluster.name)
    form = WatchForm(request.POST or None)

    def review() -> HttpResponse:
        wanted = form.to_request()

        def apply(plan: Plan) -> Done:
            watching.apply_watch(actor_of(request), cluster, wanted, plan)
            return Done(f"{wanted.address} is watched", back)

        return review_or_apply(
            request,
            cluster=cluster,
            plan=watching.plan_watch(cluster, wanted),
            back_url=back,
            apply=apply,
            crumbs=_crumbs(cluster),
            editable=True,
        )

    return filled(request, form, lambda: pages.WatchPage(cluster=cluster, form=form), review)


@require_http_methods(["POST"])
@cluster_view(Action.CERTIFICATE_ISSUE)
def unwatch(request: HttpRequest, cluster: Cluster, pk: int) -> HttpResponse:
    row = watching.get_watched(cluster, pk)
    back = resolve_url("certificates:expiry", cluster.name)

    def apply(plan: Plan) -> Done:
        watching.apply_unwatch(actor_of(request), cluster, row, plan)
        return Done(f"{row.host}:{row.port} is no longer watched", back)

    return review_or_apply(
        request,
        cluster=cluster,
        plan=watching.plan_unwatch(cluster, row),
        back_url=back,
        apply=apply,
        crumbs=_crumbs(cluster),
        api=ApiCall("DELETE", api_path(cluster.name, "certificates", "watched", str(row.pk))),
    )


@require_http_methods(["POST"])
@cluster_view(Action.CERTIFICATE_ISSUE)
def ask(request: HttpRequest, cluster: Cluster, pk: int) -> HttpResponse:
    """Asks a watched address now. It changes nothing anywhere, so there is no plan to look at."""
    row = watching.get_watched(cluster, pk)
    watching.check(cluster, row.host, row.port)
    return HttpResponseRedirect(resolve_url("certificates:expiry", cluster.name), status=303)


def _crumbs(cluster: Cluster) -> tuple[tuple[str, str], ...]:
    return (
        ("Certificates", resolve_url("certificates:list", cluster.name)),
        ("Expiry", resolve_url("certificates:expiry", cluster.name)),
    )
