"""All clusters in a list, and the registration of each: add, look at, try, change, remove."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.clusters import present, registration, selectors
from controlplane.clusters import registration_pages as pages
from controlplane.clusters.access import cluster_view
from controlplane.clusters.changes import Done, filled, review_or_apply
from controlplane.clusters.connections import held_of, request_of
from controlplane.clusters.logic.connection_steps import Report, steps
from controlplane.clusters.logic.connections import ClusterRequest, ConnectionRequest, words_of
from controlplane.clusters.logic.verdict import judge
from controlplane.clusters.models import Cluster, ExternalConnection
from controlplane.clusters.registration_forms import AddForm, ConnectionForm, TitleForm
from controlplane.clusters.views import bootstrap_of
from controlplane.core.access import Action, can
from controlplane.core.actors import actor_of, require
from controlplane.core.errors import AppError, Invalid, NotFound
from controlplane.core.forms import show_on
from controlplane.core.pages import Page, render_page
from controlplane.core.plans import Plan
from controlplane.core.tables import Column, Table, table_of

COLUMNS = (
    Column("name", "Cluster"),
    Column("kind", "Kind"),
    Column("sentence", "State", sortable=False),
    Column("brokers", "Brokers", numeric=True),
    Column("topics", "Topics", numeric=True),
    Column("servers", "Bootstrap servers", sortable=False),
)
CHANGING = ("GET", "POST")


@require_safe
def cluster_list(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    may_add = can(actor, Action.CLUSTER_MANAGE, None).allowed
    seen = [row for row in selectors.clusters() if can(actor, Action.CLUSTER_VIEW, row.name).allowed]
    if not seen and not may_add:
        raise NotFound(
            "There is no cluster that you may see", hint="An admin grants roles under Settings, Users."
        )
    table: Table[pages.ClusterRow] = table_of(
        request, [_row(each) for each in seen], COLUMNS, default_sort="name"
    )
    return render_page(request, pages.ClusterListPage(table=table, may_add=may_add))


def _row(cluster: Cluster) -> pages.ClusterRow:
    verdict, facts = judge(present.cluster_now(cluster), timezone.now()), selectors.facts(cluster)
    servers = (
        cluster.connection.bootstrap if cluster.external else dict(bootstrap_of(cluster)).get("SASL_SSL", "")
    )
    return pages.ClusterRow(
        cluster, verdict.tone, verdict.sentence, facts.brokers, facts.topics - facts.internal_topics, servers
    )


@require_http_methods(CHANGING)
def add(request: HttpRequest) -> HttpResponse:
    require(request, Action.CLUSTER_MANAGE)
    form = AddForm(request.POST or None)
    back = resolve_url("cluster_list")

    def page(tried: pages.Tried | None = None) -> Page:
        return pages.ClusterFormPage(cluster=None, form=form, tried=tried, back_url=back)

    def review() -> HttpResponse:
        data = form.cleaned_data
        wanted = ClusterRequest(data["name"], data["title"], data["colour"], form.connection())

        def apply(plan: Plan) -> Done:
            row = registration.apply_register(actor_of(request), wanted, plan)
            return Done(f"{row.title} is added", resolve_url("clusters:dashboard", row.name))

        return review_or_apply(
            request,
            cluster=Cluster(name=wanted.name, title=wanted.title),
            plan=registration.plan_register(wanted),
            back_url=back,
            apply=apply,
            crumbs=_crumbs(),
            editable=True,
            fields=form.carried(),
        )

    return _tested(request, form, page, None) or filled(request, form, page, review)


@require_safe
@cluster_view(Action.CLUSTER_VIEW)
def connection(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    return render_page(request, _connection_page(request, cluster))


@require_http_methods(["POST"])
@cluster_view(Action.CLUSTER_MANAGE)
def connection_test(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    """As it is stored. It changes nothing anywhere, so there is no plan to look at."""
    row = registration.external_row(cluster)
    asked = request_of(row)
    tried = _tried(asked, registration.try_connection(asked, row))
    return render_page(request, _connection_page(request, cluster, tried))


def _connection_page(request: HttpRequest, cluster: Cluster, tried: pages.Tried | None = None) -> Page:
    row = registration.row_of(cluster)
    named = (("CA", row.ca_pem), ("Client certificate", row.certificate_pem)) if row else ()
    return pages.ConnectionPage(
        cluster=cluster,
        row=row,
        certificates=tuple((label, words_of(pem)) for label, pem in named if pem),
        bootstrap=bootstrap_of(cluster),
        tried=tried,
        may_manage=can(actor_of(request), Action.CLUSTER_MANAGE, cluster.name).allowed,
    )


@require_http_methods(CHANGING)
@cluster_view(Action.CLUSTER_MANAGE)
def edit(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    row, back = registration.row_of(cluster), resolve_url("clusters:connection", cluster.name)
    form = _edit_form(request, cluster, row)

    def page(tried: pages.Tried | None = None) -> Page:
        return pages.ClusterFormPage(cluster=cluster, form=form, tried=tried, back_url=back)

    def review() -> HttpResponse:
        wanted = form.to_request(cluster)

        def apply(plan: Plan) -> Done:
            changed = registration.apply_alter(actor_of(request), cluster, wanted, plan)
            return Done(f"{changed.title} is changed", back)

        return review_or_apply(
            request,
            cluster=cluster,
            plan=registration.plan_alter(cluster, wanted),
            back_url=back,
            apply=apply,
            crumbs=(*_crumbs(), (cluster.title, back)),
            editable=True,
            fields=form.carried(),
        )

    return _tested(request, form, page, row) or filled(request, form, page, review)


def _edit_form(request: HttpRequest, cluster: Cluster, row: ExternalConnection | None) -> TitleForm:
    if row is None:
        return TitleForm(request.POST or None, initial=TitleForm.initial_of(cluster))
    return ConnectionForm(request.POST or None, initial=ConnectionForm.initial_of(cluster), held=held_of(row))


@require_http_methods(CHANGING)
@cluster_view(Action.CLUSTER_MANAGE)
def remove(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    back = resolve_url("clusters:connection", cluster.name)

    def apply(plan: Plan) -> Done:
        registration.apply_remove(actor_of(request), cluster, plan)
        request.session.pop("cluster", None)
        return Done(f"{cluster.title} is removed; Kafka itself was not touched", resolve_url("cluster_list"))

    return review_or_apply(
        request,
        cluster=cluster,
        plan=registration.plan_remove(cluster),
        back_url=back,
        apply=apply,
        crumbs=(*_crumbs(), (cluster.title, back)),
    )


def _tested(
    request: HttpRequest,
    form: TitleForm,
    page: Callable[[pages.Tried | None], Page],
    row: ExternalConnection | None,
) -> HttpResponse | None:
    """The form again, with what its settings gave; None where no test was asked for."""
    if "test" not in request.POST or not isinstance(form, ConnectionForm):
        return None
    if not form.is_valid():
        return render_page(request, page(None), status=422)
    tried = None
    asked = form.connection()
    try:
        tried = _tried(asked, registration.try_connection(asked, row))
    except (AppError, Invalid) as error:
        show_on(form, error)
    form.keep_secrets()
    return render_page(request, page(tried), status=200 if tried else 422)


def _tried(asked: ConnectionRequest, report: Report) -> pages.Tried:
    return pages.Tried(report.ok, steps(asked, report))


def _crumbs() -> tuple[tuple[str, str], ...]:
    return (("Clusters", resolve_url("cluster_list")),)
