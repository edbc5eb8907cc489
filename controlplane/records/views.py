"""The Messages tab: browse and produce."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.accounts.services import actor_of
from controlplane.clusters.access import allowed, cluster_view
from controlplane.clusters.changes import Done, filled, review_or_apply
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action
from controlplane.core.pages import render_page
from controlplane.core.plans import Plan
from controlplane.gateways.errors import GatewayError, NotFound
from controlplane.records import pages, selectors, services
from controlplane.records.forms import BrowseForm, ProduceForm
from controlplane.records.logic.decode import SHOWN_BYTES
from controlplane.records.logic.plans import NewRecord, produce_call


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
    back = resolve_url("records:browse", cluster.name, topic)

    def review() -> HttpResponse:
        records = [form.to_record()]

        def apply(plan: Plan) -> Done:
            (sent,) = services.apply_produce(actor_of(request), cluster, topic, records, plan)
            return Done(f"Produced to partition {sent.partition} at offset {sent.offset:,}", back)

        return review_or_apply(
            request,
            cluster=cluster,
            plan=services.plan_produce(cluster, topic, records),
            back_url=back,
            apply=apply,
            crumbs=_crumbs(cluster, topic),
            editable=True,
            previews=_previews(records[0]),
            api=produce_call(records, cluster=cluster.name, topic=topic),
        )

    return filled(request, form, lambda: pages.ProducePage(cluster=cluster, topic=topic, form=form), review)


def _previews(record: NewRecord) -> tuple[tuple[str, str], ...]:
    """What will be sent, for the eye that reviews it."""
    parts = [("Key", record.key), ("Value", record.value)]
    headers = [(f"Header {name}", value) for name, value in record.headers]
    return tuple(
        (label, data[:SHOWN_BYTES].decode(errors="replace"))
        for label, data in (*parts, *headers)
        if data is not None
    )


def _crumbs(cluster: Cluster, topic: str) -> tuple[tuple[str, str], ...]:
    topics = resolve_url("topics:list", cluster.name)
    return (("Topics", topics), (topic, resolve_url("topics:detail", cluster.name, topic)))
