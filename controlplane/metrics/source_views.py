"""Where an external cluster's metrics come from, in the browser: a section of its connection's page, and the form."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.clusters.access import cluster_view
from controlplane.clusters.changes import Done, filled, review_or_apply
from controlplane.clusters.logic.connections import words_of
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action, can
from controlplane.core.actors import actor_of
from controlplane.core.errors import AppError
from controlplane.core.forms import show_on
from controlplane.core.pages import Page, render_page
from controlplane.core.plans import Plan
from controlplane.metrics import configuring, pages
from controlplane.metrics.source_forms import SourceForm
from controlplane.metrics.sources import row_of


@require_safe
@cluster_view(Action.METRICS_VIEW)
def section(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    may = can(actor_of(request), Action.CLUSTER_MANAGE, cluster.name).allowed
    row = row_of(cluster)
    authority = words_of(row.ca_pem) if row else ""
    page = pages.SourceSection(cluster=cluster, row=row, authority=authority, may_manage=may)
    return render_page(request, page)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.CLUSTER_MANAGE)
def edit(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    row, back = row_of(cluster), resolve_url("clusters:connection", cluster.name)
    form = SourceForm(request.POST or None, initial=SourceForm.initial_of(row), row=row)

    def page(tried: configuring.Tried | None = None) -> Page:
        return pages.SourceFormPage(cluster=cluster, row=row, form=form, tried=tried)

    def review() -> HttpResponse:
        wanted = form.to_request()

        def apply(plan: Plan) -> Done:
            configuring.apply_set(actor_of(request), cluster, wanted, plan)
            return Done("The source of metrics is set", back)

        return review_or_apply(
            request, cluster=cluster, plan=configuring.plan_set(cluster, wanted), back_url=back, apply=apply,
            crumbs=((cluster.title, back),), editable=True, fields=form.carried(),
        )  # fmt: skip

    if "test" not in request.POST:
        return filled(request, form, page, review)
    if not form.is_valid():
        return render_page(request, page(), status=422)
    tried = None
    try:
        tried = configuring.try_source(cluster, form.to_request())
    except AppError as error:
        show_on(form, error)
    form.keep_secret()
    return render_page(request, page(tried), status=200 if tried else 422)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.CLUSTER_MANAGE)
def remove(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    back = resolve_url("clusters:connection", cluster.name)

    def apply(plan: Plan) -> Done:
        configuring.apply_unset(actor_of(request), cluster, plan)
        return Done("The source of metrics is removed", back)

    plan = configuring.plan_unset(cluster)
    return review_or_apply(
        request, cluster=cluster, plan=plan, back_url=back, apply=apply, crumbs=((cluster.title, back),)
    )
