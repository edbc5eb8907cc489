"""The Messages tab: browse and produce."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.accounts.services import actor_of
from controlplane.clusters.access import allowed, cluster_view
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action
from controlplane.core.pages import render_page
from controlplane.core.rest import check_refusals
from controlplane.gateways.errors import GatewayError, NotFound
from controlplane.records import pages, selectors, services
from controlplane.records.forms import BrowseForm, ProduceForm


@require_safe
@cluster_view(Action.TOPIC_READ_RECORDS)
def browse(request: HttpRequest, cluster: Cluster, topic: str) -> HttpResponse:
    form = BrowseForm(request.GET)
    wanted = form.to_request() if form.is_valid() else None
    browsed, error = None, None
    if wanted is not None:
        try:
            browsed = selectors.browse(cluster, topic, wanted)
        except NotFound:
            raise
        except GatewayError as failure:
            error = failure
    bounds = browsed.bounds if browsed else {}
    page = pages.RecordsPage(
        cluster=cluster,
        topic=topic,
        form=form,
        browse=wanted,
        browsed=browsed,
        error=error,
        partitions=tuple(sorted(bounds)),
        total=sum(bound.end - bound.first for bound in bounds.values()),
        can=allowed(
            request,
            cluster,
            Action.TOPIC_PRODUCE,
            Action.TOPIC_EDIT,
            Action.TOPIC_DELETE,
            Action.METRICS_VIEW,
        ),
    )
    return render_page(request, page, status=200 if form.is_valid() else 422)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.TOPIC_PRODUCE)
def produce(request: HttpRequest, cluster: Cluster, topic: str) -> HttpResponse:
    form = ProduceForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        page = pages.ProducePage(cluster=cluster, topic=topic, form=form)
        return render_page(request, page, status=422 if request.method == "POST" else 200)
    records = [form.to_record()]
    plan = services.plan_produce(cluster, topic, records)
    check_refusals(plan)
    (sent,) = services.apply_produce(actor_of(request), cluster, topic, records, plan)
    messages.success(request, f"Produced to partition {sent.partition} at offset {sent.offset:,}")
    return HttpResponseRedirect(resolve_url("records:browse", cluster.name, topic), status=303)
