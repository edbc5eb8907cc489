"""Quota pages. Each view: guard, form, service, page. Quotas are read live, use comes from the metric history."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from controlplane.accounts.services import actor_of
from controlplane.clusters.access import allowed, cluster_view
from controlplane.clusters.changes import Done, filled, review_or_apply
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action
from controlplane.core.pages import render_page
from controlplane.core.plans import Plan
from controlplane.core.tables import Column, Table, table_of
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.access_types import QuotaEntity
from controlplane.quotas import pages, selectors, services
from controlplane.quotas.forms import EffectiveForm, QuotaForm, entity_from, initial_of
from controlplane.quotas.logic.effective import Quotas, all_effective, covers, effective_for_ip, sharing
from controlplane.quotas.logic.entities import BY_NAME, KEYS, query, title
from controlplane.quotas.logic.plans import is_observing
from controlplane.quotas.selectors import ClientRow, QuotaRow

COLUMNS = (
    Column("name", "For"),
    *(Column(key.name, key.label, numeric=True, title=key.help) for key in KEYS),
)
CLIENT_COLUMNS = (
    Column("user", "User"),
    Column("client_id", "Client id"),
    Column("produce", "Produced", numeric=True, title="On the busiest broker, now"),
    Column("consume", "Consumed", numeric=True, title="On the busiest broker, now"),
    Column("request", "Request time", numeric=True, title="On the busiest broker, now; 100 % is one thread"),
    Column("throttle", "Throttled for", numeric=True, title="The longest on any broker, now"),
)


@require_safe
@cluster_view(Action.QUOTA_VIEW)
def quota_list(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    rows: list[QuotaRow] = []
    error: GatewayError | None = None
    try:
        rows = selectors.quota_rows(cluster, search=request.GET.get("search", "").strip())
    except GatewayError as failure:
        error = failure
    table: Table[QuotaRow] = table_of(request, rows, COLUMNS, default_sort="name")
    page = pages.QuotaListPage(
        cluster=cluster, table=table, error=error, keys=KEYS, can_edit=_can_edit(request, cluster)
    )
    return render_page(request, page)


@require_safe
@cluster_view(Action.QUOTA_VIEW)
def detail(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    entity = entity_from(request.GET.dict())
    row, found = selectors.quota_row(cluster, entity), selectors.quotas(cluster)
    page = pages.QuotaPage(
        cluster=cluster,
        row=row,
        limits=tuple((BY_NAME[key], value) for key, value in sorted(row.values.items()) if key in BY_NAME),
        shared=sharing(entity),
        first=tuple(sorted(title(each) for each in found if covers(each, entity) and found[each].keys() & row.values.keys())),
        clients=tuple(selectors.clients_of(selectors.client_rows(cluster, found), found, entity)[:100]),
        history=tuple(selectors.history(cluster, entity)),
        can_edit=_can_edit(request, cluster),
    )  # fmt: skip
    return render_page(request, page)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.QUOTA_EDIT)
def set_quota(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    posted = request.method == "POST"
    form = QuotaForm(request.POST or None, initial=None if posted else _initial(request, cluster))

    def page() -> pages.SetQuotaPage:
        return pages.SetQuotaPage(cluster=cluster, form=form, scope=str(form["scope"].value() or "user"))

    def review() -> HttpResponse:
        wanted = form.to_request()

        def apply(plan: Plan) -> Done:
            services.apply_alter(actor_of(request), cluster, wanted, plan)
            return Done(f"The quota of {title(wanted.entity)} is set", _after(cluster, wanted.entity))

        return review_or_apply(
            request,
            cluster=cluster,
            plan=services.plan_alter(cluster, wanted),
            back_url=resolve_url("quotas:list", cluster.name),
            apply=apply,
            crumbs=_crumbs(cluster),
            editable=True,
        )

    return filled(request, form, page, review)


@require_POST
@cluster_view(Action.QUOTA_EDIT)
def delete(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    entity = entity_from(request.POST.dict())
    back = resolve_url("quotas:list", cluster.name)

    def apply(plan: Plan) -> Done:
        services.apply_delete(actor_of(request), cluster, entity, plan)
        return Done(f"The quota of {title(entity)} is removed", back)

    plan = services.plan_delete(cluster, entity)
    return review_or_apply(
        request, cluster=cluster, plan=plan, back_url=back, apply=apply, crumbs=_crumbs(cluster)
    )


@require_POST
@cluster_view(Action.QUOTA_EDIT)
def revert(request: HttpRequest, cluster: Cluster, uid: uuid.UUID) -> HttpResponse:
    wanted, plan = services.plan_revert(cluster, str(uid))

    def apply(plan: Plan) -> Done:
        services.apply_alter(actor_of(request), cluster, wanted, plan)
        return Done(f"The quota of {title(wanted.entity)} is as it was", _after(cluster, wanted.entity))

    back = resolve_url("quotas:list", cluster.name)
    return review_or_apply(
        request, cluster=cluster, plan=plan, back_url=back, apply=apply, crumbs=_crumbs(cluster)
    )


@require_safe
@cluster_view(Action.QUOTA_VIEW)
def effective(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    """Which quota decides for a client, and what the client uses: the ladder, the numbers, the charts."""
    form = EffectiveForm(request.GET if {"user", "ip"} & request.GET.keys() else None)
    asked = form.is_bound and form.is_valid()
    found: Quotas = {}
    error: GatewayError | None = None
    try:
        found = selectors.quotas(cluster)
    except GatewayError as failure:
        error = failure
    for name in ("user", "ip"):
        form.fields[name].required = True  # no "(optional)" beside it: one of the two is needed
    decided, sensor = _decided(cluster, found, form) if asked and not error else ((), None)
    page = pages.EffectivePage(
        cluster=cluster, form=form, asked=asked, decided=decided, sensor=sensor, error=error
    )
    return render_page(request, page)


def _decided(
    cluster: Cluster, found: Quotas, form: EffectiveForm
) -> tuple[tuple[pages.Decided, ...], tuple[str, str] | None]:
    user, client_id, ip = (form.cleaned_data[name] for name in ("user", "client_id", "ip"))
    if ip:
        return (pages.Decided(effective_for_ip(found, ip), None),), None
    seen = selectors.observed(cluster, user, client_id)
    decided = tuple(
        pages.Decided(each, seen[each.key.name][0] if each.key.name in seen else None)
        for each in all_effective(found, user, client_id)
    )
    sensors = [(name, id_) for _, name, id_ in seen.values()]
    return decided, sensors[0] if sensors else None


@require_safe
@cluster_view(Action.QUOTA_VIEW)
def clients(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    rows: list[ClientRow] = []
    found: Quotas = {}
    error: GatewayError | None = None
    try:
        found = selectors.quotas(cluster)
        rows = selectors.client_rows(cluster, found, search=request.GET.get("search", "").strip())
    except GatewayError as failure:
        error = failure
    table: Table[ClientRow] = table_of(request, rows, CLIENT_COLUMNS, default_sort="-throttle")
    page = pages.ClientListPage(
        cluster=cluster,
        table=table,
        error=error,
        observing=any(is_observing(key, value) for values in found.values() for key, value in values.items()),
        can_edit=_can_edit(request, cluster),
    )
    return render_page(request, page)


@require_POST
@cluster_view(Action.QUOTA_EDIT)
def observe(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    requests, plan = services.plan_observe(cluster)
    back = resolve_url("quotas:clients", cluster.name)

    def apply(plan: Plan) -> Done:
        services.apply_many(actor_of(request), cluster, requests, plan)
        return Done("Every client is observed from now on", back)

    return review_or_apply(
        request, cluster=cluster, plan=plan, back_url=back, apply=apply, crumbs=_crumbs(cluster)
    )


@require_POST
@cluster_view(Action.QUOTA_EDIT)
def stop_observing(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    requests, plan = services.plan_stop_observing(cluster)
    back = resolve_url("quotas:clients", cluster.name)

    def apply(plan: Plan) -> Done:
        services.apply_many(actor_of(request), cluster, requests, plan)
        return Done("Clients without a quota are no longer observed", back)

    return review_or_apply(
        request, cluster=cluster, plan=plan, back_url=back, apply=apply, crumbs=_crumbs(cluster)
    )


def _initial(request: HttpRequest, cluster: Cluster) -> dict[str, str]:
    """An entity in the address is edited with its present limits; one that has none is prepared."""
    entity = entity_from(request.GET.dict())
    return initial_of(entity, selectors.quotas(cluster).get(entity, {})) if entity else {"scope": "user"}


def _after(cluster: Cluster, entity: QuotaEntity) -> str:
    """The entity's page, or the list when no limit is left."""
    if selectors.quotas(cluster).get(entity):
        return f"{resolve_url('quotas:detail', cluster.name)}?{query(entity)}"
    return resolve_url("quotas:list", cluster.name)


def _can_edit(request: HttpRequest, cluster: Cluster) -> bool:
    return allowed(request, cluster, Action.QUOTA_EDIT)["edit"]


def _crumbs(cluster: Cluster) -> tuple[tuple[str, str], ...]:
    return (("Quotas", resolve_url("quotas:list", cluster.name)),)
